"""One definition of a name: what Python accepts, the tables store, and no more."""

from __future__ import annotations

import re
from pathlib import Path

from handlers.core.names import MAX_NAME, is_name

ROOT = Path(__file__).parents[2]


def test_the_tables_bound_names_as_the_code_does() -> None:
    tables = (ROOT / "sql" / "tables.sql").read_text(encoding="utf-8")
    names = r"length\((?!(?:reason|text|url)\))\w+\) <= (\d+)|character varying\((\d+)\)"
    bounds = re.findall(names, tables)
    assert len(bounds) > 4
    assert {int(one or other) for one, other in bounds} == {MAX_NAME}


LENGTH = re.compile(r"(MAX_NAME\w* =|max_length=)\s*128\b")


def test_no_other_module_says_how_long_a_name_is() -> None:
    files = [path for path in (ROOT / "handlers").rglob("*.py") if path.name != "names.py"]
    said = [path.name for path in files if LENGTH.search(path.read_text(encoding="utf-8"))]
    assert said == []


def test_a_name_is_what_postgresql_stores() -> None:
    assert all(map(is_name, ["a", "🦊" * MAX_NAME, " ", "\x01", "e\u0301", "\ufeff", "\ufffd"]))
    wrong = ["", "a" * (MAX_NAME + 1), "\0", "a\0b", "\ud800", "\udfff", None, 7, True, b"a", ["a"]]
    assert not any(map(is_name, wrong))
