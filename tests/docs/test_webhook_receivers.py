"""The receivers of the page about webhooks take what is signed, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from bench.support.ports import free_port
from handlers.core.webhook import Event, body_of, headers_of, key_of, secret_of
from tests.docs.markdown import ROOT, blocks
from tests.support.npm import installed, npm
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = ROOT / "docs" / "how-to" / "receive-webhooks.md"
SECRET = secret_of(b"the key of these tests, long enough")
EVENT = Event(
    1, UUID(int=1), "user.online", "ann é", "site", 0, {}, 0, 0, is_again=False, is_behind=False
)


def text_of(language: str) -> str:
    (found,) = [block.text for block in blocks(PAGE) if block.language == language]
    return found


@pytest.fixture(params=["python", "js"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a running receiver."""
    if request.param == "python":
        (tmp_path / "receiver.py").write_text(text_of("python"))
        command = [sys.executable, "receiver.py"]
    else:
        npm()
        (tmp_path / "node_modules").symlink_to(installed(ROOT / "tests/docs/receivers"))
        (tmp_path / "receiver.mjs").write_text(text_of("js"))
        command = ["node", "receiver.mjs"]
    with _running(command, tmp_path) as url:
        yield url


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[str]:
    port = free_port()
    environment = os.environ | {"WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        try:
            wait_until(lambda: _post(f"http://127.0.0.1:{port}/", b"", {}) == 400)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status; 0 without an answer."""
    request = urllib.request.Request(url, body, headers)  # noqa: S310  # on this machine
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_a_receiver_takes_what_is_signed_and_nothing_else(receiver: str) -> None:
    body = body_of(EVENT)
    now = int(time.time())
    right = headers_of(EVENT.event_id, [key_of(SECRET)], body, now)
    rotating = headers_of(EVENT.event_id, [b"another key", key_of(SECRET)], body, now)
    old = headers_of(EVENT.event_id, [key_of(SECRET)], body, now - 3_600)
    forged = headers_of(EVENT.event_id, [b"another key"], body, now)
    assert [_post(receiver, body, headers) for headers in (right, rotating)] == [204, 204]
    assert [_post(receiver, body, headers) for headers in (old, forged)] == [400, 400]
    assert _post(receiver, body + b" ", right) == 400
