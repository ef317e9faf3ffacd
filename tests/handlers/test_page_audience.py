"""A page asks how many watch: who may ask for what, and what comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from handlers import message
from tests.support.world import Context

if TYPE_CHECKING:
    from tests.support.world import World


def send(world: World, connection_id: str, sent: object, **claims: str) -> Any:
    """The reply to a message; `claims` are the ticket's, as the authorizer writes them."""
    event = world.event("message", connection_id) | {"body": json.dumps(sent)}
    event["requestContext"]["authorizer"] |= claims
    return json.loads(message.handle(event, Context(), world.container)["body"])


def question(resource: object = "site", **more: object) -> dict[str, object]:
    return {"action": "audience", "id": "n1", "resource": resource, **more}


def test_a_page_learns_how_many_watch(world: World) -> None:
    world.come("tab-1")
    world.come("tab-2", "bob")
    answer = send(world, "tab-1", question(comment="a field that a newer client sends"))
    assert {**answer, "server_now": 1, "sampled_at": 1} == {
        "type": "audience",
        "re": "n1",
        "server_now": 1,
        "resource": "site",
        "users": 2,
        "connections": 2,
        "sampled_at": 1,
        "list": None,
        "ask_again_ms": 5_000,
    }
    assert answer["sampled_at"] <= answer["server_now"]


def test_names_come_with_the_tickets_permission_alone(world: World) -> None:
    world.come("tab-1")
    for claims in ({}, {"mayList": "false"}, {"mayList": ""}):
        assert send(world, "tab-1", question(), **claims)["list"] is None
    ((user_id, connections),) = [
        (one["user_id"], one["connections"])
        for one in send(world, "tab-1", question(), mayList="true")["list"]
    ]
    assert (user_id, connections) == ("ann", 1)


@pytest.mark.parametrize(
    ("resource", "is_allowed"), [("site", True), ("lobby", True), ("secret", False)]
)
def test_a_ticket_that_does_not_allow_a_resource_does_not_count_it(
    world: World, resource: str, is_allowed: bool
) -> None:
    limited = replace(world, may_watch=("lobby",))
    limited.come("tab-1")
    answer = send(limited, "tab-1", question(resource))
    assert answer["re"] == "n1"
    assert answer.get("code") == (None if is_allowed else "not_allowed")


@pytest.mark.parametrize("resource", ["", "a" * 129, 7, None, ["site"], "a\0"])
def test_a_resource_that_cannot_be_is_refused(world: World, resource: object) -> None:
    world.come("tab-1")
    answer = send(world, "tab-1", question(resource))
    assert (answer["re"], answer["code"]) == ("n1", "bad_request")
    assert "resource" in answer["reason"] or "NUL" in answer["reason"]


def test_a_question_without_a_resource_is_refused(world: World) -> None:
    world.come("tab-1")
    assert send(world, "tab-1", {"action": "audience", "id": "n1"})["code"] == "bad_request"
