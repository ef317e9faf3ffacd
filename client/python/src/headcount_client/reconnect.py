"""Keeps one welcomed line: connects, waits as the schedule says, and replaces it in time."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from websockets.exceptions import InvalidHandshake, InvalidURI

from headcount_client.errors import TicketRefused
from headcount_client.line import COMES_BACK, LEFT, PING_EVERY, Line, LineClosed, Socket
from headcount_client.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

log = logging.getLogger("headcount_client")

# In seconds.
OPEN_WITHIN = 30.0
ROTATE_WITHIN = 115 * 60.0
REPLACED = 0
# A limit below a second is a mistake, and following it would overload the server.
MIN_LIMIT_MS = 1_000


@dataclass(frozen=True)
class Status:
    """`status` is connecting, online, offline or stopped. `retry_in`: offline only, in seconds."""

    status: str
    reason: str = ""
    retry_in: float | None = None


@dataclass(frozen=True)
class Owner:
    """What a Reconnector tells, and to which functions.

    `say_hello`: there is a line that waits for its welcome. `received`: a message on a line.
    `lost`: there is no line. `changed`: the status. `refused`: there will be no line, and why.
    """

    say_hello: Callable[[], None]
    received: Callable[[Line, dict[str, Any]], None]
    lost: Callable[[], None]
    changed: Callable[[Status], None]
    refused: Callable[[str], None]


class Reconnector:
    """Opens a line before it ends the one that it replaces."""

    def __init__(
        self,
        owner: Owner,
        ticket: Callable[[], Awaitable[Mapping[str, Any]]],
        connect: Callable[[str], Awaitable[Socket]],
        random: Callable[[], float],
    ) -> None:
        self._owner = owner
        self._ticket = ticket
        self._connect = connect
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._schedule = Schedule(random)
        # In use, or the first one.
        self._line: Line | None = None
        # Opened beside it, to replace it.
        self._fresh: Line | None = None
        self._welcomed: Line | None = None
        # The close code of lines that are still open when this ends, or waits.
        self._farewell = LEFT
        self._welcomed_at = 0.0
        self._stays: dict[Line, asyncio.Task[LineClosed]] = {}
        self._rotating: asyncio.TimerHandle | None = None
        self._replacing: asyncio.Task[None] | None = None
        self._closed_for = 0.0

    def send(self, message: dict[str, Any]) -> None:
        """Send over the line in use, if there is one."""
        if self._line:
            self._line.send(message)

    def send_hello(self, hello: dict[str, Any]) -> None:
        """Send over the line that waits for its welcome, if there is one, or that in use."""
        if line := self._fresh or self._line:
            line.send(hello)

    def ask(self) -> None:
        """Ask over the line in use, if there is one."""
        if self._line:
            self._line.ask()

    def dismissed(self, line: Line, seconds: float, reason: str) -> None:
        """The server ends this line, and told when to come again."""
        self._closed_for = seconds
        line.end(LEFT, reason)

    def welcomed(self, line: Line, welcome: Mapping[str, Any]) -> bool:
        """Use a line that was welcomed, and end the one before it. Returns whether it is new."""
        self._schedule.tell(_limit(welcome.get("reconnect_within_ms")))
        line.ping_every(_limit(welcome.get("ping_every_ms")) or PING_EVERY)
        if line is self._welcomed:
            return False
        self._welcomed, self._welcomed_at = line, self._loop.time()
        before, self._line, self._fresh = self._line, line, None
        if self._replacing:
            self._replacing.cancel()
            self._replacing = None
        if before and before is not line:
            before.end(REPLACED, "")
        self._rotate_after(_limit(welcome.get("rotate_within_ms")) or ROTATE_WITHIN)
        return True

    async def run(self) -> None:
        """Connect, stay until the line ends, wait, again."""
        reason = ""
        while True:
            self._owner.changed(Status("connecting", reason))
            self._welcomed = None
            self._closed_for = 0.0
            try:
                opened = await self._open()
            except TicketRefused as refused:
                return self._owner.refused(str(refused) or "the ticket was refused")
            end = await self._use(opened) if isinstance(opened, Line) else opened
            self._owner.lost()
            if self._welcomed:
                self._schedule.lost(self._loop.time() - self._welcomed_at)
            wait = self._schedule.pause(is_own=end.code == LEFT)
            wait = max(wait, self._closed_for and self._closed_for + 0.5 * self._random())
            reason = str(end)
            self._owner.changed(Status("offline", reason, wait))
            await asyncio.sleep(wait)

    async def _open(self) -> Line | LineClosed:
        """Get a ticket and open a line with it. Raises TicketRefused."""
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                ticket = _checked(await self._ticket())
                socket = await self._connect(f"{ticket[0]}?ticket={quote(ticket[1], safe='')}")
        except (TicketRefused, asyncio.CancelledError):
            raise
        except (InvalidHandshake, InvalidURI, OSError, TimeoutError) as error:
            return LineClosed(1006, str(error) or "the server did not answer")
        except Exception as error:  # the caller's ticket function: its faults are not ours
            log.warning("no ticket: %s", error)
            return LineClosed(1006, str(error) or repr(error))
        line = Line(socket, lambda message: self._received(line, message))
        return line

    def _received(self, line: Line, message: dict[str, Any]) -> None:
        if line in (self._line, self._fresh):  # otherwise it was replaced
            self._owner.received(line, message)

    async def _use(self, line: Line) -> LineClosed:
        """Stay on a line, and on those that replace it in time. Return how the last one ended."""
        self._line = line
        self._farewell = LEFT
        self._stays = {line: self._loop.create_task(self._stay(line))}
        self._owner.say_hello()
        try:
            while True:
                end = await self._stays[self._line]
                if end.code != REPLACED:
                    self._farewell = COMES_BACK
                    return end
        finally:
            self._line = self._fresh = None
            if self._rotating:
                self._rotating.cancel()
            tasks = [*self._stays.values(), *([self._replacing] if self._replacing else [])]
            self._replacing = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _stay(self, line: Line) -> LineClosed:
        """Send and receive until the line ends, and close it. Return how it ended."""
        late = self._loop.call_later(OPEN_WITHIN, self._expect_welcome, line)
        code = None
        try:
            end = await line.run()
            code = LEFT if end.code == REPLACED else COMES_BACK
            return end
        finally:
            late.cancel()
            await line.close(code or self._farewell)

    async def _replace(self) -> None:
        """Open a line beside the one in use, which goes on until the other one is welcomed."""
        while True:
            try:
                opened = await self._open()
            except TicketRefused as refused:
                opened = LineClosed(1006, str(refused))
            if isinstance(opened, Line):
                self._fresh = opened
                self._stays[opened] = self._loop.create_task(self._stay(opened))
                self._owner.say_hello()
                # Its welcome cancels this.
                await asyncio.wait([self._stays[opened]])
                self._fresh = None
            await asyncio.sleep(self._schedule.pause(is_own=False))

    def _rotate_after(self, seconds: float) -> None:
        if self._rotating:
            self._rotating.cancel()
        self._rotating = self._loop.call_later(self._rotation(seconds), self._rotate)

    def _rotate(self) -> None:
        self._replacing = self._loop.create_task(self._replace())

    def _expect_welcome(self, line: Line) -> None:
        if line is not self._welcomed:
            line.end(COMES_BACK, "the server did not answer")

    def _rotation(self, within: float) -> float:
        """A random moment of the last fifth, so that clients that came together go apart."""
        return within * (90 + 25 * self._random()) / 115


def _checked(ticket: Any) -> tuple[str, str]:
    """The url and the ticket. Raises ValueError, which says what is missing."""
    for name in ("url", "ticket"):
        value = ticket.get(name) if hasattr(ticket, "get") else None
        if not isinstance(value, str) or not value:
            raise ValueError(f"the ticket function returned no {name}: {ticket!r:.100}")
    return ticket["url"], ticket["ticket"]


def _limit(milliseconds: Any) -> float | None:
    """In seconds; None if the server did not tell it, or tells nonsense."""
    is_told = isinstance(milliseconds, int | float) and milliseconds >= MIN_LIMIT_MS
    return milliseconds / 1_000 if is_told else None
