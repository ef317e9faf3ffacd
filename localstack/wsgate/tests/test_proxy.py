"""Proxy responses (docs/aws-behaviour.md §2.1, §6)."""

from __future__ import annotations

from typing import Any

import pytest

from gateways import raised, returned
from wsgate.core import proxy
from wsgate.core.proxy import MalformedError, ProxyResponse
from wsgate.model.invoke import Invocation


def test_a_whole_response() -> None:
    answer = {
        "statusCode": 200,
        "headers": {"X-A": "1"},
        "multiValueHeaders": {"X-B": ["2", "3"], "X-C": []},
        "body": "hi",
        "isBase64Encoded": False,
    }
    assert proxy.parse(returned(answer)) == ProxyResponse(200, {"x-b": "3", "x-a": "1"}, "hi")


@pytest.mark.parametrize("status", [100, 199, 600, 99999, -1, True, 200.5, "2x", "", None, [200]])
def test_what_is_no_status(status: Any) -> None:
    with pytest.raises(MalformedError):
        proxy.parse(returned({"statusCode": status}))


@pytest.mark.parametrize("payload", [b"", b"nope", b"\xff", b"[" * 9000])
def test_what_is_no_json(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        proxy.parse(Invocation(payload))


@pytest.mark.parametrize("body", ["!", "/w==", "a"])
def test_base64_that_is_no_text(body: str) -> None:
    with pytest.raises(MalformedError):
        proxy.parse(returned({"statusCode": 200, "body": body, "isBase64Encoded": True}))


def test_a_failure_is_malformed_whatever_it_holds() -> None:
    with pytest.raises(MalformedError):
        proxy.parse(Invocation(b'{"statusCode": 200}', "Unhandled"))


def test_the_message_of_a_failure() -> None:
    assert proxy.error_message(raised("boom").payload) == "boom"


@pytest.mark.parametrize("payload", [b"", b"nope", b"[]", b"{}", b'{"errorMessage": 1}'])
def test_a_failure_without_a_message(payload: bytes) -> None:
    assert proxy.error_message(payload) is None
