"""forget: connections that are gone leave their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from handlers.core.operation import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.operation import Push


@dataclass(frozen=True)
class GoneConnection:
    """A connection that has ended, and how we know: `swept`, `expired`, `node_evicted`."""

    user_id: str
    node: str
    connection_id: str
    ended_by: str = "swept"


class Forget(Statement[int], frozen=True):
    """Returns how many sessions that closed. The lists are in step."""

    function: ClassVar[str] = "forget"
    user_ids: list[str]
    nodes: list[str]
    connection_ids: list[str]
    ended_by: list[str]
    grace: timedelta


def statement(gone: Sequence[GoneConnection], grace: timedelta) -> Forget:
    return Forget(
        [one.user_id for one in gone],
        [one.node for one in gone],
        [one.connection_id for one in gone],
        [one.ended_by for one in gone],
        grace,
    )


def found_gone(push: Push) -> GoneConnection:
    """A push was answered 410: the gateway does not know the connection any more."""
    return GoneConnection(push.user_id, push.node, push.connection_id)
