"""Each statement asks for what SQL has, by the same names."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import handlers
from handlers.adapters.statements import row_type
from handlers.core.operation import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

SQL = Path(__file__).parents[2] / "sql"
QUERIES = sorted((SQL / "queries").glob("*.sql"))
FUNCTION = re.compile(
    r"create or replace function (?P<name>\w+)\((?P<parameters>.*?)\)\s+"
    r"(?:returns (?P<returns>.*?)\s+)?language",
    re.DOTALL,
)


def _statements() -> Iterator[type[Statement[Any]]]:
    for module in pkgutil.walk_packages(handlers.__path__, "handlers."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Statement) and value is not Statement:
                yield value


STATEMENTS = sorted(set(_statements()), key=lambda statement: statement.__name__)
FUNCTIONS = {
    found["name"]: found
    for path in (SQL / "functions").rglob("*.sql")
    for found in FUNCTION.finditer(path.read_text(encoding="utf-8"))
}


def parameters(function: re.Match[str]) -> dict[str, bool]:
    """The names of a function's parameters without `p_`, and whether each has a default."""
    given = (one.strip() for one in re.split(r",\s*(?=p_|out )", function["parameters"]))
    return {
        one.split()[0].removeprefix("p_"): " default " in one
        for one in given
        if one.startswith("p_")
    }


def columns(function: re.Match[str]) -> set[str]:
    """The columns of a function's rows, where its head lists them."""
    if found := re.match(r"table\s*\((.*)\)$", function["returns"] or "", re.DOTALL):
        return {one.split()[0] for one in found[1].split(",")}
    return set(re.findall(r"\bout (\w+)", function["parameters"]))


def listed(query: str) -> list[tuple[int, str]]:
    """The parameters that a query's header lists: number and name."""
    text = (SQL / "queries" / f"{query}.sql").read_text(encoding="utf-8")
    lines = re.findall(r"^-- (\$\d.*)$", text, re.MULTILINE)
    return [(int(n), name) for line in lines for n, name in re.findall(r"\$(\d+) (\w+)", line)]


@pytest.mark.parametrize(
    "statement", [one for one in STATEMENTS if one.function], ids=lambda one: one.__name__
)
def test_a_call_gives_a_functions_parameters_by_name(statement: type[Statement[Any]]) -> None:
    has_default = parameters(FUNCTIONS[statement.function])
    fields = set(statement.__struct_fields__)
    assert fields <= set(has_default), "the function has no such parameter"
    assert {name for name in has_default if not has_default[name]} <= fields, "one is missing"


@pytest.mark.parametrize(
    "statement", [one for one in STATEMENTS if one.function], ids=lambda one: one.__name__
)
def test_a_row_has_a_functions_columns(statement: type[Statement[Any]]) -> None:
    row = row_type(statement)
    if isinstance(row, type) and issubclass(row, msgspec.Struct):
        assert set(row.__struct_fields__) <= columns(FUNCTIONS[statement.function])


@pytest.mark.parametrize(
    "statement", [one for one in STATEMENTS if one.query], ids=lambda one: one.__name__
)
def test_a_querys_header_lists_the_fields_in_order(statement: type[Statement[Any]]) -> None:
    assert listed(statement.query) == list(enumerate(statement.__struct_fields__, 1))


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_file_has_its_name_and_one_sentence(path: Path) -> None:
    name, sentence, *_ = path.read_text(encoding="utf-8").splitlines()
    assert name == f"-- name: {path.stem}"
    assert sentence.startswith("-- ")


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_no_query_file_only_calls_a_function(path: Path) -> None:
    bare = re.sub(r"^\s*--.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert not re.fullmatch(r"\s*select (\* from )?\w+\([$\d, ]*\)( as \w+)?;\s*", bare)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_statement_or_the_export_asks_each_query(path: Path) -> None:
    export = (SQL / "export.py").read_text(encoding="utf-8")
    assert path.stem in {one.query for one in STATEMENTS} or f'"{path.stem}"' in export
