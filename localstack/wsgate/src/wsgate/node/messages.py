"""What a node in a process of its own and its parent say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wsgate.logs import Line
    from wsgate.model.plan import Plan
    from wsgate.node.settings import Settings


@dataclass(frozen=True)
class Start:
    """The first message to a node."""

    plan: Plan
    settings: Settings
    """`log` and `lines` are not used: lines go over the channel."""
    listener: int
    """The descriptor of a socket that listens already."""
    folder: Path
    """Where each node has a socket for the others."""
    nodes: int
    """How many there are."""


@dataclass(frozen=True, slots=True)
class Ready:
    """News: connections are accepted."""

    connections: int
    """How many, at most."""


@dataclass(frozen=True, slots=True)
class Said:
    """News: a line for the log."""

    line: Line


@dataclass(frozen=True, slots=True)
class Look:
    """The page's look: at a node, when it is asked; at all of them, when the parent is."""

    since: str


@dataclass(frozen=True, slots=True)
class ReadMetrics:
    """Asked of the parent: the metrics as text."""


@dataclass(frozen=True, slots=True)
class Act:
    """A command of the page, for this node's own connection or for one that the parent finds."""

    command: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FaultChange:
    """News, either way: a fault was turned on, off, or to another value."""

    name: str
    value: float


class InvokeFunction(NamedTuple):
    """Asked of the parent, who has the functions."""

    function: str
    payload: bytes
    caller: str | None
    """See Invoker."""


@dataclass(frozen=True, slots=True)
class QueueEvent:
    """Ask the parent to run a function asynchronously. The answer is whether it was accepted."""

    function: str
    payload: bytes
