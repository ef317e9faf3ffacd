"""To know an id is not to have it: what a user reads or changes by another's, over the socket and
over HTTP. Each is answered as an id that nothing has.
"""

from __future__ import annotations

import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers import message
from handlers.core.ticket import Ticket, mint
from tests.support.web import WebContainer, call, make_key, operations
from tests.support.world import Context

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

NOTHING = str(uuid.UUID(int=0))


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


@pytest.fixture(autouse=True)
def both(world: World) -> None:
    """Ann watches a stream, bob the site, and both are here."""
    world.come("ann-1", "ann", "stream")
    world.come("bob-1", "bob", "site")


def send(world: World, connection_id: str, action: str, /, **fields: Any) -> dict[str, Any]:
    event = world.event("message", connection_id, connection_id.partition("-")[0])
    body = json.dumps({"action": action, "id": uuid.uuid4().hex, **fields})
    reply: dict[str, Any] = json.loads(
        message.handle(event | {"body": body}, Context(), world.container)["body"]
    )
    return {name: value for name, value in reply.items() if name not in ("re", "server_now")}


def order(world: World, path: str, audience: dict[str, Any]) -> str:
    what = {
        "/bonuses": {"reward": {"secret": 1}, "window_seconds": 60, "acknowledge": True},
        "/news": {"type": "secret", "body": {"secret": 1}, "expires_in_seconds": 60},
    }
    status, made = call(world, "POST", path, what[path] | {"audience": audience})
    assert status == 201, made
    return str(made["bonus_id" if path == "/bonuses" else "news_id"])


FOR_ANN: list[dict[str, Any]] = [
    {"kind": "users", "user_ids": ["ann"]},
    {"kind": "resource", "resource": "stream"},
]


@pytest.mark.parametrize("audience", FOR_ANN, ids=lambda audience: str(audience["kind"]))
def test_a_bonus(world: World, audience: dict[str, Any]) -> None:
    bonus_id = order(world, "/bonuses", audience)
    before = [send(world, "bob-1", action) for action in ("bonuses", "ledger", "hello")]
    assert "secret" not in json.dumps(before)
    for action in ("claim", "ack"):
        known = send(world, "bob-1", action, bonus_id=bonus_id)
        unknown = send(world, "bob-1", action, bonus_id=NOTHING)
        known.pop("bonus_id", None)
        unknown.pop("bonus_id", None)
        assert known == unknown
    assert world.rows("select from acks") == world.rows("select from claims") == []
    assert [one for one, _ in world.connections.inbox if one == "bob-1"] == []
    assert send(world, "ann-1", "claim", bonus_id=bonus_id)["outcome"] == "claimed"


def test_a_broadcast_and_news(world: World) -> None:
    news_id = order(world, "/news", FOR_ANN[1])
    for action in ("claim", "ack"):
        send(world, "bob-1", action, bonus_id=news_id)
    assert world.rows("select from acks") == world.rows("select from claims") == []
    welcome = send(world, "bob-1", "hello", broadcasts_since=0)
    assert welcome["broadcasts"]["news"] == []
    assert send(world, "ann-1", "hello")["broadcasts"]["news"] != []


def test_an_event_and_a_claim(world: World) -> None:
    """Ids are of one user: bob's action of the same id is his own, and no conflict."""
    bonus_id = order(world, "/bonuses", {"kind": "everyone"})
    send(world, "ann-1", "act", id="one", type="like", body={"secret": 1})
    send(world, "ann-1", "claim", id="two", bonus_id=bonus_id)
    mine = send(world, "bob-1", "act", id="one", type="wave", body={})
    assert (mine["type"], mine["event"]["seq"], mine["event"]["type"]) == ("acted", 1, "wave")
    assert send(world, "bob-1", "claim", id="two", bonus_id=bonus_id)["event"]["seq"] == 2
    welcome = send(world, "bob-1", "hello", since=0, epoch=mine["epoch"])
    assert [event["type"] for event in welcome["events"]] == ["wave", "bonus.claimed"]


def test_a_session_and_a_connection(world: World) -> None:
    """A message is of the connection that it comes over; what it names beside that is not read."""
    before = world.rows("select * from watching_times where user_id = 'ann'")
    others = {"connection_id": "ann-1", "session_id": 1, "user_id": "ann"}
    send(world, "bob-1", "visibility", visible=False, change=2, **others)
    welcome = send(world, "bob-1", "hello", **others)
    assert (welcome["user_id"], welcome["connection_id"]) == ("bob", "bob-1")
    send(world, "bob-1", "watch", resource="stream", **others)
    claim = send(world, "bob-1", "claim", bonus_id=NOTHING, user_id="ann")
    assert claim["code"] == "not_allowed"
    assert world.rows("select * from watching_times where user_id = 'ann'") == before
    # Over ann's connection by its id, as bob: it is none of his.
    event = world.event("message", "ann-1", "bob")
    body = json.dumps({"action": "visibility", "id": "v", "visible": False, "change": 2})
    reply = json.loads(message.handle(event | {"body": body}, Context(), world.container)["body"])
    assert reply["code"] == "not_connected"
    assert world.rows("select * from watching_times where user_id = 'ann'") == before


def test_no_route_of_the_http_api_opens_to_a_user(world: World) -> None:
    """Neither with their ticket nor with the id of a key, on any path, by any method."""
    ticket = Ticket("t", "bob", "site", datetime.now(UTC) + timedelta(minutes=1))
    text = mint(ticket, os.environ["TICKET_SECRET"])
    key = make_key(world, "payer", "read")
    known = f"hk_{key['key_id'].replace('-', '')}_{'A' * 43}"
    named = operations(world)
    del named["check_health"]
    for method, path in named.values():
        for token in (None, text, known):
            answer, _ = call(world, method, path.replace("{", "").replace("}", ""), {}, token)
            assert answer == 401, (method, path)
