"""Make roll-ups from the sessions: `python -m sql.roll_up [--from … --to …]`.

Those that there are, again; then those that are missing, as far as they are final. The sweep does
this by itself, some hours of the past a minute: run this to have all of a long past at once, or
after sessions were changed by hand. It may run beside everything else, and twice.

Each six hours of the past are one transaction: what is done stays done, and an interrupted run says
where to go on. Roll-ups of months whose sessions have been dropped stay as they are.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg

from sql.command_line import (
    INTERRUPTED,
    command_parser,
    connect,
    in_zone,
    moment,
    until_interrupted,
)
from sql.migrate import Unreachable, what_is_wrong

if TYPE_CHECKING:
    import argparse

SAY_EVERY_SECONDS = 2.0
QUARTER = timedelta(minutes=15)
BATCH = 24
BOUNDS = """
select nullif(greatest(coalesce($1, first_quarter()), kept_since), '-infinity') as begins,
       nullif(least($2, rolled_up_to), '-infinity') as ends
  from rollup_state
"""
DONE_TO = "select nullif(rolled_up_to, '-infinity') from rollup_state for update"


@dataclass
class Progress:
    """How far it is, said from time to time."""

    quarters: int = 0
    done_to: datetime | None = None
    said_at: float = 0.0

    def add(self, quarters: int, done_to: datetime) -> None:
        self.quarters += quarters
        self.done_to = done_to
        if time.monotonic() >= self.said_at + SAY_EVERY_SECONDS:
            self.said_at = time.monotonic()
            self.say(f"{self.quarters:,} quarter hours so far, up to {_iso(done_to)}")

    def say(self, words: str) -> None:
        print(f"roll_up: {words}", file=sys.stderr)


def main() -> int:
    """Exit code 0 when all is made, 2 when the database or the question is wrong, 130 after
    Ctrl-C."""
    options = _options()
    progress = Progress()
    try:
        is_whole = asyncio.run(until_interrupted(_run(options, progress)))
    except Unreachable as error:
        progress.say(str(error))
        return 2
    except KeyboardInterrupt:
        is_whole = False
    if not is_whole:
        on = f": go on with --from {_iso(progress.done_to)}" if progress.done_to else ""
        progress.say(f"interrupted after {progress.quarters:,} quarter hours{on}")
        return INTERRUPTED
    progress.say(f"{progress.quarters:,} quarter hours in all")
    return 0


async def _run(options: argparse.Namespace, progress: Progress) -> None:
    connection = await connect(options)
    try:
        # Beside the time-outs of a function: six hours of a crowd take longer.
        await connection.execute("set statement_timeout = 0; set lock_timeout = 0")
        await _again(connection, options, progress)
        await _missing(connection, options, progress)
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        raise Unreachable(what_is_wrong(error)) from None
    finally:
        connection.terminate()


async def _again(
    connection: asyncpg.Connection, options: argparse.Namespace, progress: Progress
) -> None:
    bounds = await connection.fetchrow(BOUNDS, options.begins, options.ends)
    begins, ends = bounds["begins"], bounds["ends"]
    if options.begins and begins > options.begins:
        progress.say(f"before {_iso(begins)} sessions are gone: those roll-ups stay as they are")
    if begins is None or ends is None:
        return
    while begins < ends:
        until = await connection.fetchval(
            "select rebuild_rollups($1, $2)", begins, min(begins + BATCH * QUARTER, ends)
        )
        if until is None:  # the clock has gone back
            return
        progress.add(round((until - begins) / QUARTER), until)
        begins = until


async def _missing(
    connection: asyncpg.Connection, options: argparse.Namespace, progress: Progress
) -> None:
    while True:
        async with connection.transaction():
            # The sweep may be at it: wait for it.
            done_to = await connection.fetchval(DONE_TO)
            if options.ends and done_to and done_to >= options.ends:
                return
            made = await connection.fetchrow("select * from roll_up($1)", BATCH)
            done_to = await connection.fetchval(DONE_TO)
        if made["quarters"]:
            progress.add(made["quarters"], done_to)
        if not made["is_behind"]:
            return


def _options() -> argparse.Namespace:
    parser = command_parser("roll_up", __doc__)
    form = "2026-03-01, 2026-03-01T18:30Z, or milliseconds since the epoch; UTC"
    parser.add_argument(
        "--from", dest="begins", type=moment, help=f"{form}; default: the first session"
    )
    parser.add_argument(
        "--to", dest="ends", type=moment, help="not included; default: as far as they are final"
    )
    options = parser.parse_args()
    try:
        for name in ("begins", "ends"):
            if given := getattr(options, name):
                setattr(options, name, in_zone(given, None))
    except ValueError as error:
        parser.error(str(error))
    if options.begins and options.ends and options.ends <= options.begins:
        parser.error("--from must be before --to")
    return options


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


if __name__ == "__main__":
    sys.exit(main())
