"""What AWS would charge for a run: messages in blocks of 32 KB, and minutes of connections. Pure.

Prices are those of us-east-1 (docs/aws-behaviour.md §12.4). What functions, queues and data
transfer cost is not in it. https://aws.amazon.com/api-gateway/pricing/ (2026-11-24)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from wsgate.model.limits import KIBIBYTE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgate.model.ids import Millis

SOURCE: Final = "https://aws.amazon.com/api-gateway/pricing/"
BLOCK_BYTES: Final = 32 * KIBIBYTE
"""A message costs one for each 32 KB that it begins, in either direction."""
MILLION: Final = 1_000_000
FIRST_TIER: Final = 1_000 * MILLION
USD_PER_MILLION_MESSAGES: Final = 1.00
# GUESS: the price of the second tier (docs/aws-behaviour.md §12.4)
USD_PER_MILLION_BEYOND: Final = 0.80
USD_PER_MILLION_MINUTES: Final = 0.25
MINUTE: Final = 60_000
MONTH: Final = 30 * 24 * 60 * MINUTE

_BITS = 44
"""A tally's bytes are its low bits, so 16 TB fit; what is above counts messages."""
_ONE = 1 << _BITS
_BYTES = _ONE - 1

Tally = int
"""Messages and their bytes in one number: a connection has two, and there are many connections."""


def messages_of(tally: Tally) -> int:
    return tally >> _BITS


def bytes_of(tally: Tally) -> int:
    return tally & _BYTES


def size_of(text: str) -> int:
    """How many bytes a text is on the wire. Most is ASCII, which Python knows without looking."""
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def blocks(size: int) -> int:
    """An empty message is a message."""
    return (size + BLOCK_BYTES - 1) // BLOCK_BYTES or 1


def minutes(connected_at: Millis, until: Millis) -> int:
    """Each minute that a connection begins counts."""
    return max(1, -(-(until - connected_at) // MINUTE))


class Counted(Protocol):
    """A connection, for all that is billed of it."""

    connected_at: Millis
    received: Tally
    sent: Tally


@dataclass(slots=True)
class Meter:
    """What is billed of a node: connections count when they end, open ones when somebody looks."""

    received: Tally = 0
    sent: Tally = 0
    minutes: int = 0
    more_blocks: int = 0
    """Of messages larger than one block: what they count beyond the first."""

    def count(self, text: str) -> Tally:
        """What to add to a connection's tally for a message. Every message comes by here."""
        size = len(text) if text.isascii() else size_of(text)
        if size > BLOCK_BYTES:
            self.more_blocks += blocks(size) - 1
        return _ONE + size

    def ended(self, connection: Counted, now: Millis) -> None:
        self.received += connection.received
        self.sent += connection.sent
        self.minutes += minutes(connection.connected_at, now)

    def total(self, opened: Iterable[Counted], now: Millis) -> Total:
        """Everything from the node's start on, with what is open."""
        meter = replace(self)
        for connection in opened:
            meter.ended(connection, now)
        billed = messages_of(meter.received) + messages_of(meter.sent) + self.more_blocks
        return Total(meter.received, meter.sent, billed, meter.minutes)


class Total(NamedTuple):
    """What a node had to do so far."""

    received: Tally
    sent: Tally
    billed: int
    """Messages as they are billed: by 32 KB."""
    minutes: int


def cost(messages: float, connection_minutes: float) -> float:
    """US dollars, without the free tier of an account's first year."""
    first, beyond = min(messages, FIRST_TIER), max(0.0, messages - FIRST_TIER)
    for_messages = first * USD_PER_MILLION_MESSAGES + beyond * USD_PER_MILLION_BEYOND
    return (for_messages + connection_minutes * USD_PER_MILLION_MINUTES) / MILLION


def bill(messages: int, connection_minutes: int, elapsed: Millis) -> dict[str, float | int | str]:
    """The cost of this run, and of a month at the same rate."""
    months = MONTH / max(elapsed, MINUTE)
    return {
        "messages": messages,
        "minutes": connection_minutes,
        "elapsed": elapsed,
        "usd": cost(messages, connection_minutes),
        "month_messages": round(messages * months),
        "month_minutes": round(connection_minutes * months),
        "month_usd": cost(messages * months, connection_minutes * months),
        "usd_per_million_messages": USD_PER_MILLION_MESSAGES,
        "usd_per_million_minutes": USD_PER_MILLION_MINUTES,
        "source": SOURCE,
    }
