"""The packed client in strangers' pages, on another origin than the system and their backend."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.request
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from playwright.async_api import expect

from bench.support.ports import free_port
from tests.browser.site import serving
from tests.docs.markdown import run_by
from tests.support.npm import ROOT, app, npm, run
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import BrowserContext, Page, WebSocket

    from tests.browser.tabs import Device
    from tests.support.system import Headcount

# npm, Vite and the TypeScript compiler.
pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples"
PAGES = Path(__file__).parent / "pages"
RENDERS = Path(__file__).parent / "render.mjs"
MINIFIED = "node_modules/headcount-client/dist/headcount.min.js"


@dataclass(frozen=True)
class Site:
    """A web site: its page's origin, its backend's, and the React app's folder."""

    origin: str
    backend: str
    app: Path

    def page(self, name: str, user_id: str) -> str:
        return f"{self.origin}/{name}?{urlencode({'backend': self.backend, 'user': user_id})}"


@pytest.fixture(scope="module")
def site(headcount: Headcount) -> Iterator[Site]:
    """Install the packed client in examples/react, check and build that, serve it."""
    backend, port = f"http://127.0.0.1:{free_port()}", free_port()
    origin = f"http://127.0.0.1:{port}"
    with app(EXAMPLES / "react") as folder, _node_backend(headcount, backend, origin):
        run(npm(), "run", "build", folder=folder, VITE_BACKEND=backend)
        # With React's development build, which mounts all twice.
        vite = ("exec", "--offline", "--", "vite", "build", "--mode", "development")
        twice = ("--outDir", "dist/twice", "--base", "/twice/", "--emptyOutDir", "false")
        run(npm(), *vite, *twice, folder=folder, VITE_BACKEND=backend, NODE_ENV="development")
        shutil.copytree(PAGES, folder / "dist", dirs_exist_ok=True)
        shutil.copy(folder / MINIFIED, folder / "dist")
        with serving(folder / "dist", port, _headers(headcount, backend)) as served:
            yield Site(served, backend, folder)


@pytest.mark.parametrize("path", ["/", "/twice/"])
async def test_a_react_app_likes_and_claims_over_one_connection(
    headcount: Headcount, site: Site, device: Device, path: str
) -> None:
    """In React's development build, too, whose Strict Mode mounts twice."""
    user_id = f"user-{uuid.uuid4().hex[:8]}"
    page = await (await device()).new_page()
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108  # it marks what it is given
    await page.goto(site.origin + path)
    await page.fill("[name=name]", user_id)
    await page.click("button")
    await expect(page.locator("#status")).to_have_text("online")
    await page.click("#like")
    await expect(page.locator("#likes")).to_have_text("1")
    _drop_bonus(headcount, user_id)
    await page.click("#bonuses button")
    await expect(page.locator("#bonuses")).to_have_text(re.compile("5 coins\\s*claimed"))
    await expect(page.locator("#audience")).to_have_text(re.compile(r"^\d+ watching$"))
    assert len(sockets) == 1


async def test_a_plain_page_claims_under_a_content_security_policy(
    headcount: Headcount, site: Site, device: Device
) -> None:
    page, user_id = await _opened(site, await device(), "plain.html")
    await expect(page.locator("#status")).to_have_text("online")
    _drop_bonus(headcount, user_id)
    await expect(page.locator("#outcome")).to_have_text("claimed")


async def test_a_sandboxed_frame_claims_with_tickets_from_the_page_around_it(
    headcount: Headcount, site: Site, device: Device
) -> None:
    page, user_id = await _opened(site, await device(), "around.html")
    frame = page.frame_locator("iframe")
    await expect(frame.locator("#storage")).to_have_text("denied")
    await expect(frame.locator("#status")).to_have_text("online")
    _drop_bonus(headcount, user_id)
    await expect(frame.locator("#outcome")).to_have_text("claimed")


async def test_a_server_renders_the_app(site: Site) -> None:
    """Without a client: the first render says that it connects."""
    shutil.copy(RENDERS, site.app)
    assert run("node", RENDERS.name, folder=site.app) == "<p>connecting 0</p>\n"


async def _opened(site: Site, context: BrowserContext, name: str) -> tuple[Page, str]:
    user_id = f"user-{uuid.uuid4().hex[:8]}"
    page = await context.new_page()
    await page.goto(site.page(name, user_id))
    return page, user_id


def _headers(headcount: Headcount, backend: str) -> dict[str, str]:
    """What client/README.md asks for: a policy, and CORS for frames without an origin."""
    socket = re.match(r"wss?://[^/]+", headcount.websocket_url)
    assert socket is not None
    policy = f"default-src 'none'; script-src 'self'; connect-src {backend} {socket[0]}"
    return {
        "Content-Security-Policy": f"{policy}; frame-src 'self'; img-src data:",
        "Access-Control-Allow-Origin": "*",
    }


@contextmanager
def _node_backend(headcount: Headcount, address: str, page_origin: str) -> Iterator[None]:
    """Started as its README says, with the addresses of this test."""
    (block,) = run_by("examples/backend-node/README.md", __file__)
    script = block.text
    for documented, here in {
        "http://127.0.0.1:8080": headcount.base_url,
        "$(cat .headcount/service-token)": headcount.service_token,
        "http://127.0.0.1:5173": page_origin,
        "node examples": "exec node examples",
    }.items():
        assert documented in script
        script = script.replace(documented, here)
    port = {"PORT": address.rpartition(":")[2]}
    process = subprocess.Popen(
        ["bash", "-e", "-c", script],  # noqa: S607
        cwd=ROOT,
        env=os.environ | port,
    )
    try:
        wait_until(lambda: _status(f"{address}/ticket") is not None, "the backend did not start")
        # The first ticket starts a function, for which a backend need not wait.
        _ask(headcount, "/tickets", {"user_id": "first"})
        yield
    finally:
        process.kill()
        process.wait()


def _status(url: str, body: bytes = b"{}") -> int | None:
    """The status of the answer to a POST; None without one."""
    try:
        with urllib.request.urlopen(url, body) as answer:  # noqa: S310  # ours
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def _drop_bonus(headcount: Headcount, user_id: str) -> None:
    audience = {"kind": "users", "user_ids": [user_id]}
    bonus = {"reward": {"text": "5 coins"}, "audience": audience, "window_seconds": 600}
    _ask(headcount, "/bonuses", bonus)


def _ask(headcount: Headcount, path: str, body: object) -> None:
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {headcount.service_token}",
    }
    url = headcount.base_url + path
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310  # ours
    urllib.request.urlopen(request).close()  # noqa: S310
