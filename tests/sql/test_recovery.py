"""A client that drops out at any moment ends where one that never left is.

Hypothesis plays a user's day into the SQL functions; what would be pushed is lost, comes twice, or
out of order. `MODEL_EXAMPLES=5000 pytest tests/sql/test_recovery.py` plays other days each time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.core.connection import Connection
from handlers.core.message import HelloMessage
from handlers.core.operations import hello
from tests.sql.bonus_world import merge_patch
from tests.sql.stories import PROFILE
from tests.sql.stream_client import Client
from tests.support.bonuses import drop
from tests.support.databases import EMPTY

if TYPE_CHECKING:
    import asyncpg

NODE = "gateway.example/live"
T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
MAX_EVENTS, MAX_EVENT_BYTES, MAX_NEWS = 100, 49_152, 20
MAX_FRAME = 131_072

Json = Any
names = st.sampled_from(["a", "b"])
values = st.none() | st.integers(0, 9) | st.dictionaries(names, st.none() | st.integers(0, 9))
patches = st.none() | st.dictionaries(names, values, max_size=2)
picks = st.integers(0, 9)

# What may happen, and what to. Whatever is pushed waits until it is delivered or lost.
STEPS = st.one_of(
    st.tuples(st.just("acts"), patches),
    st.tuples(st.just("acts"), patches),
    st.tuples(st.just("acts again"), picks),
    st.tuples(st.just("acts at length"), st.integers(1, 6)),
    st.tuples(st.just("acts often"), st.sampled_from([99, 100, 101])),
    st.tuples(st.just("claims"), picks),
    st.tuples(st.just("is offered"), picks),
    st.tuples(st.just("a bonus is cancelled"), picks),
    st.tuples(st.just("there is news"), st.sampled_from([None, "site", "elsewhere"])),
    st.tuples(st.just("there is news"), st.sampled_from([None, "site", "elsewhere"])),
    st.tuples(st.just("there is much news"), st.sampled_from([19, 21])),
    st.tuples(st.just("old events are pruned"), picks),
    st.tuples(st.just("a backup is restored"), st.integers(0, 3)),
    st.tuples(st.just("time passes"), st.sampled_from([1, 100])),
    *[st.tuples(st.just("a push arrives"), picks)] * 4,
    st.tuples(st.just("a push arrives twice"), picks),
    st.tuples(st.just("a push is lost"), picks),
    st.tuples(st.just("all pushes arrive"), picks),
    st.tuples(st.just("drops out"), picks),
    st.tuples(st.just("says hello"), picks),
    st.tuples(st.just("says hello"), picks),
    st.tuples(st.just("is answered"), picks),
    st.tuples(st.just("is answered"), picks),
)


@dataclass
class Truth:
    """Of the user's stream since the epoch began, and of all news."""

    events: list[Json] = field(default_factory=list)
    states: list[Json] = field(default_factory=lambda: [{}])
    """After each event; the first is before any."""
    news: list[tuple[str | None, Json]] = field(default_factory=list)
    """(resource, news)"""
    pruned: int = 0
    """Events up to this seq have been pruned."""


class Day:
    """The user's day, and one tab of theirs on `site`."""

    def __init__(self, db: asyncpg.Connection) -> None:
        self.db, self.now = db, T0
        self.truth, self.client = Truth(), Client()
        self.pushes: list[tuple[str, tuple[Any, ...]]] = []
        self.answer: Json | None = None
        self.bonuses: list[UUID] = []
        self.is_here = True
        self.is_news_lost = False
        self.ids = 0

    async def begin(self) -> None:
        await self.db.execute(EMPTY)
        await self.db.execute(
            "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
            " values ('ann', 'site', $1, $1, $2)",
            *(T0, json.dumps({NODE: {"tab": {}}})),
        )
        await self.says_hello(0)
        await self.is_answered(0)

    async def play(self, what: str, to: Any) -> None:
        await getattr(self, what.replace(" ", "_"))(to)
        self.now += timedelta(milliseconds=1)
        self.is_true_so_far()

    def is_true_so_far(self) -> None:
        """Whatever it has missed: what it shows was so, at its seq."""
        if self.client.epoch == self.epoch:
            assert self.client.state == self.truth.states[self.client.seq]
            for seq, event in self.client.events.items():
                assert event == self.truth.events[seq - 1]

    async def end(self) -> None:
        """It says hello until it need not; what was on its way may still come, late."""
        self.answer = None
        for _ in range(3):
            await self.says_hello(0)
            await self.is_answered(0)
            self.is_true_so_far()
        await self.all_pushes_arrive(0)
        assert not self.client.must_ask or self.client.waiting
        self.is_where_one_that_stayed_is()

    def is_where_one_that_stayed_is(self) -> None:
        assert (self.client.epoch, self.client.seq) == (self.epoch, len(self.truth.events))
        self.is_true_so_far()
        held = sorted(self.client.events)
        assert held == list(range(held[0], self.client.seq + 1)) if held else True
        mine = [news for resource, news in self.truth.news if resource in (None, "site")]
        assert all(news in mine for news in self.client.news)
        assert len({news["seq"] for news in self.client.news}) == len(self.client.news)
        if not self.is_news_lost:
            now = int(self.now.timestamp() * 1_000)
            current = [news for news in mine if news["expires_at"] > now]
            assert all(news in self.client.news for news in current)

    # What happens to the user.

    async def acts(self, patch: Json, body: Json = None) -> None:
        self.ids += 1
        await self._act(f"act-{self.ids}", patch, body or {})

    async def acts_again(self, pick: int) -> None:
        """A retry: the other tabs are told again."""
        old = [e for e in self.truth.events[self.truth.pruned :] if e["type"] == "like"]
        if old:
            event = old[-1 - pick % len(old)]
            await self._act(event["id"], event.get("patch"), event["body"])

    async def acts_at_length(self, times: int) -> None:
        for _ in range(times):
            await self.acts(None, {"x": "é" * 5_000})

    async def acts_often(self, times: int) -> None:
        for n in range(times):
            await self.acts({"a": n % 7})

    async def _act(self, action_id: str, patch: Json, body: Json) -> None:
        row = await self.db.fetchrow(
            "select * from act('ann', $1, 'like', $2, $3, p_now => $4)",
            *(action_id, json.dumps(body)),
            *(None if patch is None else json.dumps(patch), self.now),
        )
        self._is_told(json.loads(row["event"]))

    async def claims(self, _pick: int) -> None:
        bonus_id = await self._drop("everyone")
        call = "select event from claim('ann', $1, $2, p_now => $3)"
        event = await self.db.fetchval(call, f"claim-{bonus_id}", bonus_id, self.now)
        self._is_told(json.loads(event))

    async def is_offered(self, _pick: int) -> None:
        bonus_id = await self._drop("users")
        tell = "select tell_offers(b, '{ann}', $2) from bonuses b where bonus_id = $1"
        await self.db.execute(tell, bonus_id, self.now)
        last = "select event_json(e) from user_events e where user_id = 'ann' order by seq desc"
        self._is_told(json.loads(await self.db.fetchval(last)))

    def _is_told(self, event: Json) -> None:
        if event["seq"] > len(self.truth.events):
            self.truth.events.append(event)
            state = self.truth.states[-1]
            patch = event.get("patch")
            self.truth.states.append(state if patch is None else merge_patch(state, patch))
        assert self.truth.events[event["seq"] - 1] == event
        self._pushes("event", self.epoch, event)

    # Broadcasts.

    async def _drop(self, audience: str) -> UUID:
        users = ["ann"] if audience == "users" else []
        bonus_id = await drop(
            self.db, audience=audience, user_ids=users, window=timedelta(hours=1), now=self.now
        )
        if audience != "users":
            self.bonuses.append(bonus_id)
            await self._is_broadcast(bonus_id)
        return bonus_id

    async def a_bonus_is_cancelled(self, _pick: int) -> None:
        if self.bonuses:
            cancel_id = uuid4()
            cancel = "select cancel_bonus($1, $2, $3)"
            await self.db.execute(cancel, self.bonuses.pop(), cancel_id, self.now)
            await self._is_broadcast(cancel_id)

    async def there_is_news(self, resource: str | None) -> None:
        broadcast_id = uuid4()
        await self.db.execute(
            "select create_news($1, $2, $3, $4, '1 minute', 'print', $5)",
            *(broadcast_id, json.dumps({"type": "goal", "body": {"n": self.ids}})),
            *("resource" if resource else "everyone", resource, self.now),
        )
        find = "select news_json(news, seq, at, expires_at) from broadcasts where broadcast_id = $1"
        news = json.loads(await self.db.fetchval(find, broadcast_id))
        self.truth.news.append((resource, news))
        await self._is_broadcast(broadcast_id, news)

    async def there_is_much_news(self, many: int) -> None:
        for _ in range(many):
            await self.there_is_news(None)

    async def _is_broadcast(self, broadcast_id: UUID, news: Json = None) -> None:
        find = "select resource, seq, follows from broadcasts where broadcast_id = $1"
        row = await self.db.fetchrow(find, broadcast_id)
        if row["resource"] in (None, "site"):
            self._pushes("broadcast", row["seq"], row["follows"], news)

    # What happens to the database.

    async def old_events_are_pruned(self, kept: int) -> None:
        self.truth.pruned = max(self.truth.pruned, len(self.truth.events) - kept)
        await self.db.execute("delete from user_events where seq <= $1", self.truth.pruned)

    async def a_backup_is_restored(self, lost: int) -> None:
        """The last events never were; others will have their numbers, in another epoch."""
        kept = max(1, len(self.truth.events) - lost)
        await self.db.execute("update stream_epoch set epoch = gen_random_uuid()")
        await self.db.execute("delete from user_events where seq > $1", kept)
        del self.truth.events[kept:], self.truth.states[kept + 1 :]
        await self.db.execute(
            "update user_streams set seq = $1, state = $2",
            *(kept, json.dumps(self.truth.states[-1])),
        )
        self.epoch = str(await self.db.fetchval("select epoch from stream_epoch"))

    async def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # Pushes.

    def _pushes(self, kind: str, *what: Any) -> None:
        if self.is_here:
            self.pushes.append((kind, what))

    async def a_push_arrives(self, pick: int) -> None:
        if self.pushes and self.is_here:
            self._hears(self.pushes.pop(pick % len(self.pushes)))

    async def a_push_arrives_twice(self, pick: int) -> None:
        if self.pushes and self.is_here:
            self._hears(self.pushes[pick % len(self.pushes)])

    async def a_push_is_lost(self, pick: int) -> None:
        if self.pushes:
            self.pushes.pop(pick % len(self.pushes))

    async def all_pushes_arrive(self, _pick: int) -> None:
        while self.pushes:
            await self.a_push_arrives(0)

    def _hears(self, push: tuple[str, tuple[Any, ...]]) -> None:
        kind, what = push
        if kind == "event":
            self.client.hears_event(*what)
        else:
            self.client.hears_broadcast(*what)

    # Hello.

    async def drops_out(self, _pick: int) -> None:
        """What is on its way is lost, and so is what follows, until it says hello."""
        self.pushes.clear()
        self.answer, self.is_here = None, False

    async def says_hello(self, _pick: int) -> None:
        """Answered later: pushes may overtake it. An answer to an earlier hello does not count."""
        self.is_here = True
        client = self.client
        row = await self.db.fetchrow(
            "select * from hello('ann', $1, 'tab', $2, $3, $4, p_now => $5)",
            *(NODE, client.seq if client.epoch else None, client.epoch),
            *(client.broadcasts_seq if client.epoch else None, self.now),
        )
        columns = ("state", "events", "broadcasts")
        self.answer = {**row, "epoch": str(row["epoch"])} | {c: json.loads(row[c]) for c in columns}
        self.epoch = self.answer["epoch"]
        await self._recovers_what_it_can(client)
        self.is_news_lost |= not self.answer["broadcasts"]["recovered"]

    async def _recovers_what_it_can(self, client: Client) -> None:
        """A snapshot is only for those who have missed too much."""
        assert self.answer
        count, size = await self.db.fetchrow(
            "select count(*), coalesce(sum(octet_length(event_json(e)::text)), 0)"
            " from user_events e where seq > $1",
            client.seq,
        )
        is_whole = (
            client.epoch == self.epoch
            and count == len(self.truth.events) - client.seq <= MAX_EVENTS
            and size <= MAX_EVENT_BYTES
        )
        assert self.answer["recovered"] is is_whole
        assert self.answer["state"] == self.truth.states[-1]

    async def is_answered(self, _pick: int) -> None:
        if self.answer:
            self.client.welcomed(self.answer)
            self.answer = None


@PROFILE
@given(st.lists(STEPS, max_size=40))
async def test_a_client_that_drops_out_ends_where_one_that_stayed_is(
    db: asyncpg.Connection, story: list[tuple[str, Any]]
) -> None:
    day = Day(db)
    await day.begin()
    for what, to in story:
        await day.play(what, to)
    await day.end()


@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_events_of_48_kb_are_recovered_and_not_a_byte_more(
    db: asyncpg.Connection, more: int
) -> None:
    day = Day(db)
    await day.begin()
    await day.acts(None, {"x": ""})
    await day.all_pushes_arrive(0)
    around = await db.fetchval("select octet_length(event_json(e)::text) from user_events e")
    for bytes_more in (0, 0, more):
        await day.acts(None, {"x": "x" * (MAX_EVENT_BYTES // 3 - around + bytes_more)})
    await day.says_hello(0)
    assert day.answer
    assert day.answer["recovered"] is (more <= 0)


@pytest.mark.parametrize(("many", "is_all"), [(20, True), (21, False)])
async def test_the_latest_news_come_with_a_welcome_which_says_if_that_is_all(
    db: asyncpg.Connection, many: int, is_all: bool
) -> None:
    day = Day(db)
    await day.begin()
    await day.drops_out(0)
    for _ in range(many):
        await day.there_is_news(None)
    await day.says_hello(0)
    assert day.answer
    broadcasts = day.answer["broadcasts"]
    assert [news["seq"] for news in broadcasts["news"]] == list(range(many - 19, many + 1))
    assert (broadcasts["seq"], broadcasts["recovered"]) == (many, is_all)


def _filled(key: str, size: int) -> str:
    """JSON of so many bytes, as PostgreSQL writes it."""
    return json.dumps({key: "x" * (size - len(json.dumps({key: ""})))})


async def test_the_largest_welcome_fits_into_a_message(db: asyncpg.Connection) -> None:
    """Everything at its bound at once, in names that are six times as long as JSON."""
    who = Connection("\1" * 128, "\2" * 128, "ticket", T0, "n" * 100, "c" * 128)
    await db.execute(
        "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
        " values ($1, $2, $3, $3, $4)",
        *(who.user_id, who.resource, T0, json.dumps({who.node: {who.connection_id: {}}})),
    )
    action = "select outcome from act($1, $2, 'like', $3, $4, p_now => $5)"
    for half in ("a", "b"):
        args = (half, "{}", _filled(half, 8_192), T0)
        assert await db.fetchval(action, who.user_id, *args) == "acted"
    state = "select octet_length(state::text) from user_streams"
    assert await db.fetchval(state) == 16_384
    assert await db.fetchval(action, who.user_id, "c", "{}", '{"c": 1}', T0) == "state_too_large"
    for n in range(MAX_EVENTS):
        body = _filled("x", MAX_EVENT_BYTES // MAX_EVENTS - 129)
        await db.execute(action, who.user_id, f"act-{n:060}"[-60:], body, None, T0)
    hour = timedelta(hours=1)
    for _ in range(11):
        await drop(db, reward=_filled("x", 4_096), window=hour, stock=1, now=T0)
    await db.execute("delete from bonus_stock")
    news = "select create_news($1, $2, 'everyone', null, '1 hour', 'print', $3)"
    for _ in range(MAX_NEWS + 1):
        await db.execute(news, uuid4(), _filled("x", 16_384 // MAX_NEWS - 100), T0)
    query = "select * from hello($1, $2, $3, 0, $4, 0, p_now => $5)"
    epoch = await db.fetchval("select epoch::text from stream_epoch")
    row = await db.fetchrow(query, who.user_id, who.node, who.connection_id, epoch, T0)
    reply = hello.outcome(who, HelloMessage("h" * 64), hello.HelloRow(**row)).reply
    said = json.loads(reply)
    counts = [len(said["events"]), len(said["bonuses"]), len(said["broadcasts"]["news"])]
    assert counts == [MAX_EVENTS, 10, MAX_NEWS]
    assert 120_000 < len(reply) <= MAX_FRAME
