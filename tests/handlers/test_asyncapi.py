"""The AsyncAPI document, read as the author of a client reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from handlers.core.message import ACTIONS
from handlers.core.server_message import ANSWERS
from handlers.web import asyncapi
from tests.docs.markdown import ROOT, blocks
from tests.support.contracts import check_exchange, check_server_frame
from tests.support.web import WebContainer, call
from tests.support.words import DROPPED

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

DOCUMENT = asyncapi.document()
SHOWN = [
    block.text
    for block in blocks(ROOT / "docs" / "reference" / "websocket-protocol.md")
    if block.language == "json"
]


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def test_the_system_serves_it_without_a_token(world: World) -> None:
    assert call(world, "GET", "/asyncapi.json", token=None) == (200, DOCUMENT)
    assert call(world, "GET", "/openapi.json")[1]["externalDocs"]["url"] == "/asyncapi.json"


def test_every_action_has_its_answer() -> None:
    assert ANSWERS.keys() == set(ACTIONS)
    for name in (*ACTIONS, "ping"):
        assert DOCUMENT["operations"][name]["action"] == "receive"
        assert DOCUMENT["operations"][name]["reply"]["messages"]


def test_every_member_is_described() -> None:
    assert [
        f"{name}.{member}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for member, one in schema.get("properties", {}).items()
        if "description" not in one and "$ref" not in one and member not in {"type", "action"}
    ] == []


def test_every_message_says_what_it_is() -> None:
    for message in DOCUMENT["components"]["messages"].values():
        assert message["summary"].endswith(".")
    assert not DROPPED.search(json.dumps(DOCUMENT))


@pytest.mark.parametrize("shown", SHOWN)
def test_what_the_reference_shows_is_described(shown: str) -> None:
    message: dict[str, Any] = json.loads(shown)
    if "action" in message:
        check_exchange(shown, {"type": "any"})
    else:
        check_server_frame(shown)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "unheard-of"},
        {"type": "acked"},
        {"type": "acked", "re": "k1", "more": 1},
        {"type": "pong", "server_now": "1"},
        {"type": "event", "server_now": 1, "epoch": None, "event": {"seq": 1}},
    ],
)
def test_what_is_not_described_is_found(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="a frame of the server"):
        check_server_frame(json.dumps(wrong))


def test_the_body_of_an_event_of_the_servers_own_is_checked() -> None:
    event = {"seq": 1, "type": "bonus.claimed", "body": {"bonus_id": "x"}, "at": 1, "id": None}
    push = {"type": "event", "server_now": 1, "epoch": None, "event": event}
    with pytest.raises(AssertionError, match="reward"):
        check_server_frame(json.dumps(push))
    check_server_frame(json.dumps(push | {"event": event | {"type": "mine"}}))
