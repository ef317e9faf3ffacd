"""The REQUEST authorizer of $connect: what it needs, and what its answer means (APIGW.md §3)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from wsgate.core import proxy
from wsgate.core.events import Handshake, Place, query_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wsgate.invoke import Invocation

ACTION = "execute-api:Invoke"
ANSWER_BYTES = 8 * 1024  # APIGW.md §3.13
# GUESS, as for REST APIs; serverless-offline answers 403 (APIGW.md §3.6).
NO_PRINCIPAL = HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True)
class Allowed:
    """The caller may connect; `context` goes into its every later event (APIGW.md §3.10)."""

    context: Mapping[str, str]


@dataclass(frozen=True)
class Refused:
    status: int


class SourceError(ValueError):
    """An identity source that a WebSocket API does not have (APIGW.md §3.3)."""


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
    """True when any source is missing or empty: 401, and nobody is asked (APIGW.md §3.4)."""
    return not all(_source(source, handshake, place, context) for source in sources)


def judge(invocation: Invocation, place: Place) -> Allowed | Refused:
    """The meaning of an authorizer's answer (APIGW.md §3.5)."""
    if invocation.function_error is not None:
        unauthorized = proxy.error_message(invocation.payload) == "Unauthorized"
        return Refused(
            HTTPStatus.UNAUTHORIZED if unauthorized else HTTPStatus.INTERNAL_SERVER_ERROR
        )
    try:
        return _verdict(_answer(invocation.payload), place)
    except _NotAnAnswerError:
        return Refused(HTTPStatus.INTERNAL_SERVER_ERROR)


class _NotAnAnswerError(Exception):
    pass


_SOURCE = re.compile(
    r"(route\.request\.header|route\.request\.querystring|stageVariables|context)\.([A-Za-z0-9._-]+)"
)


def _source(source: str, handshake: Handshake, place: Place, context: Mapping[str, Any]) -> Any:
    match = _SOURCE.fullmatch(source)
    if match is None:
        return None
    root, name = match.groups()
    if root == "route.request.header":
        # Upper and lower case do not matter in a header's name. GUESS (APIGW.md §3.4)
        return dict((key.lower(), value) for key, value in handshake.headers).get(name.lower())
    if root == "route.request.querystring":
        return dict(query_pairs(handshake.query)).get(name)
    return (place.stage_variables if root == "stageVariables" else context).get(name)


def _answer(payload: bytes) -> dict[str, Any]:
    if len(payload) > ANSWER_BYTES:
        raise _NotAnAnswerError
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise _NotAnAnswerError from error
    if not isinstance(answer, dict):
        raise _NotAnAnswerError
    return answer


def _verdict(answer: Mapping[str, Any], place: Place) -> Allowed | Refused:
    principal, context = answer.get("principalId"), answer.get("context") or {}
    if not isinstance(principal, str | int) or principal == "":
        return Refused(NO_PRINCIPAL)
    if not _allows(answer.get("policyDocument"), place.connect_arn):
        return Refused(HTTPStatus.FORBIDDEN)
    if not isinstance(context, dict):
        raise _NotAnAnswerError
    texts = {name: _context_text(value) for name, value in context.items()}
    return Allowed(texts | {"principalId": str(principal)})


def _context_text(value: Any) -> str:
    """Numbers and booleans become text; anything else is an error (APIGW.md §3.12)."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if not isinstance(value, str):
        raise _NotAnAnswerError
    return value


def _allows(policy: Any, arn: str) -> bool:
    """A Deny outweighs every Allow; no statement at all allows nothing (APIGW.md §3.5, §3.7)."""
    if not isinstance(policy, dict):
        raise _NotAnAnswerError
    effects = {
        effect for statement in _list(policy.get("Statement")) for effect in _effect(statement, arn)
    }
    return effects == {"Allow"}


def _effect(statement: Any, arn: str) -> list[str]:
    """The statement's effect if it is about this call. A condition cannot be judged here."""
    if not isinstance(statement, dict) or statement.keys() & {
        "Condition",
        "NotAction",
        "NotResource",
    }:
        raise _NotAnAnswerError
    about_it = any(
        _matches(str(action), ACTION, re.IGNORECASE) for action in _list(statement.get("Action"))
    )
    about_here = any(
        _matches(str(resource), arn, 0) for resource in _list(statement.get("Resource"))
    )
    effect = statement.get("Effect")
    if effect not in {"Allow", "Deny"}:
        raise _NotAnAnswerError
    return [effect] if about_it and about_here else []


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _matches(pattern: str, text: str, flags: int) -> bool:
    return _wildcard(pattern, flags).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _wildcard(pattern: str, flags: int) -> re.Pattern[str]:
    # Runs of stars are one star, so that no pattern takes exponential time.
    parts = re.split(r"(\*+|\?)", pattern)
    text = "".join(".*" if p.startswith("*") else "." if p == "?" else re.escape(p) for p in parts)
    return re.compile(text, flags | re.DOTALL)
