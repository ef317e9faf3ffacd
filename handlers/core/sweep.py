"""sweep: whom to ask, what to make of the answers, and which nodes to take for lost."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from handlers.core.forget import Gone
from handlers.core.operation import Query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handlers.core.operation import Row

# After so many calls in a row without a yes or no, a node is left alone until the next run: one
# that is dead costs seconds each, and one that throttles is asked too much already.
GIVE_UP_AFTER = 10
# Nodes that are all out of reach have one thing in common: the run that asked them. Then a node has
# to be so for this long, and nobody come in through it meanwhile, before it is taken for lost.
ALONE = timedelta(minutes=10)
# Well-formed, and of nobody: whatever the answer is, the node has been reached.
NOBODY = "AAAAAAAAAAAAAAA="


class Answer(Enum):
    """What came of asking for a connection."""

    ALIVE = auto()
    GONE = auto()
    REFUSED = auto()
    """The node answered, but not whether the connection is open: throttled, forbidden, failed."""
    SILENT = auto()
    """Nobody answered."""
    UNASKED = auto()
    """It did not come to that."""


DECISIVE = frozenset({Answer.ALIVE, Answer.GONE})


@dataclass(frozen=True)
class Listed:
    """A connection that a session lists as open."""

    user_id: str
    node: str
    connection_id: str
    is_suspect: bool = False
    """Whoever asked for it last got no answer."""

    def gone(self, ended_by: str) -> Gone:
        return Gone(self.user_id, self.node, self.connection_id, ended_by)


@dataclass(frozen=True)
class Page:
    """Some of the sessions, in order; a cycle of pages looks at all of them."""

    cycle_started_at: object
    number: int
    cycle_age_seconds: float
    has_more: bool
    expired: tuple[Gone, ...]
    """Two hours old: API Gateway has ended them, nobody needs to ask."""
    to_ask: tuple[Listed, ...]
    """Those that are gone if API Gateway says so."""


class Nodes:
    """What one run hears of the nodes. A single answer, whatever it says, and one is reached."""

    def __init__(self) -> None:
        self._in_vain: Counter[str] = Counter()
        self._silent: set[str] = set()
        self.reached: set[str] = set()

    def hear(self, node: str, answer: Answer) -> None:
        if answer is Answer.SILENT:
            self._silent.add(node)
        elif answer is not Answer.UNASKED:
            self.reached.add(node)
        self._in_vain[node] = 0 if answer in DECISIVE else self._in_vain[node] + 1

    def is_worth_asking(self, node: str) -> bool:
        return self._in_vain[node] < GIVE_UP_AFTER

    @property
    def unreachable(self) -> set[str]:
        """Those that were asked, and gave no answer in the whole run."""
        return self._silent - self.reached

    def query(self, grace: timedelta) -> Query:
        """Write down what was heard; the rows are the nodes that are lost."""
        patience = grace if self.reached else max(grace, ALONE)
        return Query("record_nodes", (sorted(self.reached), sorted(self.unreachable), patience))


def query(limit: int) -> Query:
    return Query("sweep", (limit,))


def page(row: Row) -> Page:
    listed = json.loads(str(row["connections"]))
    return Page(
        row["cycle_started_at"],
        int(str(row["page"])),
        float(str(row["cycle_age_seconds"])),
        bool(row["has_more"]),
        tuple(Gone(u, n, c, "expired") for u, n, c, is_expired, _ in listed if is_expired),
        tuple(Listed(u, n, c, doubted) for u, n, c, expired, doubted in listed if not expired),
    )


def probes(nodes: Sequence[Row]) -> list[Listed]:
    """Questions to nodes that were out of reach, in rounds: as many as it takes to give one up."""
    return [Listed("", str(row["node"]), NOBODY) for _ in range(GIVE_UP_AFTER) for row in nodes]


def gone(page: Page, answers: Mapping[Listed, Answer]) -> list[Gone]:
    """Whom to forget of a page."""
    swept = [one.gone("swept") for one in page.to_ask if answers[one] is Answer.GONE]
    return [*page.expired, *swept]


def doubts(answers: Mapping[Listed, Answer]) -> Query | None:
    """Who did not answer is in doubt, who answers again is not; None if that is nothing new.

    With that written down, a cycle that the others pass is no evidence for those in doubt.
    """
    alive = {one: answer is Answer.ALIVE for one, answer in answers.items()}
    news = [one for one, answer in answers.items() if answer is not Answer.GONE]
    news = [one for one in news if one.is_suspect == alive[one]]
    if not news:
        return None
    return Query(
        "suspect",
        (
            [one.user_id for one in news],
            [one.node for one in news],
            [one.connection_id for one in news],
            [not alive[one] for one in news],
        ),
    )


def asked(page: Page) -> Query:
    """The page is done: who was gone is forgotten, and who did not answer is in doubt."""
    return Query("finish_sweep_page", (page.cycle_started_at, page.number))


def lost(node: str, after: Row | None, limit: int) -> Query:
    """The next page of who was on a lost node, behind the row `after`."""
    start = (after["user_id"], after["resource"]) if after else ("", "")
    return Query("list_node_connections", (node, *start, limit))


def lost_with(node: str, rows: Sequence[Row]) -> list[Gone]:
    return [
        Gone(str(row["user_id"]), node, str(row["connection_id"]), "node_evicted") for row in rows
    ]


def emptied(node: str, grace: timedelta) -> Query:
    """Nothing of a lost node is left to end. Whoever is found on it later counts anew."""
    return Query("record_nodes", ([node], [], grace))
