"""sweep: what a run makes of the answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from handlers.core import sweep
from handlers.core.forget import Gone
from handlers.core.sweep import ALONE, GIVE_UP_AFTER, Answer, Listed, Nodes

if TYPE_CHECKING:
    from handlers.core.operation import Row

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
GRACE = timedelta(seconds=30)
NODE, OTHER = "gateway.example/live", "other.example/live"
TAB, DOUBTED = Listed("ann", NODE, "tab-1"), Listed("bob", NODE, "tab-2", is_suspect=True)


def page(*listed: list[object]) -> sweep.Page:
    return sweep.page(
        {
            "cycle_started_at": T0,
            "page": 1,
            "cycle_age_seconds": "1.5",
            "has_more": True,
            "connections": json.dumps(listed),
        }
    )


def heard(*answers: tuple[str, Answer]) -> Nodes:
    nodes = Nodes()
    for node, answer in answers:
        nodes.hear(node, answer)
    return nodes


def test_a_page_tells_whom_to_ask_and_who_is_gone_already() -> None:
    it = page(
        ["ann", NODE, "tab-1", False, False],
        ["bob", NODE, "tab-2", False, True],
        ["cat", NODE, "old", True, True],
    )
    assert it.to_ask == (TAB, DOUBTED)
    assert it.expired == (Gone("cat", NODE, "old", "expired"),)
    assert (it.cycle_age_seconds, it.has_more) == (1.5, True)
    assert sweep.asked(it).args == (T0, 1)


def test_who_expired_is_forgotten_with_who_is_gone() -> None:
    it = page(["ann", NODE, "tab-1", False, False], ["cat", NODE, "old", True, False])
    assert sweep.gone(it, {TAB: Answer.ALIVE}) == [Gone("cat", NODE, "old", "expired")]
    assert sweep.gone(it, {TAB: Answer.GONE})[1] == Gone("ann", NODE, "tab-1", "swept")


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.SILENT, Answer.UNASKED])
def test_who_does_not_answer_is_doubted_once(answer: Answer) -> None:
    doubt = sweep.doubts({TAB: answer, DOUBTED: answer})
    assert doubt is not None
    assert doubt.args == (["ann"], [NODE], ["tab-1"], [True])


def test_who_answers_again_is_doubted_no_more() -> None:
    doubt = sweep.doubts({TAB: Answer.ALIVE, DOUBTED: Answer.ALIVE})
    assert doubt is not None
    assert doubt.args == (["bob"], [NODE], ["tab-2"], [False])


def test_alive_and_gone_are_nothing_to_write_down() -> None:
    assert sweep.doubts({TAB: Answer.ALIVE, DOUBTED: Answer.GONE}) is None
    assert sweep.doubts({}) is None


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.SILENT, Answer.UNASKED])
def test_a_node_that_never_says_is_given_up(answer: Answer) -> None:
    nodes = heard(*[(NODE, answer)] * (GIVE_UP_AFTER - 1))
    assert nodes.is_worth_asking(NODE)
    nodes.hear(NODE, answer)
    assert not nodes.is_worth_asking(NODE)
    assert nodes.is_worth_asking(OTHER)


def test_one_yes_or_no_and_the_count_begins_anew() -> None:
    nodes = heard(*[(NODE, Answer.SILENT)] * (GIVE_UP_AFTER - 1), (NODE, Answer.GONE))
    nodes.hear(NODE, Answer.SILENT)
    assert nodes.is_worth_asking(NODE)


@pytest.mark.parametrize("answer", [Answer.ALIVE, Answer.GONE, Answer.REFUSED])
def test_any_answer_means_that_a_node_is_reached(answer: Answer) -> None:
    nodes = heard((NODE, Answer.SILENT), (NODE, answer), (NODE, Answer.SILENT))
    assert (nodes.reached, nodes.unreachable) == ({NODE}, set())


def test_what_was_never_asked_is_neither_reached_nor_out_of_reach() -> None:
    nodes = heard((NODE, Answer.UNASKED))
    assert (nodes.reached, nodes.unreachable) == (set(), set())


def test_a_run_that_reached_nobody_is_slow_to_believe_in_dead_nodes() -> None:
    assert heard((OTHER, Answer.SILENT), (NODE, Answer.ALIVE)).query(GRACE).args == (
        [NODE],
        [OTHER],
        GRACE,
    )
    assert heard((OTHER, Answer.SILENT)).query(GRACE).args == ([], [OTHER], ALONE)
    longer = ALONE + GRACE
    assert heard((OTHER, Answer.SILENT)).query(longer).args == ([], [OTHER], longer)


def test_probes_go_in_rounds() -> None:
    asked = [one.node for one in sweep.probes([{"node": NODE}, {"node": OTHER}])]
    assert asked == [NODE, OTHER] * GIVE_UP_AFTER


def test_who_was_on_a_lost_node_is_listed_page_by_page() -> None:
    assert sweep.lost(NODE, None, 2).args == (NODE, "", "", 2)
    row: Row = {"user_id": "ann", "resource": "site", "connection_id": "tab-1"}
    assert sweep.lost(NODE, row, 2).args == (NODE, "ann", "site", 2)
    assert sweep.lost_with(NODE, [row]) == [Gone("ann", NODE, "tab-1", "node_evicted")]
