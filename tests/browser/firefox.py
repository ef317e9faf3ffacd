"""Debian's Firefox, by WebDriver BiDi: https://www.w3.org/TR/webdriver-bidi (2026-11-30)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.waiting import PATIENCE_SECONDS, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

NAMES = ("firefox-esr", "firefox")


@dataclass
class Firefox:
    """Its tabs are browsing contexts."""

    socket: ClientConnection
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def ask(self, method: str, **parameters: object) -> Any:
        number = next(self.numbers)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.socket.send(
                json.dumps({"id": number, "method": method, "params": parameters})
            )
            while True:  # events come in between
                answer = json.loads(await self.socket.recv())
                if answer.get("id") == number:
                    assert answer["type"] == "success", f"{method}: {answer}"
                    return answer["result"]

    async def tab(self, url: str) -> FirefoxTab:
        context = (await self.ask("browsingContext.create", type="tab"))["context"]
        await self.ask("browsingContext.navigate", context=context, url=url, wait="complete")
        return FirefoxTab(self, context)


@dataclass(frozen=True)
class FirefoxTab:
    firefox: Firefox
    context: str

    async def runs(self, script: str) -> Any:
        """What an expression gives, by way of JSON."""
        answer = await self.firefox.ask(
            "script.evaluate",
            expression=f"Promise.resolve({script}).then((it) => JSON.stringify(it ?? null))",
            target={"context": self.context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    async def closes(self) -> None:
        await self.firefox.ask("browsingContext.close", context=self.context)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Firefox]:
    """Start it with a profile of its own; without one on PATH the test is skipped."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip(f"No Firefox on PATH: `apt install {NAMES[0]}` brings one.")
    process = await asyncio.create_subprocess_exec(
        *(executable, "--headless", "--no-remote", "--remote-debugging-port=0"),
        *("--profile", str(folder), "about:blank"),
        env={"HOME": str(folder), "MOZ_REMOTE_SETTINGS_DEVTOOLS": "1"},
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    told = folder / "WebDriverBiDiServer.json"
    try:
        await until(lambda: told.exists() and bool(told.read_text().strip()))
        port = json.loads(told.read_text())["ws_port"]
        url = f"ws://127.0.0.1:{port}/session"
        async with connect(url, max_size=None, proxy=None) as socket:
            firefox = Firefox(socket)
            await firefox.ask("session.new", capabilities={})
            yield firefox
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
