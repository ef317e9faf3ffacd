"""What a node in a process of its own and its parent say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgate.node.node import Settings
    from wsgate.node.responses import Request
    from wsgate.plan import Plan


@dataclass(frozen=True)
class Start:
    """What a node is told first."""

    plan: Plan
    settings: Settings
    """`log` is not used: lines go over the channel."""
    listener: int
    """The descriptor of a socket that listens already."""


@dataclass(frozen=True, slots=True)
class Ready:
    """News: connections are accepted."""


@dataclass(frozen=True, slots=True)
class Line:
    """News: a line for the log."""

    text: str


@dataclass(frozen=True, slots=True)
class FaultChange:
    """News, either way: a fault was turned on, off, or to another value."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class InvokeFunction:
    """Asked of the parent, who has the functions."""

    function: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class QueueEvent:
    """Asked of the parent: run a function, and nobody waits. Answered is whether it was taken."""

    function: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Manage:
    """@connections for a connection of another node."""

    node: int
    connection_id: str
    request: Request
