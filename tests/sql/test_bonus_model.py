"""Whatever happens to bonuses and streams, in whatever order: the tables say what a model says.

Hypothesis plays a world (`bonus_world`) into the SQL functions and compares every table with it
after each call, so whatever is refused has written nothing. `MODEL_EXAMPLES=5000 pytest
tests/sql/test_bonus_model.py` plays other stories each time; without it they are always the same.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.sql.bonus_world import (
    ALLOWANCE,
    BURST,
    CLOSES_LATE,
    DEVICES,
    GAP,
    NODE,
    RESOURCES,
    SECOND,
    USERS,
    Entry,
    Order,
    World,
    merge_patch,
)
from tests.sql.stories import HOW_MANY, play
from tests.support.bonuses import create_bonus
from tests.support.databases import EMPTY

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Sequence

BEGINS_AT = int(datetime(2026, 1, 31, 23, tzinfo=UTC).timestamp()) * SECOND
MAX_BONUSES = 8
UNKNOWN = UUID(int=0)

T = TypeVar("T")
users = st.sampled_from(USERS)
resources = st.sampled_from(RESOURCES)
# Which one of those that there are.
picks = st.integers(0, 7)
# Actions and claims share them.
ids = st.sampled_from(["a", "b", "c", "d"])
limits = st.booleans()
lengths = st.sampled_from([1, 5 * SECOND, 10 * SECOND])
names = st.sampled_from(["a", "b", "c"])
leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.text("xyé", max_size=3)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3)
)
patches = st.dictionaries(names, values, max_size=3)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    audience = draw(st.sampled_from(["everyone", "resource", "users"]))
    return Order(
        audience=audience,
        resource=draw(resources) if audience == "resource" else None,
        users=tuple(draw(st.lists(users, min_size=1))) if audience == "users" else (),
        opens_in=draw(st.sampled_from([0, 0, 0, 5 * SECOND, -5 * SECOND, -10 * SECOND])),
        window=draw(lengths),
        stock=draw(st.sampled_from([None, 1, 2, 2])),
        min_watched=draw(st.sampled_from([None, None, 10 * SECOND])),
        acknowledge=draw(st.booleans()),
    )


def picked(those: Sequence[T], pick: int) -> T:
    return those[pick % len(those)]


def time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def length(milliseconds: int | None) -> timedelta | None:
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)


def in_order(those: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in those)


class Database:
    """The SQL functions, called at a moment of the world's."""

    def __init__(self, runner: asyncio.Runner, db: asyncpg.Connection) -> None:
        self._runner, self._db = runner, db
        for kind in ("json", "jsonb"):
            runner.run(
                db.set_type_codec(kind, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
            )

    def empty(self) -> None:
        self._runner.run(self._db.execute(EMPTY))

    def rows(self, query: str, *args: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._runner.run(self._db.fetch(query, *args))]

    def row(self, call: str, *args: object) -> dict[str, Any]:
        query = f"select * from {call}"  # noqa: S608  # a call of ours
        return dict(self._runner.run(self._db.fetchrow(query, *args)))

    def value(self, call: str, *args: object) -> Any:
        return self._runner.run(self._db.fetchval(f"select {call}", *args))


OUT_OF_BALANCE = """
select b.bonus_id from bonuses b
 where b.stock <> (select count(*) from claims c where c.bonus_id = b.bonus_id)
               + (select coalesce(sum(s.remaining), 0)
                    from bonus_stock s where s.bonus_id = b.bonus_id)
"""
SUMS = """
select b.ledger_closed_at is not null, b.cancelled_at is not null,
       (select count(*) from offers o where o.bonus_id = b.bonus_id),
       (select count(*) from claims c where c.bonus_id = b.bonus_id),
       count(*) filter (where entry = 'created' and user_id is null),
       count(*) filter (where entry = 'offered'),
       count(*) filter (where entry = 'claimed'),
       count(*) filter (where entry = 'cancelled' and user_id is null),
       count(*) filter (where entry = 'expired' and user_id is null),
       count(*) filter (where entry in ('cancelled', 'expired') and user_id is not null)
  from bonuses b left join ledger l using (bonus_id) group by b.bonus_id
"""


class Tables:
    """What the tables must say at every moment."""

    def __init__(self, database: Database, world: World) -> None:
        self.rows, self.world = database.rows, world

    def hold(self) -> None:
        self._bonuses_are_as_the_world_has_them()
        self._streams_are_as_the_world_has_them()
        self._the_ledger_is_as_the_world_has_it()
        self._stock_is_neither_oversold_nor_lost()
        self._the_ledgers_sums_equal_the_states()

    def _bonuses_are_as_the_world_has_them(self) -> None:
        bonuses = sorted(self.world.bonuses, key=lambda bonus: bonus.bonus_id)
        assert self.rows(
            "select bonus_id, ms(opens_at), ms(expires_at), ms(cancelled_at), ms(ledger_closed_at)"
            " from bonuses order by bonus_id"
        ) == [(b.bonus_id, b.opens_at, b.expires_at, b.cancelled_at, b.closed_at) for b in bonuses]
        assert set(self.rows("select bonus_id, user_id, claim_id from claims")) == {
            (b.bonus_id, user, claim_id) for b in bonuses for user, claim_id in b.grants.items()
        }
        assert set(self.rows("select bonus_id, user_id, seq is not null from offers")) == {
            (b.bonus_id, user, user in b.told) for b in bonuses for user in b.order.users
        }
        assert set(self.rows("select bonus_id, user_id from acks")) == {
            (b.bonus_id, user) for b in bonuses for user in b.acked
        }
        told = self.rows("select kind, bonus_id, seq, follows from broadcasts")
        assert sorted(told, key=str) == sorted(self.world.broadcasts, key=str)

    def _streams_are_as_the_world_has_them(self) -> None:
        streams = sorted(self.world.streams.items())
        assert self.rows("select user_id, seq, state from user_streams order by user_id") == [
            (user, stream.seq, stream.state) for user, stream in streams
        ]
        events = "select user_id, event_json(e) from user_events e order by user_id, seq"
        assert self.rows(events) == [
            (user, event.json()) for user, stream in streams for event in stream.kept
        ]

    def _the_ledger_is_as_the_world_has_it(self) -> None:
        """In order of entry; offers and last entries of one bonus have none among themselves."""
        rows = self.rows("select bonus_id, user_id, entry, ms(at) from ledger order by id")
        entries = [Entry(*row) for row in rows]
        assert sorted(entries, key=str) == sorted(self.world.ledger, key=str)
        kinds = [(entry.bonus_id, entry.entry) for entry in entries]
        assert kinds == [(entry.bonus_id, entry.entry) for entry in self.world.ledger]

    # Of the tables alone.

    def _stock_is_neither_oversold_nor_lost(self) -> None:
        assert not self.rows(OUT_OF_BALANCE)

    def _the_ledgers_sums_equal_the_states(self) -> None:
        for is_closed, is_cancelled, offers, claims, *entries in self.rows(SUMS):
            created, offered, claimed, cancelled, expired, not_claimed = entries
            assert (created, offered, claimed) == (1, offers, claims)
            assert (cancelled, cancelled + expired) == (is_cancelled, is_closed)
            if offers:
                assert not_claimed == (offers - claims if is_closed else 0)


class Story(RuleBasedStateMachine):
    """Anything that can happen, one call after the other; time passes between them."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        database.empty()
        self.database, self.world = database, World(BEGINS_AT)
        self.tables = Tables(database, self.world)
        self.rounds: dict[UUID, int] = {}

    # People come and go, with all their devices: `test_presence_model` has the rest of it.

    @rule(user=users, resource=resources)
    def a_user_comes(self, user: str, resource: str) -> None:
        if (user, resource) in self.world.joined_at:
            return
        devices: dict[str, Any] = {f"{user}-{resource}-{device}": {} for device in DEVICES}
        self.database.rows(
            "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
            " values ($1, $2, $3, $3, $4)",
            *(user, resource, self._now, {NODE: devices}),
        )
        self.world.joined_at[user, resource] = self.world.now

    @precondition(lambda self: self.world.joined_at)
    @rule(pick=picks)
    def a_user_leaves(self, pick: int) -> None:
        user, resource = picked(sorted(self.world.joined_at), pick)
        leave = (
            "with over as (delete from watching_times"
            "  where user_id = $1 and resource = $2 returning *)"
            " insert into past_sessions"
            " select id, user_id, resource, joined_at, $3, 'client', interval '0' from over"
        )
        self.database.rows(leave, user, resource, self._now)
        self.world.leaves(user, resource)

    # Bonuses.

    @precondition(lambda self: len(self.world.bonuses) < MAX_BONUSES)
    @rule(order=orders())
    def a_bonus_is_dropped(self, order: Order) -> None:
        self._creates(UUID(int=len(self.world.bonuses) + 1), order)

    @precondition(lambda self: self.world.bonuses)
    @rule(pick=picks)
    def an_order_comes_again(self, pick: int) -> None:
        bonus = picked(self.world.bonuses, pick)
        self._creates(bonus.bonus_id, bonus.order)

    @precondition(lambda self: self.world.bonuses)
    @rule(pick=picks, order=orders())
    def another_order_has_the_id(self, pick: int, order: Order) -> None:
        self._creates(picked(self.world.bonuses, pick).bonus_id, order)

    @rule(pick=picks)
    def a_bonus_is_cancelled(self, pick: int) -> None:
        bonus_id = self._any_bonus(pick)
        broadcast_id = UUID(int=1_000 + len(self.world.broadcasts))
        said = self.database.value("cancel_bonus($1, $2, $3)", bonus_id, broadcast_id, self._now)
        assert said == self.world.cancels(bonus_id)
        self._goes_on()
        for user in USERS:
            self.a_user_says_hello(user, None, pick, is_limited=False)

    @rule(limit=st.sampled_from([1, 1, 100]))
    def bonuses_are_closed(self, limit: int) -> None:
        expected = self.world.closes_bonuses(limit)
        assert self.database.value("close_bonuses($1, $2)", limit, self._now) == expected
        self._goes_on()

    @precondition(lambda self: self.world.bonuses)
    @rule(pick=picks, beside=st.sampled_from([-1, 0, 1]))
    def bonuses_are_closed_as_soon_as_one_may_be(self, pick: int, beside: int) -> None:
        over_at = picked(self.world.bonuses, pick).expires_at + CLOSES_LATE
        self.world.now = max(self.world.now, over_at + beside)
        self.bonuses_are_closed(limit=100)

    @precondition(lambda self: self._for_listed_users())
    @rule(pick=picks, told=st.lists(users))
    def an_offer_is_told(self, pick: int, told: list[str]) -> None:
        """As the page of a push does; the same page may come again."""
        bonus = picked(self._for_listed_users(), pick)
        tell = "tell_offers(b, $2, $3) from bonuses b where bonus_id = $1"
        self.database.value(tell, bonus.bonus_id, told, self._now)
        self.world.tells(bonus, told)
        self._goes_on()

    @precondition(lambda self: self.world.bonuses)
    @rule(pick=picks)
    def a_round_of_a_bonus_is_pushed(self, pick: int) -> None:
        """To the users that it is for, and to no other: in one page."""
        bonus = picked(self.world.bonuses, pick)
        round_ = self.rounds[bonus.bonus_id] = self.rounds.get(bonus.bonus_id, 0) + 1
        row = self.database.row(
            "broadcast_page($1, $2, $3, 250, 100000, p_now => $4)",
            *(bonus.bonus_id, round_, UUID(int=9_000 + self.world.now), self._now),
        )
        if bonus.cancelled_at is not None or self.world.now > bonus.expires_at:
            assert (row["recipients"], row["bonus"]) == (None, None)
        else:
            self.world.tells(bonus, bonus.order.users)
            told: dict[str, list[list[str]]] = {}
            for user, connections, event in row["recipients"] or []:
                told[user] = sorted(told.get(user, []) + connections)
                said = self.world.stream(user).find(f"bonus.{bonus.bonus_id}")
                assert event == (said.json() if said else None)
            assert told == self.world.recipients(bonus, round_)
            lacking = {} if bonus.order.users else {u: self.world.progress(u, bonus) for u in told}
            lacking = {user: progress for user, progress in lacking.items() if progress}
            assert (row["progress"] or {}) == lacking
        self._goes_on()

    # What users do.

    @rule(user=users, claim_id=ids, pick=picks, is_limited=limits)
    def a_user_claims(self, user: str, claim_id: str, pick: int, is_limited: bool) -> None:
        self._claims(user, claim_id, self._any_bonus(pick), is_limited)

    @rule(user=users, pick=picks)
    def every_device_claims(self, user: str, pick: int) -> None:
        bonus_id = self._any_bonus(pick)
        for n, _ in enumerate(DEVICES):
            self._claims(user, f"{bonus_id.int}-{n}", bonus_id, is_limited=False)

    @precondition(lambda self: self.world.bonuses)
    @rule(user=users, pick=picks, is_late=st.booleans(), beside=st.sampled_from([-1, 0, 1]))
    def a_user_claims_at_the_edge_of_a_window(
        self, user: str, pick: int, is_late: bool, beside: int
    ) -> None:
        bonus = picked(self.world.bonuses, pick)
        edge = bonus.expires_at + ALLOWANCE if is_late else bonus.opens_at
        self.world.now = max(self.world.now, edge + beside)
        self.a_user_comes(user, bonus.order.resource or RESOURCES[0])
        self._claims(user, f"edge-{self.world.now}", bonus.bonus_id, is_limited=False)

    @precondition(lambda self: self._grants())
    @rule(pick=picks)
    def a_claim_that_was_granted_comes_again(self, pick: int) -> None:
        self._claims(*picked(self._grants(), pick), is_limited=False)

    @rule(user=users, action_id=ids, patch=st.none() | patches, is_limited=limits)
    def a_user_acts(self, user: str, action_id: str, patch: Any, is_limited: bool) -> None:
        self._acts(user, action_id, {"n": 1}, patch, is_limited)

    @rule(user=users, patch=patches)
    def a_user_acts_with_a_new_id(self, user: str, patch: Any) -> None:
        self._acts(user, f"act-{self.world.stream(user).seq}", {}, patch, is_limited=False)

    @precondition(lambda self: self._actions())
    @rule(pick=picks)
    def an_action_comes_again(self, pick: int) -> None:
        user, event = picked(self._actions(), pick)
        self._acts(user, event.id, event.body, event.patch, is_limited=False)

    @rule(user=users, pick=picks, is_limited=limits)
    def a_user_acknowledges(self, user: str, pick: int, is_limited: bool) -> None:
        bonus_id = self._any_bonus(pick)
        refusal = self._spends(user, is_limited, kind="ack")
        limit = self._limit(is_limited)
        row = self.database.row(
            "ack($1, $2, $3, $4, p_now => $5)", user, bonus_id, *limit, self._now
        )
        if refusal is None:
            self.world.acks(user, bonus_id)
        assert row["outcome"] == (refusal or "acked")
        self._goes_on()

    # What users see.

    @rule(user=users, missed=st.none() | picks, pick=picks, is_limited=limits)
    def a_user_says_hello(self, user: str, missed: int | None, pick: int, is_limited: bool) -> None:
        stream = self.world.stream(user)
        here = sorted(resource for one, resource in self.world.joined_at if one == user)
        resource = picked([*here, None], pick)
        since = None if missed is None else max(0, stream.seq - missed)
        epoch = str(self.database.value("epoch from stream_epoch"))
        refusal = self._spends(user, is_limited)
        row = self.database.row(
            "hello($1, $2, $3, $4, $5, 0, $6, $7, p_now => $8)",
            *(user, NODE, f"{user}-{resource}-{DEVICES[0]}", since, epoch),
            *(*self._limit(is_limited), self._now),
        )
        assert row["outcome"] == (refusal or "welcome")
        if refusal is None:
            missed_events = [e.json() for e in stream.kept if e.seq > (since or 0)]
            is_whole = since is not None and stream.seq - since == len(missed_events)
            assert row["resource"] == resource
            assert (row["seq"], row["state"]) == (stream.seq, stream.state)
            assert (row["events"], row["recovered"]) == (missed_events, is_whole)
            assert row["bonuses"] == self.world.shown_bonuses(user)
            assert row["has_more_bonuses"] is False
            head = max((seq or 0 for _, _, seq, _ in self.world.broadcasts), default=0)
            assert row["broadcasts"] == {"seq": head, "recovered": True, "news": []}
        self._goes_on()

    @rule(user=users, is_limited=limits)
    def a_user_lists_their_bonuses(self, user: str, is_limited: bool) -> None:
        refusal = self._spends(user, is_limited)
        call = "list_offers($1, null, $2, $3, p_now => $4)"
        row = self.database.row(call, user, *self._limit(is_limited), self._now)
        assert row["outcome"] == (refusal or "listed")
        if refusal is None:
            assert (row["bonuses"], row["next"]) == (self.world.listed_bonuses(user), None)
        self._goes_on()

    @rule(user=users, is_limited=limits)
    def a_user_reads_their_ledger(self, user: str, is_limited: bool) -> None:
        if refusal := self._spends(user, is_limited):
            call = "ledger_of($1, null, $2, $3, p_now => $4)"
            row = self.database.row(call, user, *self._limit(is_limited), self._now)
            assert (row["outcome"], row["entries"]) == (refusal, None)
        else:
            limit = self._limit(is_limited)
            listed = [e for page in self._pages(user, *limit) for e in page]
            expected = self.world.shown_ledger(user)
            assert [e["id"] for e in listed] == sorted((e["id"] for e in listed), reverse=True)
            said = [{key: e[key] for key in e if key != "id"} for e in listed]
            assert in_order(said) == in_order(expected)
            assert [e["bonus_id"] for e in said] == [e["bonus_id"] for e in expected]
        self._goes_on()

    # Time.

    @rule(seconds=st.sampled_from([1, 5, 30]))
    def time_passes(self, seconds: int) -> None:
        self.world.now += seconds * SECOND

    @precondition(lambda self: self.world.edges())
    @rule(pick=picks, beside=st.sampled_from([-1, 0, 1]))
    def time_comes_to_an_edge(self, pick: int, beside: int) -> None:
        """Just before, at, or just after something changes by itself."""
        self.world.now = picked(self.world.edges(), pick) + beside

    @rule(age=st.sampled_from([0, 10 * SECOND, 60 * SECOND]))
    def old_events_are_pruned(self, age: int) -> None:
        before = self.world.now - age
        self.database.rows("delete from user_events where at < $1", time(before))
        self.world.prunes(before)

    def teardown(self) -> None:
        """In the end every bonus has its last entry, and every offer of a listed user."""
        self.world.now += 60 * SECOND
        self.bonuses_are_closed(limit=100)
        assert not self.database.rows("select from bonuses where ledger_closed_at is null")

    # The calls.

    def _creates(self, bonus_id: UUID, order: Order) -> None:
        said = self.database.value(
            "create_bonus($1, $2, $3, $4, $5, $6, $7, $8, $9, null, $10, $11, p_now => $12)",
            *(bonus_id, order.reward, order.audience, order.resource, order.users),
            *(length(order.opens_in), length(order.window), order.stock),
            *(length(order.min_watched), order.acknowledge, repr(order), self._now),
        )
        assert said == self.world.creates(bonus_id, order)
        self._goes_on()

    def _claims(self, user: str, claim_id: str, bonus_id: UUID, is_limited: bool) -> None:
        refusal = self._spends(user, is_limited, kind="claim")
        outcome = refusal or self.world.claims(user, claim_id, bonus_id)
        limit = self._limit(is_limited)
        call = "claim($1, $2, $3, $4, $5, p_now => $6)"
        row = self.database.row(call, user, claim_id, bonus_id, *limit, self._now)
        assert row["outcome"] == outcome
        event = self.world.stream(user).find(claim_id) if outcome == "claimed" else None
        assert row["event"] == (event and event.json())
        is_for_others = outcome == "sold_out" and len(self.world.connections(user)) > 1
        bonus = self.world.bonus(bonus_id) if is_for_others else None
        assert row["bonus"] == (bonus and bonus.json("sold_out"))
        refused = self.world.bonus(bonus_id) if outcome in ("too_early", "not_eligible") else None
        assert row["progress"] == (refused and self.world.progress(user, refused))
        is_told = outcome in ("claimed", "sold_out")
        assert (row["others"] is not None) == is_told
        assert sorted(row["others"] or []) == (self.world.connections(user) if is_told else [])
        self._goes_on()

    def _acts(self, user: str, action_id: str, body: Any, patch: Any, is_limited: bool) -> None:
        refusal = self._spends(user, is_limited)
        outcome = refusal or self.world.acts(user, action_id, "like", body, patch)
        row = self.database.row(
            "act($1, $2, 'like', $3, $4, $5, $6, p_now => $7)",
            *(user, action_id, body, patch, *self._limit(is_limited), self._now),
        )
        assert row["outcome"] == outcome
        if refusal is None:
            event = self.world.stream(user).find(action_id)
            assert event
            assert row["event"] == event.json()
            assert sorted(row["others"]) == self.world.connections(user)
        self._goes_on()

    def _pages(
        self, user: str, gap: timedelta | None, burst: int
    ) -> Iterator[list[dict[str, Any]]]:
        """The first page counts against the limit, the others are read without one."""
        before = None
        while True:
            call = "ledger_of($1, $2, $3, $4, p_now => $5)"
            row = self.database.row(call, user, before, gap, burst, self._now)
            assert row["outcome"] == "listed"
            yield row["entries"]
            before, gap = row["next"], length(0)
            if before is None:
                return

    # What there is.

    @property
    def _now(self) -> datetime:
        return time(self.world.now)

    def _spends(self, user: str, is_limited: bool, *, kind: str = "message") -> str | None:
        return self.world.spends(user, kind=kind) if is_limited else None

    def _limit(self, is_limited: bool) -> tuple[timedelta | None, int]:
        return length(GAP if is_limited else 0), BURST

    def _any_bonus(self, pick: int) -> UUID:
        return picked([*(bonus.bonus_id for bonus in self.world.bonuses), UNKNOWN], pick)

    def _for_listed_users(self) -> list[Any]:
        return [bonus for bonus in self.world.bonuses if bonus.order.users]

    def _grants(self) -> list[tuple[str, str, UUID]]:
        return [(u, id_, b.bonus_id) for b in self.world.bonuses for u, id_ in b.grants.items()]

    def _actions(self) -> list[tuple[str, Any]]:
        return [
            (user, event)
            for user, stream in sorted(self.world.streams.items())
            for event in stream.kept
            if event.type == "like"
        ]

    def _goes_on(self) -> None:
        """So much passes between two calls that each has a moment of its own."""
        self.tables.hold()
        self.world.now += 1


@HOW_MANY
def test_bonuses_and_streams_are_what_the_model_says(shared_dsn: str, stories: int) -> None:
    play(Story, Database, shared_dsn, stories)


# https://www.rfc-editor.org/rfc/rfc7396#appendix-A (2026-11-26)
RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
async def test_a_merge_patch_does_what_the_rfc_says(
    db: asyncpg.Connection, target: Any, patch: Any, result: Any
) -> None:
    assert merge_patch(target, patch) == result
    merge = "select merge_patch($1::jsonb, $2::jsonb)"
    merged = await db.fetchval(merge, json.dumps(target), json.dumps(patch))
    assert json.loads(merged) == result


@pytest.mark.parametrize(("entries", "pages"), [(19, [19]), (20, [20, 0]), (41, [20, 20, 1])])
async def test_a_long_ledger_has_each_entry_once(
    db: asyncpg.Connection, entries: int, pages: list[int]
) -> None:
    """Some for everyone and some of the user's own, in turns."""
    await db.execute(
        "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
        " values ('ann', 'site', now(), now(), '{\"n\": {\"tab\": {}}}')"
    )
    for n in range(entries):
        users = ["ann", "bob"] if n % 2 else []
        await db.execute(*create_bonus(UUID(int=n), user_ids=users))
    read: list[list[dict[str, Any]]] = []
    before = None
    while before is not None or not read:
        row = await db.fetchrow("select entries, next from ledger_of('ann', $1)", before)
        before = row["next"]
        read.append(json.loads(row["entries"]))
    assert [len(page) for page in read] == pages
    listed_ids = [UUID(entry["bonus_id"]).int for page in read for entry in page]
    assert listed_ids == list(reversed(range(entries)))


CREATE_NEWS = "select create_news($1, $2, 'everyone', null, '1 minute', 'other', $3)"
MINUTE = timedelta(minutes=1)
GOOD: dict[str, Any] = {
    "reward": '{"coins": 1}',
    "audience": "everyone",
    "resource": None,
    "user_ids": [],
    "opens_in": timedelta(0),
    "window": MINUTE,
    "stock": None,
    "min_watched": None,
    "fingerprint": "print",
}


async def everything(db: asyncpg.Connection) -> list[Any]:
    tables = ("bonuses", "bonus_stock", "offers", "ledger", "broadcasts", "broadcast_stream")
    return [await db.fetch(f"select * from {table} order by 1") for table in tables]  # noqa: S608


@pytest.mark.parametrize(
    "bad",
    [
        {"stock": 0},
        {"stock": -1},
        {"window": timedelta(0)},
        {"opens_in": -MINUTE, "window": timedelta(seconds=59)},
        {"reward": json.dumps("x" * 4_095)},
        {"audience": "resource"},
        {"audience": "no_such_audience"},
        {"resource": "site"},
        {"min_watched": timedelta(0)},
        {"audience": "users", "user_ids": ["ann", "x" * 129]},
        {"audience": "users", "user_ids": ["ann", ""]},
    ],
)
async def test_a_bad_order_writes_nothing(db: asyncpg.Connection, bad: dict[str, Any]) -> None:
    before = await everything(db)
    order = {**GOOD, **bad}
    try:
        said = await db.fetchval(*create_bonus(UNKNOWN, **order, now=time(BEGINS_AT)))
    except asyncpg.CheckViolationError:
        said = "window_over"
    assert said == "window_over"
    assert await everything(db) == before


async def test_a_bonus_and_news_cannot_have_the_same_id(db: asyncpg.Connection) -> None:
    now = time(BEGINS_AT)
    one, two = UUID(int=1), UUID(int=2)
    assert await db.fetchval(*create_bonus(one, **GOOD, now=now)) == "created"
    assert await db.fetchval(CREATE_NEWS, two, '{"type": "goal", "body": {}}', now) == "created"
    before = await everything(db)
    assert await db.fetchval(CREATE_NEWS, one, '{"type": "goal", "body": {}}', now) == "conflict"
    assert await db.fetchval(*create_bonus(two, **GOOD, now=now)) == "conflict"
    assert await everything(db) == before
