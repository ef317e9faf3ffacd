"""A world of people, bonuses and streams, with a clock of its own: what the SQL functions must say.

Each call of ours returns what the function's must, and changes the world as that must change the
tables. Times are milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

SECOND = 1_000
# For a claim made in time that was still on its way.
ALLOWANCE = SECOND // 2
# So long after the end of its window a bonus' ledger may be closed.
CLOSES_LATE = SECOND

USERS = ("ann", "bob", "cat")
DEVICES = ("phone", "laptop")
RESOURCES = ("site", "stream")
NODE = "gateway.example/live"
MAX_STATE = 16_384
# Where the calls have a limit: a message a second, two at once.
GAP, BURST = SECOND, 2
# The functions' default.
KEEP_OUT = 60 * SECOND

Json = Any


def merge_patch(target: Json, patch: Json) -> Json:
    """RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


@dataclass(frozen=True)
class Order:
    """What makes a bonus: two of the same content are the same order."""

    audience: str = "everyone"
    resource: str | None = None
    users: tuple[str, ...] = ()
    opens_in: int = 0
    window: int = 10 * SECOND
    stock: int | None = None
    min_watched: int | None = None
    acknowledge: bool = False

    @property
    def reward(self) -> Json:
        return {"coins": self.window}


@dataclass(eq=False)
class Bonus:
    """What a bonus' rows must say."""

    bonus_id: UUID
    order: Order
    opens_at: int
    cancelled_at: int | None = None
    closed_at: int | None = None
    grants: dict[str, str] = field(default_factory=dict)
    """user -> the id of the claim"""
    told: set[str] = field(default_factory=set)
    """Listed users in whose streams it is."""
    acked: set[str] = field(default_factory=set)

    @property
    def expires_at(self) -> int:
        return self.opens_at + self.order.window

    @property
    def left_step(self) -> int | None:
        """All, half, a tenth, or none: at most so many are left."""
        if self.order.stock is None:
            return None
        left = self.order.stock - len(self.grants)
        steps = [0, -(-self.order.stock // 10), -(-self.order.stock // 2), self.order.stock]
        return min(step for step in steps if left <= step)

    @property
    def is_sold_out(self) -> bool:
        return self.order.stock is not None and len(self.grants) == self.order.stock

    def json(self, outcome: str | None, progress: Json = None) -> Json:
        return {
            "bonus_id": str(self.bonus_id),
            "reward": self.order.reward,
            "opens_at": self.opens_at,
            "expires_at": self.expires_at,
            "outcome": outcome,
            "acknowledge": self.order.acknowledge,
            "progress": progress,
            "left": self.left_step,
        }


@dataclass(frozen=True)
class Happening:
    """An event of a user's stream."""

    seq: int
    type: str
    body: Json
    patch: Json
    at: int
    id: str

    def json(self) -> Json:
        said = {name: getattr(self, name) for name in ("seq", "type", "body", "at", "id")}
        return said if self.patch is None else {**said, "patch": self.patch}


@dataclass(eq=False)
class Stream:
    """What a user's stream must say; what has been pruned is not in `kept`."""

    seq: int = 0
    state: Json = field(default_factory=dict)
    kept: list[Happening] = field(default_factory=list)

    def find(self, action_id: str) -> Happening | None:
        return next((event for event in self.kept if event.id == action_id), None)


@dataclass(frozen=True)
class Entry:
    """A row of the ledger."""

    bonus_id: UUID
    user: str | None
    entry: str
    at: int


class World:
    """People, bonuses, streams, the ledger, limits; each call is one of the functions'."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.joined_at: dict[tuple[str, str], int] = {}
        """(user, resource) of the users who are here, with all their devices."""
        self.past: list[tuple[str, str, int, int]] = []
        """(user, resource, from when, to when) of the sessions that are over."""
        self.bonuses: list[Bonus] = []
        self.streams: dict[str, Stream] = {}
        self.ledger: list[Entry] = []
        self.broadcasts: list[tuple[str, UUID, int | None, int | None]] = []
        """(kind, bonus_id, seq, follows)"""
        self.free_at: dict[tuple[str, str], int] = {}
        """(user, whether it is of claims): when what they have sent is paid for."""
        self.refused: dict[tuple[str, str], int] = {}
        """How many messages in a row."""
        self.kept_out_until: dict[str, int] = {}

    def edges(self) -> list[int]:
        """Moments to come at which something changes by itself."""
        moments = {
            *(at for b in self.bonuses for at in (b.opens_at, b.expires_at)),
            *(b.expires_at + late for b in self.bonuses for late in (ALLOWANCE, CLOSES_LATE)),
            *(
                self.now + b.order.min_watched - self.watched(user, b.order)
                for b in self.bonuses
                for user in USERS
                if b.order.min_watched
            ),
            *(at - GAP * n for at in self.free_at.values() for n in (BURST, BURST + 1)),
            *self.kept_out_until.values(),
        }
        return sorted(moment for moment in moments if moment > self.now + 1)

    def bonus(self, bonus_id: UUID) -> Bonus | None:
        return next((bonus for bonus in self.bonuses if bonus.bonus_id == bonus_id), None)

    def stream(self, user: str) -> Stream:
        return self.streams.get(user, Stream())

    # Limits.

    def spends(self, user: str, *, kind: str = "message") -> str | None:
        """slow_down, and kept_out after a burst of these; the message counts in any case.

        Claims count for themselves, and so do acknowledgements; being kept out is of the user.
        """
        if self.now < self.kept_out_until.get(user, 0):
            return "kept_out"
        limit = user, kind
        self.free_at[limit] = max(self.free_at.get(limit, 0), self.now) + GAP
        if self.free_at[limit] - self.now <= GAP * BURST:
            self.refused[limit] = 0
            return None
        self.refused[limit] += 1
        if self.refused[limit] <= BURST:
            return "slow_down"
        self.free_at[limit] = max(self.free_at[limit] - GAP, self.now + KEEP_OUT)
        self.kept_out_until[user] = self.free_at[limit]
        return "kept_out"

    # Bonuses.

    def creates(self, bonus_id: UUID, order: Order) -> str:
        known = self.bonus(bonus_id)
        if known:
            return "repeated" if known.order == order else "conflict"
        bonus = Bonus(bonus_id, order, self.now + order.opens_in)
        if bonus.expires_at <= self.now:
            return "window_over"
        self.bonuses.append(bonus)
        self._enters(bonus, None, "created")
        for user in sorted(set(order.users)):
            self._enters(bonus, user, "offered")
        self._broadcasts("offer", bonus)
        return "created"

    def cancels(self, bonus_id: UUID) -> str | None:
        bonus = self.bonus(bonus_id)
        if bonus is None:
            return None
        if bonus.cancelled_at is not None:
            return "already_cancelled"
        if self.now > bonus.expires_at:
            return "expired"
        bonus.cancelled_at = self.now
        self._closes(bonus, "cancelled", self.now)
        self._broadcasts("cancel", bonus)
        return "cancelled"

    def closes_bonuses(self, limit: int) -> int:
        over = [
            bonus
            for bonus in sorted(self.bonuses, key=lambda b: (b.expires_at, b.bonus_id))
            if bonus.closed_at is None and bonus.expires_at + CLOSES_LATE < self.now
        ][:limit]
        for bonus in over:
            self._closes(bonus, "expired", bonus.expires_at)
        return len(over)

    def _closes(self, bonus: Bonus, entry: str, at: int) -> None:
        bonus.closed_at = at
        self._enters(bonus, None, entry, at)
        for user in sorted(set(bonus.order.users) - bonus.grants.keys()):
            self._enters(bonus, user, entry, at)

    def _enters(self, bonus: Bonus, user: str | None, entry: str, at: int | None = None) -> None:
        self.ledger.append(Entry(bonus.bonus_id, user, entry, self.now if at is None else at))

    def _broadcasts(self, kind: str, bonus: Bonus) -> None:
        seq = follows = None
        if bonus.order.audience != "users":
            told = [(b, s) for _, b, s, _ in self.broadcasts if s is not None]
            seq = len(told) + 1
            follows = max((s for b, s in told if self._has_the_audience_of(b, bonus)), default=0)
        self.broadcasts.append((kind, bonus.bonus_id, seq, follows))

    def _has_the_audience_of(self, bonus_id: UUID, bonus: Bonus) -> bool:
        other = self.bonus(bonus_id)
        assert other
        one, two = other.order, bonus.order
        return (one.audience, one.resource) == (two.audience, two.resource)

    # What users do.

    def claims(self, user: str, claim_id: str, bonus_id: UUID) -> str:
        bonus = self.bonus(bonus_id)
        outcome = self._looks_at(user, claim_id, bonus)
        if outcome is not None or bonus is None:
            return outcome or "unknown_bonus"
        before, bonus.grants[user] = bonus.left_step, claim_id
        if bonus.left_step != before:
            self._broadcasts("stock", bonus)
        self._enters(bonus, user, "claimed")
        body = {"bonus_id": str(bonus_id), "reward": bonus.order.reward}
        self._appends(user, "bonus.claimed", body, None, claim_id)
        return "claimed"

    def _looks_at(self, user: str, claim_id: str, bonus: Bonus | None) -> str | None:
        """None: it is granted. What has been is told first, then why not."""
        granted = bonus.grants.get(user) if bonus else None
        if granted == claim_id:
            return "claimed"
        if self.stream(user).find(claim_id):
            return "conflict"
        if granted is not None:
            return "already_claimed"
        return self.refuses(user, bonus)

    def refuses(self, user: str, bonus: Bonus | None) -> str | None:
        """A bonus that is not for a user does not exist for them; only then comes the time, then
        whether there is any left, and last what they can still do about it."""
        if bonus is None or not self.is_for(user, bonus.order):
            return "unknown_bonus"
        state = self._state(bonus)
        if state in ("cancelled", "too_early", "expired"):
            return state
        if bonus.is_sold_out:
            return "sold_out"
        return None if self._has_watched_enough(user, bonus.order) else "not_eligible"

    def is_for(self, user: str, order: Order) -> bool:
        """Listed users; or who watches: anything, or the resource."""
        here = self.resources_of(user)
        return {
            "users": user in order.users,
            "everyone": bool(here),
            "resource": order.resource in here,
        }[order.audience]

    def resources_of(self, user: str) -> set[str]:
        return {resource for one, resource in self.joined_at if one == user}

    def _state(self, bonus: Bonus) -> str:
        if bonus.cancelled_at is not None:
            return "cancelled"
        if self.now < bonus.opens_at:
            return "too_early"
        return "open" if self.now <= bonus.expires_at + ALLOWANCE else "expired"

    def _has_watched_enough(self, user: str, order: Order) -> bool:
        return self.watched(user, order) >= (order.min_watched or 0)

    def progress(self, user: str, bonus: Bonus) -> Json:
        """What is missing, and the moment from which it is not, should they stay."""
        order = bonus.order
        if order.min_watched is None or self._has_watched_enough(user, order):
            return None
        watched, here = self.watched(user, order), self.resources_of(user)
        is_here = bool(here if order.resource is None else order.resource in here)
        return {
            "clock": "connected",
            "min_ms": order.min_watched,
            "watched_ms": watched,
            "reached_at": self.now + order.min_watched - watched if is_here else None,
        }

    def watched(self, user: str, order: Order) -> int:
        """The resource, or anything: a moment counts once, however many sessions have it."""
        sessions = [*self.past, *((*one, at, self.now) for one, at in self.joined_at.items())]
        covered, until = 0, 0
        for one, resource, begins, ends in sorted(sessions, key=lambda session: session[2]):
            if one == user and order.resource in (None, resource):
                covered += max(0, ends - max(begins, until))
                until = max(until, ends)
        return covered

    def acts(self, user: str, action_id: str, kind: str, body: Json, patch: Json) -> str:
        event = self.stream(user).find(action_id)
        if event:
            is_same = (event.type, event.body, event.patch) == (kind, body, patch)
            return "repeated" if is_same else "conflict"
        self._appends(user, kind, body, patch, action_id)
        return "acted"

    def acks(self, user: str, bonus_id: UUID) -> None:
        """Of users it is for, while it is upcoming or open, and asks for it."""
        bonus = self.bonus(bonus_id)
        if bonus is None or not self.is_for(user, bonus.order) or not bonus.order.acknowledge:
            return
        if self._state(bonus) in ("too_early", "open"):
            bonus.acked.add(user)

    def leaves(self, user: str, resource: str) -> None:
        """The session is over, and finalized."""
        begins = self.joined_at.pop((user, resource))
        self.past.append((user, resource, begins, self.now))

    def tells(self, bonus: Bonus, users: Iterable[str]) -> None:
        """An offer goes into the streams of those listed users who do not have it yet."""
        for user in sorted(set(users) & set(bonus.order.users) - bonus.told):
            bonus.told.add(user)
            id_ = f"bonus.{bonus.bonus_id}"
            body = bonus.json(None, self.progress(user, bonus))
            self._appends(user, "bonus.offered", body, None, id_)

    def prunes(self, before: int) -> None:
        for stream in self.streams.values():
            stream.kept = [event for event in stream.kept if event.at >= before]

    def _appends(self, user: str, kind: str, body: Json, patch: Json, action_id: str) -> None:
        stream = self.streams.setdefault(user, Stream())
        stream.seq += 1
        stream.kept.append(Happening(stream.seq, kind, body, patch, self.now, action_id))
        if patch is not None:
            stream.state = merge_patch(stream.state, patch)

    # What users see.

    def connections(self, user: str, resource: str | None = None) -> list[list[str]]:
        """Of all resources, or of one."""
        return sorted(
            [NODE, f"{user}-{there}-{device}"]
            for one, there in self.joined_at
            for device in DEVICES
            if one == user and resource in (None, there)
        )

    def recipients(self, bonus: Bonus, round_: int) -> dict[str, list[list[str]]]:
        """Where a round of a bonus is pushed: to users it is for who have not answered before."""
        told = [user for user in USERS if self.is_for(user, bonus.order)]
        if round_ > 1:
            told = [user for user in told if user not in {*bonus.acked, *bonus.grants}]
        at = {user: self.connections(user, bonus.order.resource) for user in told}
        return {user: connections for user, connections in at.items() if connections}

    def shown_bonuses(self, user: str) -> list[Json]:
        """Those for them that are not over: what they can have first, then what they may have
        later, what they have, what is gone, and cancelled ones; of each the first to expire."""
        shown = sorted(self._running(user), key=lambda one: (self._rank(user, one), *_order(one)))
        return [self._shown(user, bonus) for bonus in shown]

    def listed_bonuses(self, user: str) -> list[Json]:
        """All of them but those that are cancelled, the first to expire first."""
        listed = sorted(self._running(user), key=_order)
        return [self._shown(user, bonus) for bonus in listed if bonus.cancelled_at is None]

    def _running(self, user: str) -> list[Bonus]:
        return [b for b in self.bonuses if self.is_for(user, b.order) and b.expires_at > self.now]

    def _rank(self, user: str, bonus: Bonus) -> int:
        if bonus.cancelled_at is not None:
            return 4
        if user in bonus.grants:
            return 2
        refusal = self.refuses(user, bonus)
        return {None: 0, "too_early": 1, "not_eligible": 1, "sold_out": 3}[refusal]

    def _shown(self, user: str, bonus: Bonus) -> Json:
        outcome = self._shown_as(user, bonus)
        return bonus.json(outcome, None if outcome else self.progress(user, bonus))

    def _shown_as(self, user: str, bonus: Bonus) -> str | None:
        if user in bonus.grants:
            return "claimed"
        if bonus.cancelled_at is not None:
            return "cancelled"
        return "sold_out" if bonus.is_sold_out else None

    def shown_ledger(self, user: str) -> list[Json]:
        """Newest first."""
        return [
            {
                "entry": one.entry,
                "bonus_id": str(one.bonus_id),
                "reward": bonus.order.reward,
                "at": one.at,
                "reason": None,
            }
            for one in reversed(self.ledger)
            if (bonus := self.bonus(one.bonus_id))
            and (one.user == user or (one.user is None and self._concerns(user, bonus)))
        ]

    def _concerns(self, user: str, bonus: Bonus) -> bool:
        """Of an offer to listed users, each has entries of their own."""
        return bonus.order.audience != "users" and self.is_for(user, bonus.order)


def _order(bonus: Bonus) -> tuple[int, UUID]:
    return bonus.expires_at, bonus.bonus_id
