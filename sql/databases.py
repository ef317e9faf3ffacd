"""The databases of apps, in the cluster of the one that DATABASE_URL names."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import asyncpg

from sql.apply import MigrationError

MAX_NAME_BYTES = 63
"""PostgreSQL cuts longer names, and so would make one database for two apps."""

# A copy of template0, which no session uses, with the letters of the database that we are in.
CREATE = """
select format('create database %I template template0 encoding %L lc_collate %L lc_ctype %L',
              $1::text, pg_encoding_to_char(encoding), datcollate, datctype)
  from pg_database where datname = current_database()
"""


async def make_database(dsn: str, of_app: str) -> None:
    """Make the database that `of_app` names, unless it is there; `dsn` is another of its cluster.

    Raises MigrationError, or what asyncpg raises.
    """
    name = unquote(urlsplit(of_app).path.removeprefix("/"))
    if len(name.encode()) > MAX_NAME_BYTES:
        raise MigrationError(f"the name {name} is longer than {MAX_NAME_BYTES} bytes")
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("select true from pg_database where datname = $1", name):
            return
        statement = await connection.fetchval(CREATE, name)
        await connection.execute("set statement_timeout = 0")
        await connection.execute(statement)
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass  # another run has just made it
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            f"this role may not make the database {name}: let a role that may make it, with this "
            "one as its owner, and run this again"
        ) from error
    finally:
        await connection.close()
