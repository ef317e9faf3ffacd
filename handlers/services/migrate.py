"""Bring the database to the schema of this code, within the time of a function."""

from __future__ import annotations

import asyncio
import logging
from typing import TypedDict

from sql.migrate import MigrationError, Unreachable, bring_up_to_date

log = logging.getLogger(__name__)

# What a function keeps of its time: to cancel a statement and to tell CloudFormation, and before
# that to say which lock a file does not get.
TO_ANSWER_SECONDS = 60.0
TO_GIVE_UP_SECONDS = 30.0


class Outcome(TypedDict, total=False):
    """One of the two: the names of the files applied, or a sentence for a person."""

    applied: list[str]
    error: str


async def migrate(dsn: str, functions_url: str | None, within_seconds: float) -> Outcome:
    """Apply what is missing. The transaction that is cut off by the end of time has no effect."""
    limit = within_seconds - TO_ANSWER_SECONDS
    try:
        async with asyncio.timeout(limit):
            applied = await bring_up_to_date(dsn, functions_url, limit - TO_GIVE_UP_SECONDS)
    except (MigrationError, Unreachable) as error:
        return _failed(str(error))
    except TimeoutError:
        return _failed(f"The migrations take longer than {limit:.0f} s: run make migrate by hand.")
    for name in applied:
        log.info("applied sql/%s", name)
    return Outcome(applied=applied)


def _failed(why: str) -> Outcome:
    log.error("not migrated: %s", why)
    return Outcome(error=why)
