"""The audit: each order leaves an entry that names who gave it, and no order is without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from handlers.web.scopes import OPERATIONS, SERVICE_TOKEN_ONLY
from tests.support.web import WebContainer, call, make_key, pages

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

ID = str(UUID(int=7))
EVERYONE = {"kind": "everyone"}
BONUS = {"reward": {"text": "5 coins"}, "audience": EVERYONE, "window_seconds": 60}
NEWS = {"type": "notice", "body": {}, "audience": EVERYONE, "expires_in_seconds": 60}
COIN = {"reward": {"text": "1 coin"}, "claim_within_seconds": 60, "watched_seconds": 600}
CAMPAIGN = {"milestones": [COIN]}
QUESTION = {"text": "Who?", "options": ["ann", "bob"], "audience": EVERYONE, "window_seconds": 60}
REVEAL = {"content": {"winner": "ann"}, "audience": EVERYONE, "reveals_in_seconds": 60}
DRAW = {"reward": {}, "among": {"kind": "present"}, "winners": 1, "claim_within_seconds": 60}
WEBHOOK = {"url": "https://example.com/headcount", "types": ["bonus.granted"]}
CLOSING = {"user_id": "ann", "connection_id": "a1", "reason": "spam"}
CORRECTION = {"user_id": "ann", "session_id": 7, "times": [], "reason": "gone", "author": "ann's"}
# operation -> the request, and what the audit has of it: subject, outcome, reason
ORDERS: dict[str, tuple[str, str, Any, tuple[str, str | None, str | None]]] = {
    "create_bonus": ("POST", "/bonuses", BONUS | {"bonus_id": ID}, (ID, "created", None)),
    "cancel_bonus": ("DELETE", f"/bonuses/{ID}", None, (ID, None, None)),
    "create_news": ("POST", "/news", NEWS | {"news_id": ID}, (ID, "created", None)),
    "create_draw": (
        *("POST", "/draws", DRAW | {"bonus_id": ID}),
        (ID, "no_candidates", None),
    ),
    "create_question": (
        *("POST", "/questions", QUESTION | {"question_id": ID}),
        (ID, "created", None),
    ),
    "cancel_question": ("DELETE", f"/questions/{ID}", None, (ID, None, None)),
    "create_reveal": ("POST", "/reveals", REVEAL | {"reveal_id": ID}, (ID, "created", None)),
    "cancel_reveal": ("DELETE", f"/reveals/{ID}", None, (ID, None, None)),
    "cancel_news": ("DELETE", f"/news/{ID}", None, (ID, None, None)),
    "create_campaign": (
        "POST",
        "/campaigns",
        CAMPAIGN | {"campaign_id": ID},
        (ID, "created", None),
    ),
    "edit_campaign": ("PUT", f"/campaigns/{ID}", CAMPAIGN, (ID, "unknown", None)),
    "pause_campaign": ("POST", f"/campaigns/{ID}/pause", None, (ID, "unknown", None)),
    "resume_campaign": ("POST", f"/campaigns/{ID}/resume", None, (ID, "unknown", None)),
    "end_campaign": ("DELETE", f"/campaigns/{ID}", None, (ID, "unknown", None)),
    "kick_user": ("POST", "/kick", {"user_id": "ann", "reason": "spam"}, ("ann", None, "spam")),
    "close_connection": (
        *("POST", "/connections/close", CLOSING),
        ("ann", None, "spam"),
    ),
    "create_correction": (
        *("POST", "/corrections", CORRECTION | {"correction_id": ID}),
        (ID, "unknown", "gone"),
    ),
    "erase_user_data": (
        *("POST", "/erasures", {"user_id": "zoe", "author": "zoe herself"}),
        ("erased-…", "done", None),
    ),
    "rotate_key": (
        *("POST", f"/keys/{ID}/rotate", {"old_valid_seconds": 60}),
        (ID, "unknown", None),
    ),
    "delete_key": ("DELETE", f"/keys/{ID}", None, (ID, "unknown", None)),
    "create_webhook": ("POST", "/webhooks", WEBHOOK | {"webhook_id": ID}, (ID, "created", None)),
    "change_webhook": (
        *("PUT", f"/webhooks/{ID}", WEBHOOK | {"is_on": True}),
        (ID, "unknown", None),
    ),
    "rotate_webhook_secret": ("POST", f"/webhooks/{ID}/secret", {}, (ID, "unknown", None)),
    "replay_webhook": (
        *("POST", f"/webhooks/{ID}/replay", {"begins_at": "2026-03-01T18:00:00Z"}),
        (ID, "unknown", None),
    ),
    "delete_webhook": ("DELETE", f"/webhooks/{ID}", None, (ID, "unknown", None)),
}
# What changes something and is noted elsewhere, or in a test of its own.
ELSEWHERE = {
    "mint_ticket": "an order of the user, not about the show; the log says who was let in",
    "record_payouts": "payouts have their author",
    "create_key": "its subject is the new key's id",
    "end_session": "it takes a session",
    "test_webhook": "it changes nothing but the list of deliveries",
}


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def audit(world: World, query: str = "") -> list[dict[str, Any]]:
    status, page = call(world, "GET", f"/audit?{query}")
    assert status == 200, page
    return list(page["items"])


def test_whatever_changes_something_is_noted(world: World) -> None:
    paths = call(world, "GET", "/openapi.json")[1]["paths"]
    changing = {
        operation["operationId"]
        for methods in paths.values()
        for method, operation in methods.items()
        if method != "get"
    }
    assert changing == set(ORDERS) | set(ELSEWHERE)
    assert changing <= {one for each in OPERATIONS.values() for one in each} | set(
        SERVICE_TOKEN_ONLY
    )


@pytest.mark.parametrize("operation", ORDERS)
def test_an_order_leaves_an_entry_with_who_what_and_from_where(
    world: World, operation: str
) -> None:
    method, path, body, expected = ORDERS[operation]
    call(world, method, path, body)
    (entry,) = audit(world)
    assert (entry["operation"], entry["author"]) == (operation, "the service token")
    assert entry["source"], "an address"
    assert entry["at"] > 0
    subject = "erased-…" if entry["subject"].startswith("erased-") else entry["subject"]
    assert (subject, entry["outcome"], entry["reason"]) == expected


def test_a_key_is_named_and_so_is_what_it_made(world: World) -> None:
    producer = make_key(world, "producer", "order", "read")["token"]
    other = make_key(world, "other", "order")["token"]
    order = BONUS | {"bonus_id": ID}
    made = call(world, "POST", "/bonuses", order, producer)[1]
    assert made["ordered_by"] == "producer"
    status, again = call(world, "POST", "/bonuses", order, other)
    assert (status, again["ordered_by"]) == (200, "producer")
    call(world, "POST", "/bonuses", order | {"stock": 1}, other)
    call(world, "DELETE", f"/bonuses/{ID}", None, other)
    found = [(one["author"], one["outcome"]) for one in audit(world, f"subject={ID}")]
    assert found == [
        *(("other", "cancelled"), ("other", "conflict")),
        *(("other", "repeated"), ("producer", "created")),
    ]
    assert call(world, "GET", "/bonuses", None, producer)[1]["items"][0]["ordered_by"] == "producer"
    for path, new in (("/news", NEWS), ("/campaigns", CAMPAIGN)):
        assert call(world, "POST", path, new, producer)[1]["ordered_by"] == "producer"


def test_keys_are_orders_too(world: World) -> None:
    key = make_key(world, "one", "read")
    make_key(world, "one", "read")
    assert call(world, "POST", "/keys", {"name": "one", "scopes": ["pay"]})[0] == 409
    call(world, "DELETE", f"/keys/{key['key_id']}")
    found = [(one["operation"], one["outcome"]) for one in audit(world)]
    assert found == [
        *(("delete_key", "done"), ("create_key", "refused")),
        *(("create_key", "done"), ("create_key", "done")),
    ]
    assert {one["subject"] for one in audit(world, "operation=delete_key")} == {key["key_id"]}


def test_a_session_that_was_ended_has_an_entry(world: World) -> None:
    world.come("a1")
    (session,) = world.rows("select id from watching_times")
    call(world, "POST", f"/sessions/{session['id']}/end", {"user_id": "ann", "reason": "late"})
    (entry,) = audit(world)
    assert (entry["operation"], entry["subject"], entry["reason"]) == ("end_session", "ann", "late")


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), (BONUS | {"reward": {"text": "x" * 5000}}, 422), (BONUS, 401), (BONUS, 403)],
)
def test_what_is_refused_before_it_is_written_leaves_no_entry(
    world: World, body: dict[str, Any], status: int
) -> None:
    """Also where the database refuses it: the entry goes with the order."""
    world.rows(
        "insert into service_keys (key_id, name, slot, scopes, hash)"
        " values (gen_random_uuid(), 'reader', 1, '{read}', sha256('x'))"
    )
    token = {"token": "none"} if status == 401 else {}
    if status == 403:
        token = {"token": make_key(world, "reader", "read")["token"]}
    before = audit(world)
    assert call(world, "POST", "/bonuses", body, **token)[0] == status
    assert audit(world) == before


def test_the_list_is_paged_and_filtered(world: World) -> None:
    for n in range(5):
        call(world, "POST", "/kick", {"user_id": f"user {n}"})
    call(world, "POST", "/news", NEWS)
    whole = audit(world)
    assert [one["subject"] for one in whole[1:]] == [f"user {n}" for n in (4, 3, 2, 1, 0)]
    assert pages(world, "/audit?limit=2") == whole
    assert len(audit(world, "operation=kick_user")) == 5
    assert audit(world, "author=another") == []
    at = whole[2]["at"]
    assert {one["id"] for one in audit(world, f"from={at - 1}&to={at + 1}")} >= {whole[2]["id"]}
    assert call(world, "GET", f"/audit?from={at}&to={at}")[1]["code"] == "reversed_interval"


def test_entries_go_after_400_days_and_not_by_a_clock_that_is_said(world: World) -> None:
    for days in (399, 401):
        world.rows(
            "insert into audit (at, author, operation, subject)"
            " values (now() - $1 * interval '1 day', 'ops', 'kick_user', $1::text)",
            days,
        )
    world.rows("select prune_audit(100, now() + interval '10 years')")
    assert [one["subject"] for one in audit(world)] == ["399"]
