"""What a function behind AWS_PROXY answered, parsed once (docs/aws-behaviour.md §2.1, §6)."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.model.invoke import Invocation

_KEYS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})
STATUSES = range(HTTPStatus.OK, 600)
# One report says that API Gateway refuses further keys (docs/aws-behaviour.md §6, §18.19).
FURTHER_KEYS_ARE_MALFORMED = True
# GUESS: as for REST APIs, a status written as text is a status (docs/aws-behaviour.md §2.1 asks for
# a number).
TEXT_STATUS_IS_A_STATUS = True


class MalformedError(Exception):
    """Not a proxy response: the gateway answers for the function."""


@dataclass(frozen=True, slots=True)
class ProxyResponse:
    status: int
    headers: Mapping[str, str]
    """Names in lower case; the last value of each."""
    body: str
    """Decoded, and empty when there was none."""


def parse(invocation: Invocation) -> ProxyResponse:
    """Raises MalformedError when the function failed or answered something else."""
    if invocation.function_error is not None:
        raise MalformedError("the function failed")
    answer = _object(invocation.payload)
    if FURTHER_KEYS_ARE_MALFORMED and not answer.keys() <= _KEYS:
        raise MalformedError(f"it holds {', '.join(sorted(answer.keys() - _KEYS))}")
    return ProxyResponse(_status(answer), _headers(answer), _body(answer))


def error_message(payload: bytes) -> str | None:
    """The `errorMessage` of a failed invocation."""
    try:
        failure = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    message = failure.get("errorMessage") if isinstance(failure, dict) else None
    return message if isinstance(message, str) else None


def _object(payload: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MalformedError("it is not JSON") from error
    if not isinstance(answer, dict):
        raise MalformedError("it is not an object")
    return answer


def _status(answer: Mapping[str, Any]) -> int:
    """100 to 199, 0 and words are not accepted. GUESS (docs/aws-behaviour.md §2.1)."""
    status = answer.get("statusCode")
    if TEXT_STATUS_IS_A_STATUS and isinstance(status, str) and status.isdecimal():
        status = int(status[:4])
    if not isinstance(status, int) or isinstance(status, bool):
        raise MalformedError("it has no statusCode")
    if status not in STATUSES:
        raise MalformedError(f"its statusCode is {status}")
    return status


def _headers(answer: Mapping[str, Any]) -> dict[str, str]:
    """GUESS: the form with many values is honoured as well (docs/aws-behaviour.md §2.6)."""
    single, multiple = answer.get("headers") or {}, answer.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(multiple, dict):
        raise MalformedError("its headers are not an object")
    last = {
        name: values[-1] for name, values in multiple.items() if isinstance(values, list) and values
    }
    return {name.lower(): str(value) for name, value in (last | single).items()}


def _body(answer: Mapping[str, Any]) -> str:
    body = answer.get("body")
    if body is None:
        return ""
    if not isinstance(body, str):
        raise MalformedError("its body is not text")
    return _decoded(body) if answer.get("isBase64Encoded") is True else body


def _decoded(body: str) -> str:
    """GUESS: base64 is decoded and sent when it is text (docs/aws-behaviour.md §7.4)."""
    try:
        return base64.b64decode(body, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise MalformedError("its body is not base64 of text") from error
