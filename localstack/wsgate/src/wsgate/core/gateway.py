"""The gateway's decisions: what happened goes in, what to do comes out.

No socket, no clock, no task is known here. `node.py` tells what happened and carries the actions
out; time is an argument (milliseconds since the epoch). Each rule cites `APIGW.md`; what that page
calls a GUESS stands behind a constant of its own, so that a later look at AWS is a one-line change.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wsgate.core import access, authorizer, models, proxy
from wsgate.core.actions import (
    Accept,
    Action,
    Arrival,
    Call,
    Close,
    Connection,
    Drop,
    Enqueue,
    Fetch,
    Invoke,
    Note,
    Phase,
    Posted,
    Refuse,
    SendText,
    Step,
)
from wsgate.core.bill import Meter
from wsgate.core.deadlines import Deadlines
from wsgate.core.integrations import Exchange, Http
from wsgate.core.signature import Unsigned
from wsgate.expressions import parameters
from wsgate.expressions.mapping import MappingError, Mock
from wsgate.expressions.velocity import Scope
from wsgate.expressions.velocity_values import RenderError
from wsgate.model import events
from wsgate.model.events import Caller, Handshake, Moment, Said
from wsgate.model.limits import millis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from wsgate.core.bill import Total
    from wsgate.core.integrations import Answer, HttpAnswer
    from wsgate.core.quotas import Limiter
    from wsgate.core.stage import CompiledRoute, Stage
    from wsgate.model.events import Event
    from wsgate.model.ids import Ids, Millis
    from wsgate.model.invoke import Invocation
    from wsgate.model.limits import Limits
    from wsgate.model.plan import (
        Authorizer,
    )

# Frames of the gateway's own, to the byte (APIGW.md §6).
FORBIDDEN = "Forbidden"
INTERNAL_SERVER_ERROR = "Internal server error"
TIMED_OUT = "Endpoint request timed out"
# GUESS: no capture shows a throttled message (APIGW.md §6, §18.3).
TOO_MANY_REQUESTS = "Too Many Requests"

GOING_AWAY = (1001, "Going away")  # idle (APIGW.md §9.6)
LIFE_OVER = GOING_AWAY  # GUESS: the code at two hours was never captured (APIGW.md §9.7)
SHUTTING_DOWN = GOING_AWAY  # GUESS: as API Gateway's own maintenance (APIGW.md §9.11)
DELETED = (1000, "Connection Closed Normally")  # the event shows it; on the wire a GUESS (§11.8)
BINARY = (1003, "")  # APIGW.md §9.3; the reason is a GUESS
NOT_UTF8 = (1007, "")  # GUESS, from RFC 6455 (APIGW.md §9.5)
NO_STATUS = (1005, "Client-side close frame status not set")  # APIGW.md §10.3
LOST = (1006, "")  # GUESS: no close frame came (APIGW.md §10.3)

# GUESS: a time-out of $connect, and of an authorizer, as for REST APIs (APIGW.md §2.1, §3.5).
CONNECT_TIMED_OUT = HTTPStatus.GATEWAY_TIMEOUT
AUTHORIZER_FAILED = HTTPStatus.INTERNAL_SERVER_ERROR
NO_STATUS_OF_MOCK = HTTPStatus.INTERNAL_SERVER_ERROR
# GUESS: Lambda could not be invoked at all, as for REST APIs (APIGW.md §2.1).
CONNECT_NOT_INVOKED = HTTPStatus.INTERNAL_SERVER_ERROR
# GUESS: an endpoint out of reach is what REST APIs call an integration failure (APIGW.md §2.1).
ENDPOINT_UNREACHABLE = HTTPStatus.GATEWAY_TIMEOUT
# GUESS: a $connect that is no proxy has no status of its own when its function fails (§2.1).
CUSTOM_CONNECT_FAILED = HTTPStatus.BAD_GATEWAY
# GUESS: a required parameter is missing, as for REST APIs (APIGW.md §7.11).
PARAMETER_MISSING = HTTPStatus.BAD_REQUEST
# GUESS: a client that gave up while $connect ran was connected all the same, and then lost.
ABANDONED_HANDSHAKE_DISCONNECTS = True
# GUESS: API Gateway may not invoke the function, as for REST APIs (APIGW.md §2.1, §8.7).
NOT_PERMITTED = "no AWS::Lambda::Permission lets API Gateway invoke the function"
# GUESS: a handshake without a good API key, as for REST APIs (APIGW.md §2.1).
NO_API_KEY = HTTPStatus.FORBIDDEN
# A handshake that is not signed, or by somebody else (APIGW.md §3.15).
NOT_SIGNED = HTTPStatus.FORBIDDEN
# GUESS: a reply larger than a message may be is an error of the integration (APIGW.md §9.2).
LARGE_REPLY = INTERNAL_SERVER_ERROR


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
        """`known` is who may sign a handshake, by the id of their key (APIGW.md §3.15).

        Without a limiter, quotas of rates are not enforced.
        """
        self._stages, self._known = stages, known
        # One object per name, not per connection; a client may write a name in many ways.
        self._stage = lru_cache(maxsize=64)(self._find_stage)
        self._ids, self._limits = ids, _InMillis.of(limits)
        self._connections: dict[str, Connection] = {}
        self.meter = Meter()
        """GUESS: the gateway's own error frames are messages like others (APIGW.md §12.4)."""
        self._deadlines: Deadlines[Connection] = Deadlines(self._limits.resolution)
        self._limiter = limiter

    # A handshake: authorizer, $connect, then 101 or a status (APIGW.md §2, §3).

    def handshake(self, handshake: Handshake, now: Millis) -> tuple[str, list[Action]]:
        """A client asks for a connection. Nothing is promised before `Accept`."""
        stage = self._stage(handshake.address.stage, handshake.address.domain)
        identity = events.identity(handshake)
        connection = Connection(self._ids.connection(now), now, identity, now, stage)
        self._connections[connection.id] = connection
        moment = Moment(self._ids.request(now), now)
        arrival = Arrival(connection, handshake, self._ids.trace(now), moment)
        if self._limiter is not None and not self._limiter.handshake(stage.scope, now):
            call = Call(Step.CONNECT, Step.CONNECT, connection, moment, now, arrival)
            return connection.id, self._refuse(call, HTTPStatus.TOO_MANY_REQUESTS, now)
        return connection.id, self._authorize(arrival, now)

    def answered(self, call: Call, invocation: Invocation, now: Millis) -> list[Action]:
        """A function returned or failed; both are an answer."""
        actions = self._meaning(call, invocation, now)
        return [replace(a, cold=invocation.cold) if isinstance(a, Note) else a for a in actions]

    def fetched(self, call: Call, answer: HttpAnswer, now: Millis) -> list[Action]:
        """An endpoint answered, with whatever status."""
        return self._mapped(call, call.exchange, answer, now) if call.exchange else []

    def failed(self, call: Call, reason: str, now: Millis) -> list[Action]:
        """A function could not be invoked, or an endpoint not reached; or no template leads on."""
        reason = _first_line(reason)
        match call.step:
            case Step.AUTHORIZE:
                return self._refuse(call, AUTHORIZER_FAILED, now, reason)
            case Step.CONNECT:
                return self._refuse(call, CONNECT_NOT_INVOKED, now, reason)
            case Step.MESSAGE:
                return self._complain(call, INTERNAL_SERVER_ERROR, now, reason)
        return [self._note(call, reason, now)]

    def unreachable(self, call: Call, reason: str, now: Millis) -> list[Action]:
        """An endpoint could not be reached, or its answer not be read."""
        if call.step is Step.CONNECT:
            return self._refuse(call, ENDPOINT_UNREACHABLE, now, _first_line(reason))
        return self.failed(call, reason, now)

    def timed_out(self, call: Call, now: Millis) -> list[Action]:
        """A function did not answer in the integration's time. It goes on; its answer is lost."""
        match call.step:
            case Step.AUTHORIZE:
                return self._refuse(call, AUTHORIZER_FAILED, now, TIMED_OUT)
            case Step.CONNECT:
                return self._refuse(call, CONNECT_TIMED_OUT, now, TIMED_OUT)
            case Step.MESSAGE:
                return self._complain(call, TIMED_OUT, now)
        return [self._note(call, TIMED_OUT, now)]

    # An open connection.

    def message(self, connection_id: str, text: str, now: Millis) -> list[Action]:
        """A whole text message came. Messages of one connection are not queued (APIGW.md §8.3)."""
        connection = self._open(connection_id)
        if connection is None:
            return []
        connection.last_active_at = now
        connection.received += self.meter.count(text)
        stage = connection.stage
        route = stage.select(text)
        if self._limiter is not None and not self._limiter.request(
            stage.scope, route.key if route else None, now
        ):
            return self._throttle(connection, route, now)
        if route is not None and route.checks is not None:
            problem = route.checks.problem(text)
            if problem is not None:
                return self._bad_body(connection, route, problem, now)
        if route is not None and route.mock is not None:
            return self._mock(connection, route, route.mock, text, now)
        if route is None:
            moment = Moment(self._ids.request(now), now)
            return self._complain(Call(Step.MESSAGE, "-", connection, moment, now), FORBIDDEN, now)
        return self._hand_on(connection, route, text, now)

    def binary(self, connection_id: str, now: Millis) -> list[Action]:
        """A binary frame came: no route is asked (APIGW.md §9.3)."""
        return self._close(self._open(connection_id), BINARY, now)

    def not_utf8(self, connection_id: str, now: Millis) -> list[Action]:
        """A text message was not UTF-8."""
        return self._close(self._open(connection_id), NOT_UTF8, now)

    def broken(self, connection_id: str, ending: tuple[int, str], now: Millis) -> None:
        """The protocol below already sent a close frame: too large (§9.1), or not RFC 6455."""
        self._close(self._open(connection_id), ending, now)

    def full(self, connection_id: str, now: Millis) -> None:
        """The client leaves what it was sent unread."""
        connection = self._connections.get(connection_id)
        if connection is not None and connection.full_since is None:
            connection.full_since = now
            self._watch(connection)

    def drained(self, connection_id: str) -> None:
        """The client reads again."""
        connection = self._connections.get(connection_id)
        if connection is not None:
            connection.full_since = None

    def closed(
        self, connection_id: str, ending: tuple[int, str] | None, now: Millis
    ) -> list[Action]:
        """The socket is over: `ending` is the close frame that decided it, None if there was none.

        Called once per socket, whoever closed it; `$disconnect` follows (APIGW.md §10.2), except
        after a refused handshake: that connection never existed (APIGW.md §2.1).
        """
        connection = self._connections.pop(connection_id, None)
        if connection is None:
            return []
        phase, connection.phase = connection.phase, Phase.GONE
        self._deadlines.forget(connection)
        came = NO_STATUS if ending and ending[0] == NO_STATUS[0] else ending
        connection.ending = connection.ending or came or LOST
        if phase not in _EXISTED:
            return []
        self.meter.ended(connection, now)
        return self._disconnect(connection, now)

    # @connections (APIGW.md §11).

    def find(self, connection_id: str) -> Connection | None:
        """An open connection; one inside its own $connect is not open yet (APIGW.md §11.5)."""
        return self._open(connection_id)

    def post(self, connection_id: str, text: str, now: Millis) -> tuple[Posted, list[Action]]:
        """Send a text to a connection. SENT means handed over, not read (APIGW.md §11.10)."""
        connection = self._open(connection_id)
        if connection is None:
            return Posted.GONE, []
        if connection.full_since is not None:
            return Posted.FULL, []
        return Posted.SENT, [self._send(connection, text, now)]

    def delete(self, connection_id: str, now: Millis) -> list[Action] | None:
        """Close a connection for an operator; None if it is not there (APIGW.md §11.8)."""
        connection = self._open(connection_id)
        return None if connection is None else self._close(connection, DELETED, now)

    # Time.

    def tick(self, now: Millis) -> list[Action]:
        """Close what was idle too long or grew too old; drop what does not read or answer."""
        actions: list[Action] = []
        for connection in self._deadlines.due(now):
            if self._deadline(connection) > now:
                self._watch(connection)
            else:
                actions += self._expire(connection, now)
        return actions

    def send_away(self, connection_id: str, now: Millis) -> list[Action]:
        """Close a connection as API Gateway's own maintenance may at any time (APIGW.md §9.11)."""
        return self._close(self._open(connection_id), SHUTTING_DOWN, now)

    def kill(self) -> None:
        """Lose every connection as a node that is killed does: nobody is told, nothing follows."""
        for connection in self._connections.values():
            connection.phase = Phase.KILLED
            self._deadlines.forget(connection)
        self._connections.clear()

    def shut_down(self, now: Millis) -> list[Action]:
        """The node ends: every open connection is told to go away."""
        return [
            action
            for connection in list(self._connections.values())
            for action in self._close(self._open(connection.id), SHUTTING_DOWN, now)
        ]

    # For those who watch.

    def latest(self, most: int) -> list[Connection]:
        """The connections that came last, the youngest first; handshakes are among them."""
        return list(itertools.islice(reversed(self._connections.values()), most))

    def total(self, now: Millis) -> Total:
        """What AWS would have a bill for, so far."""
        existing = (c for c in self._connections.values() if c.phase in _EXISTED)
        return self.meter.total(existing, now)

    def __len__(self) -> int:
        return len(self._connections)

    # How a handshake goes on.

    def _authorize(self, arrival: Arrival, now: Millis) -> list[Action]:
        connection, moment, api = arrival.connection, arrival.moment, arrival.connection.stage.api
        call = Call(Step.AUTHORIZE, Step.AUTHORIZE, connection, moment, now, arrival)
        if api.iam:
            return self._sign_in(call, arrival, now)
        if api.authorizer is None:
            return self._admit(call, arrival, now)
        connection.phase = Phase.AUTHORIZING
        return self._ask_authorizer(call, api.authorizer, arrival, now)

    def _sign_in(self, call: Call, arrival: Arrival, now: Millis) -> list[Action]:
        connection = arrival.connection
        place = connection.stage.place
        try:
            signer = access.signer_of(arrival.handshake, self._known, place, now)
        except (Unsigned, access.Denied) as error:
            return self._refuse(call, NOT_SIGNED, now, _first_line(error))
        connection.identity = events.with_signer(connection.identity, signer)
        return self._admit(call, arrival, now)

    def _ask_authorizer(
        self, call: Call, guard: Authorizer, arrival: Arrival, now: Millis
    ) -> list[Action]:
        place, caller, moment = call.connection.stage.place, call.connection.caller, call.moment
        context = events.connect_context(place, caller, moment)
        sources = guard.identity_sources
        if authorizer.lacks_identity(sources, arrival.handshake, place, context):
            return self._refuse(call, HTTPStatus.UNAUTHORIZED, now, "identity source missing")
        if not guard.permitted:
            return self.failed(call, NOT_PERMITTED, now)
        event = events.authorizer(place, caller, arrival.handshake, arrival.trace, moment)
        return [Invoke(call, guard.function, events.encode(event), self._limits.authorizer)]

    def _admit(
        self,
        call: Call,
        arrival: Arrival,
        now: Millis,
        latency: Millis | None = None,
        named: str | None = None,
    ) -> list[Action]:
        """Whoever may connect may also need an API key (APIGW.md §3.14)."""
        connection = arrival.connection
        keys = connection.stage.api.api_keys
        if keys is not None:
            pair = access.api_key(keys, arrival.handshake, named)
            if pair is None:
                return self._refuse(call, NO_API_KEY, now, "no API key, or an unknown one")
            connection.identity = events.with_api_key(connection.identity, *pair)
        return self._connect(arrival, now, latency)

    def _connect(
        self, arrival: Arrival, now: Millis, latency: Millis | None = None
    ) -> list[Action]:
        connection, moment = arrival.connection, arrival.moment
        connection.phase = Phase.CONNECTING
        call = Call(Step.CONNECT, Step.CONNECT, connection, moment, now, arrival)
        stage = connection.stage
        route = stage.routes.get(Step.CONNECT)
        if route is None:  # every upgrade is accepted (APIGW.md §2.7)
            return self._accept(call, None, now)
        if (lacking := parameters.missing(route.required, arrival.handshake)) is not None:
            return self._refuse(call, PARAMETER_MISSING, now, f"{lacking} is missing")
        caller = self._connecting_caller(connection, latency)
        if route.mock is not None:
            scope = self._connect_scope(call, caller, arrival)
            return self._mock_connect(call, route.mock, scope, now)
        if route.backend is not None:
            scope = self._connect_scope(call, caller, arrival)
            return self._ask(call, route, scope, now)
        event = events.connect(stage.place, caller, arrival.handshake, arrival.trace, moment)
        return self._invoke(call, route, event, now)

    def _invoke(self, call: Call, route: CompiledRoute, event: Event, now: Millis) -> list[Action]:
        if not route.permitted:
            return self.failed(call, NOT_PERMITTED, now)
        return [Invoke(call, route.function, events.encode(event), route.timeout)]

    def _connecting_caller(self, connection: Connection, latency: Millis | None) -> Caller:
        """In CONNECT only, `integrationLatency` ends the authorizer's context (APIGW.md §3.11)."""
        if latency is None:
            return connection.caller
        context: dict[str, Any] = {**(connection.authorizer or {}), "integrationLatency": latency}
        return replace(connection.caller, authorizer=context)

    def _connect_scope(self, call: Call, caller: Caller, arrival: Arrival) -> Scope:
        """No event, but what templates can see of the request (APIGW.md §7.12)."""
        place = call.connection.stage.place
        context = events.connect_context(place, caller, call.moment)
        headers = events.forwarded(arrival.handshake, arrival.trace)
        params = parameters.params_of(arrival.handshake, headers)
        return Scope(context, "", place.stage_variables, params)

    def _mock_connect(self, call: Call, mock: Mock, scope: Scope, now: Millis) -> list[Action]:
        try:
            answer = mock.answer(scope)
        except (MappingError, RenderError) as error:
            return self._refuse(call, NO_STATUS_OF_MOCK, now, str(error))
        # GUESS: another status goes through (APIGW.md §7.1), and what is none is an error.
        status = answer.status if answer.status in proxy.STATUSES else NO_STATUS_OF_MOCK
        return self._connect_answered(call, status, answer.headers, now)

    def _meaning(self, call: Call, invocation: Invocation, now: Millis) -> list[Action]:
        if call.exchange is not None:
            return self._mapped(call, call.exchange, invocation, now)
        match call.step:
            case Step.AUTHORIZE:
                return self._authorized(call, invocation, now)
            case Step.CONNECT:
                return self._connected(call, invocation, now)
            case Step.MESSAGE:
                return self._replied(call, invocation, now)
        failed = invocation.function_error is not None  # ignored but for the log (APIGW.md §10.1)
        code, _ = call.connection.ending or LOST
        return [self._note(call, f"{code} failed" if failed else str(code), now)]

    def _authorized(self, call: Call, invocation: Invocation, now: Millis) -> list[Action]:
        place, identity = call.connection.stage.place, call.connection.identity
        verdict = authorizer.judge(invocation, place, identity)
        if isinstance(verdict, authorizer.AuthorizerDenied):
            return self._refuse(call, verdict.status, now, verdict.reason)
        note = self._note(call, "allow", now)
        if call.arrival is None or call.connection.phase in _OVER:
            return [note]
        call.connection.authorizer = verdict.context
        latency = now - call.since
        return [note, *self._admit(call, call.arrival, now, latency, verdict.usage_key)]

    def _connected(self, call: Call, invocation: Invocation, now: Millis) -> list[Action]:
        """Success is 101, any other status goes through, no status is 502 (APIGW.md §2.1)."""
        try:
            response = proxy.parse(invocation)
        except proxy.MalformedError as error:
            return self._refuse(call, HTTPStatus.BAD_GATEWAY, now, str(error))
        return self._connect_answered(call, response.status, response.headers, now)

    def _connect_answered(
        self, call: Call, status: int, headers: Mapping[str, str], now: Millis
    ) -> list[Action]:
        if status not in _SUCCESS:
            return self._refuse(call, status, now)
        # The only header that reaches the client (APIGW.md §2.4, §2.6).
        subprotocol = headers.get("sec-websocket-protocol")
        if subprotocol is not None and not _TOKEN.fullmatch(subprotocol):
            return self._refuse(call, HTTPStatus.BAD_GATEWAY, now, "Sec-WebSocket-Protocol")
        return self._accept(call, subprotocol, now)

    def _accept(self, call: Call, subprotocol: str | None, now: Millis) -> list[Action]:
        connection, note = call.connection, self._note(call, "101", now)
        if connection.phase is Phase.KILLED:
            return [note]
        if connection.phase is Phase.GONE:
            abandoned = ABANDONED_HANDSHAKE_DISCONNECTS
            return [note, *(self._disconnect(connection, now) if abandoned else [])]
        connection.phase, connection.last_active_at = Phase.OPEN, now
        self._watch(connection)
        return [Accept(connection.id, subprotocol), note]

    def _refuse(self, call: Call, status: int, now: Millis, reason: str = "") -> list[Action]:
        connection = call.connection
        connection.phase = Phase.GONE
        self._connections.pop(connection.id, None)
        outcome = f"{int(status)} {reason}".strip()
        return [Refuse(connection.id, int(status)), self._note(call, outcome, now)]

    # How a message goes on.

    def _hand_on(
        self, connection: Connection, route: CompiledRoute, text: str, now: Millis
    ) -> list[Action]:
        """A message for a function, or for what its integration maps it to."""
        place, moment = connection.stage.place, Moment(self._ids.request(now), now)
        call = Call(Step.MESSAGE, route.key, connection, moment, now, two_way=route.two_way)
        said = Said(route.key, self._ids.message(connection.id, now), text)
        if route.backend is not None:
            context = events.message_context(place, connection.caller, said, moment)
            return self._ask(call, route, Scope(context, text, place.stage_variables), now)
        event = events.message(place, connection.caller, said, moment)
        return self._invoke(call, route, event, now)

    def _throttle(
        self, connection: Connection, route: CompiledRoute | None, now: Millis
    ) -> list[Action]:
        """Too many messages: this one reaches nobody, and the connection stays (APIGW.md §6)."""
        moment = Moment(self._ids.request(now), now)
        key = "-" if route is None else route.key
        return self._complain(
            Call(Step.MESSAGE, key, connection, moment, now), TOO_MANY_REQUESTS, now
        )

    def _mock(
        self, connection: Connection, route: CompiledRoute, mock: Mock, text: str, now: Millis
    ) -> list[Action]:
        """No function runs; the event is made only if a template looks at it."""
        place = connection.stage.place

        def context() -> events.Event:
            said = Said(route.key, self._ids.message(connection.id, now), text)
            moment = Moment(self._ids.request(now), now)
            return events.message_context(place, connection.caller, said, moment)

        scope = Scope(events.Lazy(context), text, place.stage_variables)
        try:
            answer = mock.answer(scope)
        except (MappingError, RenderError) as error:
            call = self._mock_call(connection, route, now)
            return self._complain(call, INTERNAL_SERVER_ERROR, now, str(error))
        if route.two_way and self._too_large(answer.text):
            call = self._mock_call(connection, route, now)
            return self._complain(call, LARGE_REPLY, now, "the reply is too large")
        note = Note(route.key, connection.id, str(answer.status))
        return [self._send(connection, answer.text, now), note] if route.two_way else [note]

    def _mock_call(self, connection: Connection, route: CompiledRoute, now: Millis) -> Call:
        moment = Moment(self._ids.request(now), now)
        return Call(Step.MESSAGE, route.key, connection, moment, now)

    def _bad_body(
        self, connection: Connection, route: CompiledRoute, problem: str, now: Millis
    ) -> list[Action]:
        """The integration is not asked; the frame names the message (APIGW.md §6, §7.15)."""
        frame = models.frame(connection.id, self._ids.message(connection.id, now))
        outcome = f"{models.BAD_REQUEST_BODY} ({_first_line(problem)})"
        note = Note(route.key, connection.id, outcome)
        return [self._send(connection, frame, now), note]

    def _replied(self, call: Call, invocation: Invocation, now: Millis) -> list[Action]:
        """The body is the frame; status and headers have no effect (APIGW.md §7.2, §7.3)."""
        try:
            response = proxy.parse(invocation)
        except proxy.MalformedError as error:
            return self._complain(call, INTERNAL_SERVER_ERROR, now, str(error))
        if call.two_way and self._too_large(response.body):
            return self._complain(call, LARGE_REPLY, now, "the reply is too large")
        return self._reply(call, response.body, str(response.status), now)

    def _reply(self, call: Call, text: str, outcome: str, now: Millis) -> list[Action]:
        note = self._note(call, outcome, now)
        if not call.two_way or call.connection.phase is not Phase.OPEN:
            return [note]
        return [self._send(call.connection, text, now), note]

    def _complain(self, call: Call, message: str, now: Millis, reason: str = "") -> list[Action]:
        """An error frame, on one-way routes too; the connection stays open (APIGW.md §6)."""
        note = self._note(call, f"{message} ({reason})" if reason else message, now)
        if call.connection.phase is not Phase.OPEN:
            return [note]
        frame = error_frame(message, call.connection.id, call.moment.request_id)
        return [self._send(call.connection, frame, now), note]

    def _too_large(self, text: str) -> bool:
        limit = self._limits.message_bytes
        return len(text) * 4 > limit and len(text.encode(errors="replace")) > limit

    # Integrations that are no proxy of a function (APIGW.md §7.7-§7.14).

    def _ask(self, call: Call, route: CompiledRoute, scope: Scope, now: Millis) -> list[Action]:
        backend = route.backend
        if backend is None or not route.permitted:
            return self.failed(call, NOT_PERMITTED, now)
        asked = replace(call, exchange=Exchange(backend, scope))
        try:
            if isinstance(backend, Http):
                return [Fetch(asked, backend.request(scope), backend.timeout)]
            event = backend.event(scope)
            if not backend.is_asynchronous(scope):
                return [Invoke(asked, backend.function, event, backend.timeout)]
            accepted = self._mapped_answer(call, backend.accepted(scope), now)
            return [Enqueue(backend.function, event), *accepted]
        except (MappingError, RenderError) as error:
            return self.failed(call, str(error), now)

    def _mapped(
        self, call: Call, exchange: Exchange, came: Invocation | HttpAnswer, now: Millis
    ) -> list[Action]:
        try:
            answer = exchange.answer(came)
        except MappingError as error:
            return self.failed(call, str(error), now)
        return self._mapped_answer(call, answer, now)

    def _mapped_answer(self, call: Call, answer: Answer, now: Millis) -> list[Action]:
        match call.step:
            case Step.CONNECT:
                ours = answer.status if answer.status in proxy.STATUSES else HTTPStatus.BAD_GATEWAY
                status = CUSTOM_CONNECT_FAILED if answer.is_failure else ours
                return self._connect_answered(call, status, answer.headers, now)
            case Step.MESSAGE:
                return self._mapped_reply(call, answer, now)
        return [self._note(call, str(answer.status), now)]

    def _mapped_reply(self, call: Call, answer: Answer, now: Millis) -> list[Action]:
        if call.two_way and answer.text is None:
            reason = "there is no integration response"
            return self._complain(call, INTERNAL_SERVER_ERROR, now, reason)
        text = answer.text or ""
        if call.two_way and self._too_large(text):
            return self._complain(call, LARGE_REPLY, now, "the reply is too large")
        failed = " failed" if answer.is_failure else ""
        return self._reply(call, text, f"{answer.status}{failed}", now)

    # How a connection ends.

    def _disconnect(self, connection: Connection, now: Millis) -> list[Action]:
        stage = connection.stage
        route = stage.routes.get(Step.DISCONNECT)
        code, reason = connection.ending or LOST
        moment = Moment(self._ids.request(now), now)
        call = Call(Step.DISCONNECT, Step.DISCONNECT, connection, moment, now)
        if route is None or route.mock is not None:
            return [self._note(call, str(code), now)]
        if route.backend is not None:
            caller = connection.caller
            context = events.disconnect_context(stage.place, caller, code, reason, moment)
            scope = Scope(context, "", stage.place.stage_variables)
            return self._ask(call, route, scope, now)
        event = events.disconnect(stage.place, connection.caller, code, reason, moment)
        return self._invoke(call, route, event, now)

    def _expire(self, connection: Connection, now: Millis) -> list[Action]:
        if connection.phase is Phase.CLOSING or self._is_stuck(connection, now):
            return [Drop(connection.id)]
        too_old = now >= connection.connected_at + self._limits.life
        return self._close(connection, LIFE_OVER if too_old else GOING_AWAY, now)

    def _close(
        self, connection: Connection | None, ending: tuple[int, str], now: Millis
    ) -> list[Action]:
        if connection is None:
            return []
        connection.phase, connection.ending = Phase.CLOSING, ending
        connection.closing_since = now
        self._watch(connection)
        return [Close(connection.id, *ending)]

    def _is_stuck(self, connection: Connection, now: Millis) -> bool:
        since = connection.full_since
        return since is not None and now >= since + self._limits.stuck

    def _deadline(self, connection: Connection) -> Millis:
        if connection.phase is Phase.CLOSING:
            return connection.closing_since + self._limits.closing
        # Data in both directions counts, protocol pings do not (APIGW.md §9.8, §9.9).
        idle = connection.last_active_at + self._limits.idle
        deadline = min(idle, connection.connected_at + self._limits.life)
        since = connection.full_since
        return deadline if since is None else min(deadline, since + self._limits.stuck)

    def _watch(self, connection: Connection) -> None:
        self._deadlines.watch(connection, self._deadline(connection))

    # Small things.

    def _find_stage(self, index: int, domain: str) -> Stage:
        return self._stages[index].under(domain)

    def _open(self, connection_id: str) -> Connection | None:
        connection = self._connections.get(connection_id)
        return connection if connection and connection.phase is Phase.OPEN else None

    def _send(self, connection: Connection, text: str, now: Millis) -> SendText:
        connection.last_active_at = now
        connection.sent += self.meter.count(text)
        return SendText(connection.id, text)

    def _note(self, call: Call, outcome: str, now: Millis) -> Note:
        return Note(call.route, call.connection.id, outcome, now - call.since)


def error_frame(message: str, connection_id: str, request_id: str) -> str:
    """One space after `"message":` and after each comma, none after the other colons (§6)."""
    return (
        f'{{"message": "{message}", "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    )


def _first_line(error: Exception | str) -> str:
    """For the log, which is a terminal: some of the words are the client's own."""
    words = str(error).partition("\n")[0][:200]
    return "".join(character for character in words if character.isprintable())


_SUCCESS = range(200, 300)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 6455, section 4.2.2
_EXISTED = frozenset({Phase.OPEN, Phase.CLOSING})
_OVER = frozenset({Phase.GONE, Phase.KILLED})


@dataclass(frozen=True, slots=True)
class _InMillis:
    """The limits that are looked at here, in the unit of `now`."""

    idle: Millis
    life: Millis
    closing: Millis
    stuck: Millis
    message_bytes: int
    authorizer: timedelta

    @classmethod
    def of(cls, limits: Limits) -> _InMillis:
        return cls(
            millis(limits.idle),
            millis(limits.life),
            millis(limits.closing),
            millis(limits.stuck),
            limits.message_bytes,
            limits.authorizer,
        )

    @property
    def resolution(self) -> Millis:
        return max(1, min(1000, self.idle // 10))
