"""Measure one contender: memory at rest, connects, a message to all."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.peers.crowd import Crowd
from bench.peers.servers import ServerFailed, serving

if TYPE_CHECKING:
    from bench.peers.contenders import Contender
    from bench.peers.servers import Server

PROCESSES = 2


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    connections: int
    messages: int
    """To all, one after the other; one more comes before them and is not counted."""
    settle_seconds: float
    """The rest before memory is read: what is still to be freed or closed is."""


@dataclass(frozen=True)
class Result:
    """What one connection costs a server, and how fast it was."""

    memory_bytes: float
    """Private memory of an idle connection, with its share of what the first ones cost."""
    connects_per_second: float
    connect_cpu_ms: float
    """Of the server, for each connect."""
    to_all_seconds: float
    """Until the last connection has a message; the median of all messages."""
    send_cpu_ms: float
    """Of the server, for each connection that a message is sent to."""


def measure(contender: Contender, size: Size) -> Result:
    """Start its server, connect, rest, and send.

    Raises NotInstalled, ServerFailed or ListenersFailed.
    A connection that was refused, or did not hear each message once, as it was sent, is a failure:
    a server that is fast and wrong has no result.
    """
    with serving(contender) as server, Crowd(server.port, contender.kind, PROCESSES) as crowd:
        # Before the first connection: what a garbage collector frees later would count as memory.
        memory = server.memory()
        crowd.open(max(1, size.connections // 20))  # they cost more processor time than others
        crowd.leave()
        time.sleep(size.settle_seconds)
        cpu = server.cpu()
        opened = crowd.open(size.connections)
        connect_cpu = server.cpu() - cpu
        if opened.refused:
            raise ServerFailed(f"{opened.refused:,} of {size.connections:,} connects failed")
        time.sleep(size.settle_seconds)
        memory = server.memory() - memory
        server.know(crowd.learn_ids())
        seconds, send_cpu = _send_to_all(server, crowd, size)
    return Result(
        memory_bytes=memory / size.connections,
        connects_per_second=size.connections / (opened.ended - opened.began),
        connect_cpu_ms=connect_cpu / size.connections * 1000,
        to_all_seconds=seconds,
        send_cpu_ms=send_cpu / size.connections / size.messages * 1000,
    )


def _send_to_all(server: Server, crowd: Crowd, size: Size) -> tuple[float, float]:
    """How long a message to all takes, and the server's processor time for all that count."""
    texts = [_message(number) for number in range(size.messages + 1)]
    taken, cpu = [], 0.0
    for count, text in enumerate(texts, 1):
        began = time.monotonic()
        server.send_to_all(text)
        moments = crowd.moments(count)
        if len(moments) < size.connections:
            missing = size.connections - len(moments)
            raise ServerFailed(f"{missing:,} connections did not hear a message to all")
        taken.append(max(moments) - began)
        if count == 1:
            cpu = server.cpu()
    cpu = server.cpu() - cpu
    if wrong := crowd.wrong(texts):
        raise ServerFailed(f"{wrong:,} connections heard something else than what was sent")
    return statistics.median(taken[1:]), cpu


def _message(number: int) -> str:
    """As long as a bonus is, and another one each time."""
    bonus = {
        "bonus_id": f"0c2dd44e-4d1a-4a7e-9d9e-{number:012}",
        "reward": {"coins": 50},
        "opens_at": "2026-11-26T20:15:00.000000+00:00",
        "expires_at": "2026-11-26T20:15:10.000000+00:00",
    }
    sent = {"type": "bonus", "server_now": "2026-11-26T20:15:00.000000+00:00", "bonus": bonus}
    return json.dumps(sent)
