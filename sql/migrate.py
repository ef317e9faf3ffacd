"""Bring a database up to date: `python -m sql.migrate [DATABASE_URL]`.

Files of `sql/migrations/` run once, in order of name, each in its own transaction; a file that has
run must not change. Files of `sql/functions/` (`create or replace`) run again whenever their text
changes, so their history reads as a diff. Safe to run twice and at once: an advisory lock lets one
in at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
from pathlib import Path

import asyncpg

HERE = Path(__file__).parent
# Any number will do; it must only be the same in every version of this file.
LOCK = 4_832_601


class MigrationError(Exception):
    """What happened, in which file, and what to do."""


async def migrate(dsn: str) -> list[str]:
    """Apply what is missing and return the names of the files applied, in order.

    Raises MigrationError for a file that fails or has changed since it ran, and what
    asyncpg.connect raises when the database cannot be reached. `dsn` must lead to PostgreSQL itself
    or to a session pooler: the lock belongs to the session.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        await connection.execute(
            "create table if not exists migrations ("
            "name text primary key, digest text not null, applied_at timestamptz not null)"
        )
        applied: dict[str, str] = dict(
            await connection.fetch("select name, digest from migrations")
        )
        return [name for name in _files() if await _apply(connection, name, applied.get(name))]
    finally:
        await connection.close()


def _files() -> list[str]:
    return [
        f"{folder}/{path.name}"
        for folder in ("migrations", "functions")
        for path in sorted((HERE / folder).glob("*.sql"))
    ]


async def _apply(connection: asyncpg.Connection, name: str, applied: str | None) -> bool:
    text = (HERE / name).read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    if digest == applied:
        return False
    if applied and name.startswith("migrations/"):
        raise MigrationError(
            f"sql/{name} has changed since it ran on this database; undo that and add a new file"
        )
    try:
        async with connection.transaction():
            await connection.execute(text)
            await connection.execute(
                "insert into migrations values ($1, $2, clock_timestamp())"
                " on conflict (name) do update set digest = $2, applied_at = clock_timestamp()",
                name,
                digest,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(f"sql/{name} failed: {error}") from error
    return True


def main() -> int:
    """Exit code 0 when the database is up to date, 2 when it cannot be brought there."""
    parser = argparse.ArgumentParser(prog="python -m sql.migrate", description=__doc__)
    parser.add_argument("database_url", nargs="?", default=os.environ.get("DATABASE_URL"))
    dsn = parser.parse_args().database_url
    if not dsn:
        parser.error("give a DATABASE_URL, as an argument or in the environment")
    try:
        applied = asyncio.run(migrate(dsn))
    except (MigrationError, OSError, ValueError, asyncpg.PostgresError) as error:
        print(f"migrate: {error}", file=sys.stderr)
        return 2
    print("\n".join(f"applied sql/{name}" for name in applied) or "up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
