"""Reveals over HTTP: what travels when, and what is refused."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from handlers import broadcast
from handlers.core.sealing import hkdf
from tests.support.web import WebContainer, call, pages
from tests.support.world import Context

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

ORDER = {
    "content": {"winner": "Zoë"},
    "audience": {"kind": "everyone"},
    "reveals_in_seconds": 60,
}


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def order(world: World, status: int = 201, **more: object) -> dict[str, Any]:
    given = {name: value for name, value in (ORDER | more).items() if value is not None}
    was, body = call(world, "POST", "/reveals", given)
    assert was == status, body
    return dict(body)


def work(world: World) -> None:
    calls, world.queue.calls = world.queue.calls, []
    records = [
        {"messageId": str(n), "body": one.to_json()} for n, (one, _delay) in enumerate(calls)
    ]
    assert broadcast.handle({"Records": records}, Context(), world.container) == {
        "batchItemFailures": []
    }


def heard(world: World) -> list[Any]:
    return [said["news"] for _, said in world.connections.inbox]


def test_the_content_travels_sealed_and_the_key_shortly_before_the_instant(world: World) -> None:
    world.come("a1", "ann")
    one = order(world)
    assert (one["state"], one["connections"]) == ("sealed", 1)
    assert one["reveals_at"] - one["key_at"] == 4_000
    key = world.queue.calls[-1:]
    assert 0 < key[0][1] <= 56, "seconds until a worker is woken for it"
    world.queue.calls = world.queue.calls[:-1]
    work(world)
    (sealed,) = heard(world)
    assert (sealed["type"], sealed["body"]["reveals_at"]) == ("reveal.sealed", one["reveals_at"])
    assert "winner" not in json.dumps(sealed)

    world.rows("update scheduled_broadcasts set due_at = now()")
    world.queue.calls = key
    work(world)
    told = heard(world)[1]
    assert told["type"] == "reveal.key"
    data = b64decode(sealed["body"]["sealed"])
    stream = hkdf(b64decode(told["body"]["key"]), len(data))
    text = bytes(a ^ b for a, b in zip(data, stream, strict=True)).decode()
    assert json.loads(text) == ORDER["content"]
    _, read = call(world, "GET", f"/reveals/{one['reveal_id']}")
    assert (read["broadcast"]["sent"], read["key_broadcast"]["sent"]) == (1, 1)
    assert read["content"] == ORDER["content"]


def test_each_has_a_key_of_its_own(world: World) -> None:
    for _ in range(2):
        order(world)
    keys = {row["key"] for row in world.rows("select key from reveals")}
    assert len(keys) == 2


def test_the_same_order_is_done_once(world: World) -> None:
    own: dict[str, Any] = {"reveal_id": str(uuid4())}
    first = order(world, **own)
    again = order(world, 200, **own)
    assert (again["reveals_at"], again["key_at"]) == (first["reveals_at"], first["key_at"])
    assert order(world, 409, **own, content={})["code"] == "conflict"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"reveals_in_seconds": 3}, "too_soon"),
        ({"reveals_in_seconds": None, "reveals_at": 1_600_000_000_000}, "too_soon"),
        ({"reveals_in_seconds": None}, "bad_request"),
        ({"reveals_at": 1_900_000_000_000}, "bad_request"),
        ({"reveals_in_seconds": 86_401}, "bad_request"),
        ({"content": []}, "bad_request"),
        ({"content": {"text": "€" * 700}}, "bad_request"),
        ({"content": {"text": "\ud800"}}, "unstorable"),
        ({"content": {"text": "nul\0"}}, "unstorable"),
        ({"audience": {"kind": "users", "user_ids": ["ann"]}}, "bad_request"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    world: World, wrong: dict[str, Any], code: str
) -> None:
    assert order(world, 422, **wrong)["code"] == code
    assert world.rows("select from reveals") == []


def test_it_is_cancelled_before_the_instant(world: World) -> None:
    world.come("a1", "ann")
    one = order(world)
    path = f"/reveals/{one['reveal_id']}"
    assert [call(world, "DELETE", path)[1]["state"] for _ in range(2)] == ["cancelled"] * 2
    work(world)
    assert "reveal.key" not in {one["type"] for one in heard(world)}
    assert call(world, "DELETE", f"/reveals/{uuid4()}")[0] == 404


def test_the_list_has_the_newest_first_and_what_became_of_each(world: World) -> None:
    assert pages(world, "/reveals?limit=1") == []
    ordered = [order(world, content={"n": n})["reveal_id"] for n in range(3)]
    call(world, "DELETE", f"/reveals/{ordered[1]}")
    listed = pages(world, "/reveals?limit=2")
    assert [one["reveal_id"] for one in listed] == ordered[::-1]
    assert [one["state"] for one in listed] == ["sealed", "cancelled", "sealed"]
    assert (listed[0]["content"], listed[0]["ordered_by"]) == ({"n": 2}, "the service token")


def test_the_audit_has_who_ordered_it(world: World) -> None:
    one = order(world)
    assert one["ordered_by"] == "the service token"
    noted = world.rows("select operation, subject from audit")
    assert noted == [{"operation": "create_reveal", "subject": one["reveal_id"]}]
