"""A key may have a limit of requests a minute, and each answer to it says what is left."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers import http
from handlers.services import keys
from handlers.services.keys import CountKeyRequest, Keys
from tests.support.contracts import check_answer
from tests.support.statements import Watched
from tests.support.web import TOKEN, WebContainer, call, make_key, request
from tests.support.world import Context

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

POLICY = re.compile(r'"key";q=([1-9]\d*);w=60')
LEFT = re.compile(r'"key";r=(\d+);t=([1-9]|[1-5]\d|60)')


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def limited(world: World, limit: int, *scopes: str) -> str:
    """The token of a key that may ask so often in a minute."""
    order = {"name": "limited", "scopes": scopes or ["read"], "requests_per_minute": limit}
    status, key = call(world, "POST", "/keys", order)
    assert status == 201, key
    return str(key["token"])


def answer(world: World, token: str, path: str = "/online", **header: str) -> tuple[int, Any]:
    """The status and the headers of an answer."""
    event = request("GET", path, None, token)
    event["headers"] |= {name.replace("_", "-"): value for name, value in header.items()}
    assert isinstance(world.container, http.HttpContainer)
    got = http.handle(event, Context(), world.container)
    check_answer("GET", path, got["statusCode"], got["headers"], got["body"])
    return got["statusCode"], got["headers"]


def left(headers: dict[str, str]) -> tuple[int, int, int]:
    """The limit, what is left of it, and for how many seconds."""
    policy, now = (
        POLICY.fullmatch(headers["ratelimit-policy"]),
        LEFT.fullmatch(headers["ratelimit"]),
    )
    assert policy
    assert now
    return int(policy[1]), int(now[1]), int(now[2])


def forget_what_is_known(world: World) -> None:
    """As in a new process."""
    vars(world.container).pop("keys")


def next_minute(world: World) -> None:
    world.rows("update service_keys set minute_began_at = minute_began_at - interval '1 minute'")
    forget_what_is_known(world)


def test_each_answer_says_what_is_left_and_the_last_one_when_to_come_back(world: World) -> None:
    token = limited(world, 3)
    for remaining in (2, 1, 0):
        status, headers = answer(world, token)
        assert (status, *left(headers)[:2]) == (200, 3, remaining)
        assert "retry-after" not in headers
    for _ in range(2):
        status, headers = answer(world, token)
        assert (status, *left(headers)[:2]) == (429, 3, 0)
        assert int(headers["retry-after"]) == left(headers)[2]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/online.csv", 200),
        ("/online?limit=0", 422),
        ("/bonuses/6b0f0a8e-6f0e-4f6c-9d5a-3f6f8f3c2b11", 404),
        ("/grants", 403),
    ],
)
def test_an_answer_of_every_kind_counts_and_says_so(world: World, path: str, status: int) -> None:
    token = limited(world, 2)
    for remaining in (1, 0):
        got, headers = answer(world, token, path)
        assert (got, left(headers)[1]) == (status, remaining)
    assert answer(world, token, path)[0] == 429


def test_a_request_for_another_app_counts(world: World) -> None:
    token = limited(world, 1)
    got, headers = answer(world, token, headcount_app="shop")
    assert (got, left(headers)[1]) == (403, 0)
    assert answer(world, token, headcount_app="shop")[0] == 429


def test_without_a_database_nothing_is_counted_or_told(world: World) -> None:
    token = limited(world, 5)
    answer(world, token)
    world.lose_database()
    status, headers = answer(world, token)
    assert (status, headers["retry-after"]) == (503, "1")
    assert "ratelimit" not in headers


def test_a_key_without_a_limit_and_the_service_token_have_no_headers(world: World) -> None:
    for token in (make_key(world, "free", "read")["token"], TOKEN, "no key at all"):
        _, headers = answer(world, token)
        assert not {"ratelimit", "ratelimit-policy", "retry-after"} & headers.keys()


def test_a_wrong_secret_takes_nothing_from_a_key(world: World) -> None:
    token = limited(world, 1)
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    for _ in range(2):
        assert answer(world, wrong)[0] == 401
    assert answer(world, token)[0] == 200


def test_the_limit_is_whole_again_a_minute_after_its_first_request(world: World) -> None:
    token = limited(world, 1)
    assert [answer(world, token)[0] for _ in range(2)] == [200, 429]
    next_minute(world)
    assert [answer(world, token)[0] for _ in range(2)] == [200, 429]


def test_a_minute_of_before_the_clock_went_back_is_over(world: World) -> None:
    token = limited(world, 1)
    answer(world, token)
    world.rows("update service_keys set minute_began_at = clock_timestamp() + interval '1 hour'")
    status, headers = answer(world, token)
    assert (status, left(headers)[2]) == (200, 60)


def test_all_processes_count_together(world: World) -> None:
    token, database = limited(world, 3), world.container.database
    each = [world.run(Keys().caller(database, token)) for _ in range(5)]
    quotas = [one.quota for one in each if one and one.quota]
    assert [one.remaining for one in quotas] == [2, 1, 0, 0, 0]
    assert [one.is_exceeded for one in quotas] == [False, False, False, True, True]


def test_a_limit_that_is_used_up_is_not_asked_for_again(world: World) -> None:
    token, now = limited(world, 1), [1_000.0]
    watched = Watched(world.container.database)
    known = Keys(now=lambda: now[0])

    def quota() -> tuple[bool, int]:
        watched.asked.clear()
        caller = world.run(known.caller(watched, token))
        assert caller
        assert caller.quota
        return caller.quota.is_exceeded, caller.quota.seconds_left

    assert quota()[0] is False
    exceeded, seconds = quota()
    assert exceeded
    now[0] += seconds - 0.5
    assert quota() == (True, 1)
    assert CountKeyRequest not in map(type, watched.asked)
    now[0] += 0.5
    quota()
    assert CountKeyRequest in map(type, watched.asked)


def test_a_rotated_key_keeps_its_limit_and_what_it_has_used(world: World) -> None:
    order = {"name": "limited", "scopes": ["read"], "requests_per_minute": 2}
    key = call(world, "POST", "/keys", order)[1]
    assert answer(world, key["token"])[0] == 200
    path = f"/keys/{key['key_id']}/rotate"
    new = call(world, "POST", path, {"old_valid_seconds": 3_600})[1]["token"]
    forget_what_is_known(world)
    assert left(answer(world, new)[1])[:2] == (2, 0)
    assert answer(world, key["token"])[0] == 429


def test_the_list_says_the_limit(world: World) -> None:
    limited(world, 60_000)
    make_key(world, "free", "read")
    listed = call(world, "GET", "/keys")[1]["items"]
    assert [one["requests_per_minute"] for one in listed] == [None, 60_000]


@pytest.mark.parametrize("limit", [0, -1, 60_001, "5", 1.5, True])
def test_a_limit_is_a_whole_number_that_can_be_reached(world: World, limit: object) -> None:
    order = {"name": "one", "scopes": ["read"], "requests_per_minute": limit}
    status, refused = call(world, "POST", "/keys", order)
    assert (status, refused["fields"][0]["loc"]) == (422, ["body", "requests_per_minute"])


def test_a_statement_that_makes_a_limited_key_twice_makes_one(world: World) -> None:
    new = keys.key_of(keys.new_token(), "one", ["read"], timedelta(days=1), 5)
    for _ in range(2):
        assert world.run(world.container.database.fetch_one(new))
    (row,) = world.rows("select requests_per_minute from service_keys")
    assert row["requests_per_minute"] == 5
