"""A stage of a WebSocket API, compiled: which route a message takes, and what stands behind it."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from wsgate.core import authorizer, models
from wsgate.core.codes import NOT_PERMITTED
from wsgate.core.integrations import Backend, CustomFunction, Http
from wsgate.core.quotas import scope
from wsgate.expressions import selection
from wsgate.expressions.mapping import Mock
from wsgate.model.plan import (
    CustomFunctionIntegration,
    FailingIntegration,
    FunctionIntegration,
    MockIntegration,
)

if TYPE_CHECKING:
    from wsgate.model.events import Place
    from wsgate.model.plan import Route, WebSocketApi

# GUESS: these words are not routes that a message can ask for (docs/aws-behaviour.md §5.6).
RESERVED = frozenset({"$connect", "$disconnect"})


class Stage:
    """A stage of a WebSocket API, compiled, under one of its domains."""

    def __init__(self, api: WebSocketApi, place: Place) -> None:
        """Raises ValueError, with a sentence, for an expression or a template it cannot run."""
        authorizer.check_sources(api.authorizer.identity_sources if api.authorizer else ())
        self.api, self.place, self.scope = api, place, scope(api)
        self.selection = selection.compile_selection(api.selection_expression)
        self.routes = {key: CompiledRoute(route, place.api_id) for key, route in api.routes.items()}

    def select(self, text: str) -> CompiledRoute | None:
        """The route whose key the expression makes, else `$default`, else none.

        docs/aws-behaviour.md §5.
        """
        key = self.selection.literal
        if key is None:
            key = self.selection.value({"request.body": selection.parse_body(text)})
        route = None if key in RESERVED else self.routes.get(key)
        return route or self.routes.get("$default")

    def under(self, domain: str) -> Stage:
        """The same stage, reached by another name."""
        if domain in {"", self.place.domain}:
            return self
        other = copy(self)
        other.place = replace(self.place, domain=domain)
        return other


class CompiledRoute:
    """A route, compiled. One of `function`, `mock`, `backend` and `refusal` is set.

    `refusal` says why the integration cannot be asked, also where `function` or `backend` is set.
    """

    __slots__ = (
        "backend",
        "checks",
        "function",
        "key",
        "mock",
        "refusal",
        "required",
        "timeout",
        "two_way",
    )

    def __init__(self, route: Route, api_id: str) -> None:
        integration = route.integration
        self.refusal = "" if route.permitted else NOT_PERMITTED
        self.key, self.two_way, self.timeout = route.key, route.two_way, timedelta(0)
        self.required = route.required_parameters
        self.checks = None if route.models is None else models.Checks(route.models)
        self.function = ""
        self.mock: Mock | None = None
        self.backend: Backend | None = None
        match integration:
            case FunctionIntegration():
                self.function, self.timeout = integration.function, integration.timeout
            case MockIntegration():
                self.mock = Mock(integration)
            case CustomFunctionIntegration():
                self.backend = CustomFunction(integration)
            case FailingIntegration():
                self.refusal = integration.reason
            case _:
                self.backend = Http(integration, api_id)
