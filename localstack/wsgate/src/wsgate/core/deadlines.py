"""Who is to be looked at when: a coarse timer wheel, so that an idle connection costs no timer."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from wsgate.model.ids import Millis


class Watched(Protocol):
    """Anything with a place for the slot it waits in; -1 is none."""

    slot: int


T = TypeVar("T", bound=Watched)


class Deadlines(Generic[T]):
    """Holds what waits, in slots of `width` milliseconds.

    A deadline that moved away (every message moves one) is not touched until its slot comes up: the
    caller then looks at the real deadline and watches again. Thus activity costs nothing here.
    """

    def __init__(self, width: Millis) -> None:
        self._width = width
        self._slots: dict[int, tuple[int, set[T]]] = {}
        """With each its number again: one object for all that wait in it."""
        self._order: list[int] = []

    def watch(self, item: T, at: Millis) -> None:
        self.forget(item)
        number = at // self._width
        if number not in self._slots:
            self._slots[number] = number, set()
            heapq.heappush(self._order, number)
        item.slot, waiting = self._slots[number]
        waiting.add(item)

    def forget(self, item: T) -> None:
        if item.slot in self._slots:
            self._slots[item.slot][1].discard(item)
        item.slot = -1

    def due(self, now: Millis) -> list[T]:
        """Take out everything whose slot has begun."""
        items: list[T] = []
        while self._order and self._order[0] <= now // self._width:
            items.extend(self._slots.pop(heapq.heappop(self._order))[1])
        for item in items:
            item.slot = -1
        return items
