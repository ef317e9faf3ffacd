"""A server that a test holds in its hand, over lines that lose, and a clock that jumps ahead."""

from __future__ import annotations

import asyncio
import json
import selectors
from typing import TYPE_CHECKING, Any

from headcount_client import Headcount, LineClosed
from headcount_client.stream import merge

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from random import Random

# At most so many events are in a snapshot or a recovery: few, so that walks meet both.
EVENTS = 6
PING_SECONDS = 60.0


class _Skip(selectors.SelectSelector):
    """Waits for nothing: time passes instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing will ever happen"
        self.now += max(0.0, timeout)
        return super().select(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock is ahead as soon as nothing is left to do."""

    def __init__(self) -> None:
        self.skip = _Skip()
        super().__init__(self.skip)

    def time(self) -> float:
        return self.skip.now


def play(story: Coroutine[Any, Any, None]) -> None:
    """Run a story on a clock of its own."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(story)


async def pass_time(seconds: float) -> None:
    """Let so much time pass on a SkippingLoop, which takes none."""
    await asyncio.sleep(seconds)


class FakeSocket:
    """One line. When it is dead, both sides still believe in it."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.inbox: asyncio.Queue[str | LineClosed] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.is_dead = False
        self.closed: int | None = None

    async def send(self, text: str) -> None:
        message = json.loads(text)
        self.sent.append(message)
        if not self.is_dead:
            self.server.arrive(self, message)

    async def recv(self) -> str:
        frame = await self.inbox.get()
        if isinstance(frame, LineClosed):
            raise frame
        return frame

    async def close(self, code: int) -> None:
        self.closed = code

    def drop(self, code: int = 1006) -> None:
        """The network closes it."""
        self.closed = code
        self.inbox.put_nowait(LineClosed(code, ""))

    def receive(self, message: Any) -> None:
        """What the server sends arrives, unless the line is gone."""
        if self.closed is None and not self.is_dead:
            text = message if isinstance(message, str) else json.dumps(message)
            self.inbox.put_nowait(text)

    def of(self, action: str) -> list[dict[str, Any]]:
        """The messages of this action that the client sent."""
        return [one for one in self.sent if one["action"] == action]


class FakeServer:
    """The server's side of one user. It does each request once, whatever its lines do."""

    def __init__(self, dice: Random, *, loss: float = 0.0) -> None:
        self.dice = dice
        self.loss = loss
        self.loop = asyncio.get_running_loop()
        self.sockets: list[FakeSocket] = []
        self.refusals = 0
        self.user_id, self.epoch = "ann", "e1"
        self.events: list[dict[str, Any]] = []
        self.state: Any = {}
        self.bonuses: list[dict[str, Any]] = []
        self.acknowledged: list[str] = []
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self.told: dict[str, Any] = {"ping_every_ms": PING_SECONDS * 1_000}

    async def connect(self, url: str) -> FakeSocket:
        assert url == "ws://gateway/live?ticket=t%2B"
        await pass_time(self.dice.random() * 0.1)
        if self.refusals:
            self.refusals -= 1
            raise OSError("refused")
        self.sockets.append(FakeSocket(self))
        return self.sockets[-1]

    @property
    def live(self) -> list[FakeSocket]:
        return [one for one in self.sockets if one.closed is None]

    def client(self) -> Headcount:
        return Headcount(_ticket, connect=self.connect, random=self.dice.random)

    def arrive(self, socket: FakeSocket, message: dict[str, Any]) -> None:
        """A message is on its way to the server."""
        self._deliver(lambda: self._take(socket, message))

    def push(self, message: Any) -> None:
        for socket in self.live:
            self._deliver(lambda socket=socket: socket.receive(message))  # type: ignore[misc]

    def add(self, patch: Any = None, *, kind: str = "act", id: str | None = None) -> dict[str, Any]:
        """Append an event to the stream. Return its push."""
        event = {"seq": len(self.events) + 1, "type": kind, "body": {}, "at": 1, "id": id}
        if patch is not None:
            event["patch"] = patch
            self.state = merge(self.state, patch)
        self.events.append(event)
        return {"type": "event", "server_now": 1, "epoch": self.epoch, "event": event}

    def lose(self) -> None:
        """The log is lost, or its end: another epoch says so."""
        self.events = [] if self.dice.random() < 0.5 else self.events[:-2]
        self.epoch = f"e{self.dice.random()}"
        self.state = {}
        for event in self.events:
            self.state = merge(self.state, event.get("patch", {}))

    def welcome(self, hello: dict[str, Any]) -> dict[str, Any]:
        seq, since = len(self.events), hello.get("since", 0)
        recovered = hello.get("epoch") == self.epoch and since <= seq and seq - since <= EVENTS
        return {
            "type": "welcome",
            "re": hello["id"],
            "server_now": 1,
            "user_id": self.user_id,
            "resource": "site",
            "session": {"joined_at": 1, "connections": 1},
            "watched_ms": 1,
            "visible_ms": 1,
            "epoch": self.epoch,
            "seq": seq,
            "recovered": recovered,
            "events": self.events[since:] if recovered else self.events[-EVENTS:],
            "state": self.state,
            "bonuses": self.bonuses,
            "broadcasts": {"seq": 0, "recovered": True, "news": []},
            **self.told,
        }

    def _deliver(self, arrive: Callable[[], None]) -> None:
        """Late, twice or never."""
        luck = self.dice.random()
        for _ in range((luck > self.loss) + (luck > 1 - self.loss)):
            self.loop.call_later(self.dice.random() * 0.3, arrive)

    def _take(self, socket: FakeSocket, message: dict[str, Any]) -> None:
        action = message["action"]
        if action in self.answers:
            answer = self.answers[action](message)
        elif action == "ping":
            answer = {"type": "pong", "server_now": 1}
        elif action == "hello":
            answer = self.welcome(message)
        elif action == "ack":
            self.acknowledged.append(message["bonus_id"])
            answer = {"type": "acked", "re": message["id"]}
        else:
            answer = self._done(message)
        if answer is not None:
            self._deliver(lambda: socket.receive(answer))

    def _done(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do an act or a claim; the second time, answer as the first time."""
        known = [one for one in self.events if one["id"] == request["id"]]
        if not known:
            kind = "bonus.claimed" if request["action"] == "claim" else request["type"]
            push = self.add(request.get("patch"), kind=kind, id=request["id"])
            if kind == "bonus.claimed":
                push["event"]["body"] = {"bonus_id": request["bonus_id"]}
            known = [push["event"]]
            self.push(push)
        answer = {"re": request["id"], "server_now": 1, "epoch": self.epoch, "event": known[0]}
        if request["action"] == "claim":
            bonus_id = request["bonus_id"]
            return {"type": "claim", "bonus_id": bonus_id, "outcome": "claimed", **answer}
        return {"type": "acted", **answer}


async def _ticket(resource: str | None) -> dict[str, str]:
    return {"url": "ws://gateway/live", "ticket": "t+"}


async def until_status(client: Headcount, status: str) -> None:
    """Wait until the client is online, or offline."""
    changed = asyncio.Event()
    remove = client.on("status", lambda status: changed.set())
    while client.status.status != status:
        changed.clear()
        await changed.wait()
    remove()
