"""The connections of a node: which are open, what they carried, and when each must end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsgate.core.actions import Action, Close, Connection, Drop, Phase, SendText
from wsgate.core.bill import Meter
from wsgate.core.codes import GOING_AWAY, LIFE_OVER
from wsgate.core.deadlines import Deadlines
from wsgate.model.limits import millis

if TYPE_CHECKING:
    from datetime import timedelta

    from wsgate.model.ids import Millis
    from wsgate.model.limits import Limits

EXISTED = frozenset({Phase.OPEN, Phase.CLOSING})
"""The phases of a connection whose `$disconnect` follows."""


class Connections:
    """Every connection by its id, and the deadline of each."""

    __slots__ = ("_deadlines", "by_id", "limits", "meter")

    def __init__(self, limits: Limits) -> None:
        self.limits = InMillis.of(limits)
        self.by_id: dict[str, Connection] = {}
        self.meter = Meter()
        """GUESS: the gateway's own error frames count too (docs/aws-behaviour.md §12.4)."""
        self._deadlines: Deadlines[Connection] = Deadlines(self.limits.resolution)

    def open(self, connection_id: str) -> Connection | None:
        connection = self.by_id.get(connection_id)
        return connection if connection and connection.phase is Phase.OPEN else None

    def send(self, connection: Connection, text: str, now: Millis) -> SendText:
        connection.last_active_at = now
        connection.sent += self.meter.count(text)
        return SendText(connection.id, text)

    def remove(self, connection_id: str) -> Connection | None:
        """Forget a connection and its deadline."""
        connection = self.by_id.pop(connection_id, None)
        if connection is not None:
            self._deadlines.forget(connection)
        return connection

    def kill(self) -> None:
        """Lose every connection; nothing follows."""
        for connection in self.by_id.values():
            connection.phase = Phase.KILLED
            self._deadlines.forget(connection)
        self.by_id.clear()

    # Deadlines.

    def tick(self, now: Millis) -> list[Action]:
        """Close what was idle too long or grew too old; drop what does not read or answer."""
        actions: list[Action] = []
        for connection in self._deadlines.due(now):
            if self._deadline(connection) > now:
                self.watch(connection)
            else:
                actions += self._expire(connection, now)
        return actions

    def watch(self, connection: Connection) -> None:
        self._deadlines.watch(connection, self._deadline(connection))

    def close(
        self, connection: Connection | None, ending: tuple[int, str], now: Millis
    ) -> list[Action]:
        if connection is None:
            return []
        connection.phase, connection.ending = Phase.CLOSING, ending
        connection.closing_since = now
        self.watch(connection)
        return [Close(connection.id, *ending)]

    def _expire(self, connection: Connection, now: Millis) -> list[Action]:
        if connection.phase is Phase.CLOSING or self._is_stuck(connection, now):
            return [Drop(connection.id)]
        too_old = now >= connection.connected_at + self.limits.life
        return self.close(connection, LIFE_OVER if too_old else GOING_AWAY, now)

    def _is_stuck(self, connection: Connection, now: Millis) -> bool:
        since = connection.full_since
        return since is not None and now >= since + self.limits.stuck

    def _deadline(self, connection: Connection) -> Millis:
        if connection.phase is Phase.CLOSING:
            return connection.closing_since + self.limits.closing
        # Data in both directions counts, protocol pings do not (docs/aws-behaviour.md §9.8, §9.9).
        idle = connection.last_active_at + self.limits.idle
        deadline = min(idle, connection.connected_at + self.limits.life)
        since = connection.full_since
        return deadline if since is None else min(deadline, since + self.limits.stuck)


@dataclass(frozen=True, slots=True)
class InMillis:
    """The limits that are looked at here, in the unit of `now`."""

    idle: Millis
    life: Millis
    closing: Millis
    stuck: Millis
    message_bytes: int
    authorizer: timedelta

    @classmethod
    def of(cls, limits: Limits) -> InMillis:
        return cls(
            millis(limits.idle),
            millis(limits.life),
            millis(limits.closing),
            millis(limits.stuck),
            limits.message_bytes,
            limits.authorizer,
        )

    @property
    def resolution(self) -> Millis:
        return max(1, min(1000, self.idle // 10))
