"""Lambda's Invoke API, so that a plain AWS SDK reaches the local functions.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (2026-11-23)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from wsgate.model.invoke import ASYNCHRONOUS_BYTES, SYNCHRONOUS_BYTES
from wsgate.transport.responses import Request, Response, json_response

if TYPE_CHECKING:
    from wsgate.model.invoke import Invocation, InvokeError
    from wsgate.model.plan import Plan

VERSION = ("X-Amz-Executed-Version", "$LATEST")


class InvocationType(StrEnum):
    REQUEST_RESPONSE = "RequestResponse"
    EVENT = "Event"
    DRY_RUN = "DryRun"


@dataclass(frozen=True)
class Order:
    """An Invoke request, understood."""

    function: str
    payload: bytes
    type: InvocationType


class OrderError(Exception):
    """An Invoke request that is answered with an error."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def parse(name: str, request: Request) -> Order:
    """Name, partial ARN or ARN; qualifiers are taken and not looked at. Raises OrderError."""
    if request.method != "POST":
        raise OrderError(_failure(HTTPStatus.METHOD_NOT_ALLOWED, "ServiceException", "POST only"))
    match = _NAME.fullmatch(name)
    if match is None:
        text = f"Value {name[:170]!r} at 'functionName' is not a function name"
        raise OrderError(_failure(HTTPStatus.BAD_REQUEST, "ValidationException", text))
    kind = _type(request.fields.get("x-amz-invocation-type", InvocationType.REQUEST_RESPONSE))
    return Order(match[1], _payload(request, kind), kind)


def arn(order: Order, plan: Plan) -> str:
    """What a policy must allow."""
    return f"arn:aws:lambda:{plan.region}:{plan.account}:function:{order.function}"


def response(answer: Invocation) -> Response:
    """200 even when the function failed; the header says so."""
    error = answer.function_error
    headers = (("X-Amz-Function-Error", error),) if error is not None else ()
    content = ("Content-Type", "application/json")
    return Response(HTTPStatus.OK, answer.payload, (content, VERSION, *headers))


def accepted(kind: InvocationType) -> Response:
    """Event is 202 before the function runs; DryRun is 204 and runs nothing."""
    is_event = kind is InvocationType.EVENT
    return Response(HTTPStatus.ACCEPTED if is_event else HTTPStatus.NO_CONTENT, b"", (VERSION,))


def failure(error: InvokeError) -> Response:
    return _failure(error.status, error.kind, str(error), error.reason)


def overloaded() -> Response:
    text = "Too many asynchronous invocations are waiting"
    return _failure(HTTPStatus.TOO_MANY_REQUESTS, "TooManyRequestsException", text)


_NAME = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:|\d{12}:(?:function:)?)?"
    r"([A-Za-z0-9-_]{1,140})(?::(?:\$LATEST|[A-Za-z0-9-_]{1,128}))?"
)


def _type(text: str) -> InvocationType:
    try:
        return InvocationType(text)
    except ValueError as error:
        raise OrderError(
            _failure(
                HTTPStatus.BAD_REQUEST,
                "InvalidParameterValueException",
                f"Value {text[:64]!r} at 'invocationType' is none of {', '.join(InvocationType)}",
            )
        ) from error


def _payload(request: Request, kind: InvocationType) -> bytes:
    """An empty payload is an empty object; anything else must be JSON."""
    limit = ASYNCHRONOUS_BYTES if kind is InvocationType.EVENT else SYNCHRONOUS_BYTES
    if request.too_large or len(request.body) > limit:
        text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        raise OrderError(_failure(too_large, "RequestTooLargeException", text))
    try:
        json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        text = f"Could not parse request body into json: {error}"
        bad = HTTPStatus.BAD_REQUEST
        raise OrderError(_failure(bad, "InvalidRequestContentException", text)) from error
    return request.body or b"{}"


def _failure(status: int, kind: str, text: str, reason: str | None = None) -> Response:
    """Lambda spells `Message` with a capital; `Type` says whose fault it is."""
    whose = "User" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "Service"
    why = {} if reason is None else {"Reason": reason}
    body = {**why, "Type": whose, "Message": text, "message": text}
    return json_response(status, body, (("x-amzn-ErrorType", kind),))
