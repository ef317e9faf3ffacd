"""The examples, run as their READMEs say, against the running system."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import sysconfig
import urllib.request
import uuid
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

from bench.support.ports import free_port
from tests.docs.markdown import ROOT, run_by
from tests.support.browser import Browser, ask, hear
from tests.support.chromium import chromium
from tests.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser as BrowserType
    from playwright.sync_api import Page

    from tests.support.system import Headcount

# Each starts programs beside the running system.
pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples"
# Only a failure takes so long: a busy machine does not.
MAX_INSTALL_SECONDS = 300
WORKER = EXAMPLES / "payout-worker" / "payout.py"


@pytest.fixture(scope="module")
def backend(run: Headcount, checkout: Path) -> Iterator[str]:
    """The address of the FastAPI backend, started as two pages say.

    pip finds there what it would install: no test needs a package index.
    """
    (block,) = run_by("examples/backend-fastapi/README.md", __file__)
    (same,) = run_by("docs/tutorials/embed-the-client.md", __file__)
    assert block.text == same.text
    port = free_port()
    script = block.text
    for documented, here in {
        "python3 -m venv": f"{sys.executable} -m venv",
        "ws://127.0.0.1:8080/live": run.websocket_url,
        "build/backend/bin/uvicorn": "exec build/backend/bin/python -m uvicorn",
        "--port 8000": f"--port {port}",
    }.items():
        assert documented in script
        script = script.replace(documented, here)
    installed = {"PYTHONPATH": sysconfig.get_path("purelib"), "PIP_NO_INDEX": "1"}
    with _running(["bash", "-e", "-c", script], installed, checkout):
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(address), "the backend did not start", MAX_INSTALL_SECONDS)
        yield address


@pytest.fixture
def browser() -> Iterator[BrowserType]:
    """A browser whose contexts are devices. Not kept: its loop would stop those of other tests."""
    executable = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield started
        started.close()


def test_the_page_likes_and_claims_on_two_devices(
    run: Headcount, backend: str, browser: BrowserType
) -> None:
    """Sign in at the backend, act on one device, claim on the other."""
    user_id = f"user-{uuid.uuid4().hex[:8]}"
    laptop, phone = (_signed_in(browser, backend, user_id) for _ in range(2))
    for page in (laptop, phone):
        expect(page.locator("#status")).to_have_text("online")
        expect(page.locator("#resource")).to_have_text("final")
    laptop.click("#like")
    for page in (laptop, phone):
        expect(page.locator("#likes")).to_have_text("1")
    _post(f"{run.base_url}/bonuses", _bonus([user_id]), run.service_token)
    phone.click("#bonuses button")
    for page in (laptop, phone):
        expect(page.locator("#bonuses")).to_have_text(re.compile("5 coins\\s*claimed"))


def test_the_backend_gives_tickets_to_users_who_are_signed_in_only(backend: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        _post(f"{backend}/ticket", {})


async def test_the_worker_pays_each_grant_once(run: Headcount, tmp_path: Path) -> None:
    """Killed on the way, run again, and run from the start again."""
    database = tmp_path / "payments.sqlite"
    async with AsyncExitStack() as stack:
        users = [Browser(run, stack) for _ in range(3)]
        bonus = await users[0].api("POST", "/bonuses", _bonus([one.user_id for one in users]))
        granted = [await _claim(user, bonus["bonus_id"]) for user in users[:2]]
        with _running([sys.executable, str(WORKER), str(database)], _settings(run)):
            wait_until(lambda: set(granted) <= _payments(database), "the worker paid nothing")
        granted.append(await _claim(users[2], bonus["bonus_id"]))
    _pay(database, run)
    paid = _payments(database)
    assert set(granted) <= paid
    for user in users:
        grants = await user.api("GET", f"/grants?user_id={user.user_id}")
        assert [one["state"] for one in grants["items"]] == ["fulfilled"], "the user sees it"
    with sqlite3.connect(database) as payments:
        payments.execute("update cursor set next = null")
    payments.close()
    _pay(database, run)
    assert _payments(database) == paid


def _signed_in(browser: BrowserType, backend: str, user_id: str) -> Page:
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1_000)
    page.goto(backend)
    page.fill("#name", user_id)
    page.click("#sign-in button")
    return page


async def _claim(user: Browser, bonus_id: str) -> tuple[str, str]:
    tab = await user.tab()
    answer = await ask(tab, {"action": "claim", "id": "claim", "bonus_id": bonus_id})
    while answer["type"] != "claim":
        answer = await hear(tab)
    assert answer["outcome"] == "claimed"
    return bonus_id, user.user_id


def _bonus(user_ids: list[str]) -> dict[str, Any]:
    audience = {"kind": "users", "user_ids": user_ids}
    return {"reward": {"text": "5 coins"}, "audience": audience, "window_seconds": 600}


def _settings(run: Headcount) -> dict[str, str]:
    return {"HEADCOUNT_URL": run.base_url, "HEADCOUNT_TOKEN": run.service_token}


def _pay(database: Path, run: Headcount) -> None:
    command = [sys.executable, str(WORKER), "--once", str(database)]
    subprocess.run(command, env=os.environ | _settings(run), check=True)


def _payments(database: Path) -> set[tuple[str, str]]:
    """The grants that were paid; their key makes each a row of its own."""
    payments = sqlite3.connect(database)
    try:
        return set(payments.execute("select bonus_id, user_id from payments"))
    except sqlite3.OperationalError:  # the worker has not made its tables yet
        return set()
    finally:
        payments.close()


@contextmanager
def _running(command: list[str], settings: dict[str, str], folder: Path = ROOT) -> Iterator[None]:
    """A process that is killed at the end, at whatever it is."""
    process = subprocess.Popen(command, env=os.environ | settings, cwd=folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address).close()  # noqa: S310  # ours
    except OSError:
        return False
    return True


def _post(url: str, body: object, token: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310  # ours
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.load(answer)
