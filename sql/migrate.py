"""Bring a database up to date: `python -m sql.migrate [DATABASE_URL]`.

With APPS in the environment, also the databases of these apps beside it, which it makes if they are
not there.

Files of `sql/migrations/` run once, in order of name; a file that has run must not change. Files
below `sql/functions/` (`create or replace`) run again whenever their text changes, so their history
reads as a diff. PostgreSQL cannot replace a parameter's name or a result's type: that needs a
migration that drops the function, which runs before. `sql/roles.sql` runs after any of them: it
says what the functions may do with what there is.

All that is missing runs in one transaction, so that users see the schema before or the one after.
A migration that begins with `-- Outside a transaction.` runs after that, statement by statement:
for `create index concurrently`. It may be repeated.

Users go on meanwhile: whatever waits half a second for a lock gives up and tries again, for ten
minutes. A database of a newer release is left as it is. Safe to run twice and at once: an advisory
lock lets one run in at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import ssl
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from handlers.core.apps import MAIN, BadApps, database_of, read_apps
from sql import schema
from sql.apply import MigrationError, Run
from sql.databases import make_database
from sql.roles import WrongRoleError, let_functions_log_in, password_of_functions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

__all__ = [
    "MigrationError",
    "Unreachable",
    "bring_all_up_to_date",
    "check",
    "migrate",
    "set_time_outs",
]

# Any number will do; it must only be the same in every version of this file.
LOCK = 4_832_601
PATIENCE_SECONDS = 600  # for locks that others hold, and for another run to end
LOOK_EVERY_SECONDS = 0.1  # whether it has ended
ANSWER_TIMEOUT_SECONDS = 30  # Aurora that sleeps takes half of that to wake up

# What is set for a role wins over what is set for the database.
OTHER_ISOLATION = """
select setrole::regrole::text
  from pg_db_role_setting, unnest(setconfig) as setting
 where setrole <> 0
   and setdatabase in (0, (select oid from pg_database where datname = current_database()))
   and setting like 'default_transaction_isolation=%' and setting not like '%=read committed'
"""

NO_ADDRESS = "DATABASE_URL is not of the form postgresql://user:password@host:port/name."


class Unreachable(Exception):
    """The database cannot be used; a sentence that repeats no part of its address.

    An address with a mistake in it can show its password in the place of a host.
    """


async def migrate(dsn: str, patience_seconds: float = PATIENCE_SECONDS) -> list[str]:
    """Apply what is missing and return the names of the files applied, in order.

    Raises MigrationError for a file that fails, has changed since it ran, or gets no lock for so
    long, and what asyncpg.connect raises when the database cannot be reached. `dsn` must lead to
    PostgreSQL itself or to a session pooler: the lock belongs to the session.
    """
    give_up_at = time.monotonic() + patience_seconds
    async with _alone(dsn, give_up_at) as connection:
        # Asked first: a role that may not make tables may run on a database that has them.
        if not await connection.fetchval("select to_regclass('migrations') is not null"):
            await connection.execute(
                "create table migrations ("
                "name text primary key, digest text not null, applied_at timestamptz not null)"
            )
        return await Run(connection, give_up_at).apply()


async def set_time_outs(dsn: str) -> None:
    """Bound the statements, locks and transactions of all sessions that begin from now on.

    Raises MigrationError if a role has a setting of its own under which functions answer wrongly.
    """
    async with _alone(dsn, time.monotonic() + PATIENCE_SECONDS) as connection:
        await connection.execute((schema.HERE / "time_outs.sql").read_text(encoding="utf-8"))
        role = await connection.fetchval(OTHER_ISOLATION)
    if role:
        raise MigrationError(
            f"the role {role} does not begin its transactions as read committed, which functions "
            f"need; run: alter role {role} reset default_transaction_isolation (if it was set for "
            "this database only: alter role … in database … reset …)"
        )


@asynccontextmanager
async def _alone(dsn: str, give_up_at: float) -> AsyncIterator[asyncpg.Connection]:
    """Connect, and wait until no other run is under way. Raises MigrationError."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("set statement_timeout = 0; set lock_timeout = 0")
        # Not by waiting in a statement: its snapshot would hold up an index that the other builds.
        while not await connection.fetchval("select pg_try_advisory_lock($1)", LOCK):
            if time.monotonic() > give_up_at:
                raise MigrationError("another run is still under way: wait for its end")
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        yield connection
    finally:
        await connection.close()


def main() -> int:
    """Exit code 0 when the database is up to date, 2 when it cannot be brought there."""
    dsn = _database_url()
    try:
        if not dsn:
            raise Unreachable("Give a DATABASE_URL, as an argument or in the environment.")
        apps = read_apps(os.environ.get("APPS") or "")
        functions_url = os.environ.get("FUNCTIONS_DATABASE_URL")
        applied = asyncio.run(bring_all_up_to_date(dsn, functions_url, apps))
    except (BadApps, MigrationError, Unreachable) as error:
        print(f"migrate: {error}", file=sys.stderr)
        return 2
    print("\n".join(f"applied sql/{name}" for name in applied) or "up to date")
    return 0


def _database_url() -> str | None:
    parser = argparse.ArgumentParser(prog="python -m sql.migrate", description=__doc__)
    parser.add_argument(
        "database_url",
        nargs="?",
        metavar="DATABASE_URL",
        help="postgresql://user:password@host:port/name; better in the environment variable of "
        "this name, which is the default, because others can read a command line",
    )
    given: str | None = parser.parse_args().database_url
    return given or os.environ.get("DATABASE_URL")


async def bring_all_up_to_date(
    dsn: str,
    functions_url: str | None,
    apps: Sequence[str],
    patience_seconds: float = PATIENCE_SECONDS,
) -> list[str]:
    """Do all that a release asks of the databases of these apps, of which `dsn` is main's.

    Returns the names of the files applied. `functions_url` gives the functions' role its password.
    Raises BadApps, MigrationError or Unreachable.
    """
    applied: list[str] = []
    for app in apps:
        try:
            applied += await _bring_up_to_date(dsn, functions_url, app, patience_seconds)
        except (MigrationError, Unreachable) as error:
            if app == MAIN:
                raise
            raise MigrationError(f"app {app}: {error}") from error
    return applied


async def _bring_up_to_date(
    main: str, functions_url: str | None, app: str, patience_seconds: float
) -> list[str]:
    dsn = database_of(main, app)
    try:
        if app != MAIN:
            await make_database(main, dsn)
        await check(dsn, ANSWER_TIMEOUT_SECONDS)
        applied = await migrate(dsn, patience_seconds)
        await set_time_outs(dsn)
        if functions_url and app == MAIN:  # the role is of the whole cluster
            await let_functions_log_in(dsn, password_of_functions(functions_url))
        return applied if app == MAIN else [f"{name} for {app}" for name in applied]
    except WrongRoleError as error:
        raise Unreachable(str(error)) from None
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        raise Unreachable(what_is_wrong(error)) from None


async def check(dsn: str, within_seconds: float, place: str = "DATABASE_URL") -> None:
    """Connect and leave again. Raises Unreachable when that fails, or takes too long.

    `place` is where a person would look for the database: what holds its address, or its data.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=within_seconds)
        await connection.close()
    except TimeoutError:
        words = f"The database in {place} does not answer within {within_seconds} seconds."
        raise Unreachable(words) from None
    except (
        OSError,
        ValueError,
        OverflowError,  # a port beyond 65535
        asyncpg.InterfaceError,
        asyncpg.PostgresError,
    ) as error:
        raise Unreachable(what_is_wrong(error, place)) from None


def what_is_wrong(error: Exception, place: str = "DATABASE_URL") -> str:
    """What an error of asyncpg says about the database in `place`, in one sentence."""
    known = {
        asyncpg.InvalidPasswordError: "refuses this user or password",
        asyncpg.InvalidAuthorizationSpecificationError: "refuses this user, or a connection "
        "of this kind (sslmode)",
        asyncpg.InvalidCatalogNameError: "has no database of this name",
        asyncpg.PostgresError: f"answers with an error: {' '.join(str(error).split())}",
        TimeoutError: "does not answer",
        socket.gaierror: "cannot be reached: its host name is not known",
        ssl.SSLCertVerificationError: "has a certificate that its sslmode does not accept",
        ssl.SSLError: "does not agree on TLS with this machine",
        OSError: "cannot be reached: nothing answers at its host and port",
    }
    if isinstance(error, ConnectionError) and "SSL upgrade" in str(error):
        return f"The database in {place} does not speak TLS, which its sslmode asks for."
    if isinstance(error, FileNotFoundError):
        return "DATABASE_URL names a certificate, key or socket that is not there."
    said = next((known[kind] for kind in type(error).__mro__ if kind in known), None)
    return f"The database in {place} {said}." if said else _what_is_wrong_with_address(error)


# asyncpg's own sentences name the option; they may repeat a value, so only the name is taken.
OPTION = re.compile(
    r"sslmode|sslnegotiation|root certificate|TLS version|target_session_attrs|gsslib"
)


def _what_is_wrong_with_address(error: Exception) -> str:
    if isinstance(error, asyncpg.ClientConfigurationError) and (found := OPTION.search(str(error))):
        modes = "disable, allow, prefer, require, verify-ca or verify-full"
        return {
            "sslmode": f"The sslmode in DATABASE_URL is not one of {modes}.",
            "root certificate": "The root certificate that the sslmode in DATABASE_URL needs is "
            "not there: name its file with sslrootcert.",
        }.get(found[0], f"DATABASE_URL has a wrong {found[0]}.")
    return NO_ADDRESS


if __name__ == "__main__":
    sys.exit(main())
