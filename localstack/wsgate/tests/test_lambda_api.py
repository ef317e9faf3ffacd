"""Lambda's Invoke API, without a socket."""

from __future__ import annotations

import json

import pytest

from wsgate.apis import lambda_api
from wsgate.apis.lambda_api import InvocationType, Order, OrderError
from wsgate.model.invoke import Invocation, InvokeError
from wsgate.transport.responses import Request


def request(
    body: bytes = b"{}", kind: str | None = None, method: str = "POST", *, too_large: bool = False
) -> Request:
    headers = () if kind is None else (("X-Amz-Invocation-Type", kind),)
    return Request(method, "/", "", headers, body, "127.0.0.1", too_large)


def refusal(name: str, asked: Request) -> tuple[int, str]:
    with pytest.raises(OrderError) as caught:
        lambda_api.parse(name, asked)
    response = caught.value.response
    return response.status, dict(response.headers)["x-amzn-ErrorType"]


@pytest.mark.parametrize(
    "name",
    [
        "hello",
        "hello:$LATEST",
        "hello:live",
        "000000000000:hello",
        "000000000000:function:hello",
        "arn:aws:lambda:eu-west-1:000000000000:function:hello",
        "arn:aws:lambda:eu-west-1:000000000000:function:hello:live",
    ],
)
def test_a_name_in_each_of_its_forms(name: str) -> None:
    assert lambda_api.parse(name, request()).function == "hello"


@pytest.mark.parametrize("name", ["", "a b", "../x", "arn:aws:s3:::bucket", "x" * 141])
def test_what_is_no_name_is_400(name: str) -> None:
    assert refusal(name, request()) == (400, "ValidationException")


def test_the_type_of_an_order() -> None:
    assert lambda_api.parse("f", request()).type is InvocationType.REQUEST_RESPONSE
    order = lambda_api.parse("f", request(b"[1]", "Event"))
    assert order == Order("f", b"[1]", InvocationType.EVENT)


def test_an_empty_payload_is_an_empty_object() -> None:
    assert lambda_api.parse("f", request(b"")).payload == b"{}"


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        (request(b"nope"), (400, "InvalidRequestContentException")),
        (request(b"[" * 9000), (400, "InvalidRequestContentException")),
        (request(kind="Sometimes"), (400, "InvalidParameterValueException")),
        (request(method="GET"), (405, "ServiceException")),
        (request(too_large=True), (413, "RequestTooLargeException")),
        (request(b'"' + b"x" * 1024 * 1024 + b'"', "Event"), (413, "RequestTooLargeException")),
    ],
)
def test_what_is_no_order(asked: Request, refused: tuple[int, str]) -> None:
    assert refusal("f", asked) == refused


def test_a_function_that_failed_is_200_with_a_header() -> None:
    response = lambda_api.response(Invocation(b'{"errorMessage":"x"}', "Unhandled"))
    assert (response.status, response.body) == (200, b'{"errorMessage":"x"}')
    assert dict(response.headers)["X-Amz-Function-Error"] == "Unhandled"


def test_a_function_that_answered_has_no_such_header() -> None:
    assert "X-Amz-Function-Error" not in dict(lambda_api.response(Invocation(b"1")).headers)


@pytest.mark.parametrize(("kind", "status"), [("Event", 202), ("DryRun", 204)])
def test_what_does_not_wait_is_accepted(kind: str, status: int) -> None:
    assert lambda_api.accepted(InvocationType(kind)).status == status


def test_an_error_of_invoke_keeps_its_status_and_kind() -> None:
    response = lambda_api.failure(InvokeError(404, "ResourceNotFoundException", "not found: f"))
    assert response.status == 404
    assert json.loads(response.body)["Message"] == "not found: f"
    assert dict(response.headers)["x-amzn-ErrorType"] == "ResourceNotFoundException"
