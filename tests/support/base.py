"""The release before this one: its code, its schema, and what its code asks the database.

They come from the repository's history, so a shallow clone has none.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Until version 0.1.0 is tagged: where releases without an interruption began. No earlier schema has
# users who could notice.
FIRST = "97bac32ed28d5df5504914f94a616a11a0dfa676"

STATEMENTS = """
import importlib, json, pkgutil
import handlers.core.operations, handlers.services
from handlers.adapters.statements import sql_of
from handlers.core.operation import Statement

for package in (handlers.core.operations, handlers.services):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
print(json.dumps({kind.__name__: sql_of(kind) for kind in Statement.__subclasses__()}))
"""


@dataclass(frozen=True)
class Base:
    """A folder with the code of a release: `handlers/` and `sql/`."""

    tree: Path

    def run(self, *arguments: str) -> str:
        """Run its Python in its folder and return what it prints."""
        command = [sys.executable, *arguments]
        ended = subprocess.run(command, cwd=self.tree, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def migrate(self, dsn: str) -> None:
        """Give a database the schema of this release."""
        self.run("-m", "sql.migrate", dsn)

    def statements(self) -> dict[str, str]:
        """The SQL of each statement of its functions, by name."""
        found: dict[str, str] = json.loads(self.run("-c", STATEMENTS))
        return found

    def words(self) -> str:
        """All SQL that its code may run."""
        files = [*self.tree.glob("sql/functions/**/*.sql"), *self.tree.glob("sql/queries/*.sql")]
        return "\n".join(file.read_text(encoding="utf-8") for file in files)

    def kept_for_its_own_base(self) -> set[str]:
        """Functions that only the release before it calls."""
        return {file.stem for file in self.tree.glob("sql/functions/before/*.sql")}


def commit() -> str | None:
    """The last release before HEAD; None if this clone does not have it."""
    tag = _git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^")
    name = tag.stdout.decode().strip() if tag.returncode == 0 else FIRST
    return None if _git("cat-file", "-e", f"{name}^{{commit}}").returncode else name


def unpacked(name: str, folder: Path) -> Base:
    """The code of a commit, in a folder of its own."""
    archive = _git("archive", name, "handlers", "sql")
    assert archive.returncode == 0, archive.stderr
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return Base(folder)


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)  # noqa: S607
