"""What the tests of queues share: plans with queues, and an invoker that remembers."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from wsgate.model.invoke import Invocation
from wsgate.model.plan import Plan, Queue, QueueTrigger, Schedule, WebSocketApi

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT, REGION = "000000000000", "us-east-1"
TOKEN = "the token of this run"  # noqa: S105 not a secret
FINE = Invocation(b"null")


class FakeInvoker:
    """Remembers events and answers by function name."""

    def __init__(self) -> None:
        self.inbox: list[tuple[str, Any]] = []
        self.answers: dict[str, Callable[[Any], Invocation]] = {}
        self.gate = asyncio.Event()

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        seen = json.loads(payload)
        self.inbox.append((function, seen))
        if function == "Slow":
            await self.gate.wait()
        return self.answers.get(function, lambda _: FINE)(seen)

    def bodies(self, function: str) -> list[list[str]]:
        return [
            [record["body"] for record in seen["Records"]]
            for name, seen in self.inbox
            if name == function
        ]


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def queue(name: str, port: int, **changes: Any) -> Queue:
    facts: dict[str, Any] = {
        "visibility_timeout": timedelta(seconds=30),
        "dead_letters": None,
        "max_receives": None,
    }
    url = f"http://127.0.0.1:{port}/{ACCOUNT}/{name}"
    return Queue(name=name, url=url, **(facts | changes))


def plan(queues: list[Queue], triggers: list[QueueTrigger], *schedules: Schedule) -> Plan:
    return Plan(
        functions={},
        websockets=(WebSocketApi("api", "live", "$request.body.action", {}, None),),
        http=None,
        queues={queue.name: queue for queue in queues},
        queue_triggers=tuple(triggers),
        schedules=schedules,
        region=REGION,
        account=ACCOUNT,
    )


def trigger(name: str, function: str, size: int = 10, **changes: Any) -> QueueTrigger:
    window = changes.pop("window", timedelta(0))
    by_item = changes.pop("by_item", False)
    return QueueTrigger(name, function, size, window, by_item, **changes)
