"""Many listeners in several processes, seen from the benchmark that orders them about."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.peers.listeners import Opened, work

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from types import TracebackType

AT_ONCE = 64
"""Handshakes under way, of all processes together."""
ANSWER_TIMEOUT_SECONDS = 120
MESSAGE_TIMEOUT_SECONDS = 60


class ListenersFailed(Exception):
    """A process of listeners failed, or did not answer."""


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    orders: Connection


class Crowd:
    """Listeners that connect to one server. Use it with `with`: it ends its processes."""

    def __init__(self, port: int, kind: str, processes: int) -> None:
        """`kind`: what the server speaks, one of listeners.KINDS."""
        context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        for number in range(1, processes + 1):
            here, there = context.Pipe()
            # An address of its own, for a client has one port a connection.
            arguments = (there, port, f"127.0.1.{number}", kind)
            process = context.Process(target=work, args=arguments, daemon=True)
            process.start()
            there.close()
            self._workers.append(_Worker(process, here))

    def __enter__(self) -> Crowd:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.orders.close()

    def open(self, many: int) -> Opened:
        """Open so many connections, as fast as the server takes them."""
        shares = [len(range(n, many, len(self._workers))) for n in range(len(self._workers))]
        at_once = max(1, AT_ONCE // len(self._workers))
        return _merged(self._ask("open", *((share, at_once) for share in shares)))

    def open_at(self, per_second: float, seconds: float, stay_seconds: float) -> Opened:
        """Open connections at a rate for a while; each leaves after `stay_seconds`."""
        share = per_second / len(self._workers)
        return _merged(self._ask_all("open_at", share, seconds, stay_seconds))

    def learn_ids(self) -> list[str]:
        """The connections' ids, where the server is wsgate; else none."""
        return [each for ids in self._ask_all("learn_ids") for each in ids]

    def moments(self, count: int) -> list[float]:
        """Wait until all have heard `count` messages; when the last of them came to each."""
        asked = self._ask_all("moments", count, MESSAGE_TIMEOUT_SECONDS)
        return [moment for moments in asked for moment in moments]

    def wrong(self, texts: Sequence[str]) -> int:
        """How many have not heard exactly these messages, in this order."""
        return sum(self._ask_all("wrong", list(texts)))

    def leave(self) -> None:
        """Close all connections."""
        self._ask_all("leave")

    def _ask_all(self, order: str, *arguments: object) -> list[Any]:
        return self._ask(order, *(arguments for _ in self._workers))

    def _ask(self, order: str, *arguments: tuple[object, ...]) -> list[Any]:
        """Give each process the order, with arguments of its own; all work at the same time."""
        for worker, given in zip(self._workers, arguments, strict=True):
            worker.orders.send((order, given))
        return [_answer(worker, order) for worker in self._workers]


def _answer(worker: _Worker, order: str) -> Any:
    if not worker.orders.poll(ANSWER_TIMEOUT_SECONDS):
        raise ListenersFailed(f"no answer to {order!r} within {ANSWER_TIMEOUT_SECONDS} s")
    try:
        how, answer = worker.orders.recv()
    except EOFError as error:
        raise ListenersFailed(f"a process of listeners ended while it did {order!r}") from error
    if how == "failed":
        raise ListenersFailed(f"{order!r} failed in a process of listeners:\n{answer}")
    return answer


def _merged(opened: Sequence[Opened]) -> Opened:
    return Opened(
        began=min(each.began for each in opened),
        ended=max(each.ended for each in opened),
        latencies_ms=[latency for each in opened for latency in each.latencies_ms],
        refused=sum(each.refused for each in opened),
    )
