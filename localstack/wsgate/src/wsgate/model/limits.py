"""The quotas and time-outs of the gateway, in one place, so that a test can scale its clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

# "KB" is 1024 bytes: the model of the management API says 131072 (docs/aws-behaviour.md §9.1).
KIBIBYTE = 1024


@dataclass(frozen=True)
class Limits:
    """What AWS fixes comes first; what only keeps this process safe comes after it."""

    idle: timedelta = timedelta(minutes=10)
    """No data in either direction for this long: closed with 1001 (docs/aws-behaviour.md §9.6)."""
    life: timedelta = timedelta(hours=2)
    """The oldest a connection gets (docs/aws-behaviour.md §9.7)."""
    frame_bytes: int = 32 * KIBIBYTE
    """A larger frame of a client closes with 1009 (docs/aws-behaviour.md §9.1)."""
    message_bytes: int = 128 * KIBIBYTE
    """All fragments together, and one POST to @connections (docs/aws-behaviour.md §9.1, §11.5)."""
    authorizer: timedelta = timedelta(seconds=29)
    """GUESS: an authorizer is given what an integration is given (docs/aws-behaviour.md §8.1)."""

    http_body_bytes: int = 10 * KIBIBYTE * KIBIBYTE
    """The payload quota of an HTTP API: 10 MB."""
    head_bytes: int = 16 * KIBIBYTE
    """Request line and headers together."""
    head: timedelta = timedelta(seconds=10)
    """From the first byte of a request to the end of its headers."""
    request: timedelta = timedelta(seconds=60)
    """From the first byte of a request to its last."""
    keep_alive: timedelta = timedelta(seconds=75)
    """Between two requests, and for a response to be read."""
    closing: timedelta = timedelta(seconds=5)
    """From our close frame to the peer's; then the socket is dropped."""
    buffer_bytes: int = 256 * KIBIBYTE
    """Unsent data from which @connections answers 429 and no more is read from the client."""
    overflow_bytes: int = 2 * KIBIBYTE * KIBIBYTE
    """Unsent data at which the socket is dropped."""
    stuck: timedelta = timedelta(seconds=30)
    """How long a client may leave its buffer full before the socket is dropped."""
    in_flight: int = 10
    """Invocations of one connection at once; then no more is read from it until one ends.

    As many as a function has environments here: more would wait in this process, not run.
    """
    in_flight_bytes: int = 256 * KIBIBYTE
    """Their events together, likewise."""
    background: int = 1000
    """Asynchronous invocations (`InvocationType=Event`) waiting or running at once."""
    background_bytes: int = 64 * KIBIBYTE * KIBIBYTE
    """Their events together."""
    retry_waits: tuple[timedelta, ...] = (timedelta(minutes=1), timedelta(minutes=2))
    """How long Lambda waits before it runs a failed asynchronous event a second and third time."""
    late: int = 10_000
    """Events held back by a fault at once; then further ones are not late."""
    shutdown: timedelta = timedelta(seconds=3)
    """What open connections and their $disconnect invocations are given when the process ends."""
    tick: timedelta = timedelta(seconds=1)
    """How often time-outs are checked."""
    code: timedelta = timedelta(seconds=1)
    """How often the functions' code is checked for changes, which restart them."""


def millis(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
