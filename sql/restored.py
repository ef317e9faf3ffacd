"""After a restore, let clients and readers begin again: `python -m sql.restored [--yes]`.

A restored database gives numbers again that clients, your payout service and readers of presence
events have seen. A new epoch tells them. The sweep does this by itself within a minute wherever it
sees that the database is on another server; run this before anything connects, and where it cannot
see it. A second run changes nothing.

Without --yes it does what is needed if the database is on another server than the sweep last saw,
and otherwise only says so. With --yes it believes you: all clients then start from a snapshot once.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import asyncpg

from sql.command_line import INTERRUPTED, command_parser, connect, until_interrupted
from sql.migrate import Unreachable, what_is_wrong

if TYPE_CHECKING:
    import argparse

BATCH = 10_000
# The name of a cluster in AWS is known to the stack alone: nothing is concluded from it here.
NOTICE = """
select n.is_restored, n.renumbered
  from notice_restore((select server from stream_epoch where server not like '%/%'), $1, $2) as n
"""
SCHEMA = "select to_regproc('notice_restore') is not null"

DONE = """\
this database was restored; streams, grants and presence events have a new epoch.
{grants:,} grants that came from another cluster were put in order. What remains for you:
  - erase again the users that you have erased since the backup
  - compare your payouts with GET /grants, which your payout service reads from the first again"""
NOTHING = """\
this database is on the server that the sweep last saw; nothing was changed.
If it was restored all the same (from a copy of its disk, or in Aurora), run this with --yes."""


def main() -> int:
    """Exit code 0 when all is done, also if there was nothing to do; 2 when the database cannot be
    used; 130 after Ctrl-C: run it again."""
    options = _options()
    try:
        is_whole = asyncio.run(until_interrupted(_run(options)))
    except Unreachable as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        is_whole = False
    if not is_whole:
        _say("interrupted: run it again")
        return INTERRUPTED
    return 0


async def _run(options: argparse.Namespace) -> None:
    connection = await connect(options)
    try:
        if not await connection.fetchval(SCHEMA):
            raise Unreachable("The schema of this database is older than this: run make migrate.")
        await connection.execute("set statement_timeout = 0")
        is_restored, grants = await _notice(connection, is_known=options.yes)
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        raise Unreachable(what_is_wrong(error)) from None
    finally:
        connection.terminate()
    _say(DONE.format(grants=grants) if is_restored else NOTHING)


async def _notice(connection: asyncpg.Connection, *, is_known: bool) -> tuple[bool, int]:
    """Whether it was restored, and how many grants were renumbered, a batch at a time."""
    row = await connection.fetchrow(NOTICE, BATCH, is_known)
    is_restored, grants = row["is_restored"], row["renumbered"]
    while row["renumbered"] == BATCH:
        row = await connection.fetchrow(NOTICE, BATCH, False)
        is_restored, grants = is_restored or row["is_restored"], grants + row["renumbered"]
    return is_restored, grants


def _say(words: str) -> None:
    print(f"restored: {words}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = command_parser("restored", __doc__)
    parser.add_argument("--yes", action="store_true", help="it was restored, whatever is found")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
