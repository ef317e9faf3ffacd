"""The examples of /docs are accepted, by the real application on a real database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from handlers.web.examples import BODIES
from tests.support.web import WebContainer, call, operations

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

MADE_BY = {
    "bonus_id": ("create_bonus", "bonus_id"),
    "campaign_id": ("create_campaign", "campaign_id"),
    "correction_id": ("create_correction", "correction_id"),
    "key_id": ("create_key", "key_id"),
    "news_id": ("create_news", "news_id"),
    "question_id": ("create_question", "question_id"),
    "reveal_id": ("create_reveal", "reveal_id"),
    "webhook_id": ("create_webhook", "webhook_id"),
}
"""Where the id in a path comes from, that the example cannot know."""


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def test_every_operation_accepts_its_example(world: World) -> None:
    """In the order of an evening: orders first, then what is read of them, then their ends."""
    document = call(world, "GET", "/openapi.json")[1]
    past_session(world)
    world.come("tab-1", "ann", "final")
    made: dict[str, Any] = {}
    for name, (method, path) in sorted(operations(world).items(), key=by_turn):
        operation = document["paths"][path][method.lower()]
        body = BODIES.get(name)
        if name == "replay_webhook":  # the example's moment is over
            body = {"begins_at": made["create_webhook"]["created_at"]}
        status, answer = call(world, method, filled(path, operation, made), body)
        assert status < 300, (name, answer)
        made[name] = answer


def past_session(world: World) -> None:
    """The session that the examples are of is over; none that begins has its id."""
    world.rows("select setval(pg_get_serial_sequence('watching_times', 'id'), 1000)")
    world.rows(
        "insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by,"
        " ended_within) values (7, 'ann', 'final', now() - interval '2 hours',"
        " now() - interval '1 hour', 'client', '0')"
    )


def by_turn(named: tuple[str, tuple[str, str]]) -> tuple[int, str]:
    name, _ = named
    is_end = name.startswith(("cancel_", "end_", "delete_", "erase_", "kick_"))
    return (2 if is_end else 0 if name.startswith(("create_", "mint_")) else 1), name


def filled(path: str, operation: dict[str, Any], made: dict[str, Any]) -> str:
    query = {}
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        if parameter["in"] == "path":
            order, member = MADE_BY.get(name, ("", ""))
            if "/draws/" in path:
                order = "create_draw"
            value = made[order][member] if order else parameter["example"]
            path = path.replace(f"{{{name}}}", str(value))
        elif "example" in parameter:
            query[name] = parameter["example"]
    return f"{path}?{urlencode(query)}"
