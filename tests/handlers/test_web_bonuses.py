"""Bonuses, news, campaigns and grants over HTTP: twice, late, at once, and refused."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID, uuid4

import asyncpg
import pytest

from handlers import http
from handlers.adapters.database import Database, Unavailable
from handlers.adapters.queue import NotQueued
from handlers.adapters.statements import text
from handlers.core.operations.maintenance import MarkBroadcastQueued
from handlers.services.bonuses import Estimate
from handlers.services.grants import Position
from handlers.web import pagination
from handlers.web.pagination import Cursor, NewestFirst
from tests.support.waiting import PATIENCE_SECONDS, pause_at_random
from tests.support.web import WebContainer, answer, call, pages, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handlers.container import Container
    from handlers.core.operation import Note, Statement
    from tests.support.world import World

EVERYONE = {"kind": "everyone"}
BONUS = {"reward": {"text": "5 coins"}, "audience": EVERYONE, "window_seconds": 60}
LEAST = BONUS | {"min_watched_seconds": 60}
NEWS = {"type": "notice", "body": {"text": "hi"}, "audience": EVERYONE, "expires_in_seconds": 60}
MILESTONE = {
    **{"watched_seconds": 900, "repeats": True},
    **{"reward": {"text": "1 coin"}, "claim_within_seconds": 60},
}
CAMPAIGN = {"milestones": [MILESTONE]}
UNKNOWN_ID = "00000000-0000-0000-0000-000000000001"
# What each creates: the path, the request, the name of its id, and its table.
ORDERS = [
    ("/bonuses", BONUS, "bonus_id", "bonuses"),
    ("/news", NEWS, "news_id", "broadcasts"),
    ("/campaigns", CAMPAIGN, "campaign_id", "campaigns"),
]


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def drop(world: World, **order: object) -> dict[str, Any]:
    status, bonus = call(world, "POST", "/bonuses", BONUS | order)
    assert status == 201, bonus
    return dict(bonus)


def test_an_order_says_what_it_will_come_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHES_PER_SECOND", "1")
    assert drop(world)["estimate"] == {"connections": 0, "reaches": 0, "takes_ms": 0}
    for tab in ("tab-1", "tab-2", "tab-3"):
        world.come(tab)
    bonus = drop(world)
    assert bonus["estimate"] == {"connections": 3, "reaches": 3, "takes_ms": 3_000}
    assert bonus["warnings"] == []
    own = drop(world, audience={"kind": "users", "user_ids": ["ann", "bob"]})
    assert own["estimate"]["connections"] == 3


def test_an_order_with_too_short_a_window_is_warned_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of three connections can be told in two seconds, less what the request takes."""
    monkeypatch.setenv("PUSHES_PER_SECOND", "1")
    for tab in ("tab-1", "tab-2", "tab-3"):
        world.come(tab)
    bonus = drop(world, window_seconds=2)
    assert bonus["estimate"]["reaches"] < 3
    (warning,) = bonus["warnings"]
    assert warning["code"] == "window_too_short"
    assert "of 3 connections are told before the bonus expires, at 1 a second" in warning["detail"]
    assert "give it a window of 3 seconds or more" in warning["detail"]
    assert "warnings" not in call(world, "GET", f"/bonuses/{bonus['bonus_id']}")[1]


def test_a_repeated_order_of_a_bonus_that_is_over_has_no_estimate(world: World) -> None:
    order = {"bonus_id": str(uuid4())}
    bonus = drop(world, **order)
    call(world, "DELETE", f"/bonuses/{bonus['bonus_id']}")
    status, repeated = call(world, "POST", "/bonuses", BONUS | order)
    assert (status, repeated["estimate"], repeated["warnings"]) == (200, None, [])


@pytest.mark.parametrize(
    ("connections", "per_second", "window_ms", "reaches", "takes_ms"),
    [
        (150_000, 7_000, 10_000, 70_000, 21_429),
        (150_000, 7_000, 21_428, 149_996, 21_429),
        (150_000, 7_000, 21_429, 150_000, 21_429),
        (800_000, 7_000, 10_000, 70_000, 114_286),
        (1, 7_000, 1, 1, 1),
        (1, 7_000, 0, 0, 1),
        (0, 7_000, 0, 0, 0),
    ],
)
def test_an_estimate_is_what_the_budget_allows(
    connections: int, per_second: int, window_ms: int, reaches: int, takes_ms: int
) -> None:
    found = Estimate(connections, per_second, window_ms)
    assert (found.reaches, found.takes_ms) == (reaches, takes_ms)


def claim(world: World, bonus_id: str, user_id: str = "ann", claim_id: str = "c1") -> str:
    (row,) = world.rows("select outcome from claim($1, $2, $3)", user_id, claim_id, UUID(bonus_id))
    return str(row["outcome"])


def queued(world: World) -> list[str]:
    return [sent.broadcast_id for sent in world.queue.sent]


def written(world: World) -> list[dict[str, Any]]:
    """How many rows each table has, but for the audit: it has what was refused, too."""
    tables = world.rows(
        "select relname from pg_stat_user_tables where schemaname = 'public' and relname <> 'audit'"
    )
    names = [one["relname"] for one in tables]
    assert len(names) > 15
    counts = (f"select '{name}' as name, count(*) from {name}" for name in names)  # noqa: S608
    return world.rows(f"{' union all '.join(counts)} order by name")


def test_a_bonus_is_created_enqueued_and_counted(world: World) -> None:
    bonus = drop(world, window_seconds=10, stock=100)
    assert (bonus["state"], bonus["left"], bonus["claimed"]) == ("open", 100, 0)
    assert bonus["expires_at"] - bonus["opens_at"] == 10_000
    assert queued(world) == [bonus["bonus_id"]]
    world.come("a1")
    assert claim(world, bonus["bonus_id"]) == "claimed"
    status, found = call(world, "GET", f"/bonuses/{bonus['bonus_id']}")
    assert (status, found["claimed"], found["left"]) == (200, 1, 99)
    assert (found["reward"], found["campaign_id"]) == (BONUS["reward"], None)


@pytest.mark.parametrize(("path", "order", "name", "table"), ORDERS)
def test_the_same_request_again_returns_what_the_first_created(
    world: World, path: str, order: dict[str, Any], name: str, table: str
) -> None:
    mine = {**order, name: str(uuid4())}
    first = call(world, "POST", path, mine)
    before, sent = written(world), queued(world)
    again = call(world, "POST", path, mine)
    for one in (first[1], again[1]):
        one.pop("server_now", None)
    assert (first[0], again) == (201, (200, first[1]))
    assert first[1][name] == mine[name]
    assert (written(world), queued(world)) == (before, sent)
    assert len(world.rows(f"select * from {table}")) == 1  # noqa: S608


@pytest.mark.parametrize(("path", "order", "name", "table"), ORDERS)
def test_two_requests_without_an_id_create_two(
    world: World, path: str, order: dict[str, Any], name: str, table: str
) -> None:
    made = [call(world, "POST", path, order) for _ in range(2)]
    assert [status for status, _ in made] == [201, 201]
    assert made[0][1][name] != made[1][1][name]
    assert len(world.rows(f"select * from {table}")) == 2  # noqa: S608


@pytest.mark.parametrize(("path", "order", "name", "table"), ORDERS)
def test_the_same_request_sent_at_once_creates_one(
    world: World, path: str, order: dict[str, Any], name: str, table: str
) -> None:
    mine = {**order, name: str(uuid4())}
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: elsewhere(world, path, mine), range(8)))
    assert sorted(statuses) == [200] * 7 + [201]
    assert len(world.rows(f"select * from {table}")) == 1  # noqa: S608


# FastAPI builds its routes at the first request, and changes the process' warnings meanwhile.
BUILDS_ROUTES = Lock()


def elsewhere(world: World, path: str, order: object) -> int:
    """Send an order to another process of the function; its status."""
    other = http.HttpContainer()
    vars(other).update(database=Database(world.dsn, other.deadline), queue=world.queue)
    here = type(world)(other, world.connections, world.queue, world.dsn)
    try:
        with BUILDS_ROUTES:
            assert call(here, "GET", "/health")[0] == 200
        return call(here, "POST", path, order)[0]
    finally:
        other.runner.run(other.database.close())
        other.runner.close()


@pytest.mark.parametrize(
    ("path", "order", "name", "other"),
    [
        ("/bonuses", BONUS, "bonus_id", {"reward": {"text": "6 coins"}}),
        ("/bonuses", BONUS, "bonus_id", {"stock": 1}),
        ("/bonuses", BONUS, "bonus_id", {"acknowledge": False}),
        ("/bonuses", BONUS, "bonus_id", {"audience": {"kind": "resource", "resource": "site"}}),
        ("/bonuses", BONUS, "bonus_id", {"opens_at": 253_402_300_000_000}),
        ("/news", NEWS, "news_id", {"type": "other"}),
        ("/news", NEWS, "news_id", {"expires_in_seconds": 61}),
        ("/bonuses", LEAST, "bonus_id", {"clock": "visible"}),
        ("/campaigns", CAMPAIGN, "campaign_id", {"resources": ["site"]}),
        ("/campaigns", CAMPAIGN, "campaign_id", {"clock": "visible"}),
        ("/campaigns", CAMPAIGN, "campaign_id", {"ends_at": 253_402_300_000_000}),
        ("/campaigns", CAMPAIGN, "campaign_id", {"milestones": [MILESTONE | {"repeats": False}]}),
    ],
)
def test_another_request_with_the_same_id_is_refused(
    world: World, path: str, order: dict[str, Any], name: str, other: dict[str, Any]
) -> None:
    mine = {**order, name: str(uuid4())}
    assert call(world, "POST", path, mine)[0] == 201
    before, sent = written(world), queued(world)
    status, refusal = call(world, "POST", path, {**mine, **other})
    assert (status, refusal["code"]) == (409, "conflict")
    assert (written(world), queued(world)) == (before, sent)


def test_news_and_a_bonus_cannot_have_the_same_id(world: World) -> None:
    one, two = str(uuid4()), str(uuid4())
    drop(world, bonus_id=one)
    assert call(world, "POST", "/news", NEWS | {"news_id": two})[0] == 201
    before = written(world)
    assert call(world, "POST", "/news", NEWS | {"news_id": one})[1]["code"] == "conflict"
    assert call(world, "POST", "/bonuses", BONUS | {"bonus_id": two})[1]["code"] == "conflict"
    assert call(world, "GET", f"/news/{one}")[0] == 404
    assert written(world) == before


def test_the_same_request_may_be_written_differently(world: World) -> None:
    bonus_id = str(uuid4())
    users = {"kind": "users", "user_ids": ["bob", "ann", "bob"]}
    drop(world, bonus_id=bonus_id, audience=users)
    again = {
        "bonus_id": bonus_id.upper(),
        "stock": None,
        "opens_in_seconds": 0,
        "window_seconds": 60.0,
        "audience": {"user_ids": ["ann", "bob"], "kind": "users"},
        "reward": {"text": "5 coins"},
    }
    assert call(world, "POST", "/bonuses", again)[0] == 200


def test_an_expired_bonus_is_still_returned_for_its_request(world: World) -> None:
    opens_at = int(time.time() * 1000) - 30_000
    order = {"bonus_id": str(uuid4()), "opens_at": opens_at}
    assert drop(world, **order)["opens_at"] == opens_at
    world.rows(
        "update bonuses set opens_at = opens_at - interval '40 s',"
        " expires_at = expires_at - interval '40 s'"
    )
    status, bonus = call(world, "POST", "/bonuses", BONUS | order)
    assert (status, bonus["state"]) == (200, "expired")


@pytest.mark.parametrize(
    ("past_ms", "answered"), [(30_000, "open"), (60_000, "window_over"), (10**12, "window_over")]
)
def test_a_window_may_have_begun_but_must_not_have_ended(
    world: World, past_ms: int, answered: str
) -> None:
    before = written(world)
    opens_at = max(0, int(time.time() * 1000) - past_ms)
    status, bonus = call(world, "POST", "/bonuses", BONUS | {"opens_at": opens_at})
    if answered == "open":
        assert (status, bonus["state"]) == (201, "open")
    else:
        assert (status, bonus["code"], written(world)) == (422, answered, before)
        assert queued(world) == []


def test_a_bonus_may_open_at_a_given_time(world: World) -> None:
    opens_at = int(time.time() * 1000) + 3_600_000
    bonus = drop(world, opens_at=opens_at)
    assert (bonus["opens_at"], bonus["state"]) == (opens_at, "upcoming")
    assert bonus["expires_at"] == opens_at + 60_000


def test_a_bonus_opens_at_milliseconds_or_rfc_3339(world: World) -> None:
    """Sent again in another form it is the same request; a local time is none."""
    order = BONUS | {"bonus_id": str(uuid4())}
    statuses = [
        call(world, "POST", "/bonuses", order | {"opens_at": opens_at})[0]
        for opens_at in (
            *(253_370_764_800_000, "9999-01-01T00:00:00Z", "9998-12-31T19:00:00.000-05:00"),
            *("9999-01-01T00:00:01Z", "9999-01-01T00:00:00", "253370764800000"),
        )
    ]
    assert statuses == [201, 200, 200, 409, 422, 422]


@pytest.mark.parametrize(
    ("audience", "asked", "wants"),
    [
        (EVERYONE, None, False),
        ({"kind": "resource", "resource": "site"}, None, False),
        ({"kind": "users", "user_ids": ["ann"]}, None, True),
        (EVERYONE, True, True),
        ({"kind": "users", "user_ids": ["ann"]}, False, False),
    ],
)
def test_listed_users_acknowledge_by_default(
    world: World, audience: object, asked: bool | None, wants: bool
) -> None:
    assert drop(world, audience=audience, acknowledge=asked)["acknowledge"] is wants


def test_a_bonus_shows_the_progress_of_its_broadcast(world: World) -> None:
    bonus = drop(world, acknowledge=True)
    path = f"/bonuses/{bonus['bonus_id']}"
    assert (bonus["acknowledged"], bonus["broadcast"]["shards"]) == (0, 0)
    assert bonus["broadcast"]["is_done"] is False
    world.rows("select enter('ann', 'site', 'n', 'c', '{\"at\": 1}', '30 s', 50, now())")
    world.rows("select ack('ann', $1)", UUID(bonus["bonus_id"]))
    world.rows(
        "insert into broadcast_shards (broadcast_id, round, shard, after_user_id, after_resource,"
        " sent, gone, undelivered, dropped, done_at) select $1, round, shard, '', '', 10, 2, 3, 4,"
        " case when round = 1 then to_timestamp(7) end"
        " from generate_series(1, 2) round, generate_series(1, 2) shard",
        UUID(bonus["bonus_id"]),
    )
    halfway = call(world, "GET", path)[1]
    assert halfway["acknowledged"] == 1
    assert halfway["broadcast"] == {
        **{"sent": 40, "gone": 8, "undelivered": 12, "dropped": 16},
        **{"shards": 4, "shards_done": 2, "rounds": 2, "is_done": False, "done_at": None},
    }
    world.rows("update broadcast_shards set done_at = to_timestamp(8) where round = 2")
    done = call(world, "GET", path)[1]["broadcast"]
    assert (done["shards_done"], done["is_done"], done["done_at"]) == (4, True, 8_000)
    world.rows("delete from broadcasts")
    assert call(world, "GET", path)[1]["broadcast"] is None


def test_a_cancellation_is_broadcast_once(world: World) -> None:
    bonus_id = drop(world)["bonus_id"]
    first = call(world, "DELETE", f"/bonuses/{bonus_id}")
    before, sent = written(world), queued(world)
    assert (first[0], first[1]["state"]) == (200, "cancelled")
    (cancel,) = world.rows("select broadcast_id from broadcasts where kind = 'cancel'")
    assert sent == [bonus_id, str(cancel["broadcast_id"])]
    again = call(world, "DELETE", f"/bonuses/{bonus_id}")
    assert (again[0], again[1]["state"]) == (200, "cancelled")
    assert (written(world), queued(world)) == (before, sent)
    world.come("a1")
    assert claim(world, bonus_id) == "cancelled"


def test_an_expired_bonus_stays_expired_when_cancelled(world: World) -> None:
    bonus_id = drop(world)["bonus_id"]
    world.rows(
        "update bonuses set opens_at = opens_at - interval '1 hour',"
        " expires_at = expires_at - interval '1 hour'"
    )
    before, sent = written(world), queued(world)
    status, bonus = call(world, "DELETE", f"/bonuses/{bonus_id}")
    assert (status, bonus["state"]) == (200, "expired")
    assert (written(world), queued(world)) == (before, sent)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/bonuses"),
        ("DELETE", "/bonuses"),
        ("GET", "/news"),
        ("GET", "/campaigns"),
        ("DELETE", "/campaigns"),
    ],
)
def test_an_unknown_id_is_404(world: World, method: str, path: str) -> None:
    before = written(world)
    status, refusal = call(world, method, f"{path}/{UNKNOWN_ID}")
    assert (status, refusal["code"]) == (404, "not_found")
    status, refusal = call(world, method, f"{path}/7")
    assert (status, refusal["code"]) == (422, "bad_request")
    assert (written(world), queued(world)) == (before, [])


async def unreachable(*_: object, **__: object) -> None:
    raise NotQueued("cannot be reached")


@pytest.fixture
def no_queue(world: World) -> Iterator[pytest.MonkeyPatch]:
    """A queue that cannot be reached, until the patch is undone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.queue, "_send", unreachable)
        yield patch


@pytest.mark.usefixtures("no_queue")
def test_without_a_queue_a_bonus_without_its_own_id_is_cancelled(world: World) -> None:
    status, refusal = call(world, "POST", "/bonuses", BONUS)
    assert (status, refusal["code"]) == (503, "unavailable")
    (bonus,) = call(world, "GET", "/bonuses")[1]["items"]
    assert bonus["state"] == "cancelled"


def test_without_a_queue_the_request_can_be_sent_again(
    world: World, no_queue: pytest.MonkeyPatch
) -> None:
    order = BONUS | {"bonus_id": str(uuid4())}
    for _ in range(2):
        status, refusal = call(world, "POST", "/bonuses", order)
        assert (status, refusal["code"]) == (503, "unavailable")
    no_queue.undo()
    status, bonus = call(world, "POST", "/bonuses", order)
    assert (status, bonus["state"], queued(world)) == (200, "open", [order["bonus_id"]])
    assert call(world, "POST", "/bonuses", order)[0] == 200
    assert queued(world) == [order["bonus_id"]]


@pytest.mark.usefixtures("no_queue")
def test_without_a_queue_a_bonus_can_be_cancelled(world: World) -> None:
    order = BONUS | {"bonus_id": str(uuid4())}
    assert call(world, "POST", "/bonuses", order)[0] == 503
    status, bonus = call(world, "DELETE", f"/bonuses/{order['bonus_id']}")
    assert (status, bonus["state"]) == (200, "cancelled")
    status, bonus = call(world, "POST", "/bonuses", order)
    assert (status, bonus["state"]) == (200, "cancelled")
    # Users who came online meanwhile have seen it: the schedule broadcasts the cancellation.
    world.rows("update broadcasts set at = at - interval '11 s'")
    assert "cancel" in [row["kind"] for row in world.rows(text("list_orphaned_broadcasts"))]


def test_a_cancellation_that_was_not_enqueued_is_enqueued_by_the_next(
    world: World,
) -> None:
    bonus_id = drop(world)["bonus_id"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.queue, "_send", unreachable)
        assert call(world, "DELETE", f"/bonuses/{bonus_id}")[1]["state"] == "cancelled"
    assert queued(world) == [bonus_id]
    for _ in range(2):
        assert call(world, "DELETE", f"/bonuses/{bonus_id}")[1]["state"] == "cancelled"
        assert len(queued(world)) == 2


@pytest.mark.usefixtures("no_queue")
def test_without_a_queue_news_wait_for_the_schedule(world: World) -> None:
    status, news = call(world, "POST", "/news", NEWS)
    assert status == 201
    world.rows("update broadcasts set at = at - interval '11 s'")
    (row,) = world.rows(text("list_orphaned_broadcasts"))
    assert str(row["broadcast_id"]) == news["news_id"]


def test_a_bonus_in_the_queue_stays_when_the_database_becomes_unavailable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = Database.fetch

    async def leaves(
        self: Database, statement: Statement[Any], note: Note | None = None
    ) -> list[Any]:
        if isinstance(statement, MarkBroadcastQueued):
            raise Unavailable("gone")
        return await fetch(self, statement, note)

    monkeypatch.setattr(Database, "fetch", leaves)
    assert drop(world)["bonus_id"] == queued(world)[0]


def test_bonuses_are_listed_the_newest_first(world: World) -> None:
    ids = [drop(world, reward={"n": n})["bonus_id"] for n in range(5)]
    # Two of the same microsecond.
    world.rows(
        "update bonuses set created_at = (select max(created_at) from bonuses)"
        " where bonus_id = any ($1::uuid[])",
        ids[3:],
    )
    items = pages(world, "/bonuses?limit=2")
    assert [one["bonus_id"] for one in items] == sorted(ids[3:], reverse=True) + ids[2::-1]
    assert {one["reward"]["n"] for one in items} == set(range(5))
    assert {one["state"] for one in items} == {"open"}


def test_a_page_fits_into_one_response(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response of Lambda has at most 6 MB, and a thousand rewards may have 24 MB."""
    monkeypatch.setattr(pagination, "MAX_RESPONSE_BYTES", 60_000)
    world.come("a1")
    for _ in range(5):
        # In JSON within JSON each of them has six bytes.
        bonus_id = drop(world, reward={"text": "é" * 2_000})["bonus_id"]
        assert claim(world, bonus_id, claim_id=f"c-{bonus_id}") == "claimed"
    for path in ("/bonuses?limit=1000", "/grants?limit=1000"):
        first = call(world, "GET", path)[1]
        second = call(world, "GET", f"{path}&after={first['next']}")[1]
        assert [len(page["items"]) for page in (first, second)] == [4, 1]
        assert first.get("has_more", True) and not second.get("has_more")


def test_bonuses_are_exported_as_csv(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path, name = "/bonuses", "bonus_id"
    ids = [drop(world, reward={"text": 'a,"b"\r\n=é'})[name] for _ in range(3)]
    monkeypatch.setattr(pagination, "MAX_CSV_ROWS", 2)
    first = answer(world, f"{path}.csv")
    rows = table(first)
    assert [row[name] for row in rows] == ids[:0:-1]
    assert json.loads(rows[0]["reward"]) == {"text": 'a,"b"\r\n=é'}
    assert rows[0].get("acknowledge", "false") == "false"
    following = first["headers"]["link"].removeprefix("<").removesuffix('>; rel="next"')
    assert [row[name] for row in table(answer(world, following))] == ids[:1]


@pytest.mark.parametrize("path", ["/bonuses", "/campaigns", "/grants"])
@pytest.mark.parametrize("after", ["x", "W10=", "%00", "WyIiLDEsMV0="])
def test_a_foreign_cursor_is_refused(world: World, path: str, after: str) -> None:
    status, refusal = call(world, "GET", f"{path}?after={quote(after)}")
    assert (status, refusal["code"]) == (422, "foreign_cursor")


@pytest.mark.parametrize("path", ["/bonuses", "/campaigns"])
@pytest.mark.parametrize(
    "position", [(2**62, UNKNOWN_ID), (10**30, UNKNOWN_ID), (0, "x"), (-(2**62), "")]
)
def test_a_forged_cursor_is_refused(world: World, path: str, position: tuple[Any, Any]) -> None:
    after = Cursor(path.removeprefix("/"), (), NewestFirst).write(NewestFirst(*position))
    status, refusal = call(world, "GET", f"{path}?after={after}")
    assert (status, refusal["code"]) == (422, "foreign_cursor")


def news(world: World, **order: object) -> dict[str, Any]:
    status, said = call(world, "POST", "/news", NEWS | order)
    assert status == 201, said
    return dict(said)


def test_news_are_enqueued_and_show_their_progress(world: World) -> None:
    said = news(world, audience={"kind": "resource", "resource": "stream"})
    assert queued(world) == [said["news_id"]]
    assert (said["type"], said["body"]) == (NEWS["type"], NEWS["body"])
    assert (said["audience"], said["resource"]) == ("resource", "stream")
    assert said["expires_at"] - said["at"] == 60_000
    assert (said["broadcast"]["sent"], said["broadcast"]["is_done"]) == (0, False)
    assert call(world, "GET", f"/news/{said['news_id']}") == (200, said)


def test_news_and_bonuses_share_one_numbering(world: World) -> None:
    news(world)
    drop(world)
    news(world)
    rows = world.rows("select seq, follows from broadcasts order by seq")
    assert [(row["seq"], row["follows"]) for row in rows] == [(1, 0), (2, 1), (3, 2)]


WRONG_BONUSES = [
    ({"min_watched_seconds": 1e-9}, "bad_request"),
    ({"stock": 0}, "bad_request"),
    ({"stock": -1}, "bad_request"),
    ({"stock": 1.5}, "bad_request"),
    ({"stock": 10**30}, "bad_request"),
    ({"window_seconds": 0}, "bad_request"),
    ({"window_seconds": -1}, "bad_request"),
    ({"window_seconds": 86_401}, "bad_request"),
    ({"window_seconds": float("nan")}, "bad_request"),
    ({"window_seconds": float("inf")}, "bad_request"),
    ({"window_seconds": None}, "bad_request"),
    ({"opens_in_seconds": -1}, "bad_request"),
    ({"opens_in_seconds": 0, "opens_at": 253_402_300_000_000}, "bad_request"),
    ({"opens_at": -1}, "bad_request"),
    ({"opens_at": 253_402_300_800_000}, "bad_request"),
    ({"opens_at": 0}, "window_over"),
    ({"bonus_id": "7"}, "bad_request"),
    ({"bonus_id": ""}, "bad_request"),
    ({"reward": "five"}, "bad_request"),
    ({"reward": None}, "bad_request"),
    ({"reward": []}, "bad_request"),
    ({"reward": {"text": "x" * 5_000}}, "reward_too_large"),
    ({"reward": {"n": [1e308] * 60}}, "reward_too_large"),
    ({"reward": {"text": "a\0b"}}, "unstorable"),
    ({"reward": {"text": "\ud800"}}, "unstorable"),
    ({"reward": {"\ud800": 1}}, "unstorable"),
    ({"reward": {"n": float("nan")}}, "unstorable"),
    ({"reward": {"n": float("-inf")}}, "unstorable"),
    ({"audience": {"kind": "unknown"}}, "bad_request"),
    ({"audience": {"kind": "users", "user_ids": []}}, "bad_request"),
    ({"audience": {"kind": "users", "user_ids": ["x" * 129]}}, "bad_request"),
    ({"audience": {"kind": "users", "user_ids": [""]}}, "bad_request"),
    ({"audience": {"kind": "users", "user_ids": ["a\0b"]}}, "bad_request"),
    ({"audience": {"kind": "users", "user_ids": ["\ud800"]}}, "bad_request"),
    ({"audience": {"kind": "users", "user_ids": [str(n) for n in range(10_001)]}}, "bad_request"),
    ({"audience": {"kind": "resource"}}, "bad_request"),
    ({"audience": {"kind": "resource", "resource": "x" * 129}}, "bad_request"),
    ({"audience": {"kind": "resource", "resource": "a\0b"}}, "bad_request"),
    ({"audience": {"kind": "everyone", "resource": "site"}}, "bad_request"),
    ({"clock": "visible"}, "bad_request"),  # of nothing
    ({"clock": "both", "min_watched_seconds": 60}, "bad_request"),
    ({"clock": None, "min_watched_seconds": 60}, "bad_request"),
    ({"stok": 5}, "bad_request"),
    ({"\ud800": 5}, "bad_request"),
]


@pytest.mark.parametrize(("wrong", "code"), WRONG_BONUSES)
def test_a_bad_bonus_is_refused_and_writes_nothing(
    world: World, wrong: dict[str, Any], code: str
) -> None:
    refused(world, "/bonuses", BONUS | wrong, code)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"type": "bonus.claimed"}, "bad_request"),
        ({"type": ""}, "bad_request"),
        ({"type": "a" * 65}, "bad_request"),
        ({"type": "a\n"}, "bad_request"),
        ({"type": "A"}, "bad_request"),
        ({"body": []}, "bad_request"),
        ({"body": {"text": "x" * 5_000}}, "news_too_large"),
        ({"body": {"text": "x" * 4_061}}, "news_too_large"),
        ({"body": {"text": "\0"}}, "unstorable"),
        ({"audience": {"kind": "users", "user_ids": ["ann"]}}, "bad_request"),
        ({"expires_in_seconds": 0}, "bad_request"),
        ({"expires_in_seconds": 604_801}, "bad_request"),
        ({"news_id": 7}, "bad_request"),
        ({"stock": 7}, "bad_request"),
    ],
)
def test_bad_news_are_refused_and_write_nothing(
    world: World, wrong: dict[str, Any], code: str
) -> None:
    refused(world, "/news", NEWS | wrong, code)


@pytest.mark.parametrize(
    ("path", "order", "name"),
    [("/campaigns", CAMPAIGN, "campaign_id"), ("/bonuses", LEAST, "bonus_id")],
)
def test_an_order_says_which_clock_it_pays(
    world: World, path: str, order: dict[str, Any], name: str
) -> None:
    """The connected one, if it does not say."""
    one, other = order | {name: str(uuid4())}, order | {name: str(uuid4()), "clock": "visible"}
    assert call(world, "POST", path, one)[1]["clock"] == "connected"
    assert call(world, "POST", path, one | {"clock": "connected"})[0] == 200
    assert call(world, "POST", path, other)[1]["clock"] == "visible"
    items = call(world, "GET", path)[1]["items"]
    assert [item["clock"] for item in items] == ["visible", "connected"]


def test_a_bonus_of_the_visible_clock_says_what_is_missing(world: World) -> None:
    _, refusal = call(world, "POST", "/bonuses", BONUS | {"clock": "visible"})
    assert "min_watched_seconds" in refusal["fields"][0]["msg"]


@pytest.mark.parametrize("depth", [31, 32, 250, 255, 260, 900, 990, 100_000])
@pytest.mark.parametrize("what", ORDERS)
def test_json_has_at_most_32_levels(
    world: World, what: tuple[str, dict[str, Any], str, str], depth: int
) -> None:
    path, order, name, _ = what
    nested = f'{{"x": {"[" * depth}{"]" * depth}, "text"'
    before = written(world)
    status, made = call(world, "POST", path, json.dumps(order).replace('{"text"', nested, 1))
    if depth == 31:
        assert (status, bool(made[name])) == (201, True)
    else:
        assert (status, made["code"]) in {(400, "bad_request"), (422, "bad_request")}
        assert written(world) == before


def refused(world: World, path: str, order: dict[str, Any], code: str) -> None:
    before = written(world)
    status, refusal = call(world, "POST", path, order)
    assert (status, refusal["code"], bool(refusal["detail"])) == (422, code, True)
    assert (written(world), queued(world)) == (before, [])


@pytest.mark.parametrize("text", ["é" * 2_000, "x" * 4_084])
def test_a_reward_is_measured_as_it_is_stored(world: World, text: str) -> None:
    assert drop(world, reward={"text": text})["reward"] == {"text": text}


def test_ten_thousand_users_may_be_listed(world: World) -> None:
    drop(world, audience={"kind": "users", "user_ids": [str(n) for n in range(10_000)]})
    assert len(world.rows("select * from offers")) == 10_000


def grants(world: World, after: str | None = None, limit: int = 100) -> dict[str, Any]:
    path = f"/grants?limit={limit}" + ("" if after is None else f"&after={quote(after)}")
    status, page = call(world, "GET", path)
    assert status == 200, page
    return dict(page)


def test_each_grant_is_read_once_and_next_leads_on_from_the_end(world: World) -> None:
    empty = grants(world)
    assert (empty["items"], empty["has_more"]) == ([], False)
    bonus_id = drop(world)["bonus_id"]
    for user in ("ann", "bob", "cyd"):
        world.come(f"{user}-1", user)
        assert claim(world, bonus_id, user) == "claimed"
    first = grants(world, empty["next"], limit=2)
    assert [one["user_id"] for one in first["items"]] == ["ann", "bob"]
    assert first["has_more"] is True
    second = grants(world, first["next"], limit=2)
    assert [one["user_id"] for one in second["items"]] == ["cyd"]
    assert second["has_more"] is False
    end = grants(world, second["next"])
    assert (end["items"], end["next"]) == ([], second["next"])
    assert grants(world)["items"] == first["items"] + second["items"]
    one = first["items"][0]
    assert (one["bonus_id"], one["claim_id"], one["reward"]) == (bonus_id, "c1", BONUS["reward"])
    assert one["claimed_at"] > 0


def test_refused_claims_are_no_grants(world: World) -> None:
    bonus_id = drop(world, stock=1)["bonus_id"]
    for user in ("ann", "bob"):
        world.come(f"{user}-1", user)
    outcomes = [
        claim(world, bonus_id, *one) for one in (("ann", "c1"), ("ann", "c1"), ("ann", "c2"))
    ]
    assert outcomes == ["claimed", "claimed", "already_claimed"]
    assert claim(world, bonus_id, "bob") == "sold_out"
    call(world, "DELETE", f"/bonuses/{bonus_id}")
    assert [one["user_id"] for one in grants(world)["items"]] == ["ann"]


def test_a_claim_that_commits_late_is_not_missed(world: World) -> None:
    """Ann's transaction begins first and ends last: later grants wait for it."""
    bonus_id = drop(world)["bonus_id"]
    for user in ("ann", "bob", "cyd", "dan"):
        world.come(f"{user}-1", user)
    claim(world, bonus_id, "dan")
    before = grants(world)
    held, other = (world.run(asyncpg.connect(world.dsn)) for _ in range(2))
    sql = "select outcome from claim($1, 'c1', $2)"
    world.run(held.execute("begin"))
    world.run(held.execute(sql, "ann", UUID(bonus_id)))
    world.run(other.execute("begin"))
    world.run(other.execute(sql, "bob", UUID(bonus_id)))
    claim(world, bonus_id, "cyd")
    world.run(other.execute("commit"))
    during = grants(world, before["next"])
    assert (during["items"], during["next"]) == ([], before["next"])
    world.run(held.execute("commit"))
    seen: list[str] = []
    after = during["next"]
    for _ in range(3):
        page = grants(world, after, limit=1)
        seen += [one["user_id"] for one in page["items"]]
        after = page["next"]
    assert seen == ["ann", "bob", "cyd"]
    assert grants(world, after)["items"] == []
    for connection in (held, other):
        world.run(connection.close())


def test_a_claim_that_is_rolled_back_is_no_grant(world: World) -> None:
    bonus_id = drop(world)["bonus_id"]
    world.come("a1")
    held = world.run(asyncpg.connect(world.dsn))
    world.run(held.execute("begin"))
    world.run(held.execute("select claim('ann', 'c1', $1)", UUID(bonus_id)))
    after = grants(world)["next"]
    world.run(held.execute("rollback"))
    world.run(held.close())
    assert grants(world, after)["items"] == []
    assert claim(world, bonus_id) == "claimed"
    assert len(grants(world, after)["items"]) == 1


def test_each_grant_is_read_once_while_claims_arrive(world: World) -> None:
    bonus_id = drop(world)["bonus_id"]
    world.rows(
        "select enter(u::text, 'site', 'n', u::text, '{\"at\": 1}', '30 s', 50, now())"
        " from generate_series(1, 200) u"
    )
    seen: list[int] = []
    after = grants(world)["next"]
    with ThreadPoolExecutor(8) as pool:
        claims = [pool.submit(claim_elsewhere, world.dsn, bonus_id, n) for n in range(1, 201)]
        give_up = time.monotonic() + PATIENCE_SECONDS
        while len(seen) < 200 and time.monotonic() < give_up:
            page = grants(world, after, limit=7)
            seen += [int(one["user_id"]) for one in page["items"]]
            after = page["next"]
    assert {one.result() for one in claims} == {"claimed"}
    assert sorted(seen) == list(range(1, 201))
    assert grants(world, after)["items"] == []


def claim_elsewhere(dsn: str, bonus_id: str, user: int) -> str:
    async def run() -> str:
        db = await asyncpg.connect(dsn)
        async with db.transaction():
            outcome = await db.fetchval(
                "select outcome from claim($1, 'c1', $2)", str(user), UUID(bonus_id)
            )
            await pause_at_random()
        await db.close()
        return str(outcome)

    return asyncio.run(run())


def test_a_cursor_of_another_database_is_refused(world: World) -> None:
    after = grants(world)["next"]
    (before,) = world.rows("select epoch from stream_epoch")
    world.rows("update stream_epoch set epoch = gen_random_uuid()")
    status, refusal = call(world, "GET", f"/grants?after={after}")
    world.rows("update stream_epoch set epoch = $1", before["epoch"])
    assert (status, refusal["code"]) == (422, "foreign_cursor")
    assert call(world, "GET", f"/grants?after={after}")[0] == 200


@pytest.mark.parametrize("position", [(2**60, 0), (2**70, 0), (-1, 0), (0, -1), (0, 2**63)])
def test_a_cursor_of_a_future_transaction_is_refused(
    world: World, position: tuple[int, int]
) -> None:
    """A database that was restored to an earlier time gives such cursors."""
    (row,) = world.rows("select epoch from stream_epoch")
    after = Cursor("grants", (), Position).write(Position(str(row["epoch"]), *position))
    status, refusal = call(world, "GET", f"/grants?after={after}")
    assert (status, refusal["code"]) == (422, "foreign_cursor")


def test_grants_of_another_cluster_are_not_skipped(world: World) -> None:
    """A copied row has a transaction id that is in the future here: no reader would ever get it."""
    bonus_id = drop(world)["bonus_id"]
    world.come("a1")
    claim(world, bonus_id)
    world.rows("update claims set xid = $1", 2**50)
    status, refusal = call(world, "GET", "/grants")
    assert (status, refusal["code"]) == (503, "database_moved")
    world.rows("select notice_restore(null, 100)")
    assert [one["user_id"] for one in grants(world)["items"]] == ["ann"]


def forget_grants(world: World) -> None:
    """All that there are have been kept for long enough."""
    world.rows("update bonuses set opens_at = 'epoch', expires_at = now() - interval '2 days'")
    world.rows("select close_bonuses(100)")
    assert world.rows("select grants from prune('1 hour', '1 hour', '1 day', 100)") != [
        {"grants": 0}
    ]


def test_a_payout_service_that_is_behind_what_is_kept_hears_of_it(world: World) -> None:
    before = grants(world)["next"]
    world.come("a1")
    claim(world, drop(world)["bonus_id"])
    read = grants(world)["next"]
    forget_grants(world)
    status, refusal = call(world, "GET", f"/grants?after={before}")
    assert (status, refusal["code"]) == (410, "grants_pruned")
    assert answer(world, f"/grants.csv?after={before}")["statusCode"] == 410
    assert call(world, "GET", f"/grants?after={read}")[0] == 200, "it has read all that went"


def test_a_payout_service_that_begins_late_begins_with_what_is_kept(world: World) -> None:
    world.come("a1")
    claim(world, drop(world)["bonus_id"])
    forget_grants(world)
    nothing = grants(world)
    assert nothing["items"] == []
    bonus_id = drop(world)["bonus_id"]
    assert claim(world, bonus_id, claim_id="c2") == "claimed"
    status, page = call(world, "GET", f"/grants?after={nothing['next']}")
    assert (status, [one["bonus_id"] for one in page["items"]]) == (200, [bonus_id])


def test_grants_are_exported_as_csv(world: World) -> None:
    bonus_id = drop(world)["bonus_id"]
    world.come("a1", "=1+1")
    assert claim(world, bonus_id, "=1+1", "-c") == "claimed"
    (row,) = table(answer(world, "/grants.csv"))
    assert (row["user_id"], row["claim_id"], row["bonus_id"]) == ("'=1+1", "'-c", bonus_id)
    assert json.loads(row["reward"]) == BONUS["reward"]


def test_the_openapi_document_explains_the_fields_of_requests(world: World) -> None:
    schemas = call(world, "GET", "/openapi.json")[1]["components"]["schemas"]
    for order, names in (
        ("BonusOrder", ("bonus_id", "reward", "audience", "opens_at", "stock", "acknowledge")),
        ("NewsOrder", ("news_id", "type", "body", "expires_in_seconds")),
        ("CampaignOrder", ("campaign_id", "resources", "clock", "overlap", "milestones")),
    ):
        described = schemas[order]["properties"]
        assert [name for name in names if not described[name].get("description")] == []
