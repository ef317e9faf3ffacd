"""The steps of a message: choose its route, then ask a function, an endpoint or a mock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgate.core import models, proxy
from wsgate.core.actions import Action, Call, Connection, Note, Step
from wsgate.core.codes import (
    CLIENT_ERROR,
    FORBIDDEN,
    INTERNAL_SERVER_ERROR,
    LARGE_REPLY,
    TOO_MANY_REQUESTS,
    first_line,
)
from wsgate.expressions.mapping import MappingError, Mock
from wsgate.expressions.velocity import Scope
from wsgate.expressions.velocity_values import RenderError
from wsgate.model import events
from wsgate.model.events import Moment, Said

if TYPE_CHECKING:
    from wsgate.core.backends import Backends
    from wsgate.core.connections import Connections
    from wsgate.core.outcomes import Outcomes
    from wsgate.core.quotas import Limiter
    from wsgate.core.stage import CompiledRoute
    from wsgate.model.ids import Ids, Millis
    from wsgate.model.invoke import Invocation


class Messages:
    """Takes a text message from its arrival to the reply."""

    __slots__ = ("_backends", "_connections", "_ids", "_limiter", "_outcomes")

    def __init__(
        self,
        ids: Ids,
        limiter: Limiter | None,
        connections: Connections,
        outcomes: Outcomes,
        backends: Backends,
    ) -> None:
        self._ids, self._limiter = ids, limiter
        self._connections, self._outcomes, self._backends = connections, outcomes, backends

    def receive(self, connection_id: str, text: str, now: Millis) -> list[Action]:
        """A whole text message came. Messages of one connection are not queued.

        docs/aws-behaviour.md §8.3.
        """
        connection = self._connections.open(connection_id)
        if connection is None:
            return []
        connection.last_active_at = now
        connection.received += self._connections.meter.count(text)
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
            call = Call(Step.MESSAGE, "-", connection, moment, now)
            return self._outcomes.complain(call, FORBIDDEN, now, error=CLIENT_ERROR)
        return self._hand_on(connection, route, text, now)

    def replied(self, call: Call, invocation: Invocation, now: Millis) -> list[Action]:
        """The body is the frame; status and headers have no effect.

        docs/aws-behaviour.md §7.2, §7.3.
        """
        try:
            response = proxy.parse(invocation)
        except proxy.MalformedError as error:
            return self._outcomes.complain(call, INTERNAL_SERVER_ERROR, now, str(error))
        if call.two_way and self._outcomes.is_too_large(response.body):
            return self._outcomes.complain(call, LARGE_REPLY, now, "the reply is too large")
        return self._outcomes.reply(call, response.body, str(response.status), now)

    def _hand_on(
        self, connection: Connection, route: CompiledRoute, text: str, now: Millis
    ) -> list[Action]:
        """A message for a function, or for what its integration maps it to."""
        place, moment = connection.stage.place, Moment(self._ids.request(now), now)
        call = Call(Step.MESSAGE, route.key, connection, moment, now, two_way=route.two_way)
        said = Said(route.key, self._ids.message(connection.id, now), text)
        if route.backend is not None:
            context = events.message_context(place, connection.caller, said, moment)
            return self._backends.ask(call, route, Scope(context, text, place.stage_variables), now)
        event = events.message(place, connection.caller, said, moment)
        return self._backends.invoke(call, route, event, now)

    def _throttle(
        self, connection: Connection, route: CompiledRoute | None, now: Millis
    ) -> list[Action]:
        """Drop a message over the limit, and keep the connection open.

        docs/aws-behaviour.md §6.
        """
        moment = Moment(self._ids.request(now), now)
        key = "-" if route is None else route.key
        call = Call(Step.MESSAGE, key, connection, moment, now)
        return self._outcomes.complain(call, TOO_MANY_REQUESTS, now, error=CLIENT_ERROR)

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
            return self._outcomes.complain(call, INTERNAL_SERVER_ERROR, now, str(error))
        if route.two_way and self._outcomes.is_too_large(answer.text):
            call = self._mock_call(connection, route, now)
            return self._outcomes.complain(call, LARGE_REPLY, now, "the reply is too large")
        note = Note(route.key, connection.id, str(answer.status))
        return (
            [self._connections.send(connection, answer.text, now), note]
            if route.two_way
            else [note]
        )

    def _mock_call(self, connection: Connection, route: CompiledRoute, now: Millis) -> Call:
        moment = Moment(self._ids.request(now), now)
        return Call(Step.MESSAGE, route.key, connection, moment, now)

    def _bad_body(
        self, connection: Connection, route: CompiledRoute, problem: str, now: Millis
    ) -> list[Action]:
        """The integration is not asked; the frame names the message.

        docs/aws-behaviour.md §6, §7.15.
        """
        frame = models.frame(connection.id, self._ids.message(connection.id, now))
        outcome = f"{models.BAD_REQUEST_BODY} ({first_line(problem)})"
        api = connection.stage.api.api_id
        note = Note(route.key, connection.id, outcome, api=api, error=CLIENT_ERROR)
        return [self._connections.send(connection, frame, now), note]
