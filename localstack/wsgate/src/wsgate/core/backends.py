"""Asks what stands behind a route, a function or an endpoint, and takes its mapped answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wsgate.core.actions import Action, Call, Enqueue, Fetch, Invoke
from wsgate.core.integrations import Exchange, Http
from wsgate.expressions.mapping import MappingError
from wsgate.expressions.velocity_values import RenderError
from wsgate.model import events

if TYPE_CHECKING:
    from wsgate.core.integrations import HttpAnswer
    from wsgate.core.outcomes import Outcomes
    from wsgate.core.stage import CompiledRoute
    from wsgate.expressions.velocity import Scope
    from wsgate.model.events import Event
    from wsgate.model.ids import Millis
    from wsgate.model.invoke import Invocation


class Backends:
    """Functions and endpoints, as the core sees them."""

    __slots__ = ("_outcomes",)

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes

    def invoke(self, call: Call, route: CompiledRoute, event: Event, now: Millis) -> list[Action]:
        if route.refusal:
            return self._outcomes.failed(call, route.refusal, now)
        return [Invoke(call, route.function, events.encode(event), route.timeout)]

    def ask(self, call: Call, route: CompiledRoute, scope: Scope, now: Millis) -> list[Action]:
        backend = route.backend
        if backend is None or route.refusal:
            return self._outcomes.failed(call, route.refusal, now)
        asked = replace(call, exchange=Exchange(backend, scope))
        try:
            if isinstance(backend, Http):
                return [Fetch(asked, backend.request(scope), backend.timeout)]
            event = backend.event(scope)
            if not backend.is_asynchronous(scope):
                return [Invoke(asked, backend.function, event, backend.timeout)]
            accepted = self._outcomes.mapped_answer(call, backend.accepted(scope), now)
            return [Enqueue(backend.function, event), *accepted]
        except (MappingError, RenderError) as error:
            return self._outcomes.failed(call, str(error), now)

    def mapped(
        self, call: Call, exchange: Exchange, came: Invocation | HttpAnswer, now: Millis
    ) -> list[Action]:
        try:
            answer = exchange.answer(came)
        except MappingError as error:
            return self._outcomes.failed(call, str(error), now)
        return self._outcomes.mapped_answer(call, answer, now)
