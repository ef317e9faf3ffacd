"""Bonuses: create, read, list, cancel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal
from uuid import UUID

import msgspec

from handlers.adapters.settings import pushes_per_second
from handlers.core.operation import Json, Statement
from handlers.services.announcements import (
    BroadcastRow,
    announce,
    announce_eventually,
    announce_to_few,
    cancel_id_of,
    find_broadcast,
    is_repeated,
)
from handlers.services.errors import NotFound, QueueUnavailable

if TYPE_CHECKING:
    from handlers.services.announcements import Database, Ports

# Up to so many listed users are pushed to by the function that creates the bonus.
MAX_FEW_USERS = 100
OPEN_STATES = {"upcoming", "open"}


class CreateBonus(Statement[str], frozen=True):
    """Returns created, repeated, conflict or window_over."""

    function: ClassVar[str] = "create_bonus"
    order_of: ClassVar[str] = "bonus_id"
    bonus_id: UUID
    reward: Json
    audience: str
    resource: str | None
    user_ids: list[str]
    opens_in: timedelta
    window: timedelta
    stock: int | None
    min_watched: timedelta | None
    opens_at: datetime | None
    """Instead of `opens_in`."""
    acknowledge: bool
    fingerprint: str
    visible: bool = False
    """`min_watched` counts visible time only."""


class CancelBonus(Statement[str | None], frozen=True):
    """Returns cancelled, already_cancelled, expired, or None for an unknown bonus."""

    function: ClassVar[str] = "cancel_bonus"
    order_of: ClassVar[str] = "bonus_id"
    bonus_id: UUID
    cancel_id: UUID


class OrderedBonus(msgspec.Struct, frozen=True):
    """What was ordered, what is left of it, and where it is between its order and its end."""

    bonus_id: UUID
    reward: Json
    audience: str
    resource: str | None
    opens_at: int
    expires_at: int
    stock: int | None
    left: int | None
    min_watched_ms: int | None
    clock: Literal["connected", "visible"]
    acknowledge: bool
    campaign_id: UUID | None
    milestone: int | None
    created_at: int
    ordered_by: str | None
    """The name of the key; None: a campaign made it, or the audit keeps it no more."""
    state: str


class ListedBonusRow(OrderedBonus, frozen=True):
    position: int
    """`created_at` in microseconds."""


class ListBonuses(Statement[ListedBonusRow], frozen=True):
    """All bonuses, the newest first."""

    query: ClassVar[str] = "bonuses"
    before_created_at: datetime
    before_bonus_id: UUID
    limit: int


class ListCurrentBonuses(Statement[ListedBonusRow], frozen=True):
    """The bonuses that are upcoming or open, the newest first."""

    query: ClassVar[str] = "current_bonuses"
    before_created_at: datetime
    before_bonus_id: UUID
    limit: int


class ClaimRow(msgspec.Struct, frozen=True):
    user_id: str
    claimed_at: int
    state: str
    """pending, fulfilled or rejected"""


class ListClaims(Statement[ClaimRow], frozen=True):
    """Who has claimed a bonus, by their id."""

    query: ClassVar[str] = "claims"
    bonus_id: UUID
    prefix: str
    after_user_id: str
    limit: int


class ClaimCountRow(msgspec.Struct, frozen=True):
    at: int
    """The step begins."""
    claims: int
    step_seconds: int


class CountClaims(Statement[ClaimCountRow], frozen=True):
    """How many claims each step had, from the opening to the last claim."""

    query: ClassVar[str] = "claim_counts"
    bonus_id: UUID


class BonusRow(OrderedBonus, frozen=True):
    claimed: int
    acknowledged: int
    connections: int | None
    server_now: int


class FindBonus(Statement[BonusRow], frozen=True):
    query: ClassVar[str] = "bonus"
    bonus_id: UUID
    is_counted: bool = False
    """Whether the connections of its audience are counted."""


@dataclass(frozen=True)
class Bonus:
    """A bonus, and how far its broadcast has come: None once that is pruned."""

    row: BonusRow
    broadcast: BroadcastRow | None
    is_repeated: bool = False
    """The same request came before."""


@dataclass(frozen=True)
class Estimate:
    """What a broadcast will come to, if no other is under way."""

    connections: int
    """Of the audience, when the bonus was created."""
    per_second: int
    """How many are told a second."""
    window_ms: int
    """What was left of the claim window then."""

    @property
    def takes_ms(self) -> int:
        return -(-1000 * self.connections // self.per_second)

    @property
    def reaches(self) -> int:
        """How many connections are told before the bonus expires."""
        return min(self.connections, self.per_second * self.window_ms // 1000)


def estimate(bonus: BonusRow) -> Estimate | None:
    """Estimate the broadcast of a bonus that was just created; None if it is over already."""
    if bonus.connections is None or bonus.state not in OPEN_STATES:
        return None
    window_ms = max(0, bonus.expires_at - bonus.server_now)
    return Estimate(bonus.connections, pushes_per_second(), window_ms)


async def create(ports: Ports, new: CreateBonus, *, is_repeatable: bool) -> Bonus:
    """Create a bonus and tell its audience. Raises Conflict, WindowOver or QueueUnavailable.

    A few listed users are told from here. For all others the queue is needed: if it fails, the same
    request can enqueue the broadcast later when it `is_repeatable`, for it names the bonus; any
    other bonus is cancelled.
    """
    was_there = is_repeated(await ports.database.fetch_one(new))
    bonus = await read(ports.database, new.bonus_id, is_counted=True)
    is_for_few = 0 < len(new.user_ids) <= MAX_FEW_USERS
    await tell(ports, bonus, is_for_few=is_for_few, is_repeatable=is_repeatable)
    return replace(bonus, is_repeated=was_there)


async def tell(ports: Ports, bonus: Bonus, *, is_for_few: bool, is_repeatable: bool) -> None:
    """Tell the audience of a bonus that was just created, as `create` does."""
    if bonus.row.state not in OPEN_STATES:
        return
    if is_for_few:
        await announce_to_few(ports, bonus.row.bonus_id)
    else:
        await _announce_or_cancel(ports, bonus.row.bonus_id, is_repeatable=is_repeatable)


async def _announce_or_cancel(ports: Ports, bonus_id: UUID, *, is_repeatable: bool) -> None:
    try:
        await announce(ports, bonus_id)
    except QueueUnavailable as error:
        if is_repeatable:
            reason = "the queue does not answer; send the same request again"
            raise QueueUnavailable(reason) from error
        await ports.database.fetch(_cancellation(bonus_id))
        # Users who came online meanwhile have been offered it.
        claims = (await read(ports.database, bonus_id)).row.claimed
        after = f" after {claims} claims were granted" if claims else ""
        reason = f"the queue does not answer and the bonus was cancelled{after}; send a new request"
        raise QueueUnavailable(reason) from error


async def read(database: Database, bonus_id: UUID, *, is_counted: bool = False) -> Bonus:
    """Read a bonus and the progress of its broadcast, and count its audience if asked to.

    Raises NotFound.
    """
    rows = await database.fetch(FindBonus(bonus_id, is_counted))
    if not rows:
        raise NotFound("bonus")
    return Bonus(rows[0], await find_broadcast(database, bonus_id))


async def claims(database: Database, wanted: ListClaims) -> list[ClaimRow]:
    """Read who has claimed a bonus. Raises NotFound for an unknown bonus."""
    rows = await database.fetch(wanted)
    if not rows:
        await read(database, wanted.bonus_id)
    return rows


async def claim_counts(database: Database, bonus_id: UUID) -> list[ClaimCountRow]:
    """Count the claims of a bonus, step by step. Raises NotFound for an unknown bonus."""
    rows = await database.fetch(CountClaims(bonus_id))
    if not rows:
        await read(database, bonus_id)
    return rows


async def cancel(ports: Ports, bonus_id: UUID) -> Bonus:
    """End the claims of a bonus and tell its audience. Raises NotFound."""
    await ports.database.fetch(_cancellation(bonus_id))
    bonus = await read(ports.database, bonus_id)
    await announce_eventually(ports, cancel_id_of(bonus_id))
    return bonus


def _cancellation(bonus_id: UUID) -> CancelBonus:
    return CancelBonus(bonus_id, cancel_id_of(bonus_id))
