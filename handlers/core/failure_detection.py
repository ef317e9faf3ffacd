"""Which connections and nodes have failed, from the answers of API Gateway."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# After so many calls in a row without a clear answer, a node is left alone until the next run: a
# dead one costs seconds for each call, and one that throttles has too many already.
MAX_UNCLEAR_ANSWERS = 10
# If no node at all can be reached, the run itself may be cut off. Then a node has to be out of
# reach for this long, without a new connection through it, before it is taken for dead.
ISOLATION_PATIENCE = timedelta(minutes=10)
# Well-formed, and no connection's: whatever the answer is, the node has been reached.
UNUSED_CONNECTION_ID = "AAAAAAAAAAAAAAA="


class Answer(Enum):
    """What came of looking a connection up."""

    ALIVE = auto()
    GONE = auto()
    REFUSED = auto()
    """The node answered, but not whether the connection is open: throttled, forbidden, failed."""
    SILENT = auto()
    """The node did not answer."""
    UNASKED = auto()
    """There was no call."""


CLEAR = frozenset({Answer.ALIVE, Answer.GONE})


@dataclass(frozen=True)
class ListedConnection:
    """A connection that a session lists as open."""

    user_id: str
    node: str
    connection_id: str
    is_suspect: bool = False
    """The last call for it had no clear answer."""


class Nodes:
    """What one run learns about the nodes. A node that answers anything is reached."""

    def __init__(self) -> None:
        self._unclear: Counter[str] = Counter()
        self._silent: set[str] = set()
        self.reached: set[str] = set()

    def record(self, node: str, answer: Answer) -> None:
        if answer is Answer.SILENT:
            self._silent.add(node)
        elif answer is not Answer.UNASKED:
            self.reached.add(node)
        self._unclear[node] = 0 if answer in CLEAR else self._unclear[node] + 1

    def is_worth_asking(self, node: str) -> bool:
        return self._unclear[node] < MAX_UNCLEAR_ANSWERS

    @property
    def unreachable(self) -> set[str]:
        """The nodes that were asked and did not answer in the whole run."""
        return self._silent - self.reached

    def patience(self, grace: timedelta) -> timedelta:
        """For how long a node has to be out of reach before it is taken for dead."""
        return grace if self.reached else max(grace, ISOLATION_PATIENCE)


def probes(nodes: Sequence[str]) -> list[ListedConnection]:
    """Calls to nodes that were out of reach, in rounds: as many as it takes to give one up."""
    return [
        ListedConnection("", node, UNUSED_CONNECTION_ID)
        for _ in range(MAX_UNCLEAR_ANSWERS)
        for node in nodes
    ]
