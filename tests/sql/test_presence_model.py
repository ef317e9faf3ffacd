"""Whatever happens, in whatever order: presence tells the truth within the error that it states.

Hypothesis plays a world (`presence_world`) into the SQL functions and compares the tables with it
after each call. `MODEL_EXAMPLES=5000 pytest tests/sql/test_presence_model.py` plays other stories
each time; without it they are always the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from handlers.adapters.statements import text
from tests.sql.presence_world import (
    GRACE,
    LONGEST,
    MINUTE,
    MOST,
    NODES,
    RESOURCES,
    SECOND,
    SPEAKS_FOR_ITS_NODE,
    TOLD,
    USERS,
    WAIT,
    Event,
    Node,
    Session,
    Tab,
    World,
    merged,
)
from tests.sql.stories import HOW_MANY, play
from tests.sql.tabs import WRONG_TOTALS
from tests.support.databases import EMPTY

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Sequence

    import asyncpg


BEGINS_AT = int(datetime(2026, 1, 31, 23, tzinfo=UTC).timestamp()) * SECOND

T = TypeVar("T")
users = st.sampled_from(USERS)
resources = st.sampled_from(RESOURCES)
nodes = st.sampled_from(NODES)
# Which one of those that there are.
picks = st.integers(0, 7)
endings: st.SearchStrategy[Literal["client", "lost"]] = st.sampled_from(["client", "lost"])


def picked(those: Sequence[T], pick: int) -> T:
    return those[pick % len(those)]


def time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


class Presence:
    """The SQL functions, called at a moment of the world's."""

    def __init__(self, runner: asyncio.Runner, db: asyncpg.Connection) -> None:
        self._runner, self._db = runner, db

    def empty(self) -> None:
        self._runner.run(self._db.execute(EMPTY))
        wait = timedelta(milliseconds=WAIT)
        self._runner.run(self._db.execute("update line_limits set wait_for_lost = $1", wait))

    def rows(self, query: str, *args: object) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = self._runner.run(self._db.fetch(query, *args))
        return rows

    def call(self, call: str, *args: object) -> Any:
        return self._runner.run(self._db.fetchval(f"select {call}", *args))


@dataclass(eq=False)
class Page:
    """What one run of the sweep has in hand; others may run meanwhile."""

    cycle_started_at: datetime
    number: int
    has_more: bool
    listed: list[tuple[Tab, bool, bool]]
    """(tab, is_expired, is_suspect)"""
    answers: dict[Tab, bool | None] | None = None


SESSIONS = """
select s.id, s.user_id, s.resource, ms(s.joined_at) as joined_at, ms(s.ended_at) as ended_at,
       s.ended_by::text, milliseconds(s.ended_within) as ended_within, w.nodes,
       w.id is null as is_past,
       (select coalesce(jsonb_agg(jsonb_build_array(ms(lower(piece)), ms(upper(piece)))), '[]')
          from unnest(coalesce(s.visible, '{(,)}') * tstzmultirange(
              tstzrange(s.joined_at, coalesce(s.ended_at, $1)))) as piece) as visible,
       milliseconds(visible_length(s.visible, s.joined_at, coalesce(s.ended_at, $1))) as visible_ms
  from sessions s left join watching_times w on w.id = s.id
 order by s.user_id, s.resource, s.joined_at, s.ended_at
"""
FACTS = """
select seq, type::text, session_id, user_id, resource, ms(at) as at
  from presence_events order by seq
"""
WATCHED = "select one, milliseconds(watched(one, null, $2)) from unnest($1::text[]) as one"


class Claims:
    """What must hold between the tables and the world, at every moment."""

    def __init__(self, presence: Presence, world: World) -> None:
        self.presence, self.world = presence, world
        self.by_id: dict[int, Session] = {}

    def hold(self) -> None:
        rows = self.presence.rows(SESSIONS, time(self.world.now))
        self._each_session_is_as_the_world_has_it(rows)
        self._no_two_of_one_user_and_resource_overlap(rows)
        self._open_tabs_are_online()
        self._facts_take_turns(self.presence.rows(FACTS))
        self._time_belongs_to_a_person(rows)
        assert not self.presence.rows(WRONG_TOTALS)

    def _each_session_is_as_the_world_has_it(self, rows: list[asyncpg.Record]) -> None:
        sessions = sorted(self.world.sessions, key=lambda s: (s.user, s.resource, s.joined_at))
        all_parts = [list(parts) for _, parts in groupby(rows, key=lambda row: row["id"])]
        assert [(p[0]["user_id"], p[0]["resource"], p[0]["joined_at"]) for p in all_parts] == [
            (s.user, s.resource, s.joined_at) for s in sessions
        ]
        for parts, session in zip(all_parts, sessions, strict=True):
            row = parts[-1]
            self.by_id[row["id"]] = session
            self._all_that_was_watched_is_within_the_error(parts, session)
            self._it_was_as_visible_as_told(parts, session)
            if not any(tab.ended_at for tab in session.tabs):
                self._no_outage_was_watched(parts, session)
            if session.tabs:
                assert row["ended_at"] is None
                assert _names(row) == {(tab.node, tab.name) for tab in session.tabs}
            else:
                self._an_end_is_true(row, session)
            session.is_past = row["is_past"]

    def _all_that_was_watched_is_within_the_error(
        self, parts: list[asyncpg.Record], session: Session
    ) -> None:
        now = self.world.now
        told = merged(
            (p["joined_at"], now if p["ended_at"] is None else p["ended_at"] + p["ended_within"])
            for p in parts
        )
        for begins, ends in session.true_times(now):
            assert any(one <= begins and ends <= other for one, other in told)

    def _it_was_as_visible_as_told(self, parts: list[asyncpg.Record], session: Session) -> None:
        """And never while it was not connected, which is how `SESSIONS` reads it."""
        now = self.world.now
        pieces = [tuple(piece) for part in parts for piece in json.loads(part["visible"])]
        assert sum(part["visible_ms"] for part in parts) == sum(b - a for a, b in pieces)
        claimed = merged(pieces)
        for inner, outer in (
            (claimed, session.may_be_visible(now)),
            (session.must_be_visible(now), claimed),
        ):
            for begins, ends in inner:
                assert any(one <= begins and ends <= other for one, other in outer)

    def _no_outage_was_watched(self, parts: list[asyncpg.Record], session: Session) -> None:
        """Each part is full of truth, but for gaps within the grace."""
        true_times = session.true_times(self.world.now)
        for part in parts:
            begins, ends = part["joined_at"], part["ended_at"] or self.world.now
            inside = [
                (max(b, begins), min(e, ends)) for b, e in true_times if b <= ends and e >= begins
            ]
            edges = [begins, *(edge for times in inside for edge in times), ends]
            gaps = [later - earlier for earlier, later in zip(edges[::2], edges[1::2], strict=True)]
            assert max(gaps) <= GRACE

    def _an_end_is_true(self, row: asyncpg.Record, session: Session) -> None:
        ended_at, within = row["ended_at"], row["ended_within"]
        assert row["ended_by"] in session.ended_by
        if session.ended_at is None:
            assert session.joined_at <= ended_at <= max(session.until, session.heard_at)
            assert session.until <= ended_at + within, "the true end is within the error"
            assert ended_at + within <= self.world.now
            if not TOLD.isdisjoint(session.ended_by):
                assert (ended_at, within) == (session.heard_at, 0)
            session.says_its_end(ended_at)
        assert ended_at == session.ended_at, "an end is final"
        if row["is_past"]:
            assert session.due_at is not None
            assert session.due_at <= self.world.now, "within the grace it may be continued"

    def _no_two_of_one_user_and_resource_overlap(self, rows: list[asyncpg.Record]) -> None:
        for one, other in pairwise(rows):
            if (one["user_id"], one["resource"]) == (other["user_id"], other["resource"]):
                assert one["ended_at"] is not None
                assert one["ended_at"] <= other["joined_at"]

    def _time_belongs_to_a_person(self, rows: list[asyncpg.Record]) -> None:
        """Watched is the time in which any session goes on, and never more than passed."""
        now = self.world.now
        for user, said in self.presence.rows(WATCHED, list(USERS), time(now)):
            sessions = merged(
                (row["joined_at"], max(row["joined_at"], row["ended_at"] or now))
                for row in rows
                if row["user_id"] == user
            )
            assert said == sum(ends - begins for begins, ends in sessions)
            assert said <= now - BEGINS_AT

    def _open_tabs_are_online(self) -> None:
        for tab in self.world.tabs:
            if tab.is_open:
                assert tab.session or tab.is_wrongly_ended

    def _facts_take_turns(self, facts: list[asyncpg.Record]) -> None:
        """Per user and resource: online, offline, …; one each for every session, in order."""
        assert [fact["seq"] for fact in facts] == list(range(1, len(facts) + 1))
        for session in self.world.sessions:
            session.facts = []
        seen: dict[tuple[str, str], list[tuple[str, Session]]] = {}
        for fact in facts:
            session = self.by_id[fact["session_id"]]
            assert (fact["user_id"], fact["resource"]) == (session.user, session.resource)
            seen.setdefault((session.user, session.resource), []).append((fact["type"], session))
            if fact["type"] == "online":
                assert fact["at"] == session.joined_at
            else:
                assert not session.tabs, "offline was told of a session that goes on"
                assert fact["at"] == session.ended_at
                assert session.due_at is not None
                assert session.due_at <= self.world.now
            session.facts.append(fact["type"])
        for key, told in seen.items():
            own = [s for s in self.world.sessions if (s.user, s.resource) == key]
            turns = [(fact, s) for s in own for fact in ("online", "offline")]
            assert told == turns[: len(told)]

    def hold_when_settled(self) -> None:
        """Nothing that is due is left over."""
        for session in self.world.sessions:
            is_due = session.due_at is not None and session.due_at <= self.world.now
            assert session.facts == (["online", "offline"] if is_due else ["online"])
            assert session.is_past == is_due


def _names(row: asyncpg.Record) -> set[tuple[str, str]]:
    return {(node, name) for node, tabs in json.loads(row["nodes"]).items() for name in tabs}


class Story(RuleBasedStateMachine):
    """Anything that can happen, one call after the other; time passes between them."""

    def __init__(self, presence: Presence) -> None:
        super().__init__()
        presence.empty()
        self.presence, self.world = presence, World(BEGINS_AT)
        self.claims = Claims(presence, self.world)
        self.pages: list[Page] = []

    # Tabs open, close, reload, move.

    @rule(user=users, resource=resources, node=nodes)
    def a_tab_opens(self, user: str, resource: str, node: str) -> None:
        if self.world.nodes[node] is not Node.DEAD:
            self._arrives(self._asks_to_connect(user, resource, node))

    @rule(user=users, resource=resources, node=nodes)
    def a_tab_asks_to_connect(self, user: str, resource: str, node: str) -> None:
        if self.world.nodes[node] is not Node.DEAD:
            self._asks_to_connect(user, resource, node)

    @precondition(lambda self: self._living())
    @rule(pick=picks, says=endings)
    def a_tab_closes(self, pick: int, says: Literal["client", "lost"]) -> None:
        self._arrives(self._ends(picked(self._living(), pick), says))

    @precondition(lambda self: self._living())
    @rule(pick=picks, says=endings)
    def a_tab_ends_without_a_report_yet(self, pick: int, says: Literal["client", "lost"]) -> None:
        self._ends(picked(self._living(), pick), says)

    @precondition(lambda self: self._living())
    @rule(pick=picks, is_crossed=st.booleans())
    def a_tab_reloads(self, pick: int, is_crossed: bool) -> None:
        old = picked(self._living(), pick)
        if self.world.nodes[old.node] is Node.DEAD:
            return
        events = [self._ends(old), self._asks_to_connect(old.user, old.resource, old.node)]
        for event in reversed(events) if is_crossed else events:
            self._arrives(event)

    @precondition(lambda self: self.world.on_its_way)
    @rule(pick=picks, comes_again=st.booleans())
    def an_event_arrives(self, pick: int, comes_again: bool) -> None:
        self._arrives(picked(self.world.on_its_way, pick), comes_again=comes_again)

    @precondition(lambda self: self._opened())
    @rule(pick=picks, resource=resources)
    def a_tab_moves(self, pick: int, resource: str) -> None:
        """Also one that has ended: its last message was on its way."""
        tab = picked(self._opened(), pick)
        expected = self.world.moves(tab, resource)
        row = "(watch($1, $2, $3, $4, $5, p_now => $6)).outcome"
        who = (tab.user, tab.node, tab.name)
        self._same(expected, row, *who, resource, timedelta(milliseconds=GRACE), self._now)

    @precondition(lambda self: self._opened())
    @rule(pick=picks, visible=st.booleans(), is_quick=st.booleans())
    def a_tab_says_whether_it_is_visible(self, pick: int, visible: bool, is_quick: bool) -> None:
        event = self.world.tells(picked(self._opened(), pick), visible=visible)
        if is_quick:
            self._arrives(event)

    # Nodes die, are out of reach, and come back.

    @rule(node=nodes, state=st.sampled_from([Node.UP, Node.UP, Node.CUT, Node.DEAD]))
    def a_node_changes(self, node: str, state: Node) -> None:
        if state is Node.DEAD:
            self.world.dies(node)
        self.world.nodes[node] = state

    # Somebody finds out.

    @rule(limit=st.sampled_from([1, 2, 100]))
    def a_sweep_lists_a_page(self, limit: int) -> None:
        self.pages.append(self._lists(limit))

    @precondition(lambda self: self._pages(is_asked=False))
    @rule(pick=picks)
    def a_sweep_asks(self, pick: int) -> None:
        self._asks(picked(self._pages(is_asked=False), pick))

    @precondition(lambda self: self._pages(is_asked=True))
    @rule(pick=picks, again=st.booleans())
    def a_sweep_reports(self, pick: int, again: bool) -> None:
        page = picked(self._pages(is_asked=True), pick)
        if not again:
            self.pages.remove(page)
        self._reports(page)

    @precondition(lambda self: self.pages)
    @rule(pick=picks)
    def a_sweep_dies(self, pick: int) -> None:
        self.pages.remove(picked(self.pages, pick))

    @rule(limit=st.sampled_from([2, 100]))
    def a_whole_sweep_runs(self, limit: int) -> None:
        self._sweeps(limit)

    @precondition(lambda self: self._counted())
    @rule(pick=picks)
    def a_push_meets_410(self, pick: int) -> None:
        """Its connection is gone, or so young that its handshake is not answered yet."""
        tab = picked(self._counted(), pick)
        is_young = tab.age(self.world.now) < MINUTE
        if self.world.nodes[tab.node] is Node.UP and (not tab.is_open or is_young):
            self._forgets([(tab, "swept")])

    @rule(user=users)
    def a_user_is_kicked(self, user: str) -> None:
        self._ends_connections(user, None)

    @precondition(lambda self: self._counted())
    @rule(pick=picks)
    def a_session_is_ended(self, pick: int) -> None:
        session = picked(self._counted(), pick).session
        assert session
        self._ends_connections(session.user, session)

    # Time.

    @rule(limit=st.sampled_from([1, 3, 1_000]))
    def what_is_due_is_settled(self, limit: int) -> None:
        self._settles(limit)

    @rule(seconds=st.sampled_from([1, 10, 29, 61, 300, 3_600]))
    def time_passes(self, seconds: int) -> None:
        self.world.passes(seconds * SECOND)

    @precondition(lambda self: self.world.edges())
    @rule(pick=picks, beside=st.sampled_from([-1, 0, 1]))
    def time_comes_to_an_edge(self, pick: int, beside: int) -> None:
        """Just before, at, or just after something changes by itself."""
        self.world.passes(picked(self.world.edges(), pick) + beside - self.world.now)

    @rule()
    def old_tickets_are_pruned(self) -> None:
        before = self.world.now - 2 * MINUTE
        self.presence.rows("delete from used_tickets where expires_at < $1", time(before))
        for tab in self.world.tabs:
            if tab.expires_at < before:
                tab.ticket = "new"

    def teardown(self) -> None:
        """Whatever has happened: once the world stands still, presence comes to the truth."""
        self.world.on_its_way.clear()
        self._gone_tabs_are_found()
        self._an_end_is_known_to_a_cycle_of_the_sweep()
        self._all_users_leave()

    def _gone_tabs_are_found(self) -> None:
        self.world.passes(SPEAKS_FOR_ITS_NODE)
        for _ in range(3):
            self.world.passes(61 * SECOND)
            self._sweeps(limit=2)
            self.world.on_its_way.clear()
        for tab in self._counted():
            assert tab.is_open, "no tab that is gone is online"
        self._settles(1_000)

    def _an_end_is_known_to_a_cycle_of_the_sweep(self) -> None:
        """Two cycles find everyone; then all end at once, and no end is told as older."""
        self.world.nodes = dict.fromkeys(NODES, Node.UP)
        cycles = []
        for _ in range(2):
            self.world.passes(61 * SECOND)
            cycles.append(self.world.now)
            self._sweeps(limit=3)
        ended = {tab.session for tab in self._counted() if tab.is_open}
        for tab in self._living():
            self.world.ends(tab)
        self.world.passes(61 * SECOND)
        self._sweeps(limit=3)
        for session in ended:
            assert session
            assert session.ended_at
            assert session.ended_at >= cycles[-1]

    def _all_users_leave(self) -> None:
        self.world.passes(LONGEST)
        self._sweeps(limit=100)
        self.world.passes(WAIT)
        self._settles(1_000)
        assert not self._counted()
        assert all(session.is_past for session in self.world.sessions)
        assert not self.presence.rows("select * from watching_times")
        assert not self.presence.rows("select * from presence_outbox")

    # How each of these is told to the functions.

    @property
    def _now(self) -> datetime:
        return time(self.world.now)

    def _living(self) -> list[Tab]:
        return [tab for tab in self.world.tabs if tab.ended_at is None]

    def _opened(self) -> list[Tab]:
        return [tab for tab in self.world.tabs if tab.opened_at is not None]

    def _counted(self) -> list[Tab]:
        return [tab for tab in self.world.tabs if tab.session]

    def _pages(self, is_asked: bool) -> list[Page]:
        return [page for page in self.pages if (page.answers is not None) == is_asked]

    def _asks_to_connect(self, user: str, resource: str, node: str) -> Event:
        tab = self.world.makes_a_tab(user, resource, node)
        return next(event for event in self.world.on_its_way if event.tab is tab)

    def _ends(self, tab: Tab, says: Literal["client", "lost"] = "client") -> Event:
        self.world.ends(tab, says)
        return self.world.on_its_way[-1]

    def _same(self, expected: object, call: str, *args: object) -> None:
        """The function answers what the world expects, and all claims hold; then time goes on."""
        assert self.presence.call(call, *args) == expected
        self._goes_on()

    def _goes_on(self) -> None:
        self.claims.hold()
        self.world.passes(1)

    def _arrives(self, event: Event, *, comes_again: bool = False) -> None:
        if not comes_again:
            self.world.on_its_way.remove(event)
        tab = event.tab
        grace = timedelta(milliseconds=GRACE)
        ticket = (f"ticket-{tab.name}", time(tab.expires_at))
        if event.kind == "visibility":
            self._same(
                self.world.hears_visibility(event),
                "(visibility($1, $2, $3, $4, $5, p_now => $6)).outcome",
                *(tab.user, tab.node, tab.name, event.visible, event.change, self._now),
            )
        elif event.kind == "connect":
            self._same(
                self.world.hears_connect(tab),
                "connect($1, $2, $3, $4, $5, $6, $7, $8, null, $9)",
                *(tab.user, tab.resource, tab.node, tab.name, *ticket, grace, MOST, self._now),
            )
        else:
            self._same(
                self.world.hears_disconnect(tab),
                "disconnect($1, $2, $3, $4, $5, $6, $7, $8)",
                *(tab.user, tab.node, tab.name, tab.says, *ticket, grace, self._now),
            )

    def _forgets(self, found: Iterable[tuple[Tab, str]]) -> None:
        found = list(found)
        self.world.forgets(found)
        tabs = [tab for tab, _ in found]
        self.presence.call(
            "forget($1, $2, $3, $4, $5, $6)",
            [tab.user for tab in tabs],
            [tab.node for tab in tabs],
            [tab.name for tab in tabs],
            [how for _, how in found],
            timedelta(milliseconds=GRACE),
            self._now,
        )
        self._goes_on()

    def _sweeps(self, limit: int) -> None:
        while True:
            page = self._lists(limit)
            self._asks(page)
            self._reports(page)
            if not page.has_more:
                break

    def _lists(self, limit: int) -> Page:
        (row,) = self.presence.rows("select * from sweep($1, $2)", limit, self._now)
        tabs = {tab.name: tab for tab in self.world.tabs}
        listed = [
            (tabs[name], is_expired, is_suspect)
            for _, _, name, is_expired, is_suspect in json.loads(row["connections"])
        ]
        self._goes_on()
        return Page(row["cycle_started_at"], row["page"], row["has_more"], listed)

    def _asks(self, page: Page) -> None:
        page.answers = {
            tab: self.world.is_there(tab) for tab, expired, _ in page.listed if not expired
        }

    def _reports(self, page: Page) -> None:
        assert page.answers is not None
        expired = [(tab, "expired") for tab, is_expired, _ in page.listed if is_expired]
        gone = [(tab, "swept") for tab, is_there in page.answers.items() if is_there is False]
        self._forgets([*expired, *gone])
        self._doubts(page, page.answers)
        self._notes_nodes(page.answers)
        self.presence.call(
            "finish_sweep_page($1, $2, $3)", page.cycle_started_at, page.number, self._now
        )

    def _doubts(self, page: Page, answers: dict[Tab, bool | None]) -> None:
        changed = [
            (tab, answers[tab] is None)
            for tab, is_expired, is_suspect in page.listed
            if not is_expired and (answers[tab] is None) != is_suspect
        ]
        self.presence.call(
            "suspect($1, $2, $3, $4)",
            [tab.user for tab, _ in changed],
            [tab.node for tab, _ in changed],
            [tab.name for tab, _ in changed],
            [is_suspect for _, is_suspect in changed],
        )
        self._goes_on()

    def _notes_nodes(self, answers: dict[Tab, bool | None]) -> None:
        reached = {tab.node for tab, is_there in answers.items() if is_there is not None}
        unreachable = {tab.node for tab, is_there in answers.items() if is_there is None}
        expected = self.world.loses(reached, unreachable - reached)
        rows = self.presence.rows(
            "select record_nodes($1, $2, $3, $4) as node",
            *(list(reached), list(unreachable - reached)),
            *(timedelta(milliseconds=GRACE), self._now),
        )
        assert {row["node"] for row in rows} == expected
        self._goes_on()
        for node in sorted(expected):
            lost = self.presence.rows(text("list_node_connections"), node, "", "", 1_000)
            tabs = {tab.name: tab for tab in self.world.tabs}
            self._forgets((tabs[row["connection_id"]], "node_evicted") for row in lost)

    def _ends_connections(self, user: str, session: Session | None) -> None:
        """Those that we reach are closed, or found gone already; the others stay."""
        counted = [t for t in self._counted() if t.user == user and session in (None, t.session)]
        reached = [tab for tab in counted if self.world.nodes[tab.node] is Node.UP]
        self._forgets((tab, "swept") for tab in reached if not tab.is_open)
        closed = [tab for tab in reached if tab.is_open]
        for tab in closed:
            self.world.ends(tab)
        ids = {session: row_id for row_id, session in self.claims.by_id.items()}
        self.world.stops(user, session, closed)
        self.presence.call(
            "end_connections($1, $2, $3, $4, $5)",
            *(user, ids[session] if session else None),
            *([tab.node for tab in closed], [tab.name for tab in closed], self._now),
        )
        self._goes_on()

    def _settles(self, limit: int) -> None:
        (row,) = self.presence.rows("select * from finalize($1, $2)", limit, self._now)
        self.claims.hold()
        if not row["is_behind"]:
            self.claims.hold_when_settled()
        self.world.passes(1)


@HOW_MANY
def test_presence_tells_the_truth_within_the_error_that_it_states(
    shared_dsn: str, stories: int
) -> None:
    play(Story, Presence, shared_dsn, stories)
