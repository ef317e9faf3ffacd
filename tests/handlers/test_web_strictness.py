"""What is misspelt, of another type, sent twice or nested too deeply is refused, on every route."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from handlers import http
from handlers.core.nesting import MAX_LEVELS
from handlers.web.app import application
from tests.support.web import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handlers.container import Container
    from tests.support.world import World

DOCUMENT: dict[str, Any] = application(http.HttpContainer()).openapi()
ROUTES = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
ID = str(UUID(int=7))
CAMPAIGN: dict[str, Any] = {
    "resources": ["site", "stream"],
    "clock": "visible",
    "overlap": "each",
    "timezone": "Europe/Berlin",
    "announced_at": 4_102_444_700_000,
    "starts_at": 4_102_444_800_000,
    "ends_at": 4_102_448_400_000,
    "milestones": [
        {
            "milestone": 1,
            "watched_seconds": 60,
            "days": 2,
            "repeats": True,
            "reward": {"coins": 1},
            "claim_within_seconds": 60,
        }
    ],
    "limits": {"per_user": 9, "per_day": 1, "in_all": 100, "cool_down_seconds": 60},
    "test_user_ids": ["ann"],
}
GOOD: dict[str, dict[str, Any]] = {
    "/tickets": {
        **{"user_id": "ann", "resource": "site", "device": "phone"},
        **{"may_watch": ["one"], "may_list": True},
    },
    "/keys": {"name": "payouts", "scopes": ["pay"]}
    | {"expires_in_days": 90, "requests_per_minute": 600},
    "/keys/{key_id}/rotate": {"old_valid_seconds": 60},
    "/webhooks": {
        **{"webhook_id": ID, "url": "https://hooks.example/", "types": ["user.online"]},
        **{"resource": "site", "secret": f"whsec_{'k' * 32}"},
    },
    "/webhooks/{webhook_id}": {
        **{"url": "https://hooks.example/", "types": ["user.online"], "resource": "site"},
        "is_on": True,
    },
    "/webhooks/{webhook_id}/secret": {"secret": f"whsec_{'k' * 32}"},
    "/webhooks/{webhook_id}/replay": {"begins_at": 0},
    "/kick": {"user_id": "ann", "reason": "spam"},
    "/connections/close": {"user_id": "ann", "connection_id": "tab-1", "reason": "spam"},
    "/payouts": {
        "items": [
            {
                **{"bonus_id": ID, "user_id": "ann", "payout_id": "p2", "state": "rejected"},
                **{"reason": "no account", "give_back": True, "corrects": "p1"},
            }
        ]
    },
    "/sessions/{session_id}/end": {"user_id": "ann", "reason": "spam"},
    "/erasures": {"user_id": "ann", "author": "support", "keep_mentions": False},
    "/corrections": {
        "correction_id": ID,
        "user_id": "ann",
        "session_id": 7,
        "revision": 0,
        "times": [{"joined_at": 0, "ended_at": 60_000}],
        "reason": "the camera was off",
        "author": "support",
    },
    "/bonuses": {
        "bonus_id": ID,
        "reward": {"coins": 1},
        "audience": {"kind": "users", "user_ids": ["ann"]},
        "opens_in_seconds": 0,
        "window_seconds": 60,
        "stock": 7,
        "min_watched_seconds": 1,
        "clock": "visible",
        "acknowledge": False,
    },
    "/draws": {
        "bonus_id": ID,
        "reward": {"coins": 1},
        "among": {"kind": "claims", "bonus_id": ID, "within_seconds": 10},
        "winners": 1,
        "claim_within_seconds": 60,
    },
    "/questions": {
        "question_id": ID,
        "text": "Who scores?",
        "options": ["ann", "bob"],
        "correct": 1,
        "prize": {"reward": {"coins": 1}, "claim_within_seconds": 60},
        "audience": {"kind": "resource", "resource": "site"},
        "opens_in_seconds": 0,
        "window_seconds": 60,
    },
    "/reveals": {
        "reveal_id": ID,
        "content": {"winner": "ann"},
        "audience": {"kind": "resource", "resource": "site"},
        "reveals_in_seconds": 60,
    },
    "/campaigns": {"campaign_id": ID, **CAMPAIGN},
    "/campaigns/{campaign_id}": CAMPAIGN,
    "/news": {
        "news_id": ID,
        "type": "goal",
        "body": {"text": "1:0"},
        "audience": {"kind": "resource", "resource": "site"},
        "expires_in_seconds": 60,
    },
}
"""A body of each route that takes one, with as many members as there can be."""
OF_ANOTHER_TYPE: tuple[Any, ...] = (
    *(None, True, False, 7, -1, 7.5, 1e300, "7", "", "true"),
    *([], ["x"], {}, {"x": 1}),
)
NAMES = ("user_id", "resource", "device")


@pytest.fixture
def container_type() -> type[Container]:
    return http.HttpContainer


def of(path: str) -> str:
    """The path, with an id in it."""
    return re.sub("{.*}", "1" if "session_id" in path else ID, path)


def parameters(operation: dict[str, Any]) -> list[str]:
    return [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]


def required(operation: dict[str, Any]) -> str:
    """A query with what the route cannot do without."""
    values = {"user_id": "ann", "by": "user", "from": "0", "to": "1000", "prefix": "ann"}
    needed = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    return "&".join(f"{name}={values[name]}" for name in needed if name in values)


EVERY_ROUTE = pytest.mark.parametrize(
    ("method", "path", "operation"), ROUTES, ids=[f"{method} {path}" for method, path, _ in ROUTES]
)


@EVERY_ROUTE
def test_a_parameter_that_is_not_known_is_named_with_those_that_are(
    world: World, method: str, path: str, operation: dict[str, Any]
) -> None:
    for wrong in ("bonus_idd", "Limit", "LIMIT", "limit ", "limit[]", "\u00fcser", "from_"):
        query = f"{required(operation)}&{quote(wrong)}=1"
        status, refusal = call(world, method, f"{of(path)}?{query}", GOOD.get(path))
        assert (status, refusal["code"]) == (422, "bad_request"), refusal
        (one,) = refusal["fields"]
        assert one["loc"] == ["query", wrong]
        for known in parameters(operation):
            assert known in one["msg"]


@EVERY_ROUTE
def test_a_parameter_comes_once_and_with_a_value(
    world: World, method: str, path: str, operation: dict[str, Any]
) -> None:
    lists = {
        one["name"]
        for one in operation.get("parameters", [])
        if "array" in [each.get("type") for each in one["schema"].get("anyOf", [])]
    }
    for name in set(parameters(operation)) - lists:
        twice = call(world, method, f"{of(path)}?{required(operation)}&{name}=7&{name}=7")
        assert (twice[0], twice[1]["code"]) == (422, "bad_request"), name
        assert ["query", name] in [one["loc"] for one in twice[1]["fields"]]
        others = "&".join(
            one for one in required(operation).split("&") if not one.startswith(f"{name}=")
        )
        assert call(world, method, f"{of(path)}?{others}&{name}=")[0] == 422, name


@EVERY_ROUTE
def test_a_query_is_utf8(world: World, method: str, path: str, operation: dict[str, Any]) -> None:
    for name in parameters(operation):
        for wrong in ("%ff", "%ED%A0%80", "%C3", "a%00b"):
            query = f"{required(operation)}&{name}={wrong}".replace(f"{name}=ann&", "")
            assert call(world, method, f"{of(path)}?{query}")[0] == 422, (name, wrong)


@pytest.mark.parametrize(
    "wrong", ["1_000", "+5", " 5", "5 ", "5.0", "0x5", "\u0665", "05", "1e2", "-"]
)
def test_a_whole_number_is_written_in_digits(world: World, wrong: str) -> None:
    for path in (
        "/online?limit=",
        "/sessions?to=9000&from=",
        "/concurrency?from=0&to=9&step_seconds=",
    ):
        assert call(world, "GET", path + quote(wrong))[0] == 422, path
    assert call(world, "POST", f"/sessions/{quote(wrong)}/end", {"user_id": "ann"})[0] == 422


def test_without_a_token_a_misspelt_parameter_is_not_looked_at(world: World) -> None:
    assert call(world, "GET", "/online?wrong=1", token=None)[0] == 401


def fields(schema: dict[str, Any]) -> dict[str, Any]:
    """The members of a body, resolved."""
    schema = resolved(schema)
    return {name: resolved(one) for name, one in schema["properties"].items()}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].split("/")[-1]]
        return found
    return schema


def allows(schema: dict[str, Any], value: object) -> bool:
    """Whether the OpenAPI document says that a member may be of this type."""
    schema = resolved(schema)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return any(allows(one, value) for one in schema[choice])
    if "const" in schema:
        return bool(value == schema["const"])
    kind = {
        bool: "boolean",
        int: "integer",
        float: "number",
        str: "string",
        list: "array",
        dict: "object",
        type(None): "null",
    }[type(value)]
    wanted: str | None = schema.get("type")
    return wanted == kind or (wanted, kind) == ("number", "integer")


def bodies() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for method, path, operation in ROUTES:
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]["schema"]
            yield method, path, resolved(content)


BODIES = list(bodies())


def test_the_good_bodies_have_every_member() -> None:
    assert GOOD.keys() == {path for _, path, _ in BODIES}
    for _, path, schema in BODIES:
        assert GOOD[path].keys() >= schema["properties"].keys() - {"opens_at", "reveals_at"}


@pytest.mark.parametrize(("method", "path", "schema"), BODIES, ids=[path for _, path, _ in BODIES])
def test_a_member_of_another_type_is_refused(
    world: World, method: str, path: str, schema: dict[str, Any]
) -> None:
    for name, wanted in fields(schema).items():
        for value in OF_ANOTHER_TYPE:
            if not allows(wanted, value):
                body = GOOD[path] | {name: value}
                status, refusal = call(world, method, of(path), body)
                assert (status, refusal["code"]) == (422, "bad_request"), (name, value)
                assert refusal["fields"][0]["loc"][:2] == ["body", name]


@pytest.mark.parametrize(("method", "path", "schema"), BODIES, ids=[path for _, path, _ in BODIES])
def test_a_member_that_is_not_known_or_comes_twice_is_refused(
    world: World, method: str, path: str, schema: dict[str, Any]
) -> None:
    for wrong in ("Stock", "user-id", "__proto__", "limit", "", "\ud800", "constructor"):
        status, refusal = call(world, method, of(path), GOOD[path] | {wrong: 1})
        assert (status, refusal["code"]) == (422, "bad_request"), wrong
    for name in schema.get("required", ()):
        twice = json.dumps(GOOD[path])[:-1] + f', "{name}": {json.dumps(GOOD[path][name])}}}'
        status, refusal = call(world, method, of(path), twice)
        assert (status, refusal["code"]) == (400, "bad_request")
        assert f"'{name}' twice" in refusal["detail"]


@pytest.mark.parametrize(("method", "path", "schema"), BODIES, ids=[path for _, path, _ in BODIES])
def test_a_body_has_a_depth(world: World, method: str, path: str, schema: dict[str, Any]) -> None:
    """The same for every Python: a body's own object is the first level."""
    for levels in (MAX_LEVELS - 1, MAX_LEVELS, 900, 5_000, 100_000):
        name = next(iter(schema["properties"]))
        body = json.dumps({name: 0}).replace("0", "[" * levels + "]" * levels)
        status, refusal = call(world, method, of(path), body)
        assert (status, refusal["code"]) == (422 if levels < MAX_LEVELS else 400, "bad_request")
        assert status == 422 or "500 levels" in refusal["detail"]


@pytest.mark.parametrize("name", ["", "\0", "a\0", "\ud800", "a\udfff", "x" * 129, "🦊" * 129])
def test_a_name_that_cannot_be_stored_is_refused_in_every_body(world: World, name: str) -> None:
    for method, path, _ in BODIES:
        for field in GOOD[path].keys() & NAMES:
            status, refusal = call(world, method, of(path), GOOD[path] | {field: name})
            assert (status, refusal["code"]) == (422, "bad_request"), (path, field)
    for audience in ({"kind": "resource", "resource": name}, {"kind": "users", "user_ids": [name]}):
        status, refusal = call(world, "POST", "/bonuses", GOOD["/bonuses"] | {"audience": audience})
        assert (status, refusal["code"]) == (422, "bad_request")


@pytest.mark.parametrize(
    "name", ["🦊" * 128, "\x01" * 128, "e\u0301\u202e\u200f", "\ufeff", " ", "'; --"]
)
def test_any_other_name_goes_through_the_whole_service(world: World, name: str) -> None:
    for path in ("/tickets", "/kick"):
        assert call(world, "POST", path, {"user_id": name})[0] in {200, 201}
    for audience in ({"kind": "resource", "resource": name}, {"kind": "users", "user_ids": [name]}):
        bonus = GOOD["/bonuses"] | {"audience": audience, "bonus_id": str(uuid4())}
        assert call(world, "POST", "/bonuses", bonus)[0] == 201
    world.come("tab-1", name, name)
    for path in ("/sessions?user_id=", "/connections?user_id=", "/online?resource="):
        status, found = call(world, "GET", path + quote(name))
        assert (status, len(found["items"])) == (200, 1), path


def test_a_ticket_that_no_url_could_hold_is_refused(world: World) -> None:
    most = "\x01" * 128
    order = {"user_id": most, "resource": most, "device": most, "may_watch": [most]}
    status, refusal = call(world, "POST", "/tickets", order)
    assert (status, refusal["code"]) == (422, "ticket_too_long")
    fox = "🦊" * 128
    order = {"user_id": fox, "resource": fox, "device": fox, "may_watch": [fox]}
    status, made = call(world, "POST", "/tickets", order)
    assert status == 201
    assert len(f"{made['url']}?ticket={made['ticket']}") < 4_096


@pytest.mark.parametrize("kind", [None, "everybody", "<b>", 7])
def test_an_audience_of_no_kind_is_told_the_kinds_and_not_what_was_sent(
    world: World, kind: object
) -> None:
    body = {"type": "goal", "body": {}, "expires_in_seconds": 60, "audience": {"kind": kind}}
    status, refusal = call(world, "POST", "/news", body)
    assert status == 422
    (one,) = refusal["fields"]
    assert one["msg"] == "'kind' must be one of 'everyone', 'resource'"
