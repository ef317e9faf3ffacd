"""Node's packages for tests: installed once from a lock file, and kept in build/node."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "client"
KEPT = ROOT / "build" / "node"
# Only a failure takes so long: a busy machine does not.
TIMEOUT_SECONDS = 900
# What a development machine may have in the folders, and a clone has not.
NOT_OURS = shutil.ignore_patterns("node_modules", "build", "dist", "*.tgz", "__pycache__")
_NO_REGISTRY = re.compile(
    r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED)\b"
)


def npm() -> str:
    """The path of npm; without it the test is skipped."""
    found = shutil.which("npm")
    if found is None:
        pytest.skip("npm is not installed: install Node.js 20 or newer")
    return found


def run(*command: str, folder: Path, **environment: str) -> str:
    """Return the output. Fail with what the command says; skip if it misses the registry."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode != 0 and (why := _NO_REGISTRY.search(said)):
        pytest.skip(f"The npm registry does not answer ({why[1]}): {' '.join(command)}")
    assert done.returncode == 0, said
    return done.stdout


def installed(folder: Path) -> Path:
    """Return the node_modules of a folder's package-lock.json: one for all tests and runs."""
    files = [folder / name for name in ("package.json", "package-lock.json")]

    def install(made: Path) -> None:
        for file in files:
            shutil.copy(file, made)
        run(npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=made)

    return _kept(folder.name, files, install) / "node_modules"


def packed() -> Path:
    """Return the file that `npm pack ./client` makes in a clone."""

    def pack(made: Path) -> None:
        shutil.copytree(CLIENT, made / "client", ignore=NOT_OURS)
        run(npm(), "pack", "./client", "--silent", folder=made)

    files = [file for file in sorted(CLIENT.rglob("*")) if file.is_file() and _is_ours(file)]
    (tarball,) = _kept("pack", files, pack).glob("*.tgz")
    return tarball


@contextmanager
def app(folder: Path) -> Iterator[Path]:
    """A copy of an app with its packages and ours, installed as its README says."""
    with TemporaryDirectory(dir=_folder()) as name:
        copy = Path(name) / folder.name
        shutil.copytree(folder, copy, ignore=NOT_OURS)
        # By links: npm adds our package to these, and the kept ones stay as they are.
        modules = installed(folder)
        shutil.copytree(modules, copy / "node_modules", symlinks=True, copy_function=os.link)
        install = ("install", "--no-save", "--offline", "--no-audit", "--no-fund")
        run(npm(), *install, str(packed()), folder=copy)
        yield copy


def _is_ours(file: Path) -> bool:
    return not {"node_modules", "dist", "python", "command"} & set(file.relative_to(CLIENT).parts)


def _kept(name: str, files: list[Path], make: Callable[[Path], None]) -> Path:
    """The folder made of these files. Tests may make it at once: one is kept."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    kept = _folder() / f"{name}-{digest.hexdigest()[:16]}"
    if not kept.exists():
        with TemporaryDirectory(dir=kept.parent) as made:
            make(Path(made))
            try:
                Path(made).rename(kept)
            except OSError:  # another test was quicker
                assert kept.exists()
            Path(made).mkdir(exist_ok=True)  # what is removed now
    return kept


def _folder() -> Path:
    KEPT.mkdir(parents=True, exist_ok=True)
    return KEPT
