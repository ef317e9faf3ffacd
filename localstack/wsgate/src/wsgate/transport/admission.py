"""Whether there is room for a connection, and the log line that says that there is none."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from wsgate.logs import LogSink, Told
from wsgate.transport import responses

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.model.capacity import Capacity
    from wsgate.model.ids import Millis

FULL = responses.message(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")
_TELL_AGAIN_MILLIS = 60_000


class Admission:
    """Counts against the capacity of this process. It logs a refusal, but at most once a minute."""

    def __init__(self, capacity: Capacity, tell: LogSink, now: Callable[[], Millis]) -> None:
        self._capacity, self._tell, self._now = capacity, tell, now
        self._refused, self._told_at = 0, -_TELL_AGAIN_MILLIS

    def admits_connection(self, connections: int) -> bool:
        """Whether a WebSocket may open beside so many that are in their handshake or open."""
        if connections < self._capacity.connections:
            return True
        self.refuse(f"all {self._capacity.connections} connections are in use")
        return False

    def admits_socket(self, sockets: int) -> bool:
        """Whether a client may send a request, beside so many sockets of every kind."""
        return sockets < self._capacity.sockets

    def refuse(self, reason: str) -> None:
        """Count a refused client, and tell why if that is news."""
        self._refused += 1
        now = self._now()
        if now - self._told_at < _TELL_AGAIN_MILLIS:
            return
        limit = self._capacity.open_files
        words = f"clients refused with 503: {self._refused}, because {reason}; this process may "
        words += f"open {limit} files: `wsgate doctor` says how to raise that, or use more nodes"
        self._tell(Told(now, words, "warning"))
        self._refused, self._told_at = 0, now
