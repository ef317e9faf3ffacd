"""Events, key by key and in order, against tests/events (docs/aws-behaviour.md §3.1, §4)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wsgate.model import events
from wsgate.model.events import Caller, Handshake, Moment, Place, Said

GOLDEN = Path(__file__).parent / "events"
HOST = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
PLACE = Place("a1b2c3d4e5", "live", HOST, "eu-west-1", "000000000000", {})
IDENTITY = {"userAgent": "example/1.0", "sourceIp": "203.0.113.7"}
CONTEXT = {"user_id": "ann", "resource": "site", "principalId": "ann"}
TRACE = "Root=1-6630f5a1-0123456789abcdef01234567"
HANDSHAKE = Handshake(
    (
        ("Host", HOST),
        ("Connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("User-Agent", "example/1.0"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "cGxlYXNlIGludmVudCBvbmU="),
    ),
    "ticket=an+invented%20ticket",
    "203.0.113.7",
)


def caller(authorizer: dict[str, Any] | None = None) -> Caller:
    return Caller("AAAAAAAAtjMCAAA=", 1714484641120, IDENTITY, authorizer)


def golden(name: str) -> str:
    """As text: the order of keys is a part of it."""
    return json.dumps(json.loads((GOLDEN / f"{name}.json").read_text()))


def test_the_authorizer_event() -> None:
    moment = Moment("AAAAAAAAtjMFAAA=", 1714484641121)
    event = events.authorizer(PLACE, caller(), HANDSHAKE, TRACE, moment)
    assert json.dumps(event) == golden("authorize")


def test_the_connect_event() -> None:
    moment = Moment("AAAAAAAAtjMFAAA=", 1714484641121)
    connecting = caller({**CONTEXT, "integrationLatency": 21})
    event = events.connect(PLACE, connecting, HANDSHAKE, TRACE, moment)
    assert json.dumps(event) == golden("connect")


def test_the_message_event() -> None:
    said = Said("hello", "BBBBBBBBtjMCAAA=", '{"action":"hello",\r\n\t"id":"m1"}')
    moment = Moment("CCCCCCCCtjMFAAA=", 1714484645000)
    assert json.dumps(events.message(PLACE, caller(CONTEXT), said, moment)) == golden("message")


def test_the_disconnect_event() -> None:
    moment = Moment("DDDDDDDDtjMFAAA=", 1714485245000)
    event = events.disconnect(PLACE, caller(CONTEXT), 1001, "Going away", moment)
    assert json.dumps(event) == golden("disconnect")


def connect(query: str = "", *headers: tuple[str, str], place: Place = PLACE) -> dict[str, Any]:
    handshake = Handshake(headers, query, "203.0.113.7")
    return events.connect(place, caller(), handshake, TRACE, Moment("r", 0))


def test_without_a_query_connect_has_no_query_maps_and_the_authorizer_has_empty_ones() -> None:
    assert not connect().keys() & {"queryStringParameters", "multiValueQueryStringParameters"}
    event = events.authorizer(PLACE, caller(), Handshake((), "", "::1"), TRACE, Moment("r", 0))
    assert (event["queryStringParameters"], event["multiValueQueryStringParameters"]) == ({}, {})


def test_without_an_authorizer_the_context_has_none() -> None:
    assert "authorizer" not in connect()["requestContext"]


def test_a_repeated_query_key_keeps_all_values_and_the_last() -> None:
    event = connect("b=2&a=1&b=%C3%A9&c")
    assert event["queryStringParameters"] == {"b": "é", "a": "1", "c": ""}
    assert event["multiValueQueryStringParameters"] == {"b": ["2", "é"], "a": ["1"], "c": [""]}
    assert list(event["queryStringParameters"]) == ["b", "a", "c"]


def test_a_repeated_header_keeps_all_values_and_the_last() -> None:
    event = connect("", ("X-A", "1"), ("X-A", "2"))
    assert event["headers"]["X-A"] == "2"
    assert event["multiValueHeaders"]["X-A"] == ["1", "2"]


def test_headers_are_sorted_without_regard_to_case_and_keep_it() -> None:
    names = list(connect("", ("x-api-key", "k"), ("host", "h"), ("X-Zebra", "z"))["headers"])
    assert names == sorted(names, key=str.lower)
    assert {"host", "x-api-key", "X-Zebra"} <= set(names)


def test_hop_headers_are_the_authorizers_only() -> None:
    sent = (
        ("connection", "keep-alive, Upgrade"),
        ("UPGRADE", "websocket"),
        ("Content-Length", "0"),
    )
    hops = {"connection", "upgrade", "content-length"}
    assert not {name.lower() for name in connect("", *sent)["headers"]} & hops
    event = events.authorizer(PLACE, caller(), Handshake(sent, "", "::1"), TRACE, Moment("r", 0))
    assert hops <= {name.lower() for name in event["headers"]}


def test_a_forwarded_address_is_passed_on() -> None:
    assert connect("", ("x-forwarded-for", "198.51.100.9"))["headers"]["X-Forwarded-For"] == (
        "198.51.100.9, 203.0.113.7"
    )


def test_a_client_without_a_user_agent_has_only_an_address() -> None:
    assert events.identity(Handshake((), "", "203.0.113.7")) == {"sourceIp": "203.0.113.7"}


def test_stage_variables_are_there_only_when_the_stage_has_some() -> None:
    place = Place("a", "live", HOST, "eu-west-1", "000000000000", {"x": "y"})
    assert connect(place=place)["stageVariables"] == {"x": "y"}
    assert "stageVariables" not in connect()


@pytest.mark.parametrize(
    ("now", "text"),
    [(0, "01/Jan/1970:00:00:00 +0000"), (1714484641999, "30/Apr/2024:13:44:01 +0000")],
)
def test_times_are_written_in_english(now: int, text: str) -> None:
    assert events.request_time(now) == text


@pytest.mark.parametrize("text", ['é " \\ \x00 \u2028 🎉', "half a pair: \ud83c"])
def test_any_text_survives_encoding(text: str) -> None:
    event = events.connect(PLACE, caller({"name": text}), HANDSHAKE, TRACE, Moment("r", 0))
    assert json.loads(events.encode(event)) == event
