"""A broadcast: its message in the queue, its page as pushes, and the report of them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import msgspec
import pytest

from handlers.core.operation import DeliveryCounts, Json, Push
from handlers.core.operations import broadcast
from handlers.core.operations.broadcast import (
    Broadcast,
    BroadcastPage,
    PageRow,
    PageTries,
    Report,
)

NODE = "gateway.example/live"
LANE = uuid.uuid4()


EPOCH = uuid.UUID(int=1)
PAGE = PageRow(
    outcome="page",
    wait_ms=0,
    shards=None,
    shard=2,
    page=7,
    server_now=9_000,
    expires_at=19_000,
    age_ms=5,
    kind="offer",
    epoch=EPOCH,
    broadcast=Json('{"seq": 5, "follows": 3}'),
    bonus=Json('{"bonus_id": "b"}'),
    news=None,
    recipients=Json("[]"),
    dropped=None,
    repeat_in_ms=None,
    progress=None,
)


def row(*recipients: tuple[str, list[str], object], **more: object) -> PageRow:
    """A page as the database gives it: (user, their connections, the event of their stream)."""
    listed = [[user, [[NODE, tab] for tab in tabs], event] for user, tabs, event in recipients]
    return msgspec.structs.replace(PAGE, recipients=Json(json.dumps(listed)), **more)


def decoded(pushes: list[Push]) -> list[tuple[str, str, Any]]:
    return [(one.user_id, one.connection_id, json.loads(one.data)) for one in pushes]


def test_progress_in_a_campaign_is_told_to_each_user() -> None:
    step = {"campaign_id": "c", "watched_ms": 7}
    page = row(("ann", ["a1", "a2"], step), kind="progress", bonus=None, broadcast=None)
    said = {"type": "progress", "server_now": 9_000, "progress": step}
    assert decoded(broadcast.pushes(page)) == [("ann", "a1", said), ("ann", "a2", said)]


def test_a_user_who_lacks_watch_time_is_told_how_much() -> None:
    lacks = {"clock": "connected", "min_ms": 9, "watched_ms": 4, "reached_at": 9_005}
    page = row(("ann", ["a1"], None), ("bob", ["b1"], None), progress=json.dumps({"bob": lacks}))
    said = {user: message["bonus"] for user, _, message in decoded(broadcast.pushes(page))}
    assert said == {"ann": {"bonus_id": "b"}, "bob": {"bonus_id": "b", "progress": lacks}}


def test_a_bonus_goes_to_each_connection() -> None:
    pushes = broadcast.pushes(row(("ann", ["a1", "a2"], None), ("bob", ["b1"], None)))
    told = {
        "type": "bonus",
        "server_now": 9_000,
        "broadcast": {"seq": 5, "follows": 3},
        "bonus": {"bonus_id": "b"},
    }
    assert decoded(pushes) == [("ann", "a1", told), ("ann", "a2", told), ("bob", "b1", told)]
    assert {one.node for one in pushes} == {NODE}


def test_news_are_pushed_with_their_own_type() -> None:
    page = row(("ann", ["a1"], None), kind="news", news='{"seq": 5}', bonus=None)
    assert decoded(broadcast.pushes(page)) == [
        (
            "ann",
            "a1",
            {
                "type": "news",
                "server_now": 9_000,
                "broadcast": {"seq": 5, "follows": 3},
                "news": {"seq": 5},
            },
        )
    ]


def test_a_listed_user_gets_the_event_of_their_own_stream() -> None:
    page = row(("ann", ["a1", "a2"], {"seq": 4}), ("bob", ["b1"], {"seq": 8}), broadcast=None)
    pushes = decoded(broadcast.pushes(page))
    assert [(tab, told["type"], told["event"]) for _, tab, told in pushes] == [
        ("a1", "event", {"seq": 4}),
        ("a2", "event", {"seq": 4}),
        ("b1", "event", {"seq": 8}),
    ]
    event = {"server_now": 9_000, "epoch": str(EPOCH), "event": {"seq": 4}}
    assert pushes[0][2] == {"type": "event", **event}


def test_a_listed_user_whose_event_was_pruned_gets_the_bonus() -> None:
    ((_, _, told),) = decoded(broadcast.pushes(row(("ann", ["a1"], None), broadcast=None)))
    assert (told["type"], told["broadcast"]) == ("bonus", None)


def test_the_time_of_a_message_is_that_of_its_pages_turn() -> None:
    page = row(("ann", ["a1"], None), ("bob", ["b1"], {"seq": 4}), wait_ms=250)
    assert [told["server_now"] for _, _, told in decoded(broadcast.pushes(page))] == [9_250, 9_250]


@pytest.mark.parametrize(
    ("is_over", "undelivered", "dropped"), [(False, 3, 0), (True, 0, 3)], ids=["open", "over"]
)
def test_a_push_without_an_answer_is_undelivered_or_at_the_end_of_the_window_dropped(
    is_over: bool, undelivered: int, dropped: int
) -> None:
    page, gone = PageTries(), [Push("ann", NODE, "a1", b"")] * 2
    page.add([], DeliveryCounts(sent=5, gone=gone, undelivered=1))
    assert page.report(row(), 2, is_over=is_over) == Report(2, 7, 5, 2, undelivered, dropped)


def test_a_page_that_is_read_again_has_only_the_pushes_that_are_left() -> None:
    """It may end elsewhere then: what is done before it comes in the next page is not repeated."""
    page, again = PageTries(), row(("ann", ["a1", "a2"], None), ("bob", ["b1"], None))
    tried = page.left(again)
    page.add(tried, DeliveryCounts(sent=2, undelivered=1, again=tried[:1]))
    assert [one.connection_id for one in page.left(row(("ann", ["a1", "a2"], None)))] == ["a1"]
    page.add(page.left(again), DeliveryCounts(sent=1))
    assert page.report(again, 0, is_over=False) == Report(2, 7, 3)
    assert page.left(row(("bob", ["b1", "b2"], None)))[0].connection_id == "b2"
    page.add([], DeliveryCounts(sent=1))
    assert page.report(again, 0, is_over=False) == Report(2, 7, 1)


def test_the_tries_of_a_page_are_not_those_of_another_shard() -> None:
    page = PageTries()
    for _ in range(2):
        page.left(row())
    assert page.tries == 2
    page.left(row(shard=3))
    assert page.tries == 1


@pytest.mark.parametrize("one", [Broadcast("b"), Broadcast("b", 3), Broadcast("b", is_news=True)])
def test_a_broadcast_travels_through_the_queue(one: Broadcast) -> None:
    assert Broadcast.from_json(one.to_json()) == one


def test_a_message_of_the_previous_release_names_the_bonus() -> None:
    before = '{"bonus_id": "b", "after_user_id": "ann", "after_resource": "site"}'
    assert Broadcast.from_json(before) == Broadcast("b")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", "{}", '{"broadcast_id": null}'])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        Broadcast.from_json(text)


def test_the_next_round_is_of_the_same_broadcast() -> None:
    assert Broadcast("b", 1).next_round() == Broadcast("b", 2)


@pytest.mark.parametrize(("per_second", "page"), [(1, 1), (249, 249), (250, 250), (7_000, 250)])
def test_a_page_is_at_most_what_a_second_lets_through(per_second: int, page: int) -> None:
    statement = broadcast.next_page(Broadcast("b"), LANE, per_second, Report(2, 7, 5, 2, 3, 0))
    assert statement == BroadcastPage("b", 1, LANE, page, per_second, 2, 7, 5, 2, 3, 0)


def test_the_last_report_asks_for_nothing() -> None:
    statement = broadcast.last_report(Broadcast("b", 2), LANE, Report(2, 7, 5))
    assert statement == BroadcastPage("b", 2, LANE, 0, 1, 2, 7, 5, 0, 0, 0)
