"""The role of the functions (sql/roles.sql), and how it logs in."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg

FUNCTIONS = "headcount_functions"


async def let_functions_log_in(dsn: str, password: str) -> str:
    """Give the functions' role this password, as its owner; return the DSN that it logs in with."""
    connection = await asyncpg.connect(dsn)
    try:
        # A utility statement has no parameters: the server itself quotes the password.
        statement: str = await connection.fetchval(
            "select format('alter role %I login password %L', $1::text, $2::text)",
            FUNCTIONS,
            password,
        )
        await connection.execute(statement)
    finally:
        await connection.close()
    return as_functions(dsn, password)


class WrongRoleError(Exception):
    """A URL is not one of the functions' role; the message repeats no part of it."""


def password_of_functions(url: str) -> str:
    """The password in a DATABASE_URL of the functions. Raises WrongRoleError."""
    try:
        place = urlsplit(url)
        if place.username == FUNCTIONS and place.password:
            return unquote(place.password)
    except ValueError:
        pass
    raise WrongRoleError(
        f"FUNCTIONS_DATABASE_URL is not of the form postgresql://{FUNCTIONS}:password@host:port/name."
    )


def as_functions(dsn: str, password: str) -> str:
    """The same database, for the functions' role."""
    place = urlsplit(dsn)
    host = place.netloc.rpartition("@")[2]
    return urlunsplit(place._replace(netloc=f"{FUNCTIONS}:{quote(password, safe='')}@{host}"))
