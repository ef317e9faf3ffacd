"""One connection of a user, and where connections lead to."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from bench.support.clients import Client, Refused, close_frame, dial, handshake
from handlers.core.ticket import LIFE, Ticket, mint
from headcount_client.line import LEFT

CLOSE_SECONDS = 10.0
"""What the far side is given to answer a close frame."""


class Owner(Protocol):
    """The user of a line."""

    def heard(self, client: Client, payload: bytes, /) -> None:
        """A message came."""

    def lost(self, line: Line, /) -> None:
        """The line is no more: lost, or ended by us."""


class Line(Client):
    """A connection from its handshake on. Times are in seconds since the epoch."""

    __slots__ = (
        "connection_id",
        "ended_at",
        "is_ours",
        "opened_at",
        "owner",
        "pinged_at",
        "started_at",
        "welcomed",
    )

    def __init__(self, head: bytes, owner: Owner) -> None:
        super().__init__(head, owner.heard)
        self.owner = owner
        self.started_at = time.time()
        self.opened_at = 0.0
        self.pinged_at = 0.0
        """When the ping was sent that has no answer yet; 0 if there is none."""
        self.ended_at = 0.0
        """When we said goodbye, or saw that the line was lost; 0 while it is open."""
        self.is_ours = False
        """Whether we ended it."""
        self.connection_id = ""
        """As the welcome names it; empty before."""
        self.welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended_at = self.ended_at or self.closed_at
        if not self.welcomed.done():
            self.welcomed.set_exception(Refused("lost before the welcome"))
            self.welcomed.exception()  # the attempt may wait for something else yet
        self.owner.lost(self)

    def give_up(self) -> None:
        """Drop a line that is not open yet."""
        self.is_ours = True
        if hasattr(self, "transport"):
            self.transport.abort()

    def leave(self, code: int = LEFT) -> None:
        """Say goodbye as a browser does; drop the line if there is no answer to that."""
        if self.ended_at:
            return
        self.is_ours, self.ended_at = True, time.time()
        self.say(close_frame(code))
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.transport.abort)


class Door(Protocol):
    """Where lines lead to."""

    async def open(self, user_id: str, owner: Owner, source: str | None) -> Line:
        """Open a line with a new ticket. Raises Refused or OSError."""
        ...


@dataclass(frozen=True)
class OwnDoor:
    """The gateway of this machine: its port, and the secret that signs its tickets."""

    port: int
    secret: str = field(repr=False)

    async def open(self, user_id: str, owner: Owner, source: str | None) -> Line:
        ticket = Ticket(secrets.token_hex(8), user_id, "site", datetime.now(UTC) + LIFE)
        path = f"/live?ticket={quote(mint(ticket, self.secret))}"
        head = handshake(path, f"127.0.0.1:{self.port}")
        sock = await dial(self.port, source)
        return await opened(Line(head, owner), sock=sock)


async def opened(line: Line, *address: Any, **how: Any) -> Line:
    """The line, through its handshake; see create_connection. Raises Refused or OSError."""
    answered = line.opened  # the answer may be there before we look again
    if answered is not None:  # a refusal may come when we have just given up
        answered.add_done_callback(lambda future: future.cancelled() or future.exception())
    try:
        await asyncio.get_running_loop().create_connection(lambda: line, *address, **how)
        if answered is not None:
            await answered
    except BaseException:
        line.give_up()
        raise
    line.opened_at = time.time()
    return line
