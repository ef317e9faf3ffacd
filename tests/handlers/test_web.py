"""The HTTP API, through the very events that API Gateway sends."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from handlers.core.ticket import read
from handlers.http import handle
from handlers.web.errors import INTERNAL_ERROR, UNAUTHORIZED
from tests.support.web import TOKEN, WebContainer, call, problem, request
from tests.support.world import Context

if TYPE_CHECKING:
    from handlers.container import Container
    from handlers.core.ticket import Ticket
    from tests.support.world import World


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def test_a_ticket_is_minted_for_one_connection(world: World) -> None:
    status, answer = call(world, "POST", "/tickets", {"user_id": "ann"})
    assert (status, answer["url"]) == (201, "wss://gateway.example/live")
    ticket = read(answer["ticket"], [os.environ["TICKET_SECRET"]], datetime.now(UTC))
    assert (ticket.user_id, ticket.resource) == ("ann", "site")
    again = call(world, "POST", "/tickets", {"user_id": "ann"})[1]
    assert again["ticket"] != answer["ticket"]


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN.upper(), "é"])
def test_every_path_but_health_needs_the_service_token(world: World, token: str | None) -> None:
    refused = problem(UNAUTHORIZED)
    paths = call(world, "GET", "/openapi.json")[1]["paths"]
    calls = [(method, path) for path, methods in paths.items() for method in methods]
    assert len(calls) > 25
    for method, path in calls:
        if path != "/health":
            assert call(world, method.upper(), path, {}, token) == (401, refused), path


def test_users_online_are_listed_page_by_page(world: World) -> None:
    for tab, user, resource in (
        ("a1", "ann", "site"),
        ("a2", "ann", "site"),
        ("a3", "ann", "stream"),
        ("b1", "bob", "stream"),
    ):
        world.come(tab, user, resource)
    _, first = call(world, "GET", "/online?limit=2")
    assert (first["users"], first["connections"]) == (2, 4)
    assert [(one["user_id"], one["resource"], one["connections"]) for one in first["items"]] == [
        ("ann", "site", 2),
        ("ann", "stream", 1),
    ]
    _, second = call(world, "GET", f"/online?limit=2&after={first['next']}")
    assert [one["user_id"] for one in second["items"]] == ["bob"]
    assert second["next"] is None
    _, stream = call(world, "GET", "/online?resource=stream")
    assert (stream["users"], stream["connections"]) == (2, 2)


def test_an_unknown_user_has_no_sessions(world: World) -> None:
    status, answer = call(world, "GET", "/sessions?user_id=unknown")
    assert status == 200
    assert (answer["online"], answer["watched_ms"], answer["items"]) == (False, 0, [])


@pytest.mark.parametrize("user_id", ["Zoë 🦊", "a/b", "100%41", "?#&+", "x" * 128, "../ann"])
def test_a_user_id_may_have_any_characters(world: World, user_id: str) -> None:
    world.come("tab-1", user_id)
    _, answer = call(world, "GET", f"/sessions?user_id={quote(user_id, safe='')}")
    assert (answer["user_id"], answer["online"]) == (user_id, True)


def test_a_users_sessions_are_listed_newest_first(world: World) -> None:
    world.come("a1", "ann", "one")
    world.come("a2", "ann", "two")
    _, first = call(world, "GET", "/sessions?user_id=ann&limit=1")
    assert first["online"] is True
    assert [one["resource"] for one in first["items"]] == ["two"]
    _, second = call(world, "GET", f"/sessions?user_id=ann&limit=1&after={first['next']}")
    assert [one["resource"] for one in second["items"]] == ["one"]


@pytest.mark.parametrize("user_id", ["", "a" * 129, "a\0b", "\ud800", 7, None])
def test_a_ticket_with_a_bad_user_id_is_refused(world: World, user_id: object) -> None:
    status, answer = call(world, "POST", "/tickets", {"user_id": user_id})
    assert status == 422
    assert answer["fields"][0]["loc"] == ["body", "user_id"]


@pytest.mark.parametrize("after", ["x", "W10=", "WzFd", "%00", "é", "WyJhIl0=", "W1tb" * 400])
def test_a_foreign_cursor_is_refused(world: World, after: str) -> None:
    assert call(world, "GET", f"/online?after={quote(after)}")[0] == 422


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", f"resource={'x' * 129}"])
def test_a_parameter_out_of_bounds_is_refused(world: World, query: str) -> None:
    assert call(world, "GET", f"/online?{query}")[0] == 422


def test_health_needs_a_database_but_no_token(world: World) -> None:
    assert call(world, "GET", "/health", token=None)[0] == 200
    world.lose_database()
    assert call(world, "GET", "/health", token=None)[0] == 503
    status, refusal = call(world, "GET", "/online")
    assert (status, refusal["code"]) == (503, "unavailable")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (("GET", "/nowhere", None), 404, "not_found"),
        (("PATCH", "/tickets", None), 405, "method_not_allowed"),
        (("POST", "/tickets", "{"), 422, "bad_request"),
        (("POST", "/tickets", "[" * 100_000), 400, "bad_request"),
        (("POST", "/tickets", f'{{"user_id": {"9" * 5_000}}}'), 400, "bad_request"),
        (("POST", "/tickets", "null"), 422, "bad_request"),
        (("POST", "/tickets", {"user_id": "ann", "\ud800": 1}), 422, "bad_request"),
        (("POST", "/sessions/1/end", {"user_id": "ann"}), 404, "not_found"),
    ],
)
def test_every_refusal_has_a_code(
    world: World, sent: tuple[str, str, object], status: int, code: str
) -> None:
    found, refusal = call(world, *sent)
    assert (found, refusal["code"], bool(refusal["detail"])) == (status, code, True)
    assert refusal.keys() - {"fields"} == {"type", "title", "status", "detail", "code"}
    assert ("fields" in refusal) is (found == 422)
    explained, text = call(world, "GET", refusal["type"], token=None)
    assert (explained, f"({code})" in text) == (200, True)


def test_the_fields_that_are_wrong_stand_in_the_detail_too(world: World) -> None:
    order = {"user_id": "", "may_list": 1, "device": "", "x" * 200: 1, "y": 1}
    status, refusal = call(world, "POST", "/tickets", order)
    assert (status, len(refusal["fields"])) == (422, 5)
    assert refusal["detail"].startswith("user_id: String should have at least 1 character; ")
    assert refusal["detail"].endswith("; and 2 more, see `fields`")


def test_an_unknown_code_is_not_explained(world: World) -> None:
    assert call(world, "GET", "/docs/errors/none", token=None)[0] == 404


def test_a_fault_of_ours_is_a_problem_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("handlers.services.tickets.mint", fail)
    assert call(world, "POST", "/tickets", {"user_id": "ann"}) == (500, problem(INTERNAL_ERROR))


def test_what_may_succeed_later_says_when(world: World) -> None:
    world.lose_database()
    assert isinstance(world.container, WebContainer)
    answer = handle(request("GET", "/online"), Context(), world.container)
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")


def test_the_openapi_document_needs_no_token(world: World) -> None:
    status, answer = call(world, "GET", "/openapi.json", token=None)
    assert status == 200
    assert answer["paths"].keys() >= {"/tickets", "/online", "/bonuses", "/health"}


def minted(world: World, **order: object) -> Ticket:
    status, answer = call(world, "POST", "/tickets", {"user_id": "ann", **order})
    assert status == 201
    return read(answer["ticket"], [os.environ["TICKET_SECRET"]], datetime.now(UTC))


def test_a_ticket_holds_its_device_and_may_watch(world: World) -> None:
    assert (minted(world).device, minted(world).may_watch) == (None, ())
    assert minted(world, device="phone").device == "phone"
    assert minted(world, may_watch="*").may_watch == "*"
    assert [minted(world).may_list, minted(world, may_list=True).may_list] == [False, True]
    assert minted(world, may_watch=["one", "two"]).may_watch == ("one", "two")


@pytest.mark.parametrize(
    "wrong",
    [
        {"device": ""},
        {"device": "x" * 129},
        {"device": "a\0b"},
        {"may_list": "true"},
        {"may_list": ["site"]},
        {"may_watch": "one"},
        {"may_watch": [""]},
        {"may_watch": ["x" * 129]},
        {"may_watch": ["\ud800"]},
        {"may_watch": ["x" * 128] * 8},
        {"may_watch": None},
    ],
)
def test_a_ticket_with_a_bad_field_is_refused(world: World, wrong: dict[str, Any]) -> None:
    assert call(world, "POST", "/tickets", {"user_id": "ann", **wrong})[0] == 422
