"""Write a whole report as CSV: `python -m sql.export REPORT [options] > file.csv`.

The same statements as the HTTP API, without its bounds of a second and of rows: PostgreSQL streams
the rows (COPY), so no more than a few of them are ever in memory. One snapshot: what happens
meanwhile changes nothing in it. It goes to the standard output, how far it is to standard error.

CSV as RFC 4180 has it, in UTF-8, with a header. Times are milliseconds since the epoch, or with
`--times iso` ISO 8601 in UTC. A name that a spreadsheet would take for a formula has an apostrophe
before it, and so has one that begins with an apostrophe: a program that takes one away has the name
again.
"""

from __future__ import annotations

import argparse
import asyncio
import codecs
import os
import re
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from sql.command_line import (
    INTERRUPTED,
    PIPE_CLOSED,
    command_parser,
    connect,
    in_zone,
    moment,
    until_interrupted,
)
from sql.migrate import Unreachable, what_is_wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

QUERIES = Path(__file__).parent / "queries"
SAY_EVERY_SECONDS = 2.0
STEP_SECONDS = 60
EXACTLY = timedelta(microseconds=1)
ALL_USERS = 1_024
"""Of so many: sql/queries/audience.sql, sample."""
ENDINGS = (
    *("client", "lost", "idle", "expired", "swept", "node_evicted", "kicked", "moved"),
    "divided",
)
ALWAYS = datetime.min  # noqa: DTZ901  # what asyncpg writes as '-infinity'
NAMES = ("user_id", "resource")
# Columns whose text users or backends chose.
FOREIGN = (*NAMES, "claim_id")
AUDIENCE = (
    *("starts_at", "ends_at", "unique_viewers", "new_viewers", "retained_viewers"),
    *("views", "sessions", "watched_ms", "peak_viewers", "peak_at"),
)


class Progress:
    """Counts what goes out and says so from time to time."""

    def __init__(self, write: Callable[[bytes], object], mark: bytes = b"") -> None:
        self._write, self._mark = write, mark
        self._is_quoted = False
        self._said_at = time.monotonic()
        self.rows = -1  # the header
        self.size = 0

    async def take(self, data: bytes) -> None:
        """A piece of PostgreSQL's CSV; its lines get the ends that RFC 4180 asks for."""
        parts = data.split(b'"')
        for n, part in enumerate(parts):
            if not self._is_quoted:
                self.rows += part.count(b"\n")
                parts[n] = part.replace(b"\n", b"\r\n")
            if n < len(parts) - 1:
                self._is_quoted = not self._is_quoted
        out, self._mark = self._mark + b'"'.join(parts), b""
        self._write(out)
        self.size += len(out)
        if time.monotonic() >= self._said_at + SAY_EVERY_SECONDS:
            self._said_at = time.monotonic()
            self.say("so far")

    def say(self, how: str) -> None:
        mebibytes = self.size / 2**20
        print(f"export: {self.rows:,} rows {how}, {mebibytes:,.1f} MiB", file=sys.stderr)


def main() -> int:
    """Exit code 0 when all is written, 2 when the database or the question is wrong.

    As after a signal: 130 when it was interrupted, 141 when the reader has closed the pipe.
    """
    parser = _parser()
    options = parser.parse_args()
    try:
        options.begins, options.ends = (
            in_zone(given, options.timezone) for given in (options.begins, options.ends)
        )
    except ValueError as error:
        parser.error(str(error))
    if options.ends <= options.begins:
        parser.error("--from must be before --to")
    progress = Progress(sys.stdout.buffer.write, codecs.BOM_UTF8 if options.bom else b"")
    try:
        is_whole = asyncio.run(until_interrupted(_export(options, progress)))
        sys.stdout.buffer.flush()
    except Unreachable as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Python flushes at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        is_whole = False
    progress.say("in all" if is_whole else "written when it was interrupted")
    return 0 if is_whole else INTERRUPTED


async def _export(options: argparse.Namespace, progress: Progress) -> None:
    connection = await connect(options)
    try:
        name, args, columns = question(options)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute("select limit_report(0)")
            # The reader of the file may be slow, and be stopped for a while.
            await connection.execute("set local lock_timeout = 0; set local tcp_user_timeout = 0")
            await connection.copy_from_query(
                copied(name, columns, options.times),
                *args,
                output=progress.take,
                format="csv",
                header=True,
            )
    except BrokenPipeError:
        raise
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        raise Unreachable(what_is_wrong(error)) from None
    finally:
        # After a closed pipe the rest of the copy need not be waited for.
        connection.terminate()


def copied(name: str, columns: Sequence[str], times: str) -> str:
    """The statement in `sql/queries/<name>.sql`, with the names in it safe for a spreadsheet."""

    def cell(column: str) -> str:
        if column in FOREIGN:
            return f"csv_cell({column}) as {column}"
        return (
            f"iso_time({column}) as {column}" if times == "iso" and _is_moment(column) else column
        )

    statement = (QUERIES / f"{name}.sql").read_text(encoding="utf-8").rstrip().removesuffix(";")
    # asyncpg would count the parameters that the comments name.
    bare = re.sub(r"^\s*--.*$", "", statement, flags=re.MULTILINE)
    return f"select {', '.join(map(cell, columns))} from ({bare}) as report"  # noqa: S608  # our own files


def question(options: argparse.Namespace) -> tuple[str, tuple[Any, ...], tuple[str, ...]]:
    """The query that answers, its parameters, and its columns."""
    interval = (options.begins, options.ends)
    is_visible = getattr(options, "clock", "") == "visible"
    is_corrected = getattr(options, "corrections", "") != "ignored"
    args: tuple[Any, ...]
    if options.report == "sessions":
        lengths = (_seconds(options.min_seconds), _seconds(options.max_seconds))
        names = (options.user_id, options.resource, options.ended_by)
        columns = ("session_id", *NAMES, "joined_at", "ended_at", "ended_by", "ended_within_ms")
        args = (*interval, *names, *lengths, None, None, None, None, is_corrected)
        more = ("away_since", "revision", "replaced_by", "watched_ms")
        return "sessions", args, (*columns, *more)
    if options.report == "grants":
        granted = ("grant_id", "bonus_id", "user_id", "claim_id", "reward", "claimed_at")
        return "grants", (0, 0, *interval, None), (*granted, "state", "payout")
    if options.report == "audience":
        resources = sorted(set(options.resource)) if options.resource else None
        least = timedelta(seconds=options.min_seconds)
        period = (options.by, options.timezone or "UTC")
        return (
            "audience",
            (
                *interval,
                *period,
                resources,
                least,
                EXACTLY,
                None,
                is_visible,
                is_corrected,
                ALL_USERS,
            ),
            AUDIENCE,
        )
    if options.report == "concurrency":
        step = timedelta(seconds=options.step_seconds)
        args = (*interval, step, options.resource, EXACTLY, None, is_corrected)
        return "concurrency", args, ("at", "viewers", "peak_viewers", "peak_at")
    return _watch_time(options, interval, (is_visible, is_corrected))


def _watch_time(
    options: argparse.Namespace, interval: tuple[datetime, datetime], read: tuple[bool, bool]
) -> tuple[str, tuple[Any, ...], tuple[str, ...]]:
    groups = [key for key in ("user", "resource") if key in options.by]
    who = (groups, options.user_id, options.resource)
    counted = (*NAMES, "sessions", "watched_ms", "uncertain_ms")
    period = next((key for key in ("day", "hour") if key in options.by), None)
    zone = options.timezone or "UTC"
    if options.user_id is None and "user" not in groups:
        of_all = (period, zone, "resource" in groups, options.resource, ALWAYS, "", None, None)
        columns = counted if period is None else ("starts_at", *counted)
        return "watch_time_of_all", (*interval, *of_all, *read), columns
    if period is None:
        return "watch_time_by", (*interval, *who, "", "", None, None, *read), counted
    asked = (period, zone, *who, ALWAYS, "", "", None, None, *read)
    return "watch_time_in", (*interval, *asked), ("starts_at", *counted)


def _is_moment(column: str) -> bool:
    """The same as `is_moment` in handlers/web/pagination.py."""
    return column == "at" or column.endswith(("_at", "_since"))


def _seconds(count: float | None) -> timedelta | None:
    return None if count is None else timedelta(seconds=count)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("export", __doc__)
    reports = parser.add_subparsers(dest="report", required=True, metavar="REPORT")
    sessions = _report(reports, "sessions", "sessions that cross the interval, the last first")
    sessions.add_argument("--user-id", type=_name)
    sessions.add_argument("--ended-by", choices=ENDINGS)
    sessions.add_argument("--min-seconds", type=_count, help="that are not shorter")
    sessions.add_argument("--max-seconds", type=_count, help="that are not longer")
    watched = _report(reports, "watch-time", "watch time within the interval")
    watched.add_argument("--user-id", type=_name)
    watched.add_argument(
        "--by", type=_keys, required=True, help="user, resource, day, hour; several: resource,day"
    )
    _clock(watched)
    at_once = _report(reports, "concurrency", "how many watch at once, step by step")
    at_once.add_argument("--step-seconds", type=_count, default=STEP_SECONDS, help="default: 60")
    audience = _interval(reports, "audience", "viewers, views, averages and peaks")
    audience.add_argument(
        "--resource", type=_name, action="append", help="may be given several times"
    )
    audience.add_argument("--by", choices=("minute", "hour", "day"), help="default: the whole")
    audience.add_argument(
        "--min-seconds", type=_count, default=0, help="that a unique viewer watches in the period"
    )
    _clock(audience)
    for report in (sessions, watched, at_once, audience):
        _corrections(report)
    _interval(reports, "grants", "claims that were granted within the interval, in order")
    return parser


def _clock(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clock",
        choices=("connected", "visible"),
        default="connected",
        help="count while a connection was open (default), or while the user could see the page",
    )


def _corrections(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--corrections",
        choices=("applied", "ignored"),
        default="applied",
        help="count past sessions as they were corrected (default), or as they were recorded",
    )


def _report(reports: Any, name: str, what: str) -> argparse.ArgumentParser:
    parser = _interval(reports, name, what)
    parser.add_argument("--resource", type=_name)
    parser.set_defaults(user_id=None)
    return parser


def _interval(reports: Any, name: str, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = reports.add_parser(name, help=what, description=what)
    form = "2026-03-01, 2026-03-01T18:30Z, or milliseconds since the epoch; UTC, or --timezone"
    parser.add_argument("--from", dest="begins", type=moment, required=True, help=form)
    parser.add_argument("--to", dest="ends", type=moment, required=True, help="not included")
    parser.add_argument(
        "--timezone",
        help="of days, hours, and moments without an offset: UTC, which is the default, or a name "
        "such as Europe/Berlin",
    )
    parser.add_argument(
        "--times",
        choices=("ms", "iso"),
        default="ms",
        help="how moments are written: ms since the epoch (default), or iso: ISO 8601 in UTC",
    )
    parser.add_argument(
        "--bom", action="store_true", help="begin with a byte-order mark, which Excel asks for"
    )
    return parser


def _name(given: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("a name is text in UTF-8") from None
    return given


def _count(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= 315_360_000:  # noqa: PLR2004  # ten years
        raise argparse.ArgumentTypeError("give whole seconds, from 1 to 315360000")
    return int(given)


def _keys(given: str) -> list[str]:
    keys = given.split(",")
    known = set(keys) <= {"user", "resource", "day", "hour"}
    if not known or len(set(keys)) < len(keys) or {"day", "hour"} <= set(keys):
        raise argparse.ArgumentTypeError("give user, resource, day or hour; not day and hour")
    return keys


if __name__ == "__main__":
    sys.exit(main())
