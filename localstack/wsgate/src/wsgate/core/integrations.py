"""Integrations with a backend that is not simply given the event: AWS, HTTP and HTTP_PROXY.

What a request makes of a message, and what the client gets of the answer (docs/aws-behaviour.md
§7.8-§7.14). Pure: `gateway.py` asks, `node.py` carries the request out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

from wsgate.core import proxy
from wsgate.expressions.mapping import (
    MappingError,
    Requests,
    Response,
    Responses,
    convert,
    from_base64,
)
from wsgate.expressions.parameters import Mapped, RequestParameters
from wsgate.expressions.velocity import Params, Scope, TemplateTextError
from wsgate.expressions.velocity_values import RenderError
from wsgate.model.invoke import Invocation
from wsgate.model.plan import Conversion, CustomFunctionIntegration, HttpIntegration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.model.events import Pairs
    from wsgate.model.plan import HttpProxyIntegration

# GUESS: what Lambda's Invoke gets of a request without a body, and its status otherwise.
NO_EVENT: Final = "{}"
INVOKED: Final = HTTPStatus.OK
ACCEPTED: Final = HTTPStatus.ACCEPTED
# GUESS: what a message brings along to an endpoint, as for REST APIs; only $connect has headers.
CONTENT_TYPE: Final = "application/json"
USER_AGENT: Final = "AmazonAPIGateway_{api_id}"
# GUESS: ANY is no method to call with, and a message is something new.
ANY_METHOD: Final = "POST"
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What an endpoint is asked."""

    method: str
    url: str
    headers: Pairs
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an endpoint answered, whatever its status."""

    status: int
    headers: Pairs
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What an integration made of its backend's answer."""

    status: int
    text: str | None
    """The frame. None when there is no integration response: nothing is said on a one-way route."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What $connect may answer with, by lower-case name."""
    is_failure: bool = False
    """The function failed, and an integration response words it."""


class CustomFunction:
    """AWS with a Lambda function, compiled."""

    def __init__(self, integration: CustomFunctionIntegration) -> None:
        self.function, self.timeout = integration.function, integration.timeout
        self._requests, self._responses = Requests(integration), Responses(integration.responses)
        self._parameters = RequestParameters(integration.parameters)

    def event(self, scope: Scope) -> bytes:
        """The function's event. Raises MappingError and RenderError."""
        text = self._requests.render(scope) or NO_EVENT
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise MappingError("the function's event is not JSON") from error
        return text.encode(errors="replace")

    def is_asynchronous(self, scope: Scope) -> bool:
        """Return whether `integration.request.header.X-Amz-Invocation-Type` is `'Event'`.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-integration-async.html
        (2026-11-24)
        """
        mapped = self._parameters.values(scope).headers
        kinds = [value for name, value in mapped if name.lower() == "x-amz-invocation-type"]
        return kinds[-1:] == ["Event"]

    def accepted(self, scope: Scope) -> Answer:
        """What an asynchronous invocation answers at once: 202 and nothing."""
        return _answer(self._responses.default, scope, HttpAnswer(ACCEPTED, (), b""))

    def answer(self, invocation: Invocation, scope: Scope) -> Answer:
        """Success is for `$default`, a failure for the pattern of its errorMessage (§7.8)."""
        returned = HttpAnswer(INVOKED, (), invocation.payload)
        if invocation.function_error is None:
            return _answer(self._responses.default, scope, returned)
        message = proxy.error_message(invocation.payload) or ""
        answer = _answer(self._responses.of(message), scope, returned)
        if answer.text is None:
            raise MappingError("the function failed, and no integration response takes it")
        return replace(answer, is_failure=True)


class Http:
    """HTTP or HTTP_PROXY, compiled. Raises TemplateTextError for what it cannot do."""

    def __init__(self, integration: HttpIntegration | HttpProxyIntegration, api_id: str) -> None:
        endpoint, self.timeout = integration.endpoint, integration.timeout
        self._requests = self._responses = None
        if isinstance(integration, HttpIntegration):
            self._requests = Requests(integration)
            self._responses = Responses(integration.responses)
        self._method = ANY_METHOD if endpoint.method == "ANY" else endpoint.method
        check_uri(endpoint.uri)
        self._url = endpoint.uri
        # GUESS: on an integration, one is about the way in and the other about the way out (§7.13).
        self._is_base64 = endpoint.conversion is Conversion.TO_BINARY
        self._to_text = Conversion.TO_TEXT if endpoint.conversion is Conversion.TO_TEXT else None
        self._parameters = RequestParameters(endpoint.parameters)
        self._api_id = api_id

    def request(self, scope: Scope) -> HttpRequest:
        """What to ask. Raises MappingError and RenderError."""
        mapped = self._parameters.values(scope)
        text = self._requests.render(scope) if self._requests else scope.body
        body = text.encode(errors="replace")
        if self._is_base64:
            body = from_base64(body)
        return HttpRequest(
            self._method,
            self._target(scope, mapped),
            self._headers(scope.params, mapped),
            b"" if self._method in _WITHOUT_BODY else body,
        )

    def answer(self, answer: HttpAnswer, scope: Scope) -> Answer:
        """The body is the frame; HTTP puts it through its integration responses first (§7.8)."""
        if self._responses is None:
            headers = {name.lower(): value for name, value in answer.headers}
            return Answer(answer.status, convert(answer.body, self._to_text), headers)
        response = self._responses.of(str(answer.status))
        found = _answer(response, scope, answer, self._to_text)
        if found.text is None and answer.status not in _SUCCESS:
            raise MappingError(f"the endpoint answered {answer.status}, which nothing takes")
        return found

    def _target(self, scope: Scope, mapped: Mapped) -> str:
        url = _PATH_PARAMETER.sub(
            lambda found: quote(mapped.path.get(found[1], found[0]), safe=""), self._url
        )
        query = [(name, value) for name, value in mapped.query]
        if self._requests is None and scope.params is not None:  # a proxy hands on what came
            own = {name for name, _ in query}
            came = scope.params.multivaluequerystring.items()
            query += [(name, value) for name, many in came if name not in own for value in many]
        fields = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in query)
        return f"{url}{'&' if '?' in url else '?'}{fields}" if fields else url

    def _headers(self, params: Params | None, mapped: Mapped) -> Pairs:
        """Those of a handshake are handed on, `Sec-WebSocket-*` too.

        docs/aws-behaviour.md §7.14.
        """
        own = {name.lower() for name, _ in mapped.headers}
        agent = USER_AGENT.format(api_id=self._api_id)
        came = [("Content-Type", CONTENT_TYPE)]
        if params is not None:
            came = [(n, value) for n, many in params.multivalueheader.items() for value in many]
        if not any(name.lower() == "user-agent" for name, _ in came):
            came.append(("User-Agent", agent))
        came.append(("x-amzn-apigateway-api-id", self._api_id))
        kept = [pair for pair in came if pair[0].lower() not in own | _OF_THE_CONNECTION]
        if any(_BREAK.search(value) for _, value in mapped.headers):
            raise MappingError("a mapped header has a line break")
        return (*kept, *mapped.headers)


Backend = CustomFunction | Http


@dataclass(frozen=True, slots=True)
class Exchange:
    """A backend that was asked, and what its answer will be mapped with."""

    backend: Backend
    scope: Scope

    def answer(self, came: Invocation | HttpAnswer) -> Answer:
        """Raises MappingError."""
        try:
            if isinstance(came, Invocation) and isinstance(self.backend, CustomFunction):
                return self.backend.answer(came, self.scope)
            if isinstance(came, HttpAnswer) and isinstance(self.backend, Http):
                return self.backend.answer(came, self.scope)
        except RenderError as error:
            raise MappingError(str(error)) from error
        raise TypeError(came)


def check_uri(uri: str) -> None:
    """Raises TemplateTextError for what is no address of an endpoint."""
    if not _URL.fullmatch(uri):
        raise TemplateTextError(f"is {uri!r}, which is no http:// or https:// address")


_SUCCESS: Final = range(200, 300)
_PATH_PARAMETER: Final = re.compile(r"\{([A-Za-z0-9._$-]+)\+?\}")
_URL: Final = re.compile(r"https?://[^\s/?#]+[^\s#]*", re.IGNORECASE)
_BREAK: Final = re.compile(r"[\r\n\0]")
# What belongs to one connection, or follows from the body.
_OF_THE_CONNECTION: Final = frozenset({"connection", "content-length", "host", "upgrade"})


def _answer(
    response: Response | None,
    scope: Scope,
    came: HttpAnswer,
    conversion: Conversion | None = None,
) -> Answer:
    """GUESS: without any integration response, a success is silent.

    docs/aws-behaviour.md §7.8 wants one.
    """
    if response is None:
        return Answer(came.status, None)
    text = convert(came.body, response.conversion or conversion)
    seen = replace(scope, body=text)
    frame = response.render(seen, scope.body, came.status, came.headers, otherwise=text)
    return Answer(came.status, frame, response.headers(scope, text, came.headers))
