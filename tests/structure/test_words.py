"""Words that were dropped do not come back: see CONTRIBUTING.md, "How we write"."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DROPPED = re.compile(
    r"""\b(
        happenings? | Arrivals? | whoever | in\ vain | anew | [Nn]obody | [Ww]hom
        | mischief | desks? | _?doorman | Impatient | Fared | withdraw
        | (MOST|LONGEST|LARGEST|LEAST)_\w+
        | join_at | terminate_at | closes_at | presence_facts? | pending_facts | fact_log
        | node_lost | facts_dropped | facts_settled | told_after_ms
    )\b""",
    re.VERBOSE,
)
SUFFIXES = {".py", ".sql", ".js", ".mjs", ".ts", ".md", ".yaml", ".toml", ".html", ".css", ".mk"}
ALLOWED = {
    "CHANGELOG.md": "tells what was renamed",
    "CONTRIBUTING.md": "lists the words",
    "sql/migrations/": "ran under the old names, and are never changed",
    "sql/migrate.py": "reads what old releases left",
    "sql/tables.sql": "the view watching_counts keeps the names of the system before this one",
    "tests/structure/test_words.py": "this file",
    "localstack/postgres/account.py": "names the system's account `nobody`",
    "tests/sql/test_migrate.py": "tests migrations under the old names",
    "tests/support/words.py": "lists the words",
}
IGNORED = tuple(ALLOWED)


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.split() if Path(name).suffix in SUFFIXES]
    return [name for name in names if (ROOT / name).exists() and not name.startswith(IGNORED)]


@pytest.mark.parametrize("word", ["nobody", "in vain", "MOST_ROWS", "closes_at", "Arrival"])
def test_a_dropped_word_is_found(word: str) -> None:
    assert DROPPED.search(f"a {word}, here")


@pytest.mark.parametrize("word", ["ended_at", "MAX_ROWS", "desktop", "drawings", "arrival"])
def test_other_words_are_not(word: str) -> None:
    assert not DROPPED.search(f"a {word}, here")


def test_dropped_words_do_not_come_back() -> None:
    found = [
        f"{name}:{number}: {match[0]}"
        for name in _files()
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if (match := DROPPED.search(line))
    ]
    assert found == []
