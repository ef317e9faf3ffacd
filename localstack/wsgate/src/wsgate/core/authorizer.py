"""The REQUEST authorizer of $connect: what it needs, and what its answer means.

docs/aws-behaviour.md §3.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wsgate.core import policy, proxy
from wsgate.expressions import selection
from wsgate.model.events import ADDED, Handshake, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wsgate.model.invoke import Invocation

ACTION = "execute-api:Invoke"
ANSWER_BYTES = 8 * 1024  # docs/aws-behaviour.md §3.13
# GUESS, as for REST APIs; serverless-offline answers 403 (docs/aws-behaviour.md §3.6).
NO_PRINCIPAL = HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True)
class Allowed:
    """The caller may connect; `context` goes into its every later event.

    docs/aws-behaviour.md §3.10.
    """

    context: Mapping[str, str]
    usage_key: str | None = None
    """`usageIdentifierKey`: the API key that the caller need not send itself.

    docs/aws-behaviour.md §3.14.
    """


@dataclass(frozen=True)
class AuthorizerDenied:
    status: int
    reason: str = field(default="", compare=False)
    """For the log: the client gets the status only."""


class SourceError(ValueError):
    """An identity source that a WebSocket API does not have (docs/aws-behaviour.md §3.3)."""


def check_sources(sources: Iterable[str]) -> None:
    """Raises SourceError, when the gateway starts, for a source that could never be found."""
    for source in sources:
        if not _SOURCE.fullmatch(source):
            raise SourceError(
                f"the identity source {source!r} is none of route.request.header.NAME, "
                "route.request.querystring.NAME, stageVariables.NAME, context.NAME"
            )


def lacks_identity(
    sources: Iterable[str], handshake: Handshake, place: Place, context: Mapping[str, Any]
) -> bool:
    """Return whether any source is missing or empty: then 401, and the authorizer is not called.

    docs/aws-behaviour.md §3.4.
    """
    return not all(_source(source, handshake, place, context) for source in sources)


def judge(
    invocation: Invocation, place: Place, identity: Mapping[str, str] = MappingProxyType({})
) -> Allowed | AuthorizerDenied:
    """The meaning of an authorizer's answer (docs/aws-behaviour.md §3.5).

    A condition may ask the identity.
    """
    if invocation.function_error is not None:
        unauthorized = proxy.error_message(invocation.payload) == "Unauthorized"
        return AuthorizerDenied(
            HTTPStatus.UNAUTHORIZED if unauthorized else HTTPStatus.INTERNAL_SERVER_ERROR
        )
    try:
        return _verdict(_answer(invocation.payload), place, facts(identity))
    except (_NotAnAnswerError, policy.PolicyError) as error:
        return AuthorizerDenied(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))


def facts(identity: Mapping[str, str]) -> dict[str, str]:
    """What a policy's condition may ask about a caller; every caller of AWS came by TLS.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    (2026-11-24)
    """
    return {
        "aws:SourceIp": identity.get("sourceIp", ""),
        "aws:UserAgent": identity.get("userAgent", ""),
        "aws:SecureTransport": "true",
    }


class _NotAnAnswerError(Exception):
    """What an authorizer may not answer, in words for the log."""


_SOURCE = re.compile(
    r"(route\.request\.header|route\.request\.querystring|stageVariables|context)\.([A-Za-z0-9._-]+)"
)


def _source(source: str, handshake: Handshake, place: Place, context: Mapping[str, Any]) -> Any:
    match = _SOURCE.fullmatch(source)
    if match is None:
        return None
    root, name = match.groups()
    if root == "route.request.header":
        # Upper and lower case do not matter in a header's name. GUESS (docs/aws-behaviour.md §3.4)
        sent = dict((key.lower(), value) for key, value in handshake.headers)
        return name.lower() in ADDED or sent.get(name.lower())
    if root == "route.request.querystring":
        return dict(handshake.parameters).get(name)
    if root == "stageVariables":
        return place.stage_variables.get(name)
    return selection.walk(context, tuple(name.split(".")))  # identity.sourceIp


def _answer(payload: bytes) -> dict[str, Any]:
    if len(payload) > ANSWER_BYTES:
        raise _NotAnAnswerError(f"the answer is larger than {ANSWER_BYTES} bytes")
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise _NotAnAnswerError("the answer is not JSON") from error
    if not isinstance(answer, dict):
        raise _NotAnAnswerError("the answer is not an object with principalId and policyDocument")
    return answer


def _verdict(
    answer: Mapping[str, Any], place: Place, facts: Mapping[str, str]
) -> Allowed | AuthorizerDenied:
    principal, context = answer.get("principalId"), answer.get("context") or {}
    if not isinstance(principal, str | int) or principal == "":
        return AuthorizerDenied(NO_PRINCIPAL, "the answer has no principalId")
    if not _allows(answer.get("policyDocument"), place, facts):
        return AuthorizerDenied(HTTPStatus.FORBIDDEN)
    if not isinstance(context, dict):
        raise _NotAnAnswerError("context is not an object")
    texts = {name: _context_text(name, value) for name, value in context.items()}
    usage_key = answer.get("usageIdentifierKey")
    key = usage_key if isinstance(usage_key, str) else None
    return Allowed(texts | {"principalId": str(principal)}, key)


def _context_text(name: str, value: Any) -> str:
    """Numbers and booleans become text; anything else is an error (docs/aws-behaviour.md §3.12)."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if not isinstance(value, str):
        raise _NotAnAnswerError(f"context.{name} is neither text, number nor boolean")
    return value


def _allows(document: Any, place: Place, facts: Mapping[str, str]) -> bool:
    """A Deny outweighs every Allow; no statement at all allows nothing.

    docs/aws-behaviour.md §3.5, §3.7.
    """
    if not isinstance(document, dict):
        raise _NotAnAnswerError("policyDocument is not an object")
    statements = policy.as_list(document.get("Statement"))
    decision = policy.decide(statements, ACTION, place.connect_arn, facts)
    return decision is policy.Decision.ALLOW
