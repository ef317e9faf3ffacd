"""@connections, case by case (docs/aws-behaviour.md §11, C22)."""

from __future__ import annotations

import json

import pytest

from gateways import T0, Machine, function, websocket_api
from wsgate.apis import management
from wsgate.core.actions import Close, SendText
from wsgate.transport.responses import Request, Response

UNKNOWN = "AAAAAAAAtjMCAAA="


def request(method: str, body: bytes = b"", *, too_large: bool = False) -> Request:
    return Request(method, "/live/@connections/x", "", (), body, "127.0.0.1", too_large)


def machine() -> Machine:
    return Machine(websocket_api({}))


def kind(response: Response) -> str | None:
    return dict(response.headers).get("x-amzn-ErrorType")


def test_post_is_200_and_empty() -> None:
    gateway = machine()
    connection_id = gateway.connected()
    answer = management.answer(gateway.gateway, connection_id, request("POST", b"hi"), T0)
    assert answer == (Response(200), [SendText(connection_id, "hi")])


def test_an_empty_post_is_an_empty_message() -> None:
    gateway = machine()
    connection_id = gateway.connected()
    _, actions = management.answer(gateway.gateway, connection_id, request("POST"), T0)
    assert actions == [SendText(connection_id, "")]


def test_get_describes_the_connection() -> None:
    gateway = machine()
    connection_id = gateway.connected()
    gateway.now = T0 + 2553
    gateway.say(connection_id, "{}")
    response, _ = management.answer(gateway.gateway, connection_id, request("GET"), gateway.now)
    assert json.loads(response.body) == {
        "connectedAt": "2024-04-30T13:44:01.120Z",
        "identity": {"sourceIp": "203.0.113.7", "userAgent": None},
        "lastActiveAt": "2024-04-30T13:44:03.673Z",
    }


def test_get_is_no_activity() -> None:
    gateway = machine()
    connection_id = gateway.connected()
    management.answer(gateway.gateway, connection_id, request("GET"), T0 + 5000)
    connection = gateway.gateway.find(connection_id)
    assert connection is not None
    assert connection.last_active_at == T0


def test_delete_is_204_and_closes() -> None:
    gateway = machine()
    connection_id = gateway.connected()
    response, actions = management.answer(gateway.gateway, connection_id, request("DELETE"), T0)
    assert response == Response(204)
    assert actions == [Close(connection_id, 1000, "Connection Closed Normally")]


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_connection_that_is_not_there_is_410_with_an_empty_body(method: str) -> None:
    response, actions = management.answer(machine().gateway, UNKNOWN, request(method), T0)
    assert (response.status, response.body, kind(response)) == (410, b"", "GoneException")
    assert actions == []


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_inside_its_own_connect_a_connection_is_410(method: str) -> None:
    gateway = Machine(websocket_api({"$connect": function("connect")}))
    connection_id, _ = gateway.handshake()
    response, _ = management.answer(gateway.gateway, connection_id, request(method), T0)
    assert response.status == 410


def test_the_second_delete_is_410() -> None:
    gateway = machine()
    connection_id = gateway.connected()
    for status in (204, 410):
        response, _ = management.answer(gateway.gateway, connection_id, request("DELETE"), T0)
        assert response.status == status


@pytest.mark.parametrize("name", ["", "short", "8f14e45f-ceea-467f-ab57-0123456789ab", "A" * 16])
def test_a_malformed_id_is_400(name: str) -> None:
    response, _ = management.answer(machine().gateway, name, request("POST"), T0)
    assert (response.status, kind(response)) == (400, "BadRequestException")
    assert json.loads(response.body) == {"message": f"Invalid connectionId: {name}"}


def test_too_much_data_is_413_even_for_an_unknown_connection() -> None:
    response, _ = management.answer(machine().gateway, UNKNOWN, request("POST", too_large=True), T0)
    assert (response.status, kind(response)) == (413, "PayloadTooLargeException")


def test_data_that_is_no_text_is_400() -> None:
    gateway = machine()
    connection_id = gateway.connected()
    response, actions = management.answer(
        gateway.gateway, connection_id, request("POST", b"\xff"), T0
    )
    assert (response.status, actions) == (400, [])


def test_a_client_that_reads_nothing_is_429() -> None:
    gateway = machine()
    connection_id = gateway.connected()
    gateway.gateway.full(connection_id, T0)
    response, _ = management.answer(gateway.gateway, connection_id, request("POST", b"x"), T0)
    assert (response.status, kind(response)) == (429, "LimitExceededException")


def test_another_method_is_403() -> None:
    response, _ = management.answer(machine().gateway, UNKNOWN, request("PUT"), T0)
    assert (response.status, kind(response)) == (403, "ForbiddenException")


def test_times_have_milliseconds() -> None:
    assert management.iso_time(T0 // 1000 * 1000 + 7).endswith(".007Z")
