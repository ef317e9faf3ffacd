"""The gateway's decisions: what happened goes in, what to do comes out.

No socket, no clock, no task is known here. `node.py` reports what happened and carries the actions
out; time is an argument (milliseconds since the epoch). Each rule cites `docs/aws-behaviour.md`.
"""

from __future__ import annotations

import itertools
from types import MappingProxyType
from typing import TYPE_CHECKING

from wsgate.core.actions import Action, Call, Connection, Note, Phase, Posted, Step
from wsgate.core.backends import Backends
from wsgate.core.codes import (
    BINARY,
    DELETED,
    INTEGRATION_ERROR,
    LOST,
    NO_STATUS,
    NOT_UTF8,
    SHUTTING_DOWN,
)
from wsgate.core.connections import EXISTED, Connections
from wsgate.core.handshakes import Handshakes
from wsgate.core.messages import Messages
from wsgate.core.outcomes import Outcomes
from wsgate.expressions.velocity import Scope
from wsgate.model import events
from wsgate.model.events import Moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wsgate.core import access
    from wsgate.core.bill import Total
    from wsgate.core.integrations import HttpAnswer
    from wsgate.core.quotas import Limiter
    from wsgate.core.stage import Stage
    from wsgate.model.events import Handshake
    from wsgate.model.ids import Ids, Millis
    from wsgate.model.invoke import Invocation
    from wsgate.model.limits import Limits


class Gateway:
    """WebSocket APIs on one node. Every method takes what happened and returns what to do."""

    def __init__(
        self,
        stages: Sequence[Stage],
        ids: Ids,
        limits: Limits,
        known: Mapping[str, access.Principal] = MappingProxyType({}),
        limiter: Limiter | None = None,
    ) -> None:
        """`known` is who may sign a handshake, by the id of the key (docs/aws-behaviour.md §3.15).

        Without a limiter, quotas of rates are not enforced.
        """
        self._ids = ids
        self._connections = Connections(limits)
        self.meter = self._connections.meter
        self._outcomes = Outcomes(self._connections, self._disconnect)
        self._backends = Backends(self._outcomes)
        self._handshakes = Handshakes(
            stages,
            known,
            ids,
            limiter,
            connections=self._connections,
            outcomes=self._outcomes,
            backends=self._backends,
        )
        self._messages = Messages(ids, limiter, self._connections, self._outcomes, self._backends)

    # A handshake: authorizer, $connect, then 101 or a status (docs/aws-behaviour.md §2, §3).

    def handshake(self, handshake: Handshake, now: Millis) -> tuple[str, list[Action]]:
        """A client asks for a connection. Nothing is promised before `Accept`."""
        return self._handshakes.begin(handshake, now)

    def answered(self, call: Call, invocation: Invocation, now: Millis) -> list[Action]:
        """A function returned or failed; both are an answer."""
        actions = self._meaning(call, invocation, now)
        for action in actions:
            if isinstance(action, Note):
                action.cold = invocation.cold
        return actions

    def fetched(self, call: Call, answer: HttpAnswer, now: Millis) -> list[Action]:
        """An endpoint answered, with whatever status."""
        return self._backends.mapped(call, call.exchange, answer, now) if call.exchange else []

    def failed(self, call: Call, reason: str, now: Millis) -> list[Action]:
        """A function could not be invoked."""
        return self._outcomes.failed(call, reason, now)

    def unreachable(self, call: Call, reason: str, now: Millis) -> list[Action]:
        """An endpoint could not be reached, or its answer could not be read."""
        return self._outcomes.unreachable(call, reason, now)

    def timed_out(self, call: Call, now: Millis) -> list[Action]:
        """Handle a function past its integration's time-out. It runs on; its answer is lost."""
        return self._outcomes.timed_out(call, now)

    # An open connection.

    def message(self, connection_id: str, text: str, now: Millis) -> list[Action]:
        """A whole text message came.

        Messages of one connection are not queued (docs/aws-behaviour.md §8.3).
        """
        return self._messages.receive(connection_id, text, now)

    def binary(self, connection_id: str, now: Millis) -> list[Action]:
        """A binary frame came: no route is asked (docs/aws-behaviour.md §9.3)."""
        return self._connections.close(self._connections.open(connection_id), BINARY, now)

    def not_utf8(self, connection_id: str, now: Millis) -> list[Action]:
        """A text message was not UTF-8."""
        return self._connections.close(self._connections.open(connection_id), NOT_UTF8, now)

    def broken(self, connection_id: str, ending: tuple[int, str], now: Millis) -> None:
        """The protocol below already sent a close frame: too large (§9.1), or not RFC 6455."""
        self._connections.close(self._connections.open(connection_id), ending, now)

    def full(self, connection_id: str, now: Millis) -> None:
        """The client leaves what it was sent unread."""
        connection = self._connections.by_id.get(connection_id)
        if connection is not None and connection.full_since is None:
            connection.full_since = now
            self._connections.watch(connection)

    def drained(self, connection_id: str) -> None:
        """The client reads again."""
        connection = self._connections.by_id.get(connection_id)
        if connection is not None:
            connection.full_since = None

    def closed(
        self, connection_id: str, ending: tuple[int, str] | None, now: Millis
    ) -> list[Action]:
        """The socket is over: `ending` is the close frame that decided it, None if there was none.

        Called once per socket. `$disconnect` follows (docs/aws-behaviour.md §10.2), except after a
        refused handshake: that connection never existed (docs/aws-behaviour.md §2.1).
        """
        connection = self._connections.remove(connection_id)
        if connection is None:
            return []
        phase, connection.phase = connection.phase, Phase.GONE
        came = NO_STATUS if ending and ending[0] == NO_STATUS[0] else ending
        connection.ending = connection.ending or came or LOST
        if phase not in EXISTED:
            return []
        self.meter.ended(connection, now)
        return self._disconnect(connection, now)

    # @connections (docs/aws-behaviour.md §11).

    def find(self, connection_id: str) -> Connection | None:
        """An open connection; one inside its own $connect is not open yet.

        docs/aws-behaviour.md §11.5.
        """
        return self._connections.open(connection_id)

    def post(self, connection_id: str, text: str, now: Millis) -> tuple[Posted, list[Action]]:
        """Send a text to a connection. SENT means handed over, not read.

        docs/aws-behaviour.md §11.10.
        """
        connection = self._connections.open(connection_id)
        if connection is None:
            return Posted.GONE, []
        if connection.full_since is not None:
            return Posted.FULL, []
        return Posted.SENT, [self._connections.send(connection, text, now)]

    def delete(self, connection_id: str, now: Millis) -> list[Action] | None:
        """Close a connection for an operator; None if it is not there.

        docs/aws-behaviour.md §11.8.
        """
        connection = self._connections.open(connection_id)
        return None if connection is None else self._connections.close(connection, DELETED, now)

    # Time.

    def tick(self, now: Millis) -> list[Action]:
        """Close what was idle too long or grew too old; drop what does not read or answer."""
        return self._connections.tick(now)

    def send_away(self, connection_id: str, now: Millis) -> list[Action]:
        """Close a connection as API Gateway's own maintenance may at any time.

        docs/aws-behaviour.md §9.11.
        """
        return self._connections.close(self._connections.open(connection_id), SHUTTING_DOWN, now)

    def kill(self) -> None:
        """Lose every connection as a node that is killed does: no $disconnect follows."""
        self._connections.kill()

    def shut_down(self, now: Millis) -> list[Action]:
        """Close every open connection with 1001, because the node ends."""
        return [
            action
            for connection in list(self._connections.by_id.values())
            for action in self._connections.close(
                self._connections.open(connection.id), SHUTTING_DOWN, now
            )
        ]

    # For those who watch.

    def latest(self, most: int) -> list[Connection]:
        """The connections that came last, the youngest first; handshakes are among them."""
        return list(itertools.islice(reversed(self._connections.by_id.values()), most))

    def total(self, now: Millis) -> Total:
        """What AWS would have a bill for, so far."""
        existing = (c for c in self._connections.by_id.values() if c.phase in EXISTED)
        return self.meter.total(existing, now)

    def __len__(self) -> int:
        return len(self._connections.by_id)

    def _meaning(self, call: Call, invocation: Invocation, now: Millis) -> list[Action]:
        if call.exchange is not None:
            return self._backends.mapped(call, call.exchange, invocation, now)
        match call.step:
            case Step.AUTHORIZE:
                return self._handshakes.authorized(call, invocation, now)
            case Step.CONNECT:
                return self._handshakes.connected(call, invocation, now)
            case Step.MESSAGE:
                return self._messages.replied(call, invocation, now)
        # ignored but for the log (docs/aws-behaviour.md §10.1)
        failed = invocation.function_error is not None
        code, _ = call.connection.ending or LOST
        outcome, error = (f"{code} failed", INTEGRATION_ERROR) if failed else (str(code), "")
        return [self._outcomes.note(call, outcome, now, error)]

    # How a connection ends.

    def _disconnect(self, connection: Connection, now: Millis) -> list[Action]:
        stage = connection.stage
        route = stage.routes.get(Step.DISCONNECT)
        code, reason = connection.ending or LOST
        moment = Moment(self._ids.request(now), now)
        call = Call(Step.DISCONNECT, Step.DISCONNECT, connection, moment, now)
        if route is None or route.mock is not None:
            return [self._outcomes.note(call, str(code), now)]
        if route.backend is not None:
            caller = connection.caller
            context = events.disconnect_context(stage.place, caller, code, reason, moment)
            scope = Scope(context, "", stage.place.stage_variables)
            return self._backends.ask(call, route, scope, now)
        event = events.disconnect(stage.place, connection.caller, code, reason, moment)
        return self._backends.invoke(call, route, event, now)
