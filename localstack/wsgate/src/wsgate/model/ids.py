"""Connection, message and request ids, as API Gateway shapes them.

11 bytes in URL-safe base64, so 15 characters and one `=` (docs/aws-behaviour.md §4.2, decoded from
real ids): bytes 0-3 grow with time, bytes 6-7 hold a constant of the region in their low 15 bits,
byte 8 is 2 for connections and messages and 5 for requests; a message ends in the 3 bytes of its
connection.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from typing import Protocol

Millis = int
"""Milliseconds since the epoch: the unit of every time in API Gateway's events."""

CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{14}[AQgw]=")

_REGION = 0x3633
_CONNECTION, _REQUEST = 2, 5
# The 14 bits of a connection's tail that AWS fills: which node, and a random part.
MAX_NODES, _RANDOM_BITS = 64, 8
# One step of the time part is 256 ms; within a step 17 bits count, so no two ids are alike.
_STEP_BITS, _COUNT_MASK = 8, 0x1FFFF


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Random(Protocol):
    """What is needed of `random.Random`."""

    def getrandbits(self, k: int, /) -> int: ...


class Ids:
    """Makes ids that are unique within a gateway. Randomness comes in; the time is an argument.

    Where several nodes share a port, the connection's id says which of them has it (`node_of`).
    """

    __slots__ = ("_count", "_node", "_random")

    def __init__(self, random: Random, node: int = 0) -> None:
        """`node` is below MAX_NODES."""
        self._random, self._node = random, node
        self._count = random.getrandbits(17)

    def connection(self, now: Millis) -> str:
        number = self._node << _RANDOM_BITS | self._random.getrandbits(_RANDOM_BITS)
        return self._make(_CONNECTION, number << 2, now)

    def message(self, connection_id: str, now: Millis) -> str:
        return self._make(_CONNECTION, tail_of(connection_id), now)

    def request(self, now: Millis) -> str:
        return self._make(_REQUEST, self._random.getrandbits(14) << 2, now)

    def trace(self, now: Millis) -> str:
        """An X-Amzn-Trace-Id: `Root=1-8hex-24hex` (docs/aws-behaviour.md §4.2)."""
        return f"Root=1-{now // 1000:08x}-{self._random.getrandbits(96):024x}"

    def _make(self, kind: int, tail: int, now: Millis) -> str:
        self._count = count = (self._count + 1) & _COUNT_MASK
        step = (now >> _STEP_BITS) & 0xFFFFFFFF
        region = _REGION | (count >> 16) << 15
        number = step << 56 | (count & 0xFFFF) << 40 | region << 24 | kind << 16 | tail
        # What base64.urlsafe_b64encode does, in half the time.
        return b2a_base64(number.to_bytes(11, "big"), newline=False).translate(_URL_SAFE).decode()


def node_of(connection_id: str) -> int:
    """The node that made it."""
    return tail_of(connection_id) >> 2 + _RANDOM_BITS & MAX_NODES - 1


def tail_of(connection_id: str) -> int:
    """Its last two bytes; the two lowest bits are zero."""
    return int.from_bytes(urlsafe_b64decode(connection_id)[9:], "big")
