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

from tests.support.waiting import until, until_answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path


@dataclass
class Chromium:
    """A window. Its tabs are targets, each with a session."""

    socket: ClientConnection
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def ask(self, method: str, session: str | None = None, **parameters: object) -> Any:
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        await self.socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:  # events come in between
            answer = json.loads(await self.socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer}"
                return answer["result"]

    async def tab(self, url: str, *, is_behind: bool = False) -> RealTab:
        """Open a tab, in front or, as by a click with the middle button, behind the others."""
        made = await self.ask("Target.createTarget", url=url, background=is_behind)
        target = made["targetId"]
        attached = await self.ask("Target.attachToTarget", targetId=target, flatten=True)
        tab = RealTab(self, target, attached["sessionId"])
        await self.ask("Page.enable", tab.session)
        return tab


@dataclass(frozen=True)
class RealTab:
    chromium: Chromium
    target: str
    session: str

    async def comes_to_the_front(self) -> None:
        await self.chromium.ask("Target.activateTarget", targetId=self.target)

    async def is_frozen(self, frozen: bool) -> None:
        """As on a phone that sleeps: it is hidden first, and runs nothing then."""
        state = "frozen" if frozen else "active"
        await self.chromium.ask("Page.setWebLifecycleState", self.session, state=state)

    async def goes_to(self, url: str) -> None:
        await self.chromium.ask("Page.navigate", self.session, url=url)
        await self._is_at(url)

    async def goes_back(self) -> None:
        history = await self.chromium.ask("Page.getNavigationHistory", self.session)
        entry = history["entries"][history["currentIndex"] - 1]
        await self.chromium.ask("Page.navigateToHistoryEntry", self.session, entryId=entry["id"])
        await self._is_at(entry["url"])

    async def runs(self, script: str) -> Any:
        """The value of an expression, as if the user had clicked."""
        answer = await self.chromium.ask(
            *("Runtime.evaluate", self.session),
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def _is_at(self, url: str) -> None:
        async def is_there() -> bool:
            shown: str = await self.runs("location.href")
            return shown == url

        await until_answered(is_there)


@asynccontextmanager
async def chromium(
    executable: str, arguments: Sequence[str], folder: Path
) -> AsyncIterator[Chromium]:
    process = await asyncio.create_subprocess_exec(
        *(executable, *arguments, "--headless=new", "--remote-debugging-port=0"),
        *(f"--user-data-dir={folder}", "about:blank"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    said = folder / "DevToolsActivePort"
    try:
        await until(lambda: said.exists() and len(said.read_text().splitlines()) > 1)
        port, path = said.read_text().splitlines()
        async with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None) as socket:
            yield Chromium(socket)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
