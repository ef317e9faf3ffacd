"""What `make run` listens on, shows and writes, as the page "Security" says."""

from __future__ import annotations

import json
import re
import stat
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.support.listeners import listeners
from tests.support.processes import descendants
from tests.support.system import ROOT, running
from tests.support.waiting import PATIENCE_SECONDS

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


def test_the_console_shows_neither_tokens_nor_tickets(headcount: Headcount) -> None:
    token = headcount.service_token
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    asked = Request(f"{headcount.base_url}/tickets", b'{"user_id": "masked"}', headers)  # noqa: S310
    ticket = json.loads(text(asked))["ticket"]
    looked = text(Request(f"{headcount.base_url}/_wsgate/look"))  # noqa: S310
    [shown] = [each for each in json.loads(looked)["events"] if "masked" in (each["event"] or "")]
    assert json.loads(shown["event"])["headers"]["authorization"] == "Bearer ***"
    assert json.loads(json.loads(shown["answer"])["body"])["ticket"] == "***"
    assert token not in looked
    assert ticket not in looked


def text(request: Request) -> str:
    with urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
        content: bytes = answer.read()
    return content.decode()


def test_other_accounts_can_read_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o755)  # made by somebody else, open to all
    with running(folder):
        for name in ("service-token", "ticket-secret", "run.json", "postgres/password"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
        assert stat.S_IMODE((folder / "postgres" / "data").stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "postgres" / "log").stat().st_mode) == 0o600
