"""Two apps in one process: each event, key, message and schedule goes to its own app's database."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from handlers import broadcast, disconnect, message, sweep
from handlers.adapters.database import Database, Unavailable
from handlers.adapters.event_log import EventIds
from handlers.adapters.settings import limits, pushes_per_second, sweep_requests_per_second
from handlers.core.apps import MAIN
from handlers.core.operations.broadcast import Broadcast
from handlers.services.authorize import read_ticket
from handlers.services.keys import Keys
from tests.support.databases import aside, copy, of_functions
from tests.support.web import WebContainer, call, make_key
from tests.support.world import Context, FakeQueue, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handlers.container import Container

SHOP = "shop"


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


@pytest.fixture(scope="module")
def shop_dsn(template_dsn: str, shared_dsn: str) -> str:
    """The database of an app beside the shared one."""
    dsn = f"{shared_dsn}_{SHOP}"
    asyncio.run(copy(template_dsn, f"shared_{SHOP}"))
    return dsn


@pytest.fixture
def shop(world: World, shop_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The world of the other app, in the process of `world`."""
    aside(shop_dsn).empty()
    monkeypatch.setenv("APPS", SHOP)
    container, queue = world.container.of_app(SHOP), FakeQueue()
    database = Database(of_functions(shop_dsn), container.deadline)
    vars(container).update(queue=queue, database=database)
    yield World(container, world.connections, queue, shop_dsn)
    world.run(database.close())


def events(world: World, app: str, kind: str, connection_id: str, **sent: Any) -> dict[str, Any]:
    event = world.event(kind, connection_id)
    event["requestContext"]["authorizer"]["app"] = app
    return event | ({"body": json.dumps(sent)} if sent else {})


def users(world: World) -> list[str]:
    return [row["user_id"] for row in world.rows("select user_id from watching_times")]


def test_what_all_share_is_shared_and_nothing_else(world: World, shop: World) -> None:
    main, other = world.container, shop.container
    assert main.of_app(SHOP) is other
    assert other.of_app(SHOP) is other
    assert [one.app for one in main.of_all()] == [MAIN, SHOP]
    for part in ("deadline", "metrics", "gateway", "rules", "runner"):
        assert getattr(other, part) is getattr(main, part)
    for part in ("database", "delivery", "kept_out", "queue", "keys", "online_counts"):
        assert getattr(other, part) is not getattr(main, part)


def test_without_apps_all_is_as_it_was(world: World) -> None:
    assert world.container.of_all() == [world.container]
    assert (pushes_per_second(), sweep_requests_per_second()) == (7_000, 1_000)
    assert limits().connections_per_second == 500


def test_quotas_of_the_account_are_divided(shop: World) -> None:
    assert (pushes_per_second(), sweep_requests_per_second()) == (3_500, 500)
    assert limits().connections_per_second == 250


def test_a_connection_lives_in_its_apps_database(world: World, shop: World) -> None:
    assert world.handshake(events(world, SHOP, "connect", "s1")) == 200
    assert (users(world), users(shop)) == ([], ["ann"])
    hello = events(world, SHOP, "message", "s1", action="hello", id="h1")
    answer = message.handle(hello, Context(), world.container)
    assert json.loads(answer["body"])["session"]["connections"] == 1
    disconnect.handle(events(world, SHOP, "disconnect", "s1"), Context(), world.container)
    (row,) = shop.rows("select ended_at from watching_times")
    assert row["ended_at"] is not None
    assert users(world) == []


def test_limits_and_pushes_of_an_app_leave_the_other_alone(world: World, shop: World) -> None:
    """The same user, with a tab in each: an action in one is no event of the other."""
    world.come("m1")
    for tab in ("s1", "s2"):
        world.handshake(events(world, SHOP, "connect", tab))
    act = events(world, SHOP, "message", "s1", action="act", id="a1", type="like", body={})
    answer = message.handle(act, Context(), world.container)
    assert json.loads(answer["body"])["type"] == "acted"
    assert [connection_id for connection_id, _ in world.connections.inbox] == ["s2"]
    assert world.rows("select from user_events") == []
    assert len(shop.rows("select from user_limits")) == 1
    assert world.rows("select from user_limits") == []


def shop_key(world: World, *scopes: str) -> dict[str, Any]:
    order = {"name": "backend", "scopes": scopes}
    status, key = call(world, "POST", "/keys", order, headcount_app=SHOP)
    assert status == 201, key
    return dict(key)


def test_a_key_of_an_app_names_it_and_is_kept_in_its_database(world: World, shop: World) -> None:
    key = shop_key(world, "tickets", "read")
    assert key["token"].startswith(f"hk_{SHOP}_")
    assert world.rows("select from service_keys") == []
    assert [row["author"] for row in shop.rows("select author from audit")] == ["the service token"]
    world.come("m1")
    assert call(world, "GET", "/online", None, key["token"])[1]["items"] == []
    assert call(world, "GET", "/online/counts", None, key["token"])[1]["users"] == 0
    assert call(world, "GET", "/online/counts")[1]["users"] == 1
    status, minted = call(world, "POST", "/tickets", {"user_id": "ann"}, key["token"])
    assert status == 201
    assert read_ticket(minted["ticket"], datetime.now(UTC)).app == SHOP


@pytest.mark.parametrize(
    ("app", "status", "code"),
    [
        (SHOP, 200, None),
        (MAIN, 403, "wrong_app"),
        ("quiz", 403, "wrong_app"),
        ("", 403, "wrong_app"),
    ],
)
def test_a_key_of_an_app_opens_no_other(
    world: World, shop: World, app: str, status: int, code: str | None
) -> None:
    token = shop_key(world, "read")["token"]
    answered, answer = call(world, "GET", "/online", None, token, headcount_app=app)
    assert (answered, answer.get("code")) == (status, code)


def test_the_service_token_names_an_app_by_a_header(world: World, shop: World) -> None:
    world.handshake(events(world, SHOP, "connect", "s1"))
    assert len(call(world, "GET", "/online", headcount_app=SHOP)[1]["items"]) == 1
    assert call(world, "GET", "/online")[1]["items"] == []
    status, answer = call(world, "GET", "/online", headcount_app="quiz")
    assert (status, answer["code"]) == (403, "wrong_app")
    status, answer = call(world, "GET", "/online", None, "wrong", headcount_app="quiz")
    assert (status, answer["code"]) == (401, "unauthorized")


def test_a_key_under_another_name_is_none(world: World, shop: World) -> None:
    of_shop, of_main = shop_key(world, "read")["token"], make_key(world, "one", "read")["token"]
    renamed = (
        *(of_shop.replace("shop_", ""), of_shop.replace("shop_", "main_")),
        *(of_shop.replace("shop_", "quiz_"), of_main.replace("hk_", "hk_shop_")),
    )
    for token in renamed:
        assert call(world, "GET", "/online", None, token)[0] == 401


def test_a_key_that_was_copied_with_its_database_opens_no_other_app(
    world: World, shop: World
) -> None:
    token = make_key(world, "one", "read")["token"]
    (row,) = world.rows("select key_id, name, scopes, hash from service_keys")
    shop.rows(
        "insert into service_keys (key_id, name, slot, scopes, hash) values ($1, $2, 1, $3, $4)",
        *row.values(),
    )
    assert call(world, "GET", "/online", None, token)[0] == 200
    assert call(world, "GET", "/online", None, token.replace("hk_", "hk_shop_"))[0] == 401
    keys, database = Keys(SHOP), shop.container.database
    assert world.run(keys.caller(database, token)) is None


def test_the_log_names_the_app(world: World, shop: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "handlers")
    shop_key(world, "read")
    make_key(world, "one", "read")
    said = [record.getMessage() for record in caplog.records]
    assert said == ["create_key by the service token in shop", "create_key by the service token"]


def test_a_bonus_goes_by_the_queue_to_its_own_app(world: World, shop: World) -> None:
    world.come("m1")
    world.handshake(events(world, SHOP, "connect", "s1"))
    order = {"reward": {"n": 1}, "audience": {"kind": "everyone"}, "window_seconds": 60}
    assert call(world, "POST", "/bonuses", order, headcount_app=SHOP)[0] == 201
    (wake_up,) = shop.queue.sent
    assert world.queue.sent == []
    body = Broadcast(wake_up.broadcast_id, app=SHOP).to_json()
    event = {"Records": [{"messageId": "1", "body": body}]}
    assert broadcast.handle(event, Context(60_000), world.container) == {"batchItemFailures": []}
    assert [connection_id for connection_id, _ in world.connections.inbox] == ["s1"]


def test_a_broadcast_of_an_app_that_is_no_more_is_left(
    world: World, shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APPS")
    event = {"Records": [{"messageId": "1", "body": Broadcast("b", app=SHOP).to_json()}]}
    assert broadcast.handle(event, Context(60_000), world.container) == {"batchItemFailures": []}
    assert shop.queue.calls == world.queue.calls == []


def test_a_wake_up_message_of_the_release_before_is_of_main() -> None:
    assert Broadcast.from_json('{"broadcast_id": "b"}').app == MAIN


def test_a_sweep_does_each_app_and_the_trouble_of_one_stops_no_other(
    world: World, shop: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.come("m1")
    world.handshake(events(world, SHOP, "connect", "s1"))
    for one in (world, shop):
        one.age(minutes=10)
    world.connections.gone = {"m1", "s1"}
    assert sweep.handle({}, Context(), world.container)["gone"] == 2
    (line,) = [line for line in capsys.readouterr().out.splitlines() if '"asked"' in line]
    assert json.loads(line)["asked"] == 2

    world.handshake(events(world, SHOP, "connect", "s2"))
    shop.age(minutes=10)
    world.connections.gone.add("s2")
    world.lose_database()
    with pytest.raises(Unavailable):
        sweep.handle({}, Context(), world.container)
    assert shop.rows("select from watching_times where ended_at is null") == []


def test_health_is_that_of_the_app_that_is_worst_off(
    world: World, shop: World, caplog: pytest.LogCaptureFixture
) -> None:
    assert call(world, "GET", "/health", None, None)[0] == 200
    shop.lose_database()
    status, answer = call(world, "GET", "/health", None, None)
    assert (status, answer["status"]) == (503, "unavailable")
    assert "app shop" in caplog.text
    assert call(world, "GET", "/online")[0] == 200, "main goes on"


def test_the_ids_of_a_log_name_the_app(world: World) -> None:
    ids = EventIds()
    ids.begin(events(world, SHOP, "message", "s1"))
    assert ids.ids["app"] == SHOP
    ids.begin(world.event("message", "m1"))
    assert "app" not in ids.ids
