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
HOOK = "https://hooks.example/headcount"
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


def claimed_after(world: World, bonus_id: str, seconds: dict[str, float]) -> Any:
    """How the claims are counted, if users have claimed so long after the opening."""
    for user, after in seconds.items():
        world.rows(
            "update claims c set claimed_at = b.opens_at + $1 * interval '1 second'"
            " from bonuses b where b.bonus_id = c.bonus_id and c.user_id = $2",
            *(after, user),
        )
    return get(world, f"/bonuses/{bonus_id}/claims/counts")


def test_claims_are_counted_from_the_opening_on(world: World) -> None:
    bonus = drop(world, window_seconds=86_400)
    opened = get(world, f"/bonuses/{bonus}")["opens_at"]
    claims(world, bonus, "ann", "bob", "cat", "dan")
    first = claimed_after(world, bonus, {"ann": 0, "bob": 0.9, "cat": 1, "dan": 4})
    assert first["step_seconds"] == 1
    assert [one["claims"] for one in first["items"]] == [2, 1, 0, 0, 1]
    assert [one["at"] - opened for one in first["items"]] == [0, 1000, 2000, 3000, 4000]
    whole_day = claimed_after(world, bonus, {"dan": 72_000})
    assert whole_day["step_seconds"] == 900
    assert [one["claims"] for one in whole_day["items"]] == [3, *[0] * 79, 1]


def test_a_bonus_without_a_claim_has_no_steps(world: World) -> None:
    counted = get(world, f"/bonuses/{drop(world)}/claims/counts")
    assert counted == {"items": [], "step_seconds": None}
    assert call(world, "GET", f"/bonuses/{UNKNOWN}/claims/counts")[0] == 404


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


def test_what_failed_lately_is_counted_by_code(world: World) -> None:
    assert get(world, "/health/work")["errors"] == []
    drop(world)
    drop(world)
    world.rows(
        "insert into broadcast_shards (broadcast_id, round, shard, after_user_id, after_resource,"
        " undelivered, dropped, done_at) select broadcast_id, 1, 0, '', '', 3, 0,"
        " now() - interval '2 minutes' from broadcasts"
    )
    hook = call(world, "POST", "/webhooks", {"url": HOOK, "types": ["user.online"]})[1]
    for age in (1, 50, 70):
        event = call(world, "POST", f"/webhooks/{hook['webhook_id']}/test")[1]["event_id"]
        world.rows(
            "insert into webhook_deliveries (webhook_id, seq, state, attempts, first_at, last_at,"
            " due_at, error) select webhook_id, seq, 'waiting', 1, now(),"
            " now() - $2 * interval '1 minute', now(), 'timeout' from webhook_events"
            " where event_id = $1 on conflict (webhook_id, seq) do update"
            " set last_at = excluded.last_at, error = excluded.error",
            *(UUID(event), age),
        )
    hooks, told = get(world, "/health/work")["errors"]
    assert (hooks["source"], hooks["code"], hooks["count"]) == ("webhooks", "timeout", 2)
    assert (told["source"], told["code"], told["count"]) == ("broadcasts", "undelivered", 6)
    assert hooks["last_at"] - told["last_at"] > 55_000
    world.rows("update broadcast_shards set done_at = now() - interval '61 minutes'")
    world.rows("update broadcasts set at = now() - interval '62 minutes'")
    assert get(world, "/health/work")["errors"] == [hooks]


def test_who_may_read_sees_how_webhooks_do_and_changes_none(world: World) -> None:
    reader = make_key(world, "reader", "read")["token"]
    hook = call(world, "POST", "/webhooks", {"url": HOOK, "types": ["user.online"]})[1]
    path = f"/webhooks/{hook['webhook_id']}"
    for seen in ("/webhooks", path, f"{path}/deliveries"):
        get(world, seen, reader)
    edit = {"url": HOOK, "types": ["user.online"], "is_on": True}
    for method, order, body in (
        *(("POST", "/test", None), ("POST", "/replay", {"begins_at": 0})),
        *(("PUT", "", edit), ("DELETE", "", None), ("POST", "/secret", {})),
    ):
        status, refused = call(world, method, path + order, body, reader)
        assert (status, refused["code"]) == (403, "missing_scope"), order
        assert "`webhooks`" in refused["detail"]
    writer = make_key(world, "writer", "order")["token"]
    _, refused = call(world, "GET", path, None, writer)
    assert refused["detail"].endswith("it takes the scope `webhooks` or `read`")


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
