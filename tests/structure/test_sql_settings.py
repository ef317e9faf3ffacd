"""No SQL of ours reads a setting of the role or the database: a time zone, a style, a backslash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SQL = Path(__file__).parents[2] / "sql"
FILES = sorted([*(SQL / "queries").glob("*.sql"), *(SQL / "functions").rglob("*.sql")])

# What answers by the session's time zone, its style of dates, or its reading of backslashes.
DEPENDENT = {
    "a length in days, weeks, months or years": r"'-?\d+ ?(days?|weeks?|mons?|months?|years?)\b",
    "a length in days by make_interval": r"make_interval\(.*(days|weeks|months|years)",
    "a part of a moment, or its day": r"\b(date_trunc|date_part|to_char|to_date|age|justify_\w+)\(",
    "a part of a moment by extract": r"\bextract\((?!\s*epoch\b)",
    "a cast to a day or a wall clock's time": r"::(date|time|timestamp)\b(?! with time zone)",
    "a cast of a text to a moment": r"::timestamptz\b(?<!\$\d::timestamptz)",
    "today, or a wall clock's time": r"\b(current_date|current_time|localtime|localtimestamp)\b",
    "a variable without a zone": r"(?<!')\btimestamp\b(?! with time zone)",
    "a moment made or read by its parts": r"\b(make_timestamptz|make_timestamp|make_date)\(",
    "a backslash": r"\\",
}
# Files that may, and why.
ALLOWED = {
    # The month of a moment `at time zone 'UTC'`.
    "add_watch_totals": {"a part of a moment, or its day"},
    # The same.
    "month_of": {"a part of a moment, or its day", "a cast to a day or a wall clock's time"},
    # A date has no zone.
    "prune_streams": {"a length in days, weeks, months or years"},
    # Its timestamps are those of UTC: it begins with `at time zone 'UTC'`.
    "keep_partitions": {
        "a length in days, weeks, months or years",
        "a part of a moment, or its day",
        "a variable without a zone",
    },
    # The midnights of a time zone that is a parameter.
    "period_starts": {"a part of a moment, or its day"},
    # The seconds of a length. `extract` makes a numeric of them, which takes twice as long.
    "rollups_between": {"a part of a moment, or its day"},
    # A moment `at time zone 'UTC'`.
    "iso_time": {"a part of a moment, or its day"},
    # The day of a moment in a time zone that is a parameter.
    "campaign_days": {"a cast to a day or a wall clock's time"},
    # A tab reads as \t to the regular expression, and as a tab where strings have escapes.
    "csv_cell": {"a backslash"},
}


def found_in(sql: str) -> set[str]:
    bare = re.sub(r"--.*$", "", sql, flags=re.MULTILINE)
    return {what for what, pattern in DEPENDENT.items() if re.search(pattern, bare)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sql_reads_no_setting(path: Path) -> None:
    assert found_in(path.read_text(encoding="utf-8")) == ALLOWED.get(path.stem, set())


@pytest.mark.parametrize(
    "sql",
    [
        "select now() - interval '1 day'",
        "select now() + make_interval(days => $1)",
        "select date_trunc('day', now())",
        "select to_char(now(), 'YYYY')",
        "select extract(hour from now())",
        "select now()::date",
        "select now()::timestamp",
        "select (body ->> 'at')::timestamptz",
        "select current_date",
        "declare v_now timestamp := clock_timestamp();",
        r"select name ~ '^\d+$'",
    ],
)
def test_what_reads_a_setting_is_found(sql: str) -> None:
    assert found_in(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select now() - interval '2 hours', $1::timestamptz, '00:00:00'::interval",
        "select extract(epoch from now()) -- of the day::date",
        "create function f(p_now timestamptz default null) returns interval",
    ],
)
def test_what_reads_none_is_left_alone(sql: str) -> None:
    assert not found_in(sql)
