"""Does the database answer, and does it have the schema of this code?"""

from __future__ import annotations

import asyncio
import logging
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol

import msgspec

from handlers.core.operation import Json, Statement
from handlers.services.errors import Unavailable, WrongSchema
from sql import schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.core.operation import RowT

log = logging.getLogger(__name__)

Migrations = Literal["ok", "behind", "missing", "newer", "other functions", "unknown"]
# The code of a release runs on the schema of the next one, and on functions of either.
SERVES: frozenset[Migrations] = frozenset({"ok", "newer", "other functions"})


class SchemaRow(msgspec.Struct, frozen=True):
    migrations: int
    digest: str | None


class ReadSchema(Statement[SchemaRow], frozen=True):
    query: ClassVar[str] = "health"


class Health(NamedTuple):
    is_answered: bool
    migrations: Migrations

    @property
    def serves(self) -> bool:
        return self.migrations in SERVES


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...


class WorkRow(msgspec.Struct, frozen=True):
    server_now: int
    swept_at: int | None
    presence_events_since: int | None
    broadcasts_since: int | None
    rolled_up_to: int | None
    nodes: Json
    errors: Json


class ReadWork(Statement[WorkRow], frozen=True):
    """What goes on behind the scenes, and what waits there."""

    query: ClassVar[str] = "work"


async def check(database: Database) -> Health:
    """Ask the database for its schema, and compare that with the files that this code has."""
    try:
        (found,) = await database.fetch(ReadSchema())
    except WrongSchema:
        return Health(is_answered=True, migrations="missing")
    except Unavailable:
        return Health(is_answered=False, migrations="unknown")
    return Health(is_answered=True, migrations=compare(found, _needed()))


async def check_all(databases: Mapping[str, Database]) -> Health:
    """The health of the app that is worst off; the log names each that is not well."""
    found = dict(zip(databases, await asyncio.gather(*map(check, databases.values())), strict=True))
    for app, health in found.items():
        if not health.serves:
            log.error("app %s: its migrations are %s", app, health.migrations)
    return min(found.values(), key=lambda one: (one.is_answered, one.serves))


def compare(found: SchemaRow, needed: schema.Version) -> Migrations:
    """What the database has, seen from what this code needs."""
    if not found.migrations:
        return "missing"
    if found.migrations != needed.migrations:
        return "behind" if found.migrations < needed.migrations else "newer"
    return "ok" if found.digest == needed.digest else "other functions"


@cache
def _needed() -> schema.Version:
    return schema.version()
