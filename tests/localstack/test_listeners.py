"""What `make run` listens on, and who can read its files: compared with the page "Security"."""

from __future__ import annotations

import re
import stat
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support.listeners import listeners
from tests.support.processes import descendants
from tests.support.system import ROOT, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.system import Headcount

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


def rows() -> set[str]:
    """The first column of the table of ports."""
    text = (ROOT / "docs" / "explanation" / "security.md").read_text()
    section = text.partition("## On your machine\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| (\w+), ", section, flags=re.MULTILINE))


def test_nothing_listens_that_the_page_does_not_name(headcount: Headcount) -> None:
    found = listeners({headcount.pid, *descendants(headcount.pid)})
    gateway = urlsplit(headcount.base_url).netloc
    database = urlsplit(headcount.database_url)
    postgres = f"{database.hostname}:{database.port}"
    [queues] = found - {gateway, postgres}
    assert found == {gateway, postgres, queues}
    assert queues.startswith("127.0.0.1:")
    assert rows() == {"gateway", "queues", "PostgreSQL"}


def test_other_accounts_can_read_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o755)  # made by somebody else, open to all
    with running(folder):
        for name in ("service-token", "ticket-secret", "run.json", "postgres/password"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
        assert stat.S_IMODE((folder / "postgres" / "data").stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "postgres" / "log").stat().st_mode) == 0o600
