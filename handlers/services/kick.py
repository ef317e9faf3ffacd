"""Close a user's connections, and write down that they have ended."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from handlers.adapters.concurrency import gather_within
from handlers.adapters.gateway.errors import Gone, Undelivered
from handlers.core.operations import kick
from handlers.core.operations.kick import Closing, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.operation import Push, RowT, Statement
    from handlers.core.operations.kick import OpenConnection

log = logging.getLogger(__name__)

# Below the function's own time-out, with room for the statements around it.
CLOSE_TIMEOUT_SECONDS = 10.0


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...


class Gateway(Protocol):
    async def post(self, push: Push) -> None:
        """Raises Gone or Undelivered."""
        ...

    async def close(self, node: str, connection_id: str) -> None:
        """Raises Gone or Undelivered."""
        ...


@dataclass(frozen=True)
class KickCounts:
    closed: int
    gone: int
    """Had ended already."""
    unreachable: int
    """May still be open."""


class Kicks:
    def __init__(self, database: Database, gateway: Gateway) -> None:
        self._database, self._gateway = database, gateway

    async def kick(
        self, user_id: str, session_id: int | None = None, words: str | None = None
    ) -> KickCounts:
        """Close all connections of a user, or those of one session, and give them these words.

        Close first, then write: a connection that cannot be closed goes on, and must stay listed.
        """
        connections = await self._database.fetch(kick.ListConnections(user_id))
        chosen = [one for one in connections if session_id in {None, one.session_id}]
        return await self._close_and_write(user_id, session_id, chosen, words)

    async def close_one(
        self, user_id: str, connection_id: str, words: str | None = None
    ) -> KickCounts:
        """Close one connection: its session ends if it was the last one, and no other session does.

        One that is not open any more changes nothing.
        """
        connections = await self._database.fetch(kick.ListConnections(user_id))
        chosen = [one for one in connections if one.connection_id == connection_id]
        if not chosen:
            return KickCounts(closed=0, gone=0, unreachable=0)
        return await self._close_and_write(user_id, chosen[0].session_id, chosen, words)

    async def _close_and_write(
        self,
        user_id: str,
        session_id: int | None,
        connections: Sequence[OpenConnection],
        words: str | None,
    ) -> KickCounts:
        targets = kick.targets(connections)
        closing = await self._close(user_id, targets, words)
        for statement in kick.statements(user_id, session_id, closing):
            await self._database.fetch(statement)
        closed, gone = len(closing.closed), len(closing.gone)
        return KickCounts(closed, gone, len(targets) - closed - gone)

    async def _close(self, user_id: str, targets: Sequence[Target], words: str | None) -> Closing:
        """Say why and close, all together, and stop waiting in time: a node may be out of reach."""
        closed: list[Target] = []
        gone: list[Target] = []

        async def close(one: Target) -> None:
            try:
                await self._say(kick.farewell(user_id, one, words))
                await self._gateway.close(one.node, one.connection_id)
            except Gone:
                if not one.is_young:
                    gone.append(one)
            except Undelivered as error:
                log.warning("cannot close %s: %s", one.connection_id, error)
            else:
                closed.append(one)

        await gather_within([close(one) for one in targets], CLOSE_TIMEOUT_SECONDS)
        return Closing(closed, gone)

    async def _say(self, push: Push) -> None:
        """A connection that cannot be told is closed all the same."""
        with suppress(Undelivered):
            await self._gateway.post(push)
