"""News over HTTP: listed with their progress, and cancelled once for all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support.web import WebContainer, call, pages

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

NEWS = {
    "type": "notice",
    "body": {"text": "hi"},
    "audience": {"kind": "everyone"},
    "expires_in_seconds": 60,
}
UNKNOWN_ID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def tell(world: World, **order: object) -> dict[str, Any]:
    status, made = call(world, "POST", "/news", NEWS | order)
    assert status == 201, made
    return dict(made)


def cancel(world: World, news_id: str) -> dict[str, Any]:
    status, cancelled = call(world, "DELETE", f"/news/{news_id}")
    assert status == 200, cancelled
    return dict(cancelled)


def welcome(world: World, since: int | None = None, user_id: str = "ann") -> dict[str, Any]:
    sql = (
        "select h.broadcasts from hello($1, 'gateway.example/live', $2, null,"
        " (select epoch::text from stream_epoch), $3) as h"
    )
    (row,) = world.rows(sql, user_id, f"{user_id}-1", since)
    return dict(json.loads(row["broadcasts"]))


def next_page(world: World, news_id: str) -> dict[str, Any]:
    (row,) = world.rows(
        "select * from broadcast_page($1, 1, $2, 100, 1000)", UUID(news_id), UUID(int=1)
    )
    return row


def test_news_is_listed_with_its_state_and_progress(world: World) -> None:
    made = [tell(world, type=f"n{n}")["news_id"] for n in range(5)]
    world.rows("update broadcasts set expires_at = now() where broadcast_id = $1", UUID(made[0]))
    cancel(world, made[1])
    whole = pages(world, "/news?limit=2")
    assert [one["news_id"] for one in whole] == made[::-1]
    assert [one["state"] for one in whole] == [*["current"] * 3, "cancelled", "expired"]
    assert whole[0]["broadcast"] == call(world, "GET", f"/news/{made[4]}")[1]["broadcast"]
    assert (whole[0]["body"], whole[0]["ordered_by"]) == (NEWS["body"], "the service token")


def test_cancelled_news_is_told_to_be_removed_and_no_welcome_has_it(world: World) -> None:
    world.come("ann-1")
    news_id = tell(world)["news_id"]
    seen = welcome(world)
    assert [one["type"] for one in seen["news"]] == ["notice"]
    cancelled = cancel(world, news_id)
    assert (cancelled["state"], cancelled["cancelled_at"] > 0) == ("cancelled", True)
    (told,) = welcome(world, seen["seq"])["news"]
    assert (told["cancels"], told["body"]) == (seen["news"][0]["seq"], {})
    assert welcome(world)["news"] == [], "who has seen nothing needs to remove nothing"
    assert [one.is_news for one in world.queue.sent] == [True, True]


def test_what_was_not_told_yet_is_not_told_any_more(world: World) -> None:
    for user in ("ann", "bob"):
        world.come(f"{user}-1", user)
    news_id = tell(world)["news_id"]
    cancel(world, news_id)
    assert next_page(world, news_id)["outcome"] in {"dropped", "over"}
    assert next_page(world, news_id)["outcome"] == "over"
    progress = call(world, "GET", f"/news/{news_id}")[1]["broadcast"]
    assert (progress["sent"], progress["dropped"], progress["is_done"]) == (0, 2, True)
    cancel_id = world.queue.sent[-1].broadcast_id
    page = next_page(world, cancel_id)
    assert (page["outcome"], len(json.loads(page["recipients"]))) == ("page", 2)
    assert json.loads(page["news"])["cancels"] > 0
    assert call(world, "GET", f"/news/{cancel_id}")[0] == 404, "it is no news"
    assert call(world, "DELETE", f"/news/{cancel_id}")[0] == 404


def test_a_second_cancellation_changes_nothing(world: World) -> None:
    news_id = tell(world)["news_id"]
    first = cancel(world, news_id)
    before = world.rows("select * from broadcasts order by seq")
    assert cancel(world, news_id)["cancelled_at"] == first["cancelled_at"]
    assert world.rows("select * from broadcasts order by seq") == before
    again = call(world, "POST", "/news", NEWS | {"news_id": news_id})
    assert (again[0], again[1]["state"]) == (200, "cancelled")


def test_expired_news_stays_expired(world: World) -> None:
    news_id = tell(world)["news_id"]
    world.rows("update broadcasts set expires_at = now() - interval '1 ms'")
    assert cancel(world, news_id)["state"] == "expired"
    assert len(world.rows("select * from broadcasts")) == 1


def test_a_bonus_is_no_news_to_cancel(world: World) -> None:
    bonus = {"reward": {}, "audience": {"kind": "everyone"}, "window_seconds": 60}
    bonus_id = call(world, "POST", "/bonuses", bonus)[1]["bonus_id"]
    for unknown in (bonus_id, UNKNOWN_ID):
        assert call(world, "DELETE", f"/news/{unknown}")[0] == 404
    assert call(world, "GET", f"/bonuses/{bonus_id}")[1]["state"] == "open"


def test_viewers_of_another_resource_are_not_told(world: World) -> None:
    world.come("bob-1", "bob", "stream")
    news_id = tell(world, audience={"kind": "resource", "resource": "site"})["news_id"]
    cancel(world, news_id)
    assert welcome(world, 0, "bob")["news"] == []
    (row,) = world.rows("select audience, resource from broadcasts where news ? 'cancels'")
    assert (row["audience"], row["resource"]) == ("resource", "site")
