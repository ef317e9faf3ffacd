"""Payouts over HTTP: one answer for each item, pushed to all devices, found by filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support.web import WebContainer, answer, call, make_key, table

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

BONUS = {
    "reward": {"text": "5 coins"},
    "audience": {"kind": "everyone"},
    "window_seconds": 60,
    "stock": 5,
}
UNKNOWN_ID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


@pytest.fixture
def bonus_id(world: World) -> str:
    """A bonus that ann, on two devices, and bob have claimed."""
    made = call(world, "POST", "/bonuses", BONUS)[1]["bonus_id"]
    for tab, user_id in (("ann-1", "ann"), ("ann-2", "ann"), ("bob-1", "bob")):
        world.come(tab, user_id)
        world.rows("select claim($1, 'c1', $2)", user_id, UUID(made))
    return str(made)


def item(bonus_id: str, user_id: str = "ann", **payout: object) -> dict[str, object]:
    given = {"payout_id": "p1", "state": "fulfilled"} | payout
    return {"bonus_id": bonus_id, "user_id": user_id} | given


def pay(world: World, *items: dict[str, object], token: str | None = None) -> list[dict[str, Any]]:
    key = {} if token is None else {"token": token}
    status, answers = call(world, "POST", "/payouts", {"items": items}, **key)
    assert status == 200, answers
    return list(answers["items"])


def grants(world: World, query: str = "") -> list[dict[str, Any]]:
    status, page = call(world, "GET", f"/grants?{query}")
    assert status == 200, page
    return list(page["items"])


def test_each_item_has_an_answer_of_its_own(world: World, bonus_id: str) -> None:
    pay(world, item(bonus_id, "bob"))
    answers = pay(
        world,
        item(bonus_id),
        item(bonus_id),
        item(bonus_id, state="rejected"),
        item(bonus_id, payout_id="p2"),
        item(bonus_id, "zoe"),
        item(UNKNOWN_ID),
        item(bonus_id, "bob", payout_id="p2", state="rejected", give_back=True, corrects="p1"),
        item(bonus_id, "bob", payout_id="p3", corrects="p2"),
    )
    assert [(one["status"], one["code"]) for one in answers] == [
        (201, None),
        (200, None),
        (409, "conflict"),
        (409, "already_decided"),
        (404, "not_found"),
        (404, "not_found"),
        (201, None),
        (409, "given_back"),
    ]
    assert "'p1' is in force" in answers[3]["detail"]
    assert [one["gave_back"] for one in answers if not one["code"]] == [False, False, True]
    assert answers[0]["at"] == answers[1]["at"] > 0
    assert all(bool(one["detail"]) is bool(one["code"]) for one in answers)


def test_all_devices_of_the_user_are_told(world: World, bonus_id: str) -> None:
    world.connections.inbox.clear()
    pay(world, item(bonus_id, state="rejected", reason="too late"))
    assert sorted(tab for tab, _ in world.connections.inbox) == ["ann-1", "ann-2"]
    (_, message), _ = world.connections.inbox
    assert (message["type"], message["event"]["type"]) == ("event", "bonus.rejected")
    assert message["event"]["body"] == {
        "bonus_id": bonus_id,
        "reward": BONUS["reward"],
        "reason": "too late",
    }


def test_a_connection_that_is_gone_stops_nothing(world: World, bonus_id: str) -> None:
    world.connections.gone.add("ann-1")
    world.connections.broken.add("ann-2")
    assert [one["status"] for one in pay(world, item(bonus_id), item(bonus_id, "bob"))] == [
        201,
        201,
    ]
    assert world.connections.inbox[-1][0] == "bob-1"


def test_a_grant_shows_its_payout_and_who_said_so(world: World, bonus_id: str) -> None:
    key = make_key(world, "payouts", "pay")["token"]
    assert [(one["state"], one["payout"]) for one in grants(world)] == [("pending", None)] * 2
    pay(world, item(bonus_id), token=key)
    pay(world, item(bonus_id, "bob"))
    pay(world, item(bonus_id, "bob", payout_id="p2", state="rejected", reason="no", corrects="p1"))
    first, second = grants(world)
    assert (first["state"], second["state"]) == ("fulfilled", "rejected")
    assert (first["payout"]["author"], second["payout"]["author"]) == (
        *("payouts", "the service token"),
    )
    del second["payout"]["at"], second["payout"]["author"]
    assert second["payout"] == {
        "payout_id": "p2",
        "reason": "no",
        "gave_back": False,
        "revision": 2,
    }
    assert [row["state"] for row in table(answer(world, "/grants.csv"))] == [
        "fulfilled",
        "rejected",
    ]


def test_grants_are_filtered_and_paged(world: World, bonus_id: str) -> None:
    pay(world, item(bonus_id))
    found = {
        query: [one["user_id"] for one in grants(world, query)]
        for query in (
            "state=pending",
            "state=fulfilled",
            "user_id=ann",
            f"bonus_id={bonus_id}",
            f"campaign_id={UNKNOWN_ID}",
            "from=0&to=1",
            "from=0",
        )
    }
    assert list(found.values()) == [
        ["bob"],
        ["ann"],
        ["ann"],
        ["ann", "bob"],
        [],
        [],
        ["ann", "bob"],
    ]
    page = call(world, "GET", f"/grants?bonus_id={bonus_id}&limit=1")[1]
    assert page["has_more"] is True
    after = f"limit=1&after={page['next']}"
    page = call(world, "GET", f"/grants?bonus_id={bonus_id}&{after}")[1]
    assert [one["user_id"] for one in page["items"]] == ["bob"]
    status, refusal = call(world, "GET", f"/grants?user_id=ann&{after}")
    assert (status, refusal["code"]) == (422, "foreign_cursor"), "of other filters"


def test_who_follows_what_is_pending_pays_each_once(world: World, bonus_id: str) -> None:
    page = call(world, "GET", "/grants?state=pending&limit=1")[1]
    assert [one["user_id"] for one in page["items"]] == ["ann"]
    pay(world, item(bonus_id), item(bonus_id, "bob"))
    world.come("cyd-1", "cyd")
    world.rows("select claim('cyd', 'c1', $1)", UUID(bonus_id))
    page = call(world, "GET", f"/grants?state=pending&after={page['next']}")[1]
    assert [one["user_id"] for one in page["items"]] == ["cyd"]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"give_back": True}, None),
        ({"state": "pending"}, "state"),
        ({"payout_id": ""}, "payout_id"),
        ({"payout_id": "x" * 129}, "payout_id"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": "\0"}, "reason"),
        ({"corrects": ""}, "corrects"),
        ({"grant_id": 1}, "grant_id"),
    ],
)
def test_a_wrong_item_is_refused_with_all_of_its_request(
    world: World, bonus_id: str, wrong: dict[str, object], place: str | None
) -> None:
    items = [item(bonus_id, "bob"), item(bonus_id) | wrong]
    status, refusal = call(world, "POST", "/payouts", {"items": items})
    assert (status, refusal["code"]) == (422, "bad_request")
    assert refusal["fields"][0]["loc"] == ["body", "items", 1, *([place] if place else [])]
    assert world.rows("select * from payouts") == []


@pytest.mark.parametrize(("count", "status"), [(0, 422), (1, 200), (100, 200), (101, 422)])
def test_a_request_has_up_to_a_hundred(
    world: World, bonus_id: str, count: int, status: int
) -> None:
    items = [item(bonus_id, f"user {n}") for n in range(count)]
    assert call(world, "POST", "/payouts", {"items": items})[0] == status


def test_a_request_that_the_database_cuts_off_may_be_sent_again(
    world: World, bonus_id: str
) -> None:
    items = [item(bonus_id), item(bonus_id, "bob")]
    database = world.container.database
    world.lose_database()
    assert call(world, "POST", "/payouts", {"items": items})[0] == 503
    vars(world.container)["database"] = database
    assert [one["status"] for one in pay(world, *items)] == [201, 201]
