"""What is published of the API still serves those who use the last release."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.markdown import ROOT
from tests.support.breaks import of_asyncapi, of_openapi

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
REFERENCE = ROOT / "docs" / "reference"
COMPARE = {"openapi.json": of_openapi, "asyncapi.json": of_asyncapi}
WHAT_TO_DO = "keep it, or see CONTRIBUTING.md, `Release`"


def read(name: str) -> Json:
    document: Json = json.loads((REFERENCE / name).read_text())
    return document


@pytest.mark.parametrize("name", COMPARE)
def test_nothing_breaks_for_users_of_the_last_release(name: str) -> None:
    assert COMPARE[name](read(f"released/{name}"), read(name)) == [], WHAT_TO_DO


def schema(api: Json, name: str) -> Json:
    found: Json = api["components"]["schemas"][name]
    return found


def answer(api: Json, path: str, method: str, status: str) -> Json:
    found: Json = api["paths"][path][method]["responses"]
    return found


def lose(members: Any, name: str) -> None:
    """Of a dictionary or a list."""
    members.remove(name) if isinstance(members, list) else members.pop(name)


BREAKS: list[tuple[Callable[[Json], object], str]] = [
    (lambda api: api["paths"].pop("/kick"), "POST /kick: removed"),
    (
        lambda api: api["paths"]["/bonuses"]["get"].update(operationId="bonuses"),
        "GET /bonuses: operationId was list_bonuses, is bonuses",
    ),
    (
        lambda api: api["paths"]["/news"]["post"].update({"x-scope": "kick"}),
        "POST /news: x-scope was order, is kick",
    ),
    (
        lambda api: api["paths"]["/online"]["get"]["parameters"].pop(),
        "GET /online: parameter after removed",
    ),
    (
        lambda api: api["paths"]["/online"]["get"]["parameters"][0].update(required=True),
        "GET /online: parameter resource is required now",
    ),
    (
        lambda api: schema(api, "BonusOrder")["required"].append("stock"),
        "POST /bonuses: body: member stock is required now",
    ),
    (
        lambda api: schema(api, "BonusOrder")["properties"].pop("stock"),
        "POST /bonuses: body: member stock removed",
    ),
    (
        lambda api: schema(api, "BonusOrder")["properties"]["window_seconds"].update(maximum=60),
        "POST /bonuses: body.window_seconds: maximum is 60 now",
    ),
    (
        lambda api: schema(api, "BonusOrder")["properties"]["window_seconds"].update(type="string"),
        "POST /bonuses: body.window_seconds: number is accepted no longer",
    ),
    (
        lambda api: schema(api, "BonusOrder")["properties"]["audience"]["oneOf"].pop(0),
        "POST /bonuses: body.audience: object everyone is accepted no longer",
    ),
    (
        lambda api: schema(api, "QuestionOrder")["properties"]["text"].update(pattern="^x"),
        "POST /questions: body.text: pattern is ^x now",
    ),
    (
        lambda api: schema(api, "Ticket")["properties"].pop("url"),
        "POST /tickets: answer 201: member url removed",
    ),
    (
        lambda api: schema(api, "Ticket")["required"].remove("url"),
        "POST /tickets: answer 201: member url may be missing now",
    ),
    (
        lambda api: schema(api, "Ticket")["properties"]["url"].update(type=["string", "null"]),
        "POST /tickets: answer 201.url: null may come now",
    ),
    (
        lambda api: lose(schema(api, "ListedBonus")["properties"]["state"]["enum"], "open"),
        "GET /bonuses: answer 200.items[].state: value 'open' removed",
    ),
    (
        lambda api: answer(api, "/kick", "post", "").pop("422"),
        "POST /kick: answer 422 removed",
    ),
    (
        lambda api: lose(
            answer(api, "/bonuses", "post", "")["422"]["content"]["application/problem+json"][
                "schema"
            ]["allOf"][1]["properties"]["code"]["enum"],
            "window_over",
        ),
        "POST /bonuses: answer 422.code: value 'window_over' removed",
    ),
    (
        lambda api: answer(api, "/online.csv", "get", "")["200"].update(content={}),
        "GET /online.csv: answer 200: text/csv; charset=utf-8; header=present removed",
    ),
]


@pytest.mark.parametrize(("change", "named"), BREAKS, ids=[named for _, named in BREAKS])
def test_a_break_of_http_is_named(change: Callable[[Json], object], named: str) -> None:
    old = read("openapi.json")
    new = copy.deepcopy(old)
    change(new)
    assert named in of_openapi(old, new)


def message(api: Json, name: str) -> Json:
    """The members of a message."""
    found: Json = schema(api, name)["properties"]
    return found


OF_SOCKET: list[tuple[Callable[[Json], object], str]] = [
    (lambda api: api["operations"].pop("claim"), "claim: removed"),
    (
        lambda api: api["operations"]["hello"]["reply"]["messages"].pop(0),
        "hello: message Welcome removed",
    ),
    (
        lambda api: message(api, "Bonus").pop("reward"),
        "hello: Welcome.bonuses[]: member reward removed",
    ),
    (
        lambda api: schema(api, "ActMessage")["required"].append("patch"),
        "act: ActMessage: member patch is required now",
    ),
    (
        lambda api: message(api, "AnswerMessage")["option"].update(maximum=3),
        "answer: AnswerMessage.option: maximum is 3 now",
    ),
    (
        lambda api: api["channels"]["socket"].update(address="/other"),
        "channel socket: removed or at another address",
    ),
    (
        lambda api: api["channels"]["socket"]["bindings"]["ws"]["query"]["required"].append("x"),
        "channel socket: query: member x is required now",
    ),
]


@pytest.mark.parametrize(("change", "named"), OF_SOCKET, ids=[named for _, named in OF_SOCKET])
def test_a_break_of_the_socket_is_named(change: Callable[[Json], object], named: str) -> None:
    old = read("asyncapi.json")
    new = copy.deepcopy(old)
    change(new)
    assert [one for one in of_asyncapi(old, new) if one.startswith(named)]


def test_additions_pass() -> None:
    old = read("openapi.json")
    new = copy.deepcopy(old)
    new["paths"]["/more"] = new["paths"]["/kick"]
    schema(new, "BonusOrder")["properties"]["more"] = {"type": "string"}
    schema(new, "Ticket")["properties"]["more"] = {"type": "string"}
    schema(new, "ListedBonus")["properties"]["state"]["enum"].append("more")
    schema(new, "BonusOrder")["properties"]["window_seconds"].update(maximum=10**9)
    assert of_openapi(old, new) == []


def test_additions_to_the_socket_pass() -> None:
    old = read("asyncapi.json")
    new = copy.deepcopy(old)
    new["operations"]["more"] = new["operations"]["act"]
    message(new, "Welcome")["more"] = {"type": "string"}
    message(new, "ActMessage")["more"] = {"type": "string"}
    assert of_asyncapi(old, new) == []
