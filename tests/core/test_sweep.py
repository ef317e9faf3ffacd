"""sweep: what follows from the answers of the nodes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from handlers.core.failure_detection import (
    ISOLATION_PATIENCE,
    MAX_UNCLEAR_ANSWERS,
    Answer,
    ListedConnection,
    Nodes,
    probes,
)
from handlers.core.operation import Json
from handlers.core.operations import sweep
from handlers.core.operations.forget import GoneConnection
from handlers.core.operations.sweep import (
    FinishSweepPage,
    ListNodeConnections,
    NodeConnection,
    RecordNodes,
    Suspect,
    SweepRow,
)

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
GRACE = timedelta(seconds=30)
NODE, OTHER = "gateway.example/live", "other.example/live"
TAB, SUSPECT = (
    ListedConnection("ann", NODE, "tab-1"),
    ListedConnection("bob", NODE, "tab-2", is_suspect=True),
)


def page(*listed: list[object]) -> sweep.Page:
    return sweep.page(SweepRow(T0, 1, True, Json(json.dumps(listed)), 1.5))


def heard(*answers: tuple[str, Answer]) -> Nodes:
    nodes = Nodes()
    for node, answer in answers:
        nodes.record(node, answer)
    return nodes


def test_a_page_divides_into_expired_connections_and_those_to_look_up() -> None:
    it = page(
        ["ann", NODE, "tab-1", False, False],
        ["bob", NODE, "tab-2", False, True],
        ["cat", NODE, "old", True, True],
    )
    assert it.to_look_up == (TAB, SUSPECT)
    assert it.expired == (GoneConnection("cat", NODE, "old", "expired"),)
    assert (it.cycle_age_seconds, it.has_more) == (1.5, True)
    assert sweep.finish(it) == FinishSweepPage(T0, 1)


def test_expired_connections_are_forgotten_with_those_that_are_gone() -> None:
    it = page(["ann", NODE, "tab-1", False, False], ["cat", NODE, "old", True, False])
    assert sweep.gone(it, {TAB: Answer.ALIVE}) == [GoneConnection("cat", NODE, "old", "expired")]
    assert sweep.gone(it, {TAB: Answer.GONE})[1] == GoneConnection("ann", NODE, "tab-1", "swept")


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.SILENT, Answer.UNASKED])
def test_a_connection_without_an_answer_becomes_suspect_once(answer: Answer) -> None:
    suspect = sweep.suspicions({TAB: answer, SUSPECT: answer})
    assert suspect == Suspect(["ann"], [NODE], ["tab-1"], [True])


def test_a_connection_that_answers_again_is_no_longer_suspect() -> None:
    suspect = sweep.suspicions({TAB: Answer.ALIVE, SUSPECT: Answer.ALIVE})
    assert suspect == Suspect(["bob"], [NODE], ["tab-2"], [False])


def test_a_connection_found_alive_or_gone_changes_no_suspicion() -> None:
    assert sweep.suspicions({TAB: Answer.ALIVE, SUSPECT: Answer.GONE}) is None
    assert sweep.suspicions({}) is None


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.SILENT, Answer.UNASKED])
def test_a_node_without_clear_answers_is_given_up(answer: Answer) -> None:
    nodes = heard(*[(NODE, answer)] * (MAX_UNCLEAR_ANSWERS - 1))
    assert nodes.is_worth_asking(NODE)
    nodes.record(NODE, answer)
    assert not nodes.is_worth_asking(NODE)
    assert nodes.is_worth_asking(OTHER)


def test_one_clear_answer_resets_the_count() -> None:
    nodes = heard(*[(NODE, Answer.SILENT)] * (MAX_UNCLEAR_ANSWERS - 1), (NODE, Answer.GONE))
    nodes.record(NODE, Answer.SILENT)
    assert nodes.is_worth_asking(NODE)


@pytest.mark.parametrize("answer", [Answer.ALIVE, Answer.GONE, Answer.REFUSED])
def test_any_answer_means_that_a_node_is_reached(answer: Answer) -> None:
    nodes = heard((NODE, Answer.SILENT), (NODE, answer), (NODE, Answer.SILENT))
    assert (nodes.reached, nodes.unreachable) == ({NODE}, set())


def test_a_node_that_was_not_asked_is_neither_reached_nor_unreachable() -> None:
    nodes = heard((NODE, Answer.UNASKED))
    assert (nodes.reached, nodes.unreachable) == (set(), set())


def test_a_run_that_reached_no_node_waits_longer_before_it_evicts_any() -> None:
    one_alive = heard((OTHER, Answer.SILENT), (NODE, Answer.ALIVE))
    assert sweep.record(one_alive, GRACE) == RecordNodes([NODE], [OTHER], GRACE)
    isolated = heard((OTHER, Answer.SILENT))
    assert sweep.record(isolated, GRACE) == RecordNodes([], [OTHER], ISOLATION_PATIENCE)
    longer = ISOLATION_PATIENCE + GRACE
    assert sweep.record(isolated, longer) == RecordNodes([], [OTHER], longer)


def test_probes_go_in_rounds() -> None:
    asked = [one.node for one in probes([NODE, OTHER])]
    assert asked == [NODE, OTHER] * MAX_UNCLEAR_ANSWERS


def test_the_connections_of_a_dead_node_are_listed_page_by_page() -> None:
    first = sweep.list_node_connections(NODE, None, 2)
    assert first == ListNodeConnections(NODE, "", "", 2)
    row = NodeConnection("ann", "site", "tab-1")
    following = sweep.list_node_connections(NODE, row, 2)
    assert following == ListNodeConnections(NODE, "ann", "site", 2)
    assert sweep.evicted(NODE, [row]) == [GoneConnection("ann", NODE, "tab-1", "node_evicted")]
