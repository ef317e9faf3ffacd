"""Which template, and which integration response; MOCK, which has no more.

docs/aws-behaviour.md §7.8-§7.10.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from wsgate.expressions.parameters import ResponseParameters
from wsgate.expressions.selection import (
    INTEGRATION_ROOTS,
    ExpressionError,
    Selection,
    compile_selection,
    parse_body,
)
from wsgate.expressions.velocity import (
    Rendering,
    Scope,
    TemplateTextError,
    compile_template,
)
from wsgate.model.plan import Conversion, Passthrough

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.model.events import Pairs
    from wsgate.model.plan import IntegrationResponse, MappedIntegration, MockIntegration

__all__ = [
    "MappingError",
    "Mock",
    "MockAnswer",
    "Rendering",
    "Requests",
    "Response",
    "Responses",
    "Scope",
    "TemplateTextError",
    "compile_template",
]

# GUESS: an error's text is matched up to here; the pattern is the template's, the text is not.
MAX_TO_MATCH: Final = 1024
# GUESS: what a MOCK's response template sees as `$input` is the message, as its selection does.
MOCK_RESPONSE_SEES_THE_MESSAGE: Final = True


class MappingError(Exception):
    """The templates lead nowhere: the client gets an error, the log this sentence."""


# What is made for each message is not frozen: making a frozen one takes three times as long.
@dataclass(slots=True)
class MockAnswer:
    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the response's parameters say, by lower-case name."""


class Mock:
    """A MOCK integration, compiled. Raises TemplateTextError for what it cannot do."""

    def __init__(self, integration: MockIntegration) -> None:
        self._requests = Requests(integration)
        self._responses = Responses(integration.responses)
        # A heartbeat's status never changes: it, and what answers it, is looked up once.
        fixed = self._requests.fixed
        self._fixed = None if fixed is None else _status_of(fixed)
        self._response = None if self._fixed is None else self._responses.of(str(self._fixed))

    def answer(self, scope: Scope) -> MockAnswer:
        """Status and frame. Raises MappingError and RenderError.

        The request template makes JSON with an integer `statusCode`; that number selects the
        response, and the rendered text of its template is the frame, verbatim
        (docs/aws-behaviour.md §7.1).
        """
        status, response = self._fixed, self._response
        if status is None:
            status = _status_of(self._requests.render(scope))
            response = None if status is None else self._responses.of(str(status))
        if status is None or response is None:
            raise MappingError("no template answers")
        seen = scope if MOCK_RESPONSE_SEES_THE_MESSAGE else replace(scope, body="")
        # No backend answered, so an answer without a template is empty.
        text = response.render(seen, scope.body, status, (), otherwise="")
        return MockAnswer(status, text, response.headers(scope, scope.body, ()))


class Requests:
    """The request templates of an integration, and what passes without one."""

    def __init__(self, integration: MappedIntegration) -> None:
        self._templates = _Templates(integration.template_selection, integration.templates)
        self._passthrough = integration.passthrough
        self._has_templates = bool(integration.templates)

    @property
    def fixed(self) -> str | None:
        """The text, when neither the choice nor the template depends on a message."""
        return self._templates.fixed

    def render(self, scope: Scope) -> str:
        """What the backend gets. Raises MappingError and RenderError."""
        variables = {"request.body": parse_body(scope.body)} if self._templates.reads_body else {}
        template = self._templates.select(variables)
        if template is not None:
            return template.render(scope)
        # As REST APIs answer 415; a WebSocket has no such thing. GUESS: an error
        # (docs/aws-behaviour.md §7.10).
        if self._passthrough is Passthrough.NEVER or (
            self._passthrough is Passthrough.WHEN_NO_TEMPLATES and self._has_templates
        ):
            raise MappingError("no request template matches, and nothing may pass without one")
        return scope.body


class Responses:
    """The integration responses: `/regex/` first, else `$default` (docs/aws-behaviour.md §7.8)."""

    def __init__(self, responses: tuple[IntegrationResponse, ...]) -> None:
        self._responses = tuple(map(Response, responses))

    def of(self, selector: str) -> Response | None:
        """`selector` is the status of MOCK and HTTP, the `errorMessage` of a function."""
        start = selector[:MAX_TO_MATCH]
        matching = (r for r in self._responses if r.pattern and r.pattern.fullmatch(start))
        return next(matching, None) or self.default

    @property
    def default(self) -> Response | None:
        return next((r for r in self._responses if r.pattern is None), None)


class Response:
    """One integration response, compiled."""

    def __init__(self, response: IntegrationResponse) -> None:
        self.pattern = None if response.key == "$default" else _pattern(response.key)
        self.conversion = response.conversion
        self._templates = _Templates(response.template_selection, response.templates)
        self._parameters = ResponseParameters(response.parameters) if response.parameters else None

    def render(
        self, scope: Scope, message: str, status: int, headers: Pairs, *, otherwise: str
    ) -> str:
        """The text for the client; without a template that is `otherwise`. Raises RenderError."""
        template = self._templates.always
        if template is None:
            template = self._templates.select(self._variables(message, status, headers))
        return otherwise if template is None else template.render(scope, status)

    def headers(self, scope: Scope, body: str, came: Pairs) -> Mapping[str, str]:
        """What $connect may answer with, by lower-case name (docs/aws-behaviour.md §7.7)."""
        return _NONE if self._parameters is None else self._parameters.values(scope, body, came)

    def _variables(self, message: str, status: int, headers: Pairs) -> dict[str, Any]:
        body = {"request.body": parse_body(message)} if self._templates.reads_body else {}
        multiple: dict[str, list[str]] = {}
        for name, value in headers:
            multiple.setdefault(name.lower(), []).append(value)
        single = {name: values[-1] for name, values in multiple.items()}
        return {
            **body,
            "integration.response.statuscode": status,
            "integration.response.header": _Fields(single),
            "integration.response.multivalueheader": _Fields(multiple),
        }


def convert(body: bytes, conversion: Conversion | None) -> str:
    """What a backend sent, as the text of a frame: only text is ever sent.

    docs/aws-behaviour.md §9.4.

    GUESS: CONVERT_TO_TEXT leaves a text alone and makes base64 of anything else; what is then no
    text has its bad bytes replaced (docs/aws-behaviour.md §7.13).
    """
    if conversion is Conversion.TO_BINARY:
        body = from_base64(body)
    try:
        return body.decode()
    except UnicodeDecodeError:
        if conversion is Conversion.TO_TEXT:
            return base64.b64encode(body).decode("ascii")
        return body.decode(errors="replace")


def from_base64(text: bytes) -> bytes:
    """CONVERT_TO_BINARY. GUESS: what is no base64 is an error. Raises MappingError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MappingError("CONVERT_TO_BINARY met what is not base64") from error


def check_templates(expression: str | None, texts: Mapping[str, str]) -> None:
    """Raises TemplateTextError for templates, or an expression to choose one, that cannot run."""
    _Templates(expression, texts)


def check_response(response: IntegrationResponse) -> None:
    """Raises TemplateTextError for a response that cannot be."""
    Response(response)


_NONE: Final[Mapping[str, str]] = {}


def _status_of(text: str) -> int | None:
    made = parse_body(text)
    status = made.get("statusCode") if isinstance(made, dict) else None
    return status if isinstance(status, int) and not isinstance(status, bool) else None


class _Fields(dict[str, Any]):
    """Headers: upper and lower case do not matter."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class _Templates:
    """Templates by key, and the expression that chooses among them (docs/aws-behaviour.md §7.9)."""

    def __init__(self, expression: str | None, texts: Mapping[str, str]) -> None:
        self._selection = None if expression is None else _selection(expression)
        self._templates = {key: compile_template(text) for key, text in texts.items()}
        self.reads_body = self._selection is not None and any(
            not isinstance(part, str) and part.root == "request.body"
            for part in self._selection.parts
        )
        is_chosen_once = self._selection is None or self._selection.literal is not None
        self.always = self.select({}) if is_chosen_once else None
        """The template, when nothing that comes can change the choice."""

    @property
    def fixed(self) -> str | None:
        """The text, when neither the choice nor the template depends on a message."""
        return None if self.always is None else self.always.literal

    def select(self, variables: Mapping[str, Any]) -> Rendering | None:
        """The selected template, else `$default`; without an expression also the only one there is.

        The last rule is how the AWS CLI's sample with the key `application/json` works (§7.1).
        """
        if self._selection is not None:
            chosen = self._templates.get(self._selection.value(variables))
            return chosen or self._templates.get("$default")
        only = next(iter(self._templates.values())) if len(self._templates) == 1 else None
        return self._templates.get("$default", only)


def _selection(expression: str) -> Selection:
    try:
        return compile_selection(expression, INTEGRATION_ROOTS)
    except ExpressionError as error:
        raise TemplateTextError(str(error)) from error


def _pattern(key: str) -> re.Pattern[str]:
    if not (key.startswith("/") and key.endswith("/") and key.strip("/")):
        raise TemplateTextError(f"the integration response key {key!r} is not $default or /regex/")
    try:
        return re.compile(key[1:-1])
    except re.error as error:
        raise TemplateTextError(f"the integration response key {key!r}: {error}") from error
