"""How many connections one process takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Capacity:
    """What there is room for; beyond it connections are refused with 503."""

    connections: int
    """WebSocket connections, in their handshake or open."""
    requests: int
    """More sockets, so that plain HTTP is answered when there is no room for a WebSocket."""
    open_files: int
    """The limit that it was computed from."""

    @property
    def sockets(self) -> int:
        return self.connections + self.requests


UNBOUNDED = Capacity(2**62, 0, 2**62)
