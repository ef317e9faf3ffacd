"""What the gateway takes and what it decides: connections, calls in progress, actions.

Values only: `gateway.py` makes them, `node.py` carries the actions out.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsgate.model.events import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from wsgate.core.bill import Tally
    from wsgate.core.integrations import Exchange, HttpRequest
    from wsgate.core.stage import Stage
    from wsgate.model.events import Handshake, Moment
    from wsgate.model.ids import Millis


class Phase(enum.Enum):
    AUTHORIZING = enum.auto()
    CONNECTING = enum.auto()
    OPEN = enum.auto()
    CLOSING = enum.auto()
    GONE = enum.auto()
    KILLED = enum.auto()
    """Gone with its node: nothing follows."""


@dataclass(slots=True, eq=False)
class Connection:
    """One connection, from its handshake to the end of its socket."""

    id: str
    connected_at: Millis
    identity: Mapping[str, str]
    last_active_at: Millis
    stage: Stage
    """Where it connected: one object for all connections of one stage and domain."""
    phase: Phase = Phase.CONNECTING
    authorizer: Mapping[str, str] | None = None
    full_since: Millis | None = None
    """Since when the client reads nothing."""
    ending: tuple[int, str] | None = None
    """Code and reason, once the gateway decided to close."""
    closing_since: Millis = 0
    slot: int = -1
    received: Tally = 0
    sent: Tally = 0

    @property
    def principal(self) -> str:
        """The user that the authorizer named; without one, each connection is its own."""
        return (self.authorizer or {}).get("principalId", self.id)

    @property
    def caller(self) -> Caller:
        return Caller(self.id, self.connected_at, self.identity, self.authorizer)


class Step(enum.StrEnum):
    AUTHORIZE = "authorizer"
    CONNECT = "$connect"
    MESSAGE = "message"
    DISCONNECT = "$disconnect"


@dataclass(frozen=True, slots=True)
class PendingHandshake:
    """A handshake under way."""

    connection: Connection
    handshake: Handshake
    trace: str
    moment: Moment


# What is made for each message is not frozen: making a frozen one takes three times as long.
@dataclass(slots=True)
class Call:
    """An invocation under way; it comes back with its answer."""

    step: Step
    route: str
    connection: Connection
    moment: Moment
    since: Millis
    pending: PendingHandshake | None = None
    two_way: bool = False
    exchange: Exchange | None = None
    """Set when the answer is mapped before the client gets it."""


@dataclass(slots=True)
class Invoke:
    call: Call
    function: str
    event: bytes
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask an HTTP endpoint; it comes back by `fetched`, `failed` or `timed_out`."""

    call: Call
    request: HttpRequest
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Give a function an event without waiting for it: Lambda's asynchronous invocation."""

    function: str
    event: bytes


@dataclass(frozen=True, slots=True)
class Accept:
    connection_id: str
    subprotocol: str | None


@dataclass(frozen=True, slots=True)
class Refuse:
    """End the handshake with a status and nothing else: what AWS sends along is a GUESS (§2.1)."""

    connection_id: str
    status: int


@dataclass(slots=True)
class SendText:
    connection_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    connection_id: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop the socket without a close frame: the peer does not read, or does not answer."""

    connection_id: str


@dataclass(slots=True)
class Note:
    """A line for the log."""

    route: str
    connection_id: str
    outcome: str
    elapsed: Millis = 0
    cold: bool | None = None
    request_id: str = ""
    """Of the event, if it is one."""
    api: str = ""
    """The id of the event's API."""
    error: str = ""
    """The metric of API Gateway that counts it, if it went wrong."""


Action = Invoke | Fetch | Enqueue | Accept | Refuse | SendText | Close | Drop | Note


class Posted(enum.Enum):
    """What became of a POST to @connections."""

    SENT = enum.auto()
    GONE = enum.auto()
    FULL = enum.auto()
