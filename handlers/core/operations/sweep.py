"""sweep: which connections to look up, and what to write down about the answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from handlers.core.failure_detection import CLEAR, Answer, ListedConnection
from handlers.core.operation import Json, Statement
from handlers.core.operations.forget import GoneConnection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handlers.core.failure_detection import Nodes


class SweepRow(msgspec.Struct, frozen=True):
    cycle_started_at: datetime
    page: int
    has_more: bool
    connections: Json
    """`[[user_id, node, connection_id, is_expired, is_suspect], …]`"""
    cycle_age_seconds: float
    """For how long this cycle has been under way."""


class Sweep(Statement[SweepRow], frozen=True):
    """The next page of open sessions."""

    query: ClassVar[str] = "sweep"
    limit: int


class Suspect(Statement[None], frozen=True):
    """Connections that did not answer, or answer again. The lists are in step."""

    function: ClassVar[str] = "suspect"
    user_ids: list[str]
    nodes: list[str]
    connection_ids: list[str]
    is_suspect: list[bool]


class FinishSweepPage(Statement[None], frozen=True):
    """Every connection of a page has been looked up, and those that were gone are forgotten."""

    function: ClassVar[str] = "finish_sweep_page"
    cycle_started_at: datetime
    page: int


class ListUnreachableNodes(Statement[str], frozen=True):
    """The nodes that could not be reached when they were last asked."""

    query: ClassVar[str] = "unreachable_nodes"


class RecordNodes(Statement[str], frozen=True):
    """Which nodes answered and which did not. Returns the nodes that are taken for dead."""

    function: ClassVar[str] = "record_nodes"
    reached: list[str]
    unreachable: list[str]
    grace: timedelta


class NodeConnection(msgspec.Struct, frozen=True):
    user_id: str
    resource: str
    connection_id: str


class ListNodeConnections(Statement[NodeConnection], frozen=True):
    """The next connections through a node, by user and resource; '' and '' from the start."""

    query: ClassVar[str] = "list_node_connections"
    node: str
    after_user_id: str
    after_resource: str
    limit: int


@dataclass(frozen=True)
class Page:
    """Some of the sessions, in order; a cycle of pages looks at all of them."""

    cycle_started_at: datetime
    number: int
    cycle_age_seconds: float
    has_more: bool
    expired: tuple[GoneConnection, ...]
    """Two hours old: API Gateway has ended them, which needs no call."""
    to_look_up: tuple[ListedConnection, ...]


def page(row: SweepRow) -> Page:
    listed = json.loads(row.connections)
    return Page(
        row.cycle_started_at,
        row.page,
        row.cycle_age_seconds,
        row.has_more,
        tuple(
            GoneConnection(u, n, c, "expired") for u, n, c, is_expired, _ in listed if is_expired
        ),
        tuple(
            ListedConnection(u, n, c, suspect)
            for u, n, c, expired, suspect in listed
            if not expired
        ),
    )


def gone(page: Page, answers: Mapping[ListedConnection, Answer]) -> list[GoneConnection]:
    """The connections of a page to forget."""
    swept = [
        GoneConnection(one.user_id, one.node, one.connection_id)
        for one in page.to_look_up
        if answers[one] is Answer.GONE
    ]
    return [*page.expired, *swept]


def suspicions(answers: Mapping[ListedConnection, Answer]) -> Suspect | None:
    """Connections that did not answer are suspect, those that answer again are not any more.

    None if nothing has changed. A cycle that the other connections pass is no evidence for the
    suspects.
    """
    is_suspect = {
        one: answer not in CLEAR for one, answer in answers.items() if answer is not Answer.GONE
    }
    changed = [one for one in is_suspect if is_suspect[one] != one.is_suspect]
    if not changed:
        return None
    return Suspect(
        [one.user_id for one in changed],
        [one.node for one in changed],
        [one.connection_id for one in changed],
        [is_suspect[one] for one in changed],
    )


def finish(page: Page) -> FinishSweepPage:
    return FinishSweepPage(page.cycle_started_at, page.number)


def record(nodes: Nodes, grace: timedelta) -> RecordNodes:
    """Write down what a run has learned about the nodes."""
    return RecordNodes(sorted(nodes.reached), sorted(nodes.unreachable), nodes.patience(grace))


def list_node_connections(
    node: str, after: NodeConnection | None, limit: int
) -> ListNodeConnections:
    """The next page of the connections through a dead node, behind the row `after`."""
    start = (after.user_id, after.resource) if after else ("", "")
    return ListNodeConnections(node, *start, limit)


def evicted(node: str, rows: Sequence[NodeConnection]) -> list[GoneConnection]:
    return [GoneConnection(row.user_id, node, row.connection_id, "node_evicted") for row in rows]


def node_evicted(node: str, grace: timedelta) -> RecordNodes:
    """No connection of a dead node is left. Later connections through it count as usual."""
    return RecordNodes([node], [], grace)
