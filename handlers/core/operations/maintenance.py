"""maintenance: what the scheduled functions write beside the sweep."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

import msgspec

from handlers.core.limits import MARGIN, MAX_WINDOW, MIN_WINDOW
from handlers.core.operation import Statement

if TYPE_CHECKING:
    from handlers.core.limits import Limits


class NoticeRestoreRow(msgspec.Struct, frozen=True):
    is_restored: bool
    """The database was restored or copied: streams and logs have a new epoch."""
    renumbered: int
    """grants that were copied from another cluster; `limit`: there may be more"""


class NoticeRestore(Statement[NoticeRestoreRow], frozen=True):
    """Notices that the database is on another server than when this was last asked."""

    function: ClassVar[str] = "notice_restore"
    cluster: str | None
    """A name that no other cluster ever gets; None: the server is asked."""
    limit: int


class FinalizeRow(msgspec.Struct, frozen=True):
    events: int
    is_behind: bool
    """There is more to do."""


class Finalize(Statement[FinalizeRow], frozen=True):
    """Sessions that are over for good, and starts that are due, become presence events."""

    function: ClassVar[str] = "finalize"
    limit: int


class LineLimitsRow(msgspec.Struct, frozen=True):
    connections: int
    reconnect_within_ms: int


class SetLineLimits(Statement[LineLimitsRow], frozen=True):
    """Stores what clients go by, from how many connections there are: see `core/limits.py`."""

    function: ClassVar[str] = "set_line_limits"
    ping_every: timedelta
    rotate_within: timedelta
    turn: timedelta
    """By how much each connection lengthens the time within which to come back."""
    least: timedelta
    most: timedelta
    margin: float


def set_line_limits(limits: Limits) -> SetLineLimits:
    return SetLineLimits(
        limits.ping_every,
        limits.rotate_within,
        limits.turn,
        MIN_WINDOW,
        MAX_WINDOW,
        MARGIN,
    )


class IsClockSteady(Statement[bool], frozen=True):
    """Whether the clock has not jumped for hours: else what looks old may not be."""

    function: ClassVar[str] = "is_clock_steady"


class PruneRow(msgspec.Struct, frozen=True):
    """How many rows of each kind were removed."""

    tickets: int
    events: int
    acks: int
    offers: int
    broadcasts: int
    presence_events: int
    grants: int
    bonuses: int
    awards: int
    limits: int
    candidates: int
    """Of draws."""
    answers: int
    """To questions."""


class Prune(Statement[PruneRow], frozen=True):
    """Removes what is old, at most `limit` rows of each kind."""

    function: ClassVar[str] = "prune"
    # None: for ever
    keep_events: timedelta | None
    keep_presence_events: timedelta | None
    keep_bonuses: timedelta | None
    limit: int


class PruneWebhookEvents(Statement[int], frozen=True):
    """Removes events that webhooks can no longer be sent, the oldest first. Returns how many."""

    function: ClassVar[str] = "prune_webhook_events"
    limit: int


class PruneStreams(Statement[int], frozen=True):
    """Removes streams that had no event for so many whole months. Returns how many."""

    function: ClassVar[str] = "prune_streams"
    keep_months: int
    limit: int


class PruneLag(Statement[float], frozen=True):
    """For how many seconds the oldest of what `Prune` removes has been due."""

    function: ClassVar[str] = "prune_lag"
    keep_events: timedelta | None
    keep_presence_events: timedelta | None
    keep_bonuses: timedelta | None


class PartitionsRow(msgspec.Struct, frozen=True):
    made: list[str]
    dropped: list[str]


class KeepMonths(Statement[PartitionsRow], frozen=True):
    """Makes the partitions that past sessions need, and drops those that are too old (0: none)."""

    function: ClassVar[str] = "keep_months"
    keep_months: int


class KeepDays(Statement[PartitionsRow], frozen=True):
    """Makes the partitions that the ledger needs, and drops those that are too old (0: none)."""

    function: ClassVar[str] = "keep_days"
    keep_days: int


class RollUpRow(msgspec.Struct, frozen=True):
    quarters: int
    behind_seconds: float
    """How long ago the last quarter ended that is rolled up; 0: there is none."""
    is_behind: bool
    """There is more to do."""


class RollUp(Statement[RollUpRow], frozen=True):
    """Sums up the next quarter hours of which nothing will change any more."""

    function: ClassVar[str] = "roll_up"
    limit: int


class RollUpLag(Statement[float], frozen=True):
    """How many seconds ago the last quarter hour ended that is summed up; 0: there is none."""

    query: ClassVar[str] = "roll_up_lag"


class ViewersRow(msgspec.Struct, frozen=True):
    made: int
    """bonuses, of a page that was judged at once"""
    is_done: bool
    """All campaigns have been taken since then."""
    since: datetime
    campaign_id: UUID | None
    """To be judged; None: there is nothing to do."""
    round: int
    after: str
    upto: str


class NextViewers(Statement[ViewersRow], frozen=True):
    """Takes the next page of a campaign's users."""

    function: ClassVar[str] = "next_viewers"
    limit: int
    """users"""
    since: datetime | None
    """Of the first call of this run; None: this is it."""


class JudgeViewers(Statement[int], frozen=True):
    """Awards what a page of a campaign's users have reached. Returns how many bonuses it made."""

    function: ClassVar[str] = "judge_viewers"
    campaign_id: UUID
    round: int
    after: str
    upto: str


class CloseBonuses(Statement[int], frozen=True):
    """Writes the last ledger entries of bonuses that are over. Returns for how many."""

    function: ClassVar[str] = "close_bonuses"
    limit: int


class OrphanedBroadcast(msgspec.Struct, frozen=True):
    broadcast_id: UUID
    kind: str
    round: int


class ListOrphanedBroadcasts(Statement[OrphanedBroadcast], frozen=True):
    """Broadcasts that are not over and that no worker works on."""

    query: ClassVar[str] = "list_orphaned_broadcasts"


class MarkBroadcastQueued(Statement[None], frozen=True):
    query: ClassVar[str] = "mark_broadcast_queued"
    broadcast_id: UUID
