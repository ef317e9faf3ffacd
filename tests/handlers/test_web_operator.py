"""What the operator's page reads beside the reports: its key, bonuses, claims, users, work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support.web import TOKEN, WebContainer, answer, call, make_key, pages, table

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

BONUS = {"reward": {"text": "5 coins"}, "audience": {"kind": "everyone"}, "window_seconds": 60}
UNKNOWN = UUID(int=1)


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def get(world: World, path: str, token: str = TOKEN) -> Any:
    status, found = call(world, "GET", path, token=token)
    assert status == 200, found
    return found


def test_a_key_knows_its_name_and_scopes(world: World) -> None:
    key = make_key(world, "reader", "read")["token"]
    assert get(world, "/keys/own", key) == {"name": "reader", "scopes": ["read"]}
    own = get(world, "/keys/own")
    assert own["name"] == "the service token"
    assert {"read", "order", "kick"} <= set(own["scopes"])


def drop(world: World, **more: object) -> str:
    status, made = call(world, "POST", "/bonuses", BONUS | more)
    assert status == 201, made
    return str(made["bonus_id"])


def test_current_bonuses_are_those_that_are_upcoming_or_open(world: World) -> None:
    first, upcoming, cancelled, over = (
        *(drop(world), drop(world, opens_in_seconds=600)),
        *(drop(world), drop(world)),
    )
    call(world, "DELETE", f"/bonuses/{cancelled}")
    world.rows(
        "update bonuses set opens_at = now() - interval '2 h', expires_at = now() - interval '1 h'"
        " where bonus_id = $1",
        UUID(over),
    )
    current = get(world, "/bonuses?current=true")
    assert [one["bonus_id"] for one in current["items"]] == [upcoming, first]
    assert [one["state"] for one in current["items"]] == ["upcoming", "open"]
    assert pages(world, "/bonuses?current=true&limit=1") == current["items"]
    assert len(get(world, "/bonuses")["items"]) == 4
    following = get(world, "/bonuses?limit=1")["next"]
    refused = call(world, "GET", f"/bonuses?current=true&after={following}")
    assert (refused[0], refused[1]["code"]) == (422, "foreign_cursor")


def claims(world: World, bonus_id: str, *users: str) -> None:
    for user in users:
        world.rows(
            "insert into claims (bonus_id, user_id, claim_id, claimed_at)"
            " values ($1, $2, 'c', now())",
            *(UUID(bonus_id), user),
        )


def test_the_claims_of_a_bonus_are_listed_searched_and_exported(world: World) -> None:
    bonus, other = drop(world), drop(world)
    users = ("ann", "anna", "ben", "\u05d3\u05e0\u05d4")
    claims(world, bonus, *users)
    claims(world, other, "zoe")
    path = f"/bonuses/{bonus}/claims"
    found = pages(world, f"{path}?limit=2")
    assert [one["user_id"] for one in found] == list(users)
    assert {one["state"] for one in found} == {"pending"}
    assert [one["user_id"] for one in pages(world, f"{path}?prefix=ann")] == ["ann", "anna"]
    assert get(world, f"{path}?prefix=x")["items"] == []
    file = table(answer(world, f"{path}.csv?prefix=ann"))
    assert [row["user_id"] for row in file] == ["ann", "anna"]
    payout = {"bonus_id": bonus, "user_id": "ben", "payout_id": "p1", "state": "fulfilled"}
    assert call(world, "POST", "/payouts", {"items": [payout]})[0] == 200
    assert get(world, f"{path}?prefix=ben")["items"][0]["state"] == "fulfilled"


def test_an_unknown_bonus_has_no_claims(world: World) -> None:
    assert call(world, "GET", f"/bonuses/{UNKNOWN}/claims")[0] == 404
    assert call(world, "GET", f"/bonuses/{UNKNOWN}/claims.csv")[0] == 404
    assert get(world, f"/bonuses/{drop(world)}/claims")["items"] == []


def test_users_are_found_by_the_beginning_of_their_id(world: World) -> None:
    for user, resource in (("ann", "site"), ("ann", "stream"), ("anna", "site"), ("Ann", "site")):
        world.come(f"{user}-{resource}", user, resource)
    world.rows(
        "insert into watch_totals (user_id, resource, watched, last_month) values"
        " ('an-old', 'site', '1 hour', current_date), ('ann', 'site', '1 hour', current_date)"
    )
    assert pages(world, "/users?prefix=an&limit=1") == [
        {"user_id": "an-old", "is_online": False},
        {"user_id": "ann", "is_online": True},
        {"user_id": "anna", "is_online": True},
    ]
    assert get(world, "/users?prefix=x") == {"items": [], "next": None}
    assert call(world, "GET", "/users")[0] == 422


def test_the_ledger_and_the_stream_of_a_user_are_listed_newest_first(world: World) -> None:
    bonus = drop(world, audience={"kind": "users", "user_ids": ["ann", "ben"]})
    world.rows(
        "insert into ledger (bonus_id, user_id, entry, at) values ($1, 'ann', 'claimed', now())",
        UUID(bonus),
    )
    ledger = pages(world, "/users/ledger?user_id=ann&limit=1")
    assert [one["entry"] for one in ledger] == ["claimed", "offered"]
    assert [one["reward"] for one in ledger] == [BONUS["reward"]] * 2
    world.rows("delete from user_events")
    world.rows(
        "insert into user_events (user_id, seq, type, body, at, action_id, patch)"
        """ select 'ann', n, 'like', '{"picture": 7}', now(), 'a' || n,"""
        """        case n when 3 then jsonb '{"likes": 3}' end from generate_series(1, 3) as n"""
    )
    events = pages(world, "/users/events?user_id=ann&limit=2")
    assert [one["seq"] for one in events] == [3, 2, 1]
    assert [one["patch"] for one in events] == [{"likes": 3}, None, None]
    assert events[0]["body"] == {"picture": 7}
    for path in ("ledger", "events"):
        assert get(world, f"/users/{path}?user_id=unknown") == {"items": [], "next": None}
        assert call(world, "GET", f"/users/{path}")[0] == 422


def test_counts_say_how_fast_a_broadcast_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHES_PER_SECOND", "1234")
    assert get(world, "/online/counts")["pushes_per_second"] == 1234


def test_what_goes_on_behind_the_scenes(world: World) -> None:
    quiet = get(world, "/health/work")
    assert quiet["unreachable_nodes"] == []
    waiting = ("swept_at", "presence_events_since", "broadcasts_since", "rolled_up_to")
    assert [quiet[name] for name in waiting] == [None] * 4
    world.rows("update sweep_cursor set cycle_started_at = now() - interval '5 s'")
    world.rows("insert into unreachable_nodes values ('gateway/live', now())")
    drop(world)
    world.rows("update broadcasts set queued_at = null, at = now() - interval '20 s'")
    busy = get(world, "/health/work")
    assert 5_000 <= busy["server_now"] - busy["swept_at"] < 600_000
    assert busy["server_now"] - busy["broadcasts_since"] >= 20_000
    assert [one["node"] for one in busy["unreachable_nodes"]] == ["gateway/live"]


@pytest.mark.parametrize(
    "path",
    [
        *("/keys/own", "/users?prefix=a", "/health/work"),
        *("/users/ledger?user_id=a", "/users/events?user_id=a"),
    ],
)
def test_a_key_without_read_sees_none_of_it(world: World, path: str) -> None:
    token = make_key(world, "writer", "order")["token"]
    assert call(world, "GET", path, token=token)[0] == 403
