"""The header `Idempotency-Key` is the id of an order that names none itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from handlers.web.examples import BODIES
from tests.support.web import WebContainer, call

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

ORDERS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "/bonuses": ("bonus_id", BODIES["create_bonus"], {"stock": 7}),
    "/campaigns": ("campaign_id", BODIES["create_campaign"], {"overlap": "each"}),
    "/draws": ("bonus_id", BODIES["create_draw"], {"winners": 7}),
    "/news": ("news_id", BODIES["create_news"], {"type": "kick-off"}),
    "/questions": ("question_id", BODIES["create_question"], {"window_seconds": 7}),
    "/reveals": ("reveal_id", BODIES["create_reveal"], {"content": {"winner": "Bob"}}),
}
KEY = "6b0f0a8e-6f0e-4f6c-9d5a-3f6f8f3c2b11"
EVERY_ORDER = pytest.mark.parametrize("path", ORDERS)


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


@EVERY_ORDER
def test_the_same_order_with_the_same_key_is_done_once(world: World, path: str) -> None:
    world.come("tab-1", "ann", "final")
    own_id, body, change = ORDERS[path]
    key = str(uuid4())
    status, made = call(world, "POST", path, body, idempotency_key=key)
    assert (status, made[own_id]) == (201, key)
    for again in (key, f'"{key}"', key.upper()):
        status, repeated = call(world, "POST", path, body, idempotency_key=again)
        assert (status, repeated[own_id]) == (200, key)
    assert call(world, "POST", path, body | {own_id: key})[0] == 200
    status, refused = call(world, "POST", path, body | change, idempotency_key=key)
    assert (status, refused["code"]) == (409, "conflict")


@EVERY_ORDER
def test_an_id_in_the_body_goes_before_the_key(world: World, path: str) -> None:
    world.come("tab-1", "ann", "final")
    own_id, body, _ = ORDERS[path]
    order = body | {own_id: str(uuid4())}
    made = call(world, "POST", path, order, idempotency_key=str(uuid4()))[1]
    assert made[own_id] == order[own_id]


@pytest.mark.parametrize("key", ["", "7", '"', KEY[:-1], f'"{KEY}', f"{KEY}7", "x" * 300])
def test_a_key_that_is_no_uuid_is_refused(world: World, key: str) -> None:
    refused(call(world, "POST", "/news", BODIES["create_news"], idempotency_key=key))
    assert call(world, "GET", "/news")[1]["items"] == []


@pytest.mark.parametrize(("path", "name"), [("/tickets", "mint_ticket"), ("/keys", "create_key")])
def test_what_no_key_can_repeat_says_so(world: World, path: str, name: str) -> None:
    refused(call(world, "POST", path, BODIES[name], idempotency_key=str(uuid4())))


def test_a_key_changes_nothing_where_an_order_may_come_twice_anyway(world: World) -> None:
    answer = call(world, "POST", "/kick", BODIES["kick_user"], idempotency_key=str(uuid4()))
    assert answer[0] == 200


def refused(answer: tuple[int, Any]) -> None:
    status, refusal = answer
    assert (status, refusal["code"]) == (422, "bad_request")
    assert refusal["fields"][0]["loc"] == ["header", "Idempotency-Key"]
