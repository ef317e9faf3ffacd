"""Chromium as a user has it: tabs that hide each other, are frozen, and are stored to go back to.

Playwright makes each page believe that it is in front, so this speaks Chromium's own protocol:
https://chromedevtools.github.io/devtools-protocol (2026-11-29).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.chromium import ARGUMENTS
from tests.support.waiting import PATIENCE_SECONDS, until, until_answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@dataclass
class Window:
    """Its tabs are targets, each with a session."""

    socket: ClientConnection
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def tell(self, method: str, session: str | None = None, **parameters: object) -> int:
        """Send a command without waiting for its answer, which has the returned number."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        await self.socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        return number

    async def ask(self, method: str, session: str | None = None, **parameters: object) -> Any:
        async with asyncio.timeout(PATIENCE_SECONDS):
            number = await self.tell(method, session, **parameters)
            while True:  # events come in between
                answer = json.loads(await self.socket.recv())
                if answer.get("id") == number:
                    assert "error" not in answer, f"{method}: {answer}"
                    return answer["result"]

    async def tab(self, url: str, *, is_behind: bool = False) -> WindowTab:
        """Open a tab, in front or, as by a click with the middle button, behind the others."""
        made = await self.ask("Target.createTarget", url=url, background=is_behind)
        target = made["targetId"]
        attached = await self.ask("Target.attachToTarget", targetId=target, flatten=True)
        tab = WindowTab(self, target, attached["sessionId"])
        await self.ask("Page.enable", tab.session)
        return tab


@dataclass(frozen=True)
class WindowTab:
    window: Window
    target: str
    session: str

    async def comes_to_the_front(self) -> None:
        await self.window.ask("Target.activateTarget", targetId=self.target)

    async def is_hidden(self) -> bool:
        return bool(await self.runs("document.visibilityState") == "hidden")

    async def falls_asleep(self) -> None:
        """It runs nothing. Chromium does so with hidden pages only."""
        await self.window.ask("Page.setWebLifecycleState", self.session, state="frozen")

    async def wakes_up(self) -> None:
        await self.window.ask("Page.setWebLifecycleState", self.session, state="active")

    async def closes(self) -> None:
        await self.window.ask("Target.closeTarget", targetId=self.target)

    async def crashes(self) -> None:
        """Its process dies, and does not answer any more."""
        await self.window.tell("Page.crash", self.session)

    async def goes_to(self, url: str) -> None:
        await self.window.ask("Page.navigate", self.session, url=url)
        await self._is_at(url)

    async def goes_back(self) -> None:
        history = await self.window.ask("Page.getNavigationHistory", self.session)
        entry = history["entries"][history["currentIndex"] - 1]
        await self.window.ask("Page.navigateToHistoryEntry", self.session, entryId=entry["id"])
        await self._is_at(entry["url"])

    async def runs(self, script: str) -> Any:
        """The value of an expression, as if the user had clicked."""
        answer = await self.window.ask(
            *("Runtime.evaluate", self.session),
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def _is_at(self, url: str) -> None:
        """What stands behind the "#" is the page's: it may take it away."""

        async def is_there() -> bool:
            shown: str = await self.runs("location.href")
            return shown.partition("#")[0] == url.partition("#")[0]

        await until_answered(is_there)


@asynccontextmanager
async def opened(executable: str, folder: Path) -> AsyncIterator[Window]:
    process = await asyncio.create_subprocess_exec(
        *(executable, *ARGUMENTS, "--headless=new", "--remote-debugging-port=0"),
        *(f"--user-data-dir={folder}", "about:blank"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    said = folder / "DevToolsActivePort"
    try:
        await until(lambda: said.exists() and len(said.read_text().splitlines()) > 1)
        port, path = said.read_text().splitlines()
        async with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None) as socket:
            yield Window(socket)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
