"""Service keys: what each opens, and that no route is open to one that should not have it."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from handlers.services import keys
from handlers.services.keys import KNOWN_FOR_SECONDS, FindServiceKey, Keys, NoteKeyUse
from handlers.web.errors import MISSING_SCOPE, TOO_MANY_KEYS, UNAUTHORIZED
from handlers.web.scopes import OPERATIONS, SCOPE_OF, SCOPES, SERVICE_TOKEN_ONLY, scopes_of
from tests.support.statements import Watched
from tests.support.web import WebContainer, call, make_key, operations, problem

if TYPE_CHECKING:
    from handlers.container import Container
    from handlers.web.scopes import Scope
    from tests.support.world import World

OPEN = {"check_health"}


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def test_every_operation_has_exactly_one_scope_or_is_the_service_tokens(world: World) -> None:
    named = [one for operations in OPERATIONS.values() for one in operations]
    assert sorted([*named, *SERVICE_TOKEN_ONLY, *OPEN]) == sorted(operations(world))
    assert OPERATIONS.keys() == set(SCOPES)


def test_an_operation_without_a_scope_is_closed() -> None:
    caller = keys.Caller("all", frozenset(SCOPES))
    assert not caller.may(SCOPE_OF.get("a_new_operation"))


@pytest.mark.parametrize("name", ["root", "service-token", "admin"])
def test_a_name_gives_no_rights(world: World, name: str) -> None:
    key = make_key(world, name, "read")
    order = {"name": "more", "scopes": ["pay"]}
    assert call(world, "POST", "/keys", order, key["token"])[0] == 403
    assert call(world, "POST", "/tickets", {"user_id": "ann"}, key["token"])[0] == 403


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_what_its_scope_says_and_no_more(world: World, scope: Scope) -> None:
    token = make_key(world, "one", scope)["token"]
    for name, (method, path) in operations(world).items():
        if name in OPEN:
            continue
        status, answer = call(world, method, path.replace("{key_id}", str(uuid4())), {}, token)
        if scope in scopes_of(name):
            assert status not in {401, 403}, (name, answer)
        else:
            assert (status, answer["code"]) == (403, MISSING_SCOPE.code), name


def test_a_refusal_names_the_scope(world: World) -> None:
    token = make_key(world, "reader", "read")["token"]
    _, refused = call(world, "POST", "/kick", {"user_id": "ann"}, token)
    assert refused["detail"] == "this key may not do that; it takes the scope `kick`"
    _, refused = call(world, "GET", "/keys", None, token)
    assert refused["detail"] == "this key may not do that; it takes the service token"


def test_a_name_has_two_keys_at_most_so_that_one_can_replace_the_other(world: World) -> None:
    first, second = make_key(world, "payouts", "pay"), make_key(world, "payouts", "pay")
    order = {"name": "payouts", "scopes": ["pay"]}
    status, refused = call(world, "POST", "/keys", order)
    assert (status, refused["code"]) == (409, TOO_MANY_KEYS.code)
    for key in (first, second):
        assert call(world, "GET", "/grants", None, key["token"])[0] == 200
    assert call(world, "DELETE", f"/keys/{first['key_id']}") == (204, "")
    assert [one["key_id"] for one in call(world, "GET", "/keys")[1]["items"]] == [second["key_id"]]
    assert call(world, "POST", "/keys", order)[0] == 201
    assert call(world, "DELETE", f"/keys/{first['key_id']}")[0] == 404


def test_there_are_a_hundred_keys_at_most(world: World) -> None:
    world.rows(
        "insert into service_keys (key_id, name, slot, scopes, hash)"
        " select gen_random_uuid(), 'k' || n, 1, '{read}', sha256(n::text::bytea)"
        " from generate_series(1, 100) n"
    )
    order = {"name": "one-more", "scopes": ["read"]}
    assert call(world, "POST", "/keys", order)[0] == 409


def test_only_a_hash_is_stored(world: World) -> None:
    token = make_key(world, "one", "read")["token"]
    (row,) = world.rows("select k::text as text, hash from service_keys k")
    secret = token.split("_", 2)[2]
    assert secret not in row["text"]
    assert row["hash"] == hashlib.sha256(secret.encode()).digest()


def test_a_statement_that_runs_twice_makes_one_key(world: World) -> None:
    new = keys.CreateServiceKey(uuid4(), "one", ["read"], b"h" * 32, None, None)
    for _ in range(2):
        assert world.run(world.container.database.fetch_one(new))
    assert len(world.rows("select from service_keys")) == 1


def test_a_wrong_token_is_unauthorized(world: World) -> None:
    token = make_key(world, "one", "read")["token"]
    head, secret = token[:36], token[36:]
    wrong = (
        *(head + secret[::-1], f"hk_{uuid4().hex}_{secret}", head, f"{token}x", secret),
        *(token.upper(), head + "é" * 43),
    )
    for one in wrong:
        assert call(world, "GET", "/online", None, one) == (401, problem(UNAUTHORIZED)), one


def test_without_a_database_the_service_token_still_mints_tickets(world: World) -> None:
    token = make_key(world, "backend", "tickets")["token"]
    world.lose_database()
    order = {"user_id": "ann"}
    assert call(world, "POST", "/tickets", order)[0] == 201
    assert call(world, "POST", "/tickets", order, token)[0] == 503
    assert call(world, "POST", "/tickets", order, "no key at all")[0] == 401


def test_a_deleted_key_opens_nothing_after_ten_seconds(world: World) -> None:
    key = make_key(world, "one", "read")
    now = [0.0]
    known, database = Keys(now=lambda: now[0]), world.container.database

    def opens() -> bool:
        return world.run(known.caller(database, key["token"])) is not None

    assert opens()
    call(world, "DELETE", f"/keys/{key['key_id']}")
    now[0] = KNOWN_FOR_SECONDS - 0.001
    assert opens()
    now[0] = KNOWN_FOR_SECONDS
    assert not opens()


def test_a_key_is_looked_up_once_in_ten_seconds(world: World) -> None:
    key = make_key(world, "one", "read")
    watched = Watched(world.container.database)
    known = Keys(now=lambda: 0.0)
    for _ in range(3):
        world.run(known.caller(watched, key["token"]))
    assert [type(one) for one in watched.asked] == [FindServiceKey, NoteKeyUse]


def rotate(world: World, key_id: str, old_valid_seconds: int) -> str:
    order = {"old_valid_seconds": old_valid_seconds}
    status, new = call(world, "POST", f"/keys/{key_id}/rotate", order)
    assert (status, new["key_id"]) == (200, key_id)
    return str(new["token"])


def opening(world: World, *tokens: str) -> list[bool]:
    """Whether each opens a list, in a process that has not seen it yet."""
    database = world.container.database
    return [world.run(Keys().caller(database, one)) is not None for one in tokens]


def test_a_rotated_key_has_two_secrets_until_the_old_one_ends(world: World) -> None:
    key = make_key(world, "payouts", "pay")
    new = rotate(world, key["key_id"], 3_600)
    assert opening(world, key["token"], new) == [True, True]
    (listed,) = call(world, "GET", "/keys")[1]["items"]
    assert listed["old_valid_until"] > listed["created_at"]
    world.rows("update service_keys set previous_until = clock_timestamp()")
    assert opening(world, key["token"], new) == [False, True]
    assert call(world, "GET", "/keys")[1]["items"][0]["old_valid_until"] is None


def test_a_new_secret_opens_at_once_where_the_key_is_remembered(world: World) -> None:
    key = make_key(world, "payouts", "pay")
    assert call(world, "GET", "/grants", None, key["token"])[0] == 200
    for _ in range(2):
        new = rotate(world, key["key_id"], 3_600)
        assert call(world, "GET", "/grants", None, new)[0] == 200
        assert call(world, "GET", "/grants", None, key["token"])[0] == 200


def test_a_rotation_whose_response_got_lost_keeps_the_programs_secret(world: World) -> None:
    key = make_key(world, "payouts", "pay")
    lost = rotate(world, key["key_id"], 60)
    new = rotate(world, key["key_id"], 60)
    assert opening(world, key["token"], lost, new) == [True, False, True]


def test_a_secret_that_leaked_ends_at_once(world: World) -> None:
    key = make_key(world, "payouts", "pay")
    waiting = rotate(world, key["key_id"], 3_600)
    new = rotate(world, key["key_id"], 0)
    assert opening(world, key["token"], waiting, new) == [False, False, True]


def test_a_rotation_that_runs_twice_changes_nothing_more(world: World) -> None:
    key = make_key(world, "payouts", "pay")
    for seconds in (60, 0):
        again = keys.RotateServiceKey(UUID(key["key_id"]), b"h" * 32, timedelta(seconds=seconds))
        world.run(world.container.database.fetch(again))
        before = world.rows("select hash, previous_hash from service_keys")
        world.run(world.container.database.fetch(again))
        (row,) = world.rows("select hash, previous_hash from service_keys")
        assert row["hash"] == before[0]["hash"] == b"h" * 32
        assert seconds == 0 or row["previous_hash"] == before[0]["previous_hash"]


def test_a_key_that_has_expired_opens_nothing_and_makes_room(world: World) -> None:
    order = {"name": "visitor", "scopes": ["read"], "expires_in_days": 1}
    key = call(world, "POST", "/keys", order)[1]
    make_key(world, "visitor", "read")
    (listed, _) = call(world, "GET", "/keys")[1]["items"]
    assert listed["expires_at"] == pytest.approx(listed["created_at"] + 86_400_000, abs=60_000)
    assert opening(world, key["token"]) == [True]
    assert call(world, "POST", "/keys", order)[0] == 409
    world.rows("update service_keys set expires_at = clock_timestamp() where expires_at > now()")
    assert opening(world, key["token"]) == [False]
    path = f"/keys/{key['key_id']}/rotate"
    assert call(world, "POST", path, {"old_valid_seconds": 60})[0] == 404
    assert call(world, "POST", "/keys", order)[0] == 201


def test_the_last_use_is_known_to_the_hour(world: World) -> None:
    key = make_key(world, "one", "read")
    assert call(world, "GET", "/keys")[1]["items"][0]["used_at"] is None
    wrong = key["token"][:-1] + ("A" if key["token"][-1] != "A" else "B")
    assert opening(world, wrong) == [False]
    assert call(world, "GET", "/keys")[1]["items"][0]["used_at"] is None
    assert opening(world, key["token"]) == [True]
    used_at = call(world, "GET", "/keys")[1]["items"][0]["used_at"]
    assert used_at is not None
    assert opening(world, key["token"]) == [True]
    assert call(world, "GET", "/keys")[1]["items"][0]["used_at"] == used_at
    world.rows("update service_keys set used_at = used_at - interval '1 hour'")
    assert opening(world, key["token"]) == [True]
    assert call(world, "GET", "/keys")[1]["items"][0]["used_at"] > used_at


def test_the_log_says_whose_key_changed_something(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "handlers")
    token = make_key(world, "backend-a", "tickets", "read")["token"]
    call(world, "GET", "/online", None, token)
    call(world, "POST", "/tickets", {"user_id": "ann"}, token)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["create_key by the service token", "mint_ticket by backend-a"]
    assert token not in caplog.text


def test_a_name_is_one_that_can_stand_in_a_log(world: World) -> None:
    for name in ("", "a b", "a\nb", "é", "x" * 65):
        status, _ = call(world, "POST", "/keys", {"name": name, "scopes": ["read"]})
        assert status == 422, name
    for scopes in ([], ["all"], ["read"] * 8, "read"):
        status, _ = call(world, "POST", "/keys", {"name": "one", "scopes": scopes})
        assert status == 422, scopes
