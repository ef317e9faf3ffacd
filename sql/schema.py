"""The schema that this code needs: the files of this folder, their order, and their version."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROLES = "roles.sql"
# A migration that begins with this line runs statement by statement.
OUTSIDE = "-- Outside a transaction."


class Version(NamedTuple):
    """What a database has after `sql.migrate`, in its table `migrations`."""

    migrations: int
    digest: str
    """Of all files: functions may differ where migrations do not. It stands beside `roles.sql`."""


def files() -> dict[str, str]:
    """Name and text of each migration, and then of each function, in the order in which they run.

    `roles.sql` is not among them: it depends on all others, and runs last.
    """
    return {
        path.relative_to(HERE).as_posix(): path.read_text(encoding="utf-8")
        for folder in ("migrations", "functions")
        for path in sorted((HERE / folder).rglob("*.sql"))
    }


def roles() -> str:
    """The text of `roles.sql`."""
    return (HERE / ROLES).read_text(encoding="utf-8")


def version() -> Version:
    """The version of the files here."""
    texts = files()
    return Version(sum(map(is_migration, texts)), digest_of(roles(), "".join(texts.values())))


def digest_of(text: str, depends_on: str = "") -> str:
    """What the table `migrations` keeps of a file, and of what it depends on."""
    return hashlib.sha256((text + depends_on).encode()).hexdigest()


def is_migration(name: str) -> bool:
    """Whether a file runs once; a function runs whenever it has changed."""
    return name.startswith("migrations/")


def groups(texts: dict[str, str]) -> list[list[str]]:
    """Names of files that run together, in one transaction or as one file outside of any.

    One transaction for all that can be in one: between two, functions would be missing that the
    first has set aside. Then what runs outside, which builds and drops indexes: no file needs them.
    """
    outside = [name for name in texts if is_migration(name) and runs_outside(texts[name])]
    inside = [name for name in texts if name not in (*outside, ROLES)]
    return [[*inside, ROLES], *([name] for name in outside)]


def runs_outside(text: str) -> bool:
    """Whether a migration runs statement by statement, each in a transaction of its own."""
    return text.startswith(OUTSIDE)
