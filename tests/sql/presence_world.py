"""A world of people and their tabs, with a clock of its own, and what presence must say about it.

It holds two things side by side. The truth: when each tab opened and ended, known or not.
And the claims: which tabs each session counts, given what has been told so far, and what a session
may say about its end. Times are milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

SECOND = 1_000
MINUTE = 60 * SECOND
GRACE = 30 * SECOND
# For so long a session waits for a line that was lost.
WAIT = 5 * MINUTE
TICKET_LIFE = 30 * SECOND
# API Gateway ends every connection after two hours.
LONGEST = 120 * MINUTE
# For so long a new connection is a sign that its node lives.
SPEAKS_FOR_ITS_NODE = 10 * MINUTE
# Per user, over all resources.
MOST = 3

USERS = ("ann", "bob")
RESOURCES = ("site", "stream")
NODES = ("one.example/live", "two.example/live")

# A user who left like this does not continue the same session.
FOR_GOOD = {"kicked", "moved"}
# The end was reported: it is the moment at which the event was handled.
TOLD = {"client", "lost", "kicked", "moved"}
# Neither the client nor we wanted the end, so the client is perhaps on the way back.
LOST = {"lost", "expired", "swept", "node_evicted"}


class Node(Enum):
    UP = auto()
    CUT = auto()
    """Out of our reach, while its connections live on and new ones open."""
    DEAD = auto()


@dataclass(eq=False)
class Tab:
    """One connection, from the page that asks for it to its end."""

    name: str
    user: str
    resource: str
    node: str
    made_at: int
    ticket: Literal["new", "used", "gone"] = "new"
    opened_at: int | None = None
    """When its $connect was handled and let it in."""
    ended_at: int | None = None
    """The truth, which may not have been reported."""
    session: Session | None = None
    says: Literal["client", "lost"] = "client"
    """What its $disconnect tells of its end."""
    changes: int = 0
    """How many states its page has sent: whether it is visible."""
    told: int = 0
    """The number of the newest of them that arrived."""
    is_visible: bool = True
    """As that one says."""
    is_wrongly_ended: bool = False
    """Its node was evicted: the tab is open, and counts nowhere until it connects again."""

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None and self.ended_at is None

    @property
    def expires_at(self) -> int:
        return self.made_at + TICKET_LIFE

    @property
    def last_connect_at(self) -> int:
        """After that its $connect opens nothing."""
        return self.expires_at + MINUTE

    def age(self, now: int) -> int:
        return now - (now if self.opened_at is None else self.opened_at)


@dataclass(eq=False)
class Stay:
    """The truth of one tab in one session."""

    tab: Tab
    since: int
    until: int | None = None
    """None: it counts still, whether it is here or not."""
    is_back: bool = False
    """It goes on with a session within the grace, so it may have been visible meanwhile."""
    is_told: bool = False
    """Its end was reported, so nothing of it is unknown."""
    heard_at: int = 0
    """When a state of it arrived last: it was here then."""
    states: list[tuple[int, bool]] = field(default_factory=list)
    """Since when it is visible or hidden, as far as was told."""

    def ends_at(self, now: int) -> int:
        if self.until is not None:
            return self.until
        ended_at = now if self.tab.ended_at is None else self.tab.ended_at
        return max(self.since, self.heard_at, ended_at)

    def hears(self, now: int, *, visible: bool, is_first: bool) -> None:
        """The first state is that of the whole stay, whenever it arrives."""
        self.heard_at = now
        if is_first:
            self.states, self.is_back = [(self.since, visible)], self.is_back and visible
        else:
            self.states.append((now, visible))

    def visible_times(self, until: int) -> list[tuple[int, int]]:
        ends = [*(since for since, _ in self.states[1:]), until]
        pieces = zip(self.states, ends, strict=True)
        return [(since, end) for (since, visible), end in pieces if visible and since <= end]


@dataclass(frozen=True)
class Event:
    """On its way to us: it arrives once, twice, late, or never."""

    kind: Literal["connect", "disconnect", "visibility"]
    tab: Tab
    visible: bool = True
    change: int = 0


@dataclass(eq=False)
class Session:
    """What one row must say."""

    user: str
    resource: str
    joined_at: int
    heard_at: int
    """The last event of it that was handled."""
    tabs: set[Tab] = field(default_factory=set)
    stays: list[Stay] = field(default_factory=list)
    lost_until: int = 0
    """Until then a line that it lost may come back."""
    together: int = 0
    """How many tabs came since it was without any."""
    until: int = 0
    """The truth: when the last of those who have left ended or left."""
    closed_at: int | None = None
    """When the row was closed, which is later than the end that it tells."""
    ended_by: Collection[str] = ()
    """Any of these is right: they were found gone together."""
    ended_at: int | None = None
    """As the row says, once that is found to be true."""
    due_at: int | None = None
    """From when on "offline" is due, unless the session continues before."""
    is_past: bool = False
    """Settled, or moved out of the way of the next one."""
    facts: list[str] = field(default_factory=list)
    """What has been told of it, in order."""

    @property
    def is_over_for_good(self) -> bool:
        return not FOR_GOOD.isdisjoint(self.ended_by)

    def can_be_continued(self, now: int) -> bool:
        assert self.due_at is not None
        return not self.is_over_for_good and now < self.due_at

    def says_its_end(self, ended_at: int) -> None:
        assert self.closed_at is not None
        late = 0 if self.is_over_for_good else max(ended_at + GRACE, self.lost_until)
        self.ended_at, self.due_at = ended_at, max(self.closed_at, late)

    def true_times(self, now: int) -> list[tuple[int, int]]:
        """When at least one of its tabs was here, in order."""
        return merged((stay.since, stay.ends_at(now)) for stay in self.stays)

    def may_be_visible(self, now: int) -> list[tuple[int, int]]:
        """When it was visible at most: as told, and in the grace before a user who came back so."""
        return merged(
            (begins - (GRACE if stay.is_back and begins == stay.since else 0), ends)
            for stay in self.stays
            for begins, ends in stay.visible_times(now if stay.until is None else stay.until)
        )

    def must_be_visible(self, now: int) -> list[tuple[int, int]]:
        """When it was visible at least: of a lost tab, up to when it was heard last."""
        return merged(
            (begins, ends)
            for stay in self.stays
            for begins, ends in stay.visible_times(
                now if stay.until is None else stay.until if stay.is_told else stay.heard_at
            )
            if begins < ends
        )

    def is_due_at_once(self, now: int) -> None:
        self.due_at = min(self.due_at or now, now)


def merged(times: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Times in order, each apart from the next."""
    whole: list[tuple[int, int]] = []
    for begins, ends in sorted(times):
        if whole and begins <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], ends))
        else:
            whole.append((begins, ends))
    return whole


class World:
    """The tabs, the nodes, the events on their way, and the sessions that follow from them."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.tabs: list[Tab] = []
        self.sessions: list[Session] = []
        self.on_its_way: list[Event] = []
        self.nodes = dict.fromkeys(NODES, Node.UP)
        self.unreachable_since: dict[str, int] = {}

    # The truth.

    def makes_a_tab(self, user: str, resource: str, node: str) -> Tab:
        tab = Tab(f"tab-{len(self.tabs)}", user, resource, node, self.now)
        self.tabs.append(tab)
        self.on_its_way.append(Event("connect", tab))
        return tab

    def ends(self, tab: Tab, says: Literal["client", "lost"] = "client") -> None:
        """Its page closes, or its handshake is given up; "$disconnect" may or may not tell."""
        tab.ended_at, tab.says = self.now, says
        self.on_its_way.append(Event("disconnect", tab))

    def tells(self, tab: Tab, *, visible: bool) -> Event:
        """Its page says whether it is visible."""
        tab.changes += 1
        event = Event("visibility", tab, visible, tab.changes)
        self.on_its_way.append(event)
        return event

    def dies(self, node: str) -> None:
        """Nothing is left to send "$disconnect"."""
        self.nodes[node] = Node.DEAD
        for tab in self.tabs:
            if tab.node == node and tab.ended_at is None:
                tab.ended_at = self.now

    def passes(self, milliseconds: int) -> None:
        """Time passes, and with it the two hours of each open tab."""
        self.now += milliseconds
        for tab in self.tabs:
            if tab.is_open and tab.age(self.now) >= LONGEST:
                self.ends(tab)
                tab.ended_at = self.now - tab.age(self.now) + LONGEST

    def edges(self) -> list[int]:
        """Moments to come at which something changes by itself."""
        tabs = [tab for tab in self.tabs if tab.session]
        moments = {
            *(tab.opened_at + age for tab in tabs if tab.opened_at for age in (MINUTE, LONGEST)),
            *(tab.last_connect_at for tab in self.tabs),
            *(s.ended_at + GRACE for s in self.sessions if s.ended_at),
            *(s.due_at for s in self.sessions if s.due_at),
            *(since + GRACE for since in self.unreachable_since.values()),
        }
        return sorted(moment for moment in moments if moment > self.now + 1)

    def is_there(self, tab: Tab) -> bool | None:
        """What GetConnection answers; None: nothing, its node is out of reach."""
        return tab.is_open if self.nodes[tab.node] is Node.UP else None

    # The claims: what follows from what we are told.

    def hears_connect(self, tab: Tab) -> str:
        if self.now > tab.last_connect_at:
            return self._turned_away(tab, "refused")
        if tab.ticket != "new":
            return "repeated" if tab.ticket == "used" else "refused"
        tab.ticket = "used"
        if sum(other.session is not None for other in self.tabs if other.user == tab.user) >= MOST:
            tab.ticket = "gone"
            return self._turned_away(tab, "too_many")
        tab.opened_at = self.now
        return self.enters(tab, tab.resource)

    def _turned_away(self, tab: Tab, outcome: str) -> str:
        if tab.opened_at is None and tab.ended_at is None:
            tab.ended_at = self.now
        return outcome

    def hears_disconnect(self, tab: Tab) -> bool:
        """True if that closes the session."""
        if self.now <= tab.last_connect_at:
            tab.ticket = "gone"
        session = tab.session
        self.leave([tab], tab.says)
        return session is not None and not session.tabs

    def hears_visibility(self, event: Event) -> str:
        tab = event.tab
        if tab.session is None:
            return "not_connected"
        if event.change > tab.told:
            tab.told, tab.is_visible = event.change, event.visible
            if (event.change, event.visible) != (1, True):  # that is what was held to be so
                tab.session.heard_at = self.now
                tab.session.until = max(tab.session.until, self.now)
                self._stay(tab).hears(self.now, visible=event.visible, is_first=event.change == 1)
        return "noted"

    def enters(self, tab: Tab, resource: str) -> str:
        session = self.latest(tab.user, resource)
        is_back = False
        if session and session.tabs:
            outcome = "joined"
        elif session and session.can_be_continued(self.now):
            outcome = "continued"
            if session.together == 1:  # its only line is back
                session.lost_until = 0
            session.together = 0
            is_back = session.ended_at is not None and self.now - session.ended_at <= GRACE
            session.closed_at = session.ended_at = session.due_at = None
        else:
            outcome = "opened"
            if session:
                session.is_due_at_once(self.now)
            session = Session(tab.user, resource, self.now, self.now)
            self.sessions.append(session)
        session.heard_at = self.now
        session.ended_by = ()
        session.tabs.add(tab)
        session.together += 1
        states = [(self.now, tab.is_visible)]
        session.stays.append(Stay(tab, self.now, is_back=is_back, states=states))
        tab.session, tab.resource = session, resource
        return outcome

    def moves(self, tab: Tab, resource: str) -> str:
        if tab.session is None:
            return "not_connected"
        if tab.session.resource == resource:
            return "watching"
        self.leave([tab], "moved")
        return self.enters(tab, resource)

    def forgets(self, found: Iterable[tuple[Tab, str]]) -> None:
        """Found gone, all at once: (tab, how); the youngest stay, for they may only just open."""
        gone = [(tab, how) for tab, how in found if tab.session and tab.age(self.now) >= MINUTE]
        left = {tab.session: {h for t, h in gone if t.session is tab.session} for tab, _ in gone}
        for tab, how in gone:
            self.leave([tab], how)
        for session, ways in left.items():
            if session and not session.tabs:
                session.ended_by = ways

    def stops(self, user: str, session: Session | None, closed: Iterable[Tab]) -> None:
        """Kicked: we closed these tabs, and no session continues within the grace."""
        self.leave(closed, "kicked")
        for other in self.sessions if session is None else [session]:
            may_come_back = other.closed_at and not other.is_past and not other.is_over_for_good
            if other.user == user and may_come_back:
                other.is_due_at_once(self.now)
                other.ended_by = {"kicked"}

    def leave(self, tabs: Iterable[Tab], how: str) -> None:
        for tab in tabs:
            session, tab.session = tab.session, None
            if session is None:
                continue
            session.tabs.remove(tab)
            if how != "moved":
                tab.ticket = "gone"
            session.until = max(session.until, self._true_end(tab, how))
            stay = self._stay(tab, session)
            stay.is_told = how in TOLD
            true_end = self.now if stay.is_told else self._true_end(tab, how)
            stay.until = max(stay.since, stay.heard_at, true_end)
            if how in LOST:
                gone_by = min(self.now, (tab.opened_at or 0) + LONGEST)
                session.lost_until = max(session.lost_until, gone_by + WAIT)
            if how in TOLD:
                session.heard_at = self.now
            if not session.tabs:
                session.closed_at, session.ended_by = self.now, {how}

    def _stay(self, tab: Tab, session: Session | None = None) -> Stay:
        """The one that counts still."""
        session = session or tab.session
        assert session
        (stay,) = [one for one in session.stays if one.tab is tab and one.until is None]
        return stay

    def _true_end(self, tab: Tab, how: str) -> int:
        if how == "node_evicted" and tab.ended_at is None:
            tab.is_wrongly_ended = True
        if how in FOR_GOOD or tab.is_wrongly_ended:
            return self.now
        assert tab.ended_at is not None, f"{tab.name} is here, and was taken out of its session"
        return tab.ended_at

    def latest(self, user: str, resource: str) -> Session | None:
        own = (s for s in reversed(self.sessions) if (s.user, s.resource) == (user, resource))
        return next(own, None)

    def loses(self, reached: set[str], unreachable: set[str]) -> set[str]:
        """Out of reach for the grace, without a new connection since."""
        for node in reached:
            self.unreachable_since.pop(node, None)
        for node in unreachable:
            self.unreachable_since.setdefault(node, self.now)
        return {node for node in unreachable if self._is_lost(node)}

    def _is_lost(self, node: str) -> bool:
        since = self.unreachable_since[node]
        heard_since = max(since, self.now - SPEAKS_FOR_ITS_NODE)
        came_in = (tab.opened_at or 0 for tab in self.tabs if tab.session and tab.node == node)
        return since <= self.now - GRACE and max(came_in, default=0) <= heard_since
