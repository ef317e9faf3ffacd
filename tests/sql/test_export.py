"""The export as an operator sees it: a process, its output, its words, its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handlers.web.pagination import cell
from tests.support.exports import export, rows
from tests.support.reports import at, past

if TYPE_CHECKING:
    import asyncpg

ROOT = Path(__file__).parents[2]
DAY = ("--from", "2026-03-02", "--to", "2026-03-03")
NAMES = ("=1", "+1", "-1", "@1", "\t1", "\r1", "\n1", "'1", 'a,"b"\r\nc\nd', "Zoë 🦊", "\uff1d1")


@pytest.mark.parametrize(
    ("report", "key"),
    [
        (("sessions",), "watched_ms"),
        (("watch-time", "--by", "user"), "watched_ms"),
        (("watch-time", "--by", "hour,resource"), "watched_ms"),
        (("watch-time", "--by", "day", "--clock", "visible"), "watched_ms"),
        (("concurrency", "--step-seconds", "86400"), "peak_viewers"),
        (("audience", "--clock", "visible"), "peak_viewers"),
        (("audience", "--by", "day", "--resource", "site", "--resource", "x"), "watched_ms"),
    ],
)
async def test_each_report_is_exported(
    db: asyncpg.Connection, dsn: str, report: tuple[str, ...], key: str
) -> None:
    await past(db, at(-1), at(1))
    exported = export(*report, *DAY, dsn=dsn)
    assert [row[key] for row in rows(exported)] == ["1" if key == "peak_viewers" else "60000"]
    assert b"export: 1 rows in all" in exported.stderr  # after others, on a busy machine


@pytest.mark.parametrize(
    "report", [("sessions",), ("watch-time", "--by", "day"), ("audience",), ("concurrency",)]
)
async def test_an_export_is_corrected_or_as_recorded(
    db: asyncpg.Connection, dsn: str, report: tuple[str, ...]
) -> None:
    await past(db, at(1), at(5))
    await db.execute(
        "select create_correction(gen_random_uuid(), 'ann', 1, 0, array[$1::timestamptz],"
        " array[$2::timestamptz], 'wrong', 'ops', 'f')",
        *(at(3), at(5)),
    )
    # A viewer in each step of a minute.
    key, unit = ("viewers", 1) if report[0] == "concurrency" else ("watched_ms", 60_000)
    for how, minutes in (("applied", 2), ("ignored", 4)):
        found = rows(export(*report, *DAY, "--corrections", how, dsn=dsn))
        assert sum(int(row[key]) for row in found) == minutes * unit


async def test_names_come_as_over_http(db: asyncpg.Connection, dsn: str) -> None:
    for name in NAMES:
        await past(db, at(0), at(1), name)
    exported = export("watch-time", "--by", "user", *DAY, dsn=dsn)
    assert [row["user_id"] for row in rows(exported)] == [str(cell(name)) for name in sorted(NAMES)]
    assert exported.stdout.endswith(b"\r\n")
    assert b"export: 11 rows in all" in exported.stderr


async def test_grants_are_exported(db: asyncpg.Connection, dsn: str) -> None:
    bonus_id = await db.fetchval(
        "insert into bonuses (reward, audience, opens_at, expires_at, created_at)"
        """ values ('{"text": "5, \\"=\\""}', 'everyone', $1, $2, $1) returning bonus_id""",
        *(at(0), at(9)),
    )
    for user, minute in (("=ann", 0), ("bob", 1), ("cyd", 24 * 60)):
        await db.execute("insert into claims values ($1, $2, '-c', $3)", bonus_id, user, at(minute))
        await db.execute(
            "insert into ledger (bonus_id, user_id, entry, at) values ($1, $2, 'claimed', $3)",
            *(bonus_id, user, at(minute)),
        )
    found = rows(export("grants", *DAY, dsn=dsn))
    assert [row["user_id"] for row in found] == ["'=ann", "bob"]
    assert {row["claim_id"] for row in found} == {"'-c"}
    assert json.loads(found[0]["reward"]) == {"text": '5, "="'}
    assert [int(row["claimed_at"]) for row in found] == [
        int(at(minute).timestamp() * 1000) for minute in (0, 1)
    ]


async def test_filters_are_those_of_the_api(db: asyncpg.Connection, dsn: str) -> None:
    await past(db, at(0), at(1), "ann", "stream")
    await past(db, at(0), at(2), "bob")
    await past(db, at(0), at(3), "bob", ended_by="swept")
    for filters, users in (
        (("--user-id", "ann"), ["ann"]),
        (("--resource", "stream"), ["ann"]),
        (("--min-seconds", "120", "--max-seconds", "179"), ["bob"]),
        (("--ended-by", "swept"), ["bob"]),
    ):
        found = rows(export("sessions", *DAY, *filters, dsn=dsn))
        assert [row["user_id"] for row in found] == users


async def many(db: asyncpg.Connection) -> None:
    await db.execute(
        "insert into past_sessions select n, 'user-' || n, 'site', $1, $1, 'client', '0'"
        " from generate_series(1, 100000) n",
        at(0),
    )


def started(dsn: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sql.export", "sessions", *DAY],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def test_a_reader_that_leaves_ends_it_without_a_word(
    db: asyncpg.Connection, dsn: str
) -> None:
    await many(db)
    with started(dsn) as running:
        assert running.stdout and running.stderr
        running.stdout.readline()
        running.stdout.close()
        # A slow machine is told how far it is.
        said = [line for line in running.stderr if b" so far, " not in line]
    assert (running.returncode, said) == (141, [])


async def test_an_interrupt_ends_it_with_one_line(db: asyncpg.Connection, dsn: str) -> None:
    await many(db)
    with started(dsn) as running:
        assert running.stdout
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate()
    *progress, last = said.splitlines()  # a slow machine has got to say how far it is
    assert (running.returncode, b"interrupted" in last) == (130, True)
    assert all(b"rows so far" in line for line in progress)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("magic",),
        ("sessions",),
        ("sessions", "--from", "2026-03-03", "--to", "2026-03-02"),
        ("sessions", "--from", "2026-03-02", "--to", "2026-03-02"),
        ("sessions", "--from", "yesterday", "--to", "2026-03-02"),
        ("sessions", "--from", "0", "--to", "9" * 30),
        ("sessions", *DAY, "--min-seconds", "-1"),
        ("sessions", *DAY, "--ended-by", "magic"),
        ("watch-time", *DAY),
        ("watch-time", *DAY, "--by", "day,hour"),
        ("watch-time", *DAY, "--by", "node"),
        ("concurrency", *DAY, "--step-seconds", "0"),
        ("audience", *DAY, "--by", "week"),
        ("grants",),
        ("grants", *DAY, "--resource", "site"),
        ("sessions", *DAY, "--timezone", "Mars/Phobos"),
        ("sessions", *DAY, "--timezone", "../etc/passwd"),
        ("sessions", *DAY, "--times", "unix"),
        # Clocks are put forward, and back.
        *(
            ("sessions", "--from", "2026-03-01", "--to", end, "--timezone", "Europe/Berlin")
            for end in ("2026-03-29T02:30", "2026-10-25T02:30")
        ),
    ],
)
def test_a_wrong_question_is_refused(arguments: tuple[str, ...]) -> None:
    answer = export(*arguments)
    assert (answer.returncode, answer.stdout) == (2, b"")
    assert b"error: " in answer.stderr
    assert b"Traceback" not in answer.stderr


def test_a_database_that_is_not_there_is_said_in_a_line() -> None:
    for dsn in ("", "postgresql://stranger:secret@127.0.0.1:1/none", "nonsense"):
        answer = export("sessions", *DAY, dsn=dsn)
        assert (answer.returncode, answer.stdout, answer.stderr.count(b"\n")) == (2, b"", 1)
        assert b"secret" not in answer.stderr


def test_help_says_what_comes_out() -> None:
    said = export("--help").stdout + export("sessions", "--help").stdout
    assert b"milliseconds since the epoch" in said
    assert b"--ended-by" in said


async def test_days_moments_and_iso_times_are_those_of_the_options(
    db: asyncpg.Connection, dsn: str
) -> None:
    """Berlin's 29 March has 23 hours; its midnights are an hour or two before those of UTC."""
    await past(db, datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC))
    days = ("--from", "2026-03-29", "--to", "2026-03-31", "--timezone", "Europe/Berlin")
    exported = export("watch-time", "--by", "day", *days, "--times", "iso", "--bom", dsn=dsn)
    assert exported.stdout.startswith(b"\xef\xbb\xbfstarts_at,")
    exported.stdout = exported.stdout[3:]
    assert [(row["starts_at"], row["watched_ms"]) for row in rows(exported)] == [
        ("2026-03-28T23:00:00.000Z", str(23 * 3_600_000)),
        ("2026-03-29T22:00:00.000Z", str(24 * 3_600_000)),
    ]
    sessions = export("sessions", *days, "--times", "iso", dsn=dsn)
    (row,) = rows(sessions)
    assert (row["joined_at"], row["ended_at"], row["away_since"]) == (
        *("2026-03-28T00:00:00.000Z", "2026-03-31T00:00:00.000Z"),
        "",
    )
