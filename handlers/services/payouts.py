"""Record what the payout service says became of grants, and tell their users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from handlers.core.operations.payout import pushes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.operation import DeliveryCounts, Push, RowT, Statement
    from handlers.core.operations.payout import PayoutRow, RecordPayout

# Who is not reached finds the event in their stream.
TELL_SECONDS = 5.0


class Database(Protocol):
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class Delivery(Protocol):
    async def deliver(self, pushes: Sequence[Push], within_seconds: float) -> DeliveryCounts: ...


@dataclass(frozen=True)
class Payouts:
    database: Database
    delivery: Delivery

    async def record(self, payouts: Sequence[RecordPayout]) -> list[PayoutRow]:
        """Record one after the other, each for itself, and tell the users of all.

        Raises Unavailable, after which the same list may be sent again.
        """
        rows = [await self.database.fetch_one(payout) for payout in payouts]
        await self.delivery.deliver(pushes(zip(payouts, rows, strict=True)), TELL_SECONDS)
        return rows
