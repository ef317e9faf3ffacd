"""A user's data over HTTP: export it, erase it, and see who has asked for that."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from handlers.core.limits import Limits
from handlers.core.operations import erase
from handlers.services import user_data
from handlers.services.sweep import Keep, Settings, SweepRun
from tests.support.web import WebContainer, call

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def order(world: World, user_id: object = "ann", **fields: object) -> tuple[int, Any]:
    return call(world, "POST", "/erasures", {"user_id": user_id, "author": "ops", **fields})


def pages(world: World, user_id: str = "ann", limit: int = 100) -> list[dict[str, Any]]:
    path = f"/user-data?user_id={quote(user_id, safe='')}&limit={limit}"
    found, after = [], ""
    while True:
        status, page = call(world, "GET", path + after)
        assert status == 200, page
        found.append(page)
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


def exported(world: World, user_id: str = "ann", limit: int = 100) -> list[tuple[str, str]]:
    """(table, row as text) of all pages."""
    return [
        (page["table"], json.dumps(row, sort_keys=True))
        for page in pages(world, user_id, limit)
        for row in page["rows"]
    ]


def act(world: World, user_id: str, action_id: str, body: object) -> None:
    world.rows("select act($1, $2, 'like', $3)", user_id, action_id, json.dumps(body))


def live(world: World) -> None:
    """ann watches, acts, and has watched; so does bob."""
    for user in ("ann", "bob"):
        world.come(f"{user}-1", user)
        world.come(f"{user}-2", user, "stream")
        for n in range(5):
            act(world, user, f"a{n}", {"n": n})
        world.rows(
            "insert into past_sessions select n, $1, 'site', now(), now(), 'client', '0'"
            " from generate_series(100, 107) n",
            user,
        )


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_an_export_has_each_row_of_the_user_once(world: World, limit: int) -> None:
    live(world)
    expected = [
        (table, json.dumps(json.loads(row["row"]), sort_keys=True))
        for table in (
            *("watching_times", "past_sessions", "watch_totals", "presence_outbox"),
            *("user_streams", "user_events"),
        )
        for row in world.rows(
            f"select to_jsonb(t) as row from {table} t where user_id = 'ann'"  # noqa: S608
        )
    ]
    assert len(expected) == 2 + 8 + 2 + 2 + 1 + 5
    assert sorted(exported(world, limit=limit)) == sorted(expected)


def test_a_page_of_large_rows_fits_into_a_response(world: World) -> None:
    for n in range(150):
        act(world, "ann", f"a{n}", {"text": f"{n}" * 5000})
    found = pages(world, limit=1000)
    assert max(len(json.dumps(page)) for page in found) < 1_100_000
    events = [
        row["seq"] for page in found if page["table"] == "user_events" for row in page["rows"]
    ]
    assert events == list(range(1, 151))


def test_of_an_unknown_user_nothing_is_exported(world: World) -> None:
    assert exported(world, "Zoë 🦊/%41") == []


@pytest.mark.parametrize(
    "path",
    [
        "/user-data",
        "/user-data?user_id=",
        "/user-data?user_id=ann&limit=0",
        "/user-data?user_id=ann&after=x",
        "/user-data?user_id=ann&magic=1",
    ],
)
def test_a_wrong_export_is_refused(world: World, path: str) -> None:
    assert call(world, "GET", path)[0] == 422


def test_a_cursor_is_of_its_user(world: World) -> None:
    _, page = call(world, "GET", "/user-data?user_id=ann")
    status, answer = call(world, "GET", f"/user-data?user_id=bob&after={page['next']}")
    assert (status, answer["code"]) == (422, "foreign_cursor")


def test_an_erasure_closes_the_connections_and_leaves_nothing(world: World) -> None:
    live(world)
    others = exported(world, "bob")
    status, erasure = order(world)
    assert (status, erasure["author"], erasure["unreachable"]) == (200, "ops", 0)
    assert erasure["done_at"] >= erasure["asked_at"]
    assert world.connections.gone == {"ann-1", "ann-2"}
    assert exported(world) == []
    assert exported(world, "bob") == others
    assert len(exported(world, erasure["pseudonym"])) >= 10
    assert erasure["counts"]["past_sessions"] == 10


def test_a_connection_that_cannot_be_closed_is_out_all_the_same(world: World) -> None:
    live(world)
    world.connections.broken = {"ann-2"}
    _, erasure = order(world)
    assert erasure["unreachable"] == 1
    assert exported(world) == []


def test_what_is_left_is_done_by_the_next_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(world)
    monkeypatch.setattr(user_data, "ERASE_WITHIN_SECONDS", 0)
    first, again = order(world)[1], order(world)[1]
    assert first["done_at"] is None
    assert again["erasure_id"] == first["erasure_id"]
    monkeypatch.setattr(user_data, "ERASE_WITHIN_SECONDS", 60)
    _, last = order(world)
    assert last["erasure_id"] == first["erasure_id"]
    assert last["done_at"]


def test_what_is_left_is_done_by_the_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    live(world)
    monkeypatch.setattr(user_data, "ERASE_WITHIN_SECONDS", 0)
    order(world)
    settings = Settings(timedelta(seconds=30), 1_000, None, Keep(0, 0, 0, 0, 0, 0), Limits())
    parts = (world.container.database, world.container.gateway, settings, lambda: 30_000)
    runs = [world.run(SweepRun(*parts).run()) for _ in range(2)]
    assert [run["erasures_under_way"] for run in runs] == [1, 0]
    assert exported(world) == []


def test_erasures_are_listed_the_newest_first_without_the_user(world: World) -> None:
    made = [order(world, user, author=user * 2)[1]["erasure_id"] for user in ("ann", "bob", "cyd")]
    status, first = call(world, "GET", "/erasures?limit=2")
    assert status == 200
    _, last = call(world, "GET", f"/erasures?limit=2&after={first['next']}")
    listed = first["items"] + last["items"]
    assert [one["erasure_id"] for one in listed] == made[::-1]
    assert [one["author"] for one in listed] == ["cydcyd", "bobbob", "annann"]
    assert "user_id" not in listed[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"user_id": ""},
        {"user_id": "a" * 129},
        {"user_id": "a\0b"},
        {"user_id": 7},
        {"user_id": None},
        {"author": ""},
        {"author": None},
        {"author": "ann"},
        {"keep_mentions": "yes"},
        {"magic": 1},
    ],
)
def test_a_wrong_order_erases_nothing(world: World, fields: dict[str, object]) -> None:
    world.come("tab-1")
    status, answer = order(world, **fields)
    assert (status, answer["code"]) == (422, "bad_request")
    assert world.connections.gone == set()
    assert world.rows("select from erasures") == []


def test_an_author_who_is_the_user_is_told_why(world: World) -> None:
    _, answer = order(world, author="ann")
    assert "kept after the erasure" in answer["fields"][0]["msg"]


def test_erasures_need_the_service_token(world: World) -> None:
    for method, path in (
        ("POST", "/erasures"),
        ("GET", "/erasures"),
        ("GET", "/user-data?user_id=ann"),
    ):
        body = {"user_id": "ann", "author": "ops"} if method == "POST" else None
        assert call(world, method, path, body, "wrong")[0] == 401


def test_a_part_is_bounded() -> None:
    assert 1_000 <= erase.ROWS_AT_ONCE <= 10_000
