"""A checkout whose `make run` is running: what a reader of the documentation has."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.markdown import ROOT
from tests.docs.shell import Shell
from tests.support.system import Headcount, running

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_OURS = {".git", ".headcount", ".venv", "build"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's files by links, the virtual environment, and a `.headcount` of its own."""
    folder = tmp_path_factory.mktemp("checkout")
    for entry in ROOT.iterdir():
        if entry.name not in NOT_OURS:
            (folder / entry.name).symlink_to(entry)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    (folder / ".headcount").mkdir()
    return folder


@pytest.fixture(scope="module")
def run(checkout: Path) -> Iterator[Headcount]:
    """The system that `make run` starts in the checkout."""
    with running(checkout / ".headcount") as system:
        yield system


@pytest.fixture
def shell(checkout: Path, run: Headcount) -> Iterator[Shell]:
    """A shell in the checkout; the addresses of the pages are those of the running system."""
    host = run.base_url.removeprefix("http://")
    shell = Shell(checkout, {"127.0.0.1:8080": host})
    yield shell
    shell.close()
