"""What the commands of this package have in common: options, moments, Ctrl-C, exit codes."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg

from sql.migrate import ANSWER_TIMEOUT_SECONDS, Unreachable, check

if TYPE_CHECKING:
    from collections.abc import Coroutine

# Exit codes, as a shell has them for what a signal ends.
INTERRUPTED = 128 + signal.SIGINT
PIPE_CLOSED = 128 + signal.SIGPIPE


async def until_interrupted(work: Coroutine[Any, Any, None]) -> bool:
    """False if Ctrl-C came first. A second Ctrl-C ends the program at once.

    Not by the cancellation that asyncio.run turns Ctrl-C into: in the middle of a statement asyncpg
    may finish regardless, or fail with an error of its own.
    """
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()

    def interrupt() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        interrupted.set()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    working = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(interrupted.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if interrupted.is_set():
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return False
    waiting.cancel()
    working.result()
    return True


def command_parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """Of `python -m sql.<name>`, whose module says in `doc` what it does; with `--database-url`."""
    summary, _, rest = str(doc).partition("\n\n")
    parser = argparse.ArgumentParser(
        prog=f"python -m sql.{name}",
        description=summary.split(":", maxsplit=1)[0] + ".",
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--database-url",
        help="postgresql://user:password@host:port/name; better in the environment variable "
        "DATABASE_URL, which is the default, because others can read a command line",
    )
    return parser


async def connect(options: argparse.Namespace) -> asyncpg.Connection:
    """To the database that is named on the command line or in the environment.

    Raises Unreachable.
    """
    dsn = options.database_url or os.environ.get("DATABASE_URL")
    if not dsn:
        raise Unreachable("Give a DATABASE_URL, as an option or in the environment.")
    await check(dsn, ANSWER_TIMEOUT_SECONDS)
    return await asyncpg.connect(dsn)


def moment(given: str) -> datetime:
    """A moment as an argument; without an offset it is one of `in_zone`."""
    try:
        if given.isdecimal():
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(given))
        parsed = datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{given!r} is no moment") from None
    return parsed


def in_zone(moment: datetime, timezone: str | None) -> datetime:
    """A moment without an offset is one of the time zone. Raises ValueError with the reason."""
    try:
        zone = ZoneInfo(timezone) if timezone else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {timezone!r}: try Europe/Berlin") from None
    if moment.tzinfo:
        return moment
    local = moment.replace(tzinfo=zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        raise ValueError(f"{moment} does not exist in {timezone}: clocks are put forward then")
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise ValueError(f"{moment} comes twice in {timezone}: add an offset, such as +01:00")
    return local
