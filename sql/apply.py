"""Apply the files of the schema beside the traffic of users.

All who come after a statement that waits for a lock wait as well. So none waits long here: the
transaction gives up, with the locks that it has, and is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from sql.schema import ROLES, digest_of, files, groups, is_migration, roles, runs_outside

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

# Half of deadlock_timeout: where the two wait for each other, this side gives up before PostgreSQL
# looks for a victim, which might be a user's statement.
LOCK_WAIT_MS = 500
# Between two attempts, times 0.5 to 1: longer than an attempt may hold users up, so they get on.
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 2, 10

OLDEST = """
select format('process %s, for %s s', pid, extract(epoch from clock_timestamp() - xact_start)::int)
  from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
 order by xact_start limit 1
"""


class MigrationError(Exception):
    """What happened, in which file, and what to do."""


class _LockedError(Exception):
    """Another session holds a lock that the file in the message needs."""


@dataclass(frozen=True)
class Run:
    """A connection that applies files, and the moment (of time.monotonic) at which it gives up."""

    connection: asyncpg.Connection
    give_up_at: float

    async def apply(self) -> list[str]:
        """Apply what is missing and return its names. Raises MigrationError."""
        texts = files()
        later = "select max(name) from migrations where name like 'migrations/%' and name > $1"
        if newer := await self.connection.fetchval(later, max(filter(is_migration, texts))):
            log.warning("the database is of a newer release (sql/%s): nothing is changed", newer)
            return []
        texts[ROLES] = roles()
        done: list[str] = []
        for names in groups(texts):
            done += await self._patiently(names, texts)
        return done

    async def _patiently(self, names: Sequence[str], texts: dict[str, str]) -> list[str]:
        """Run these files, again for as long as others hold their locks."""
        longest = MIN_PAUSE_SECONDS
        while True:
            try:
                return await self._once(names, texts)
            except _LockedError as locked:
                pause = longest * random.uniform(0.5, 1)  # noqa: S311  # no secret
                oldest = await self.connection.fetchval(OLDEST) or "of this run"
                said = f"{locked} gets no lock; the oldest transaction is {oldest}"
                if time.monotonic() + pause > self.give_up_at:
                    raise MigrationError(
                        f"{said}. Nothing has changed: end that transaction, or try again"
                    ) from locked
                log.warning("%s; again in %.1f s", said, pause)
            await asyncio.sleep(pause)
            longest = min(2 * longest, MAX_PAUSE_SECONDS)

    async def _once(self, names: Sequence[str], texts: dict[str, str]) -> list[str]:
        if runs_outside(texts[names[0]]):
            return await self._outside(names[0], texts[names[0]])
        async with self.connection.transaction():
            await self.connection.execute(f"set local lock_timeout = {LOCK_WAIT_MS}")
            # Functions call each other, in any order of files.
            await self.connection.execute("set local check_function_bodies = off")
            done = [
                name for name in names if name != ROLES and await self._apply(name, texts[name])
            ]
            if ROLES in names:
                done += await self._finish(texts, something_changed=bool(done))
            return done

    async def _outside(self, name: str, text: str) -> list[str]:
        """Run a migration statement by statement; it may be repeated from its beginning."""
        if not await self._is_due(name, digest_of(text)):
            return []
        bare = re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE)
        for statement in filter(str.strip, re.split(r";[ \t]*$", bare, flags=re.MULTILINE)):
            # To build an index waits for old transactions, and holds up no other statement.
            waits = LOCK_WAIT_MS
            if "concurrently" in statement.lower():
                waits = max(waits, int(1000 * (self.give_up_at - time.monotonic())))
            await self.connection.execute(f"set lock_timeout = {waits}")
            await self._execute(name, statement)
        await self._record(name, digest_of(text))
        return [name]

    async def _finish(self, texts: dict[str, str], *, something_changed: bool) -> list[str]:
        """Forget functions whose file has moved, and grant the functions' role what it needs."""
        if something_changed:
            await self.connection.execute(
                "delete from migrations where name like 'functions/%' and name <> all ($1::text[])",
                list(texts),
            )
        has_rights = await self.connection.fetchval(
            "select coalesce(has_table_privilege("
            "to_regrole('headcount_functions')::oid, 'migrations', 'select'), true)"
        )
        if not has_rights:  # the role was made since, or the backup was of another cluster
            await self.connection.execute("delete from migrations where name = $1", ROLES)
        everything = "".join(text for name, text in texts.items() if name != ROLES)
        return [ROLES] if await self._apply(ROLES, texts[ROLES], everything) else []

    async def _apply(self, name: str, text: str, depends_on: str = "") -> bool:
        """Run a file unless it has run, on the same text and on what it depends on."""
        digest = digest_of(text, depends_on)
        # Asked now, not once for all: a migration that drops functions forgets that they have run.
        if not await self._is_due(name, digest):
            return False
        await self._execute(name, text)
        await self._record(name, digest)
        return True

    async def _is_due(self, name: str, digest: str) -> bool:
        applied = "select digest from migrations where name = $1"
        before = await self.connection.fetchval(applied, name)
        if before and before != digest and is_migration(name):
            raise MigrationError(
                f"sql/{name} has changed since it ran on this database: undo that, add a new file"
            )
        return bool(before != digest)

    async def _execute(self, name: str, text: str) -> None:
        try:
            await self.connection.execute(text)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            raise _LockedError(f"sql/{name}") from error
        except asyncpg.PostgresError as error:
            raise MigrationError(f"sql/{name} failed: {error}") from error

    async def _record(self, name: str, digest: str) -> None:
        await self.connection.execute(
            "insert into migrations values ($1, $2, clock_timestamp())"
            " on conflict (name) do update set digest = $2, applied_at = clock_timestamp()",
            name,
            digest,
        )
