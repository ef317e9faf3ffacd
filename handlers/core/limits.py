"""What clients go by: when to ping, when to replace their connection, when to be back after a loss.

API Gateway admits so many new connections a second. If the lines of all users are cut at once, the
last of them cannot be back before all others were let in: 150,000 at 500 a second take 300 s. So
every client is told beforehand within which time to come back, and the session of a lost line waits
longer than that before its user counts as gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
# (2026-11-29)
IDLE_LIMIT = timedelta(minutes=10)
AGE_LIMIT = timedelta(hours=2)
# For the answer to a ping, and for the connection that replaces an old one.
PING_SLACK = timedelta(minutes=1)
ROTATION_SLACK = timedelta(minutes=2)

# Handshakes arrive at 1 / 1.15 of the quota: the rest is for users who come for the first time.
SPREAD = 1.15
MIN_WINDOW = timedelta(seconds=2)
# Of a window: a handshake may be refused once, and its client draws another moment then.
MARGIN = 2.0
# A session waits for twice that, and an `offline` that is more than an hour late is of no use.
MAX_WINDOW = timedelta(minutes=30)


class Contradiction(ValueError):
    """Two limits exclude each other. The message shows the sum, and says what to change."""


@dataclass(frozen=True)
class Limits:
    """What is set; the rest follows. Raises Contradiction."""

    connections_per_second: int = 500
    """How many new connections the gateway admits."""
    ping_every: timedelta = timedelta(minutes=4)
    rotate_within: timedelta = timedelta(minutes=115)
    """The age by which a client must have replaced its connection."""

    def __post_init__(self) -> None:
        _fits("PingSeconds", self.ping_every, PING_SLACK, IDLE_LIMIT, "closes an idle connection")
        _fits("RotateSeconds", self.rotate_within, ROTATION_SLACK, AGE_LIMIT, "ends a connection")

    @property
    def turn(self) -> timedelta:
        """By how much each connection lengthens the window."""
        return timedelta(seconds=SPREAD / self.connections_per_second)

    def window(self, connections: int) -> timedelta:
        """Within which time so many can be back; `set_line_limits` says the same.

        Raises Contradiction.
        """
        window = max(connections * self.turn, MIN_WINDOW)
        if window > MAX_WINDOW:
            raise Contradiction(
                f"{connections:,} connections x {SPREAD} / ConnectionsPerSecond "
                f"{self.connections_per_second} = {_seconds(window)} s to come back, more than "
                f"{_seconds(MAX_WINDOW)}: have the quota raised to "
                f"{-(-connections * SPREAD // MAX_WINDOW.total_seconds()):.0f} and set "
                "ConnectionsPerSecond to it"
            )
        return window


def _fits(name: str, given: timedelta, slack: timedelta, limit: timedelta, what: str) -> None:
    if given + slack > limit:
        raise Contradiction(
            f"{name} {_seconds(given)} + {_seconds(slack)} s = {_seconds(given + slack)}, more "
            f"than the {_seconds(limit)} s after which API Gateway {what}: set {name} to "
            f"{_seconds(limit - slack)} or less"
        )


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():g}"
