"""A user's connections, and how an operator closes them: all, those of a session, or one."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers import disconnect, message
from handlers.adapters.gateway.errors import Undelivered
from handlers.core.connection import read_connection
from handlers.core.operations import disconnect as core
from handlers.services import kick as kicks
from tests.support.web import WebContainer, call
from tests.support.world import Context

if TYPE_CHECKING:
    from handlers.container import Container
    from handlers.core.operation import Push
    from tests.support.world import World

# The gateway's $disconnect of a connection that we closed:
# localstack/wsgate/docs/aws-behaviour.md §10.3.
CLOSED: dict[str, Any] = {
    "disconnectStatusCode": 1000,
    "disconnectReason": "Connection Closed Normally",
}
NOTHING = {"closed": 0, "gone": 0, "unreachable": 0}


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def kick(world: World, user_id: str = "ann") -> tuple[int, Any]:
    return call(world, "POST", "/kick", {"user_id": user_id})


def end(world: World, session_id: object, user_id: str = "ann") -> tuple[int, Any]:
    return call(world, "POST", f"/sessions/{session_id}/end", {"user_id": user_id})


def devices(world: World, user_id: str = "ann") -> list[dict[str, Any]]:
    _, answer = call(world, "GET", f"/connections?user_id={user_id}")
    items: list[dict[str, Any]] = answer["items"]
    return items


def sessions(world: World, user_id: str = "ann") -> list[dict[str, Any]]:
    """The newest first."""
    _, answer = call(world, "GET", f"/sessions?user_id={user_id}")
    items: list[dict[str, Any]] = answer["items"]
    return items


def come_with(world: World, connection_id: str, device: str) -> None:
    event = world.event("connect", connection_id)
    event["requestContext"]["authorizer"]["device"] = device
    assert world.handshake(event) == 200


def lose(world: World, connection_id: str) -> None:
    """The $disconnect of a connection that we closed."""
    event = world.event("disconnect", connection_id, **CLOSED)
    disconnect.handle(event, Context(), world.container)


def test_a_users_connections_are_listed_the_oldest_first(world: World) -> None:
    world.come("tab-1")
    world.age(minutes=2)
    world.come("tab-2", resource="stream")
    world.come("other", "bob")
    first, second = devices(world)
    (site,) = world.rows(
        "select id from watching_times where resource = 'site' and user_id = 'ann'"
    )
    assert first | {"opened_at": 0, "age_ms": 0} == {
        "connection_id": "tab-1",
        "node": "gateway.example/live",
        "device": None,
        "session_id": site["id"],
        "resource": "site",
        "opened_at": 0,
        "age_ms": 0,
    }
    assert 120_000 <= first["age_ms"] < 180_000
    assert (second["connection_id"], second["resource"]) == ("tab-2", "stream")
    assert devices(world, "unknown") == []


def test_a_connection_has_the_label_from_its_ticket(world: World) -> None:
    come_with(world, "tab-1", "Zoë's phone")
    world.come("tab-2")
    assert [one["device"] for one in devices(world)] == ["Zoë's phone", None]


def test_a_kick_closes_every_connection_and_ends_every_session(world: World) -> None:
    for tab, resource in (("tab-1", "site"), ("tab-2", "site"), ("tab-3", "stream")):
        world.come(tab, resource=resource)
    world.come("other", "bob")
    assert kick(world) == (200, {**NOTHING, "closed": 3})
    assert world.connections.gone == {"tab-1", "tab-2", "tab-3"}
    assert [one["ended_by"] for one in sessions(world)] == ["kicked", "kicked"]
    assert len(devices(world, "bob")) == 1


def test_the_last_message_of_a_kicked_connection_says_why(world: World) -> None:
    world.come("tab-1")
    world.come("other", "bob")
    kick(world)
    ((connection_id, said),) = world.connections.inbox
    assert connection_id == "tab-1"
    assert (said["type"], said["re"], said["code"]) == ("error", None, "kicked")
    assert (said["words"], said["retry_after_ms"]) == (None, 2_000)


def test_a_kicked_user_is_told_the_operators_words(world: World) -> None:
    world.come("tab-1")
    world.come("tab-2", resource="stream")
    (stream,) = [one for one in devices(world) if one["resource"] == "stream"]
    order = {"user_id": "ann", "reason": "This stream is for members. 🦊"}
    assert call(world, "POST", f"/sessions/{stream['session_id']}/end", order)[0] == 200
    assert call(world, "POST", "/kick", order)[0] == 200
    told = [(connection_id, said["words"]) for connection_id, said in world.connections.inbox]
    assert told == [("tab-2", order["reason"]), ("tab-1", order["reason"])]


@pytest.mark.parametrize("reason", ["", "a\0", "\ud800", "x" * 201, 7, ["rude"]])
def test_words_that_no_page_can_show_kick_no_user(world: World, reason: object) -> None:
    world.come("tab-1")
    status, refused = call(world, "POST", "/kick", {"user_id": "ann", "reason": reason})
    assert (status, refused["code"]) == (422, "bad_request")
    assert not world.connections.gone


def test_a_connection_that_cannot_be_told_is_closed_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def post(_push: Push) -> None:
        raise Undelivered("throttled")

    world.come("tab-1")
    monkeypatch.setattr(world.connections, "post", post)
    assert kick(world) == (200, {**NOTHING, "closed": 1})


def test_a_second_kick_and_late_disconnects_change_nothing(world: World) -> None:
    world.come("tab-1")
    kick(world)
    before = sessions(world)
    assert kick(world) == (200, NOTHING)
    lose(world, "tab-1")
    lose(world, "tab-1")
    assert sessions(world) == before


def test_a_disconnect_that_arrives_before_the_kick_is_recorded_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway sends $disconnect while the call is still under way."""
    world.come("tab-1")
    close = world.connections.close

    async def close_and_tell(node: str, connection_id: str) -> None:
        await close(node, connection_id)
        who = read_connection(world.event("disconnect", connection_id)["requestContext"])
        await world.container.database.fetch(core.statement(who, CLOSED, timedelta(seconds=30)))

    monkeypatch.setattr(world.connections, "close", close_and_tell)
    assert kick(world) == (200, {**NOTHING, "closed": 1})
    (session,) = sessions(world)
    assert session["ended_by"] == "kicked"


def test_a_kicked_user_who_comes_back_begins_a_new_session(world: World) -> None:
    world.come("tab-1")
    kick(world)
    assert world.come("tab-2") == 200
    back, kicked = sessions(world)
    assert (back["ended_by"], kicked["ended_by"]) == (None, "kicked")
    facts = world.rows(
        "select type::text from presence_outbox where is_finalized or type = 'online'"
    )
    assert sorted(row["type"] for row in facts) == ["offline", "online", "online"]


def test_a_kick_within_the_grace_ends_the_session_for_good(world: World) -> None:
    world.come("tab-1")
    disconnect.handle(
        world.event("disconnect", "tab-1", disconnectStatusCode=1001, disconnectReason=""),
        Context(),
        world.container,
    )
    assert kick(world) == (200, NOTHING)
    world.come("tab-2")
    assert [one["ended_by"] for one in sessions(world)] == [None, "kicked"]


def test_a_session_whose_connection_was_gone_ends_at_the_last_evidence(world: World) -> None:
    world.come("tab-1")
    world.age(minutes=10)
    world.connections.gone = {"tab-1"}
    assert kick(world) == (200, {**NOTHING, "gone": 1})
    (session,) = sessions(world)
    assert (session["ended_by"], session["watched_ms"]) == ("kicked", 0)
    assert 600_000 <= session["ended_within_ms"] < 660_000


def test_a_connection_in_its_handshake_is_not_taken_for_gone(world: World) -> None:
    world.come("tab-1")
    world.connections.gone = {"tab-1"}
    assert kick(world) == (200, {**NOTHING, "unreachable": 1})
    assert len(devices(world)) == 1


def test_an_unreachable_connection_stays_listed_until_the_next_kick(world: World) -> None:
    for tab in ("tab-1", "tab-2"):
        world.come(tab)
    world.connections.broken = {"tab-2"}
    assert kick(world) == (200, {**NOTHING, "closed": 1, "unreachable": 1})
    assert [one["connection_id"] for one in devices(world)] == ["tab-2"]
    world.connections.broken = set()
    assert kick(world) == (200, {**NOTHING, "closed": 1})
    (session,) = sessions(world)
    assert session["ended_by"] == "kicked"


def test_a_silent_gateway_does_not_delay_a_kick(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kicks, "CLOSE_TIMEOUT_SECONDS", 0.05)
    for tab in ("tab-1", "tab-2"):
        world.come(tab)
    world.connections.stuck = {"tab-2"}
    assert kick(world) == (200, {**NOTHING, "closed": 1, "unreachable": 1})


def test_one_session_ends_and_the_users_others_go_on(world: World) -> None:
    world.come("tab-1")
    world.come("tab-2", resource="stream")
    (site,) = (one for one in devices(world) if one["resource"] == "site")
    assert end(world, site["session_id"]) == (200, {**NOTHING, "closed": 1})
    assert [one["connection_id"] for one in devices(world)] == ["tab-2"]
    assert end(world, site["session_id"]) == (200, NOTHING)
    world.rows("select finalize(100, now() + interval '1 minute')")
    assert end(world, site["session_id"]) == (200, NOTHING), "past"


@pytest.mark.parametrize(
    ("session_id", "status"),
    [("9999999", 404), (2**63 - 1, 404), (2**63, 422), (0, 422), (-1, 422), ("x", 422)],
)
def test_an_unknown_session_is_a_4xx(world: World, session_id: object, status: int) -> None:
    assert end(world, session_id)[0] == status


def test_a_session_ends_only_for_its_own_user(world: World) -> None:
    world.come("tab-1")
    (mine,) = devices(world)
    assert end(world, mine["session_id"], "bob")[0] == 404
    assert len(devices(world)) == 1


def close(
    world: World, connection_id: str, user_id: str = "ann", **more: object
) -> tuple[int, Any]:
    order = {"user_id": user_id, "connection_id": connection_id} | more
    return call(world, "POST", "/connections/close", order)


def test_one_connection_is_closed_and_its_session_goes_on_with_the_others(world: World) -> None:
    for tab, resource in (("tab-1", "site"), ("tab-2", "site"), ("tab-3", "stream")):
        world.come(tab, resource=resource)
    assert close(world, "tab-1", reason="A tab too many") == (200, {**NOTHING, "closed": 1})
    ((told, said),) = world.connections.inbox
    assert (told, said["code"], said["words"]) == ("tab-1", "kicked", "A tab too many")
    assert [one["connection_id"] for one in devices(world)] == ["tab-2", "tab-3"]
    lose(world, "tab-1")
    assert [one["ended_by"] for one in sessions(world)] == [None, None]
    assert close(world, "tab-2") == (200, {**NOTHING, "closed": 1})
    ended = {one["resource"]: one["ended_by"] for one in sessions(world)}
    assert ended == {"site": "kicked", "stream": None}


def test_a_connection_that_is_not_open_any_more_changes_nothing(world: World) -> None:
    world.come("tab-1")
    world.come("tab-2", resource="stream")
    leaving = world.event("disconnect", "tab-2", disconnectStatusCode=1001, disconnectReason="")
    disconnect.handle(leaving, Context(), world.container)
    before = sessions(world)
    for connection_id in ("tab-2", "unknown"):
        assert close(world, connection_id) == (200, NOTHING)
    assert close(world, "tab-1", "bob") == (200, NOTHING), "of another user"
    assert [one["ended_by"] for one in sessions(world)] == [one["ended_by"] for one in before]
    assert not world.connections.gone


def test_a_connection_that_cannot_be_closed_stays_listed(world: World) -> None:
    world.come("tab-1")
    world.connections.broken = {"tab-1"}
    assert close(world, "tab-1") == (200, {**NOTHING, "unreachable": 1})
    assert len(devices(world)) == 1


@pytest.mark.parametrize("connection_id", ["", "a" * 129, "a\0b", "\ud800", 7, None])
def test_no_connection_has_a_bad_id(world: World, connection_id: Any) -> None:
    assert close(world, connection_id)[0] == 422


@pytest.mark.parametrize("user_id", ["", "a" * 129, "a\0b", "\ud800", 7, None])
def test_a_kick_with_a_bad_user_id_is_refused(world: World, user_id: object) -> None:
    assert call(world, "POST", "/kick", {"user_id": user_id})[0] == 422


@pytest.mark.parametrize("user_id", ["Zoë 🦊", "a/b", "100%41", "?#&+", "../ann", "unknown"])
def test_kicking_an_offline_user_changes_nothing(world: World, user_id: str) -> None:
    assert kick(world, user_id) == (200, NOTHING)


def test_a_kicked_connection_that_still_sends_is_not_counted(world: World) -> None:
    world.come("tab-1")
    kick(world)
    event = world.event("message", "tab-1") | {"body": '{"action": "hello", "id": "h1"}'}
    answer = message.handle(event, Context(), world.container)
    assert json.loads(answer["body"])["is_counted"] is False


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/connections?user_id=ann"), ("POST", "/connections/close")),
        *(("POST", "/kick"), ("POST", "/sessions/1/end")),
    ],
)
def test_a_kick_needs_the_service_token(world: World, method: str, path: str) -> None:
    world.come("tab-1")
    assert call(world, method, path, {"user_id": "ann"}, "wrong")[0] == 401
    assert len(devices(world)) == 1
