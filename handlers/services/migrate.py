"""Bring the database to the schema of this code, or check it, within the time of a function."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol, TypedDict

from handlers.core.apps import BadApps
from handlers.services import health
from sql.migrate import MigrationError, Unreachable, bring_all_up_to_date

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

# What a function keeps of its time: to cancel a statement and to tell CloudFormation, and before
# that to say which lock a file does not get.
TO_ANSWER_SECONDS = 60.0
TO_GIVE_UP_SECONDS = 30.0
# Of a database whose owner the stack does not know.
BEHIND = (
    "The schema of the database in DatabaseUrl is older than this release: run make migrate with "
    "DATABASE_URL (with several apps, also APPS), from where the database can be reached, and "
    "deploy again."
)
UNREACHABLE = (
    "The database in DatabaseUrl cannot be reached from the functions, or refuses them; or, with "
    "several apps, that of one of them."
)


class Outcome(TypedDict, total=False):
    """One of the two: the names of the files applied, or a sentence for a person."""

    applied: list[str]
    error: str


async def migrate(
    dsn: str, functions_url: str | None, apps: Sequence[str], within_seconds: float
) -> Outcome:
    """Apply what is missing in the database of each app, and make those that are not there.

    The transaction that is cut off by the end of time has no effect.
    """
    limit = within_seconds - TO_ANSWER_SECONDS
    try:
        async with asyncio.timeout(limit):
            applied = await bring_all_up_to_date(
                dsn, functions_url, apps, limit - TO_GIVE_UP_SECONDS
            )
    except (BadApps, MigrationError, Unreachable) as error:
        return _failed(str(error))
    except TimeoutError:
        return _failed(f"The migrations take longer than {limit:.0f} s: run make migrate by hand.")
    for name in applied:
        log.info("applied sql/%s", name)
    return Outcome(applied=applied)


class App(Protocol):
    """An app, and its database."""

    @property
    def app(self) -> str: ...
    @property
    def database(self) -> health.Database: ...


async def check(apps: Sequence[App]) -> Outcome:
    """Change nothing; fail if this code could not run on the schema of some app."""
    found = await health.check_all({parts.app: parts.database for parts in apps})
    if found.serves:
        return Outcome(applied=[])
    return _failed(BEHIND if found.is_answered else UNREACHABLE)


def _failed(why: str) -> Outcome:
    log.error("not migrated: %s", why)
    return Outcome(error=why)
