"""broadcast: a message to all of its audience, a page of the audience at a time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import msgspec

from handlers.core.apps import MAIN
from handlers.core.operation import Json, Push, Statement
from handlers.core.reply import bonus_message, encode, raw
from handlers.core.server_message import BonusPush, EventPush, NewsPush, ProgressPush

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.operation import DeliveryCounts

PAGE_SIZE = 250
WAITING_KINDS = ("news", "progress")
"""They go through the queue of news, so that they never delay a bonus."""


@dataclass(frozen=True)
class Broadcast:
    """A wake-up message of the queue: work on this broadcast, in this round.

    The progress does not travel with it: that is in the database.
    """

    broadcast_id: str
    round: int = 1
    is_news: bool = False
    """It is of WAITING_KINDS."""
    app: str = MAIN
    """Whose database has it; the queue writes it into each message that an app sends."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Broadcast:
        """Raises ValueError, TypeError, KeyError or AttributeError for anything else."""
        fields = json.loads(text)
        # The previous release named the bonus, whose broadcast has the same id.
        broadcast_id = str(fields.get("broadcast_id") or fields["bonus_id"])
        round_, is_news = int(fields.get("round", 1)), bool(fields.get("is_news"))
        return Broadcast(broadcast_id, round_, is_news, str(fields.get("app", MAIN)))

    def next_round(self) -> Broadcast:
        return replace(self, round=self.round + 1)


@dataclass(frozen=True)
class Report:
    """How the pushes of a page went; without shard and page there was no page."""

    shard: int | None = None
    page: int | None = None
    sent: int = 0
    gone: int = 0
    undelivered: int = 0
    dropped: int = 0


class PageRow(msgspec.Struct, frozen=True):
    """What a worker does next; the fields of a page are null without one."""

    outcome: str
    """page, wait, dropped, busy, done, over or unknown"""
    wait_ms: int | None
    shards: int | None
    """How many shards this call has made, all but one of them for other workers."""
    shard: int | None
    page: int | None
    server_now: int
    expires_at: int | None
    age_ms: int | None
    kind: str | None
    epoch: UUID | None
    broadcast: Json | None
    bonus: Json | None
    news: Json | None
    recipients: Json | None
    dropped: int | None
    repeat_in_ms: int | None
    progress: Json | None
    """{user_id: progress} of the recipients who lack some of the least watch time."""


class BroadcastPage(Statement[PageRow], frozen=True):
    """Reports the last page, and takes the next one."""

    function: ClassVar[str] = "broadcast_page"
    broadcast_id: str
    round: int
    worker: UUID
    limit: int
    per_second: int
    shard: int | None
    page: int | None
    sent: int
    gone: int
    undelivered: int
    dropped: int


def next_page(broadcast: Broadcast, worker: UUID, per_second: int, report: Report) -> BroadcastPage:
    """Report the last page and take the next one, of at most one second's pushes."""
    return _statement(broadcast, worker, min(PAGE_SIZE, per_second), per_second, report)


def last_report(broadcast: Broadcast, worker: UUID, report: Report) -> BroadcastPage:
    """Report, take no further page, and release the shard: the next worker goes on at once."""
    return _statement(broadcast, worker, 0, 1, report)


def _statement(
    broadcast: Broadcast, worker: UUID, limit: int, per_second: int, report: Report
) -> BroadcastPage:
    return BroadcastPage(
        broadcast.broadcast_id,
        broadcast.round,
        worker,
        limit,
        per_second,
        report.shard,
        report.page,
        report.sent,
        report.gone,
        report.undelivered,
        report.dropped,
    )


class PageTries:
    """What one worker has pushed since its last report: of a page, in one try or several.

    A page without a report is read again, perhaps to another end. So what is done stays done for
    all that the worker pushes.
    """

    def __init__(self) -> None:
        self.tries = 0
        self._shard: int | None = None
        self._sent = self._gone = self._undelivered = 0
        self._done = set[str]()

    def left(self, row: PageRow) -> list[Push]:
        """The pushes of the page that are not done, for the next try."""
        if row.shard != self._shard:
            self.tries, self._shard = 0, row.shard
        self.tries += 1
        return [push for push in pushes(row) if push.connection_id not in self._done]

    def add(self, tried: Sequence[Push], counts: DeliveryCounts) -> None:
        """Record how a try went."""
        self._sent += counts.sent
        self._gone += len(counts.gone)
        self._undelivered += counts.undelivered - len(counts.again)
        if counts.again:
            again = {push.connection_id for push in counts.again}
            self._done.update({push.connection_id for push in tried} - again)

    def report(self, row: PageRow, left: int, *, is_over: bool) -> Report:
        """The report of the page: `left` of its pushes failed in the last try, too.

        At the end of the window, what is undelivered is dropped.
        """
        left += self._undelivered
        undelivered, dropped = (0, left) if is_over else (left, 0)
        report = Report(row.shard, row.page, self._sent, self._gone, undelivered, dropped)
        self.tries = self._sent = self._gone = self._undelivered = 0
        return report


Recipient = tuple[str, list[tuple[str, str]], msgspec.Raw]
"""user_id, connections [(node, connection id), …], and the event of the offer in their stream, or
their progress in a campaign."""


def pushes(row: PageRow) -> list[Push]:
    """One message per connection of the page."""
    same, own = _message(row), _with_progress(row)
    return [
        Push(user_id, node, connection_id, data)
        for user_id, connections, event in _recipients(row)
        for data in [own.get(user_id, same) if bytes(event) == b"null" else _event(row, event)]
        for node, connection_id in connections
    ]


def _recipients(row: PageRow) -> list[Recipient]:
    return msgspec.json.decode(row.recipients or "[]", type=list[Recipient])


def _message(row: PageRow) -> bytes:
    if row.kind != "news":
        return bonus_message(_begins_at(row), row.bonus, row.broadcast)
    return encode(
        NewsPush(server_now=_begins_at(row), broadcast=raw(row.broadcast), news=raw(row.news))
    )


def _with_progress(row: PageRow) -> dict[str, bytes]:
    """The message of each user who lacks some of the least watch time."""
    if row.progress is None:
        return {}
    bonus = msgspec.json.decode(row.bonus or "{}", type=dict[str, msgspec.Raw])
    place = raw(row.broadcast)
    each = msgspec.json.decode(row.progress, type=dict[str, msgspec.Raw])
    own: dict[str, Any] = {
        user_id: {**bonus, "progress": progress} for user_id, progress in each.items()
    }
    return {
        user_id: encode(BonusPush(server_now=_begins_at(row), broadcast=place, bonus=theirs))
        for user_id, theirs in own.items()
    }


def _event(row: PageRow, event: Any) -> bytes:
    if row.kind == "progress":
        return encode(ProgressPush(server_now=_begins_at(row), progress=event))
    return encode(EventPush(server_now=_begins_at(row), epoch=row.epoch, event=event))


def _begins_at(row: PageRow) -> int:
    """The database's clock when the page's turn comes: clients set theirs by it."""
    return row.server_now + (row.wait_ms or 0)
