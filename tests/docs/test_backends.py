"""The backends that sign tickets: each is started, and a ticket of it is accepted."""

from __future__ import annotations

import http.cookiejar
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.parse
import urllib.request
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bench.support.ports import free_port
from tests.docs.markdown import ROOT, run_by
from tests.support import npm
from tests.support.browser import Browser, hello
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.docs.markdown import Block
    from tests.support.system import Headcount

# They start programs beside the running system.
pytestmark = pytest.mark.slow

# Only a failure takes so long: a busy machine does not.
MAX_INSTALL_SECONDS = 300


class Page:
    """A browser's cookies, and what its page asks."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._cookies = http.cookiejar.CookieJar()
        jar = urllib.request.HTTPCookieProcessor(self._cookies)
        self._opener = urllib.request.build_opener(jar)

    def cookie(self, name: str) -> str:
        return next(str(one.value) for one in self._cookies if one.name == name)

    def ask(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> tuple[int, bytes]:
        request = urllib.request.Request(self._address + path, body, dict(headers))  # noqa: S310
        try:
            with self._opener.open(request) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


async def test_a_ticket_of_django_is_accepted(run: Headcount, checkout: Path) -> None:
    """With the token that Django asks of each POST."""
    installed = {"PYTHONPATH": sysconfig.get_path("purelib"), "PIP_NO_INDEX": "1"}
    replaced = {
        "python3 -m venv": f"{sys.executable} -m venv",
        "build/django/bin/python": "exec build/django/bin/python",
    }
    blocks = run_by("examples/backend-django/README.md", __file__)
    with _started(blocks, checkout, run, replaced, installed) as page:
        assert page.ask("/")[1] == b"sign in first"
        csrf = {"X-CSRFToken": page.cookie("csrftoken")}
        assert page.ask("/ticket", b"")[0] == 403
        assert page.ask("/ticket", b"", csrf)[0] == 401
        assert page.ask("/sign-in", b"", csrf)[0] == 400
        name = urllib.parse.urlencode({"user_id": "django-ann"}).encode()
        assert page.ask("/sign-in", name, csrf)[0] == 204
        await _connects(run, "django-ann", page.ask("/ticket", b"", csrf))


async def test_a_ticket_of_express_is_accepted(run: Headcount, checkout: Path) -> None:
    example = checkout / "backend-express"
    shutil.copytree(ROOT / "examples" / "backend-express", example)
    (example / "node_modules").symlink_to(npm.installed(example))
    replaced = {
        "npm ci --prefix examples/backend-express\n": "",
        "node examples/backend-express": f"exec node {example}",
    }
    blocks = run_by("examples/backend-express/README.md", __file__)
    with _started(blocks, checkout, run, replaced, {}) as page:
        as_json = {"Content-Type": "application/json"}
        assert page.ask("/ticket", b"", as_json)[0] == 401
        assert page.ask("/sign-in", b"{}", as_json)[0] == 400
        assert page.ask("/sign-in", b'{"user_id": "express-ann"}', as_json)[0] == 204
        await _connects(run, "express-ann", page.ask("/ticket", b"", as_json))


async def _connects(run: Headcount, user_id: str, answer: tuple[int, bytes]) -> None:
    status, body = answer
    assert status == 200
    ticket: dict[str, Any] = json.loads(body)
    async with AsyncExitStack() as stack:
        tab = await Browser(run, stack).tab(f"{ticket['url']}?ticket={ticket['ticket']}")
        welcome = await hello(tab)
    assert (welcome["user_id"], welcome["resource"]) == (user_id, "final")


@contextmanager
def _started(
    blocks: list[Block],
    folder: Path,
    run: Headcount,
    replaced: Mapping[str, str],
    more: Mapping[str, str],
) -> Iterator[Page]:
    """As the README says, on a free port."""
    (block,) = blocks
    port = free_port()
    script = block.text
    for documented, here in {
        "ws://127.0.0.1:8080/live": run.websocket_url,
        ":8000": f":{port}",
        **replaced,
    }.items():
        assert documented in script or documented == ":8000"
        script = script.replace(documented, here)
    process = subprocess.Popen(
        ["bash", "-e", "-c", script],  # noqa: S607
        cwd=folder,
        env=os.environ | {"PORT": str(port)} | dict(more),
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(
            lambda: _answers(address, process), "the backend did not start", MAX_INSTALL_SECONDS
        )
        yield Page(address)
    finally:
        process.kill()
        process.wait()


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        Page(address).ask("/")
    except OSError:
        return False
    return True
