"""Who listens, and to what."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("headcount_client")


class Listeners:
    """Functions by the name of what they are called with."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[Any], object]]] = defaultdict(list)

    def add(self, name: str, listener: Callable[[Any], object]) -> Callable[[], None]:
        """Call the listener with each of this name. Returns a function that removes it."""
        self._listeners[name].append(listener)
        return lambda: self._listeners[name].remove(listener)

    def tell(self, name: str, detail: Any) -> None:
        """Call all of this name, each though another one has failed."""
        for listener in list(self._listeners[name]):
            try:
                listener(detail)
            except Exception:  # a listener's fault must not end the connection
                log.exception("a listener of %r failed", name)
