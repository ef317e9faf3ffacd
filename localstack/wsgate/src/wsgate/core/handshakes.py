"""The steps of a handshake: authorizer, $connect, then 101 or a status.

docs/aws-behaviour.md §2, §3.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from wsgate.core import access, authorizer, proxy
from wsgate.core.actions import Action, Call, Connection, Invoke, PendingHandshake, Phase, Step
from wsgate.core.codes import (
    CLIENT_ERROR,
    EXECUTION_ERROR,
    INTEGRATION_ERROR,
    NO_API_KEY,
    NO_STATUS_OF_MOCK,
    NOT_PERMITTED,
    NOT_SIGNED,
    PARAMETER_MISSING,
    first_line,
)
from wsgate.core.signature import Unsigned
from wsgate.expressions import parameters
from wsgate.expressions.mapping import MappingError, Mock
from wsgate.expressions.velocity import Scope
from wsgate.expressions.velocity_values import RenderError
from wsgate.model import events
from wsgate.model.events import Caller, Handshake, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wsgate.core.backends import Backends
    from wsgate.core.connections import Connections
    from wsgate.core.outcomes import Outcomes
    from wsgate.core.quotas import Limiter
    from wsgate.core.stage import Stage
    from wsgate.model.ids import Ids, Millis
    from wsgate.model.invoke import Invocation
    from wsgate.model.plan import Authorizer

_OVER = frozenset({Phase.GONE, Phase.KILLED})


class Handshakes:
    """Takes a client from its upgrade request to `Accept` or `Refuse`."""

    def __init__(  # noqa: PLR0913 what a handshake has to do with
        self,
        stages: Sequence[Stage],
        known: Mapping[str, access.Principal],
        ids: Ids,
        limiter: Limiter | None,
        *,
        connections: Connections,
        outcomes: Outcomes,
        backends: Backends,
    ) -> None:
        """`known` is who may sign a handshake, by the id of their key.

        docs/aws-behaviour.md §3.15.
        """
        self._stages, self._known, self._ids, self._limiter = stages, known, ids, limiter
        # One object per name, not per connection; a client may write a name in many ways.
        self._stage = lru_cache(maxsize=64)(self._find_stage)
        self._connections, self._outcomes, self._backends = connections, outcomes, backends

    def begin(self, handshake: Handshake, now: Millis) -> tuple[str, list[Action]]:
        """A client asks for a connection. Nothing is promised before `Accept`."""
        stage = self._stage(handshake.address.stage, handshake.address.domain)
        identity = events.identity(handshake)
        connection = Connection(self._ids.connection(now), now, identity, now, stage)
        self._connections.by_id[connection.id] = connection
        moment = Moment(self._ids.request(now), now)
        pending = PendingHandshake(connection, handshake, self._ids.trace(now), moment)
        if self._limiter is not None and not self._limiter.handshake(stage.scope, now):
            call = Call(Step.CONNECT, Step.CONNECT, connection, moment, now, pending)
            return connection.id, self._outcomes.refuse(call, HTTPStatus.TOO_MANY_REQUESTS, now)
        return connection.id, self._authorize(pending, now)

    def authorized(self, call: Call, invocation: Invocation, now: Millis) -> list[Action]:
        place, identity = call.connection.stage.place, call.connection.identity
        verdict = authorizer.judge(invocation, place, identity)
        if isinstance(verdict, authorizer.AuthorizerDenied):
            is_failure = verdict.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            error = EXECUTION_ERROR if is_failure else CLIENT_ERROR
            return self._outcomes.refuse(call, verdict.status, now, verdict.reason, error)
        note = self._outcomes.note(call, "allow", now)
        if call.pending is None or call.connection.phase in _OVER:
            return [note]
        call.connection.authorizer = verdict.context
        latency = now - call.since
        return [note, *self._admit(call, call.pending, now, latency, verdict.usage_key)]

    def connected(self, call: Call, invocation: Invocation, now: Millis) -> list[Action]:
        """Success is 101, any other status goes through, no status is 502.

        docs/aws-behaviour.md §2.1.
        """
        try:
            response = proxy.parse(invocation)
        except proxy.MalformedError as error:
            code = HTTPStatus.BAD_GATEWAY
            return self._outcomes.refuse(call, code, now, str(error), INTEGRATION_ERROR)
        return self._outcomes.connect_answered(call, response.status, response.headers, now)

    def _authorize(self, pending: PendingHandshake, now: Millis) -> list[Action]:
        connection, moment, api = pending.connection, pending.moment, pending.connection.stage.api
        call = Call(Step.AUTHORIZE, Step.AUTHORIZE, connection, moment, now, pending)
        if api.iam:
            return self._sign_in(call, pending, now)
        if api.authorizer is None:
            return self._admit(call, pending, now)
        connection.phase = Phase.AUTHORIZING
        return self._ask_authorizer(call, api.authorizer, pending, now)

    def _sign_in(self, call: Call, pending: PendingHandshake, now: Millis) -> list[Action]:
        connection = pending.connection
        place = connection.stage.place
        try:
            signer = access.signer_of(pending.handshake, self._known, place, now)
        except (Unsigned, access.Denied) as error:
            return self._outcomes.refuse(call, NOT_SIGNED, now, first_line(error))
        connection.identity = events.with_signer(connection.identity, signer)
        return self._admit(call, pending, now)

    def _ask_authorizer(
        self, call: Call, guard: Authorizer, pending: PendingHandshake, now: Millis
    ) -> list[Action]:
        place, caller, moment = call.connection.stage.place, call.connection.caller, call.moment
        context = events.connect_context(place, caller, moment)
        sources = guard.identity_sources
        if authorizer.lacks_identity(sources, pending.handshake, place, context):
            return self._outcomes.refuse(
                call, HTTPStatus.UNAUTHORIZED, now, "identity source missing"
            )
        if not guard.permitted:
            return self._outcomes.failed(call, NOT_PERMITTED, now)
        event = events.authorizer(place, caller, pending.handshake, pending.trace, moment)
        return [
            Invoke(call, guard.function, events.encode(event), self._connections.limits.authorizer)
        ]

    def _admit(
        self,
        call: Call,
        pending: PendingHandshake,
        now: Millis,
        latency: Millis | None = None,
        named: str | None = None,
    ) -> list[Action]:
        """Check the API key of an authorized client (docs/aws-behaviour.md §3.14)."""
        connection = pending.connection
        keys = connection.stage.api.api_keys
        if keys is not None:
            pair = access.api_key(keys, pending.handshake, named)
            if pair is None:
                return self._outcomes.refuse(call, NO_API_KEY, now, "no API key, or an unknown one")
            connection.identity = events.with_api_key(connection.identity, *pair)
        return self._connect(pending, now, latency)

    def _connect(
        self, pending: PendingHandshake, now: Millis, latency: Millis | None = None
    ) -> list[Action]:
        connection, moment = pending.connection, pending.moment
        connection.phase = Phase.CONNECTING
        call = Call(Step.CONNECT, Step.CONNECT, connection, moment, now, pending)
        stage = connection.stage
        route = stage.routes.get(Step.CONNECT)
        if route is None:  # every upgrade is accepted (docs/aws-behaviour.md §2.7)
            return self._outcomes.accept(call, None, now)
        if (lacking := parameters.missing(route.required, pending.handshake)) is not None:
            return self._outcomes.refuse(call, PARAMETER_MISSING, now, f"{lacking} is missing")
        caller = self._connecting_caller(connection, latency)
        if route.mock is not None:
            scope = self._connect_scope(call, caller, pending)
            return self._mock_connect(call, route.mock, scope, now)
        if route.backend is not None:
            scope = self._connect_scope(call, caller, pending)
            return self._backends.ask(call, route, scope, now)
        event = events.connect(stage.place, caller, pending.handshake, pending.trace, moment)
        return self._backends.invoke(call, route, event, now)

    def _connecting_caller(self, connection: Connection, latency: Millis | None) -> Caller:
        """In CONNECT only, `integrationLatency` ends the authorizer's context.

        docs/aws-behaviour.md §3.11.
        """
        if latency is None:
            return connection.caller
        context: dict[str, Any] = {**(connection.authorizer or {}), "integrationLatency": latency}
        return replace(connection.caller, authorizer=context)

    def _connect_scope(self, call: Call, caller: Caller, pending: PendingHandshake) -> Scope:
        """No event, but what templates can see of the request (docs/aws-behaviour.md §7.12)."""
        place = call.connection.stage.place
        context = events.connect_context(place, caller, call.moment)
        headers = events.forwarded(pending.handshake, pending.trace)
        params = parameters.params_of(pending.handshake, headers)
        return Scope(context, "", place.stage_variables, params)

    def _mock_connect(self, call: Call, mock: Mock, scope: Scope, now: Millis) -> list[Action]:
        try:
            answer = mock.answer(scope)
        except (MappingError, RenderError) as error:
            code = NO_STATUS_OF_MOCK
            return self._outcomes.refuse(call, code, now, str(error), INTEGRATION_ERROR)
        # GUESS: another status goes through (docs/aws-behaviour.md §7.1), and what is none is an
        # error.
        status = answer.status if answer.status in proxy.STATUSES else NO_STATUS_OF_MOCK
        return self._outcomes.connect_answered(call, status, answer.headers, now)

    def _find_stage(self, index: int, domain: str) -> Stage:
        return self._stages[index].under(domain)
