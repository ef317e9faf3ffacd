"""What must be true of a run, at each stage: clients, database and API say the same.

Pure functions judge what was read; `Truth` reads it.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from bench.load.record import latencies
from bench.load.tally import Wrong
from bench.load.waiting import until_none

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from bench.load.company import Spell
    from bench.load.crowds import Crowds
    from bench.load.system import OwnSystem

SETTLE_SECONDS = 300.0
"""What is on its way is waited for: a $disconnect has its turn behind thousands of others."""
FEW_ARE_LATE = 0.05
"""The share of users who may be excused before a report says that its stage proves little."""
ROUNDING_SECONDS = 0.1
FIRST_SOURCE = 10
"""Clients come from 127.0.10.0 and above; functions and this process from 127.0.0.1."""
_ESTABLISHED = "01"

CONNECTIONS = """
select c.connection_id, w.user_id from watching_times w, connections(w.nodes) c
 where w.ended_at is null
"""
# A session that goes on may have past parts, under its own id.
ENDED = """
select distinct user_id from past_sessions p
 where not exists (select from watching_times w where w.user_id = p.user_id and w.id = p.id)
"""
WAITS = "select extract(epoch from wait_for_lost)::float8 from line_limits"
DUE_LATER = """
select distinct user_id from presence_outbox, line_limits
 where due_at > clock_timestamp() + greatest(wait_for_lost, make_interval(secs => $1))
"""
# Of a run that cannot wait: what is due later is due now.
DUE = "presence_outbox where due_at > clock_timestamp()"
HASTEN = f"""
update presence_outbox set due_at = clock_timestamp()
 where ctid = any (array(select ctid from {DUE} for update skip locked))
"""  # noqa: S608 our own words
# After a storm it waits longer than it said: not now.
LET_GO = "update watching_times set back_by = 'infinity' where ended_at is not null"
WATCHED = """
select user_id, count(distinct id) as sessions, count(*) filter (where ended_at is null) as open,
       extract(epoch from max(ended_at))::float8 as ended_at,
       extract(epoch from sum(coalesce(ended_within, '0')))::float8 as within,
       extract(epoch from watched(user_id, null, clock_timestamp()))::float8 as watched
  from sessions group by user_id
"""


class Api(Protocol):
    """The HTTP API of a system."""

    async def ask(self, method: str, path: str, body: object = None) -> Any: ...


@dataclass(frozen=True)
class Watched:
    """What the database says of a user's watch time."""

    sessions: int
    open: int
    seconds: float
    within: float
    """How much more it may be, in seconds."""
    late: float
    """How long after the client's goodbye its end was written: $disconnect says when it runs."""


def wrong(what: str, examples: Sequence[str], times: int | None = None) -> list[Wrong]:
    """Nothing, if there is no example."""
    many = len(examples) if times is None else times
    return [Wrong(what, many, sorted(examples)[:5])] if many else []


def compare_sets(
    here: Mapping[str, str], there: Mapping[str, str], online: tuple[int, int] | None
) -> list[Wrong]:
    """Connections of the clients, of the database, and what the API counts: users, connections."""
    found = wrong("a client's connection is not in the database", _users(here, there))
    found += wrong("a connection in the database has no client", _users(there, here))
    users = len(set(here.values()))
    if online is not None and online != (users, len(here)):
        counted = f"{online[0]:,} users, {online[1]:,} connections"
        mine = f"clients hold {users:,}, {len(here):,}"
        found += wrong("the API counts others than there are", [f"{counted}; {mine}"])
    return found


def judge_audience(users: int, page: Mapping[str, Any] | None) -> list[Wrong]:
    """The report of the audience knows all users; None: it was refused.

    Of many it is an estimate. What the answer states are two standard errors, and once in twenty
    runs it is off by more: by more than twice that, once in 16,000.
    """
    if page is None:
        return []
    seen, percent = (page["items"][0][name] for name in ("unique_viewers", "error_percent"))
    most = seen * 2 * (percent or 0) / 100
    said = [f"{seen:,} of {users:,}, with an error of {percent} %"]
    return wrong("the audience is another", said if abs(seen - users) > most else [])


def judge_claims(
    users: int, stock: int, answers: Mapping[str, str], granted: Mapping[str, set[str]]
) -> list[Wrong]:
    """Every claim has an answer, and all who know of grants name the same users.

    `granted`: the users, by who says so.
    """
    missing = users - len(answers)
    found = wrong("a claim has no answer", [], missing) if missing else []
    kinds = Counter(answers.values())
    for kind in set(kinds) - {"claimed", "sold_out", "expired"}:
        found += wrong(f"a claim was answered {kind}", _having(answers, kind))
    claimed = {user for user, kind in answers.items() if kind == "claimed"}
    for name, said in granted.items():
        found += wrong(f"{name} lacks a grant that its user was told", sorted(claimed - said))
        found += wrong(f"{name} has a grant that its user was not told", sorted(said - claimed))
    if len(claimed) > stock:
        found += wrong("more was granted than there was", [f"{len(claimed):,} of {stock:,}"])
    if len(claimed) < min(stock, users) and kinds["sold_out"]:
        found += wrong("sold out before it was", [f"{len(claimed):,} of {stock:,}"])
    return found


def judge_watched(
    records: Mapping[str, Sequence[Spell]],
    said: Mapping[str, Watched],
    grace: float,
) -> tuple[list[Wrong], array[float]]:
    """Each user's watch time against the client's own record; how far they differ, in seconds.

    Time without a connection counts up to the grace, as one does not see a reload; what the stack
    says is exact within its stated bound.
    """
    short, long, split = list[str](), list[str](), list[str]()
    errors = array("d")
    for user_id, spells in records.items():
        row = said.get(user_id)
        if row is None or row.sessions != 1 or row.open:
            split.append(user_id)
            continue
        least, most = bounds(spells, grace)
        errors.append(row.seconds - least)
        if row.seconds + row.within < least - ROUNDING_SECONDS:
            short.append(f"{user_id} ({row.seconds + row.within - least:+.1f} s)")
        if row.seconds > most + row.late + ROUNDING_SECONDS:
            long.append(f"{user_id} ({row.seconds - row.late - most:+.1f} s)")
    found = wrong("a user has not one session that is over", split)
    found += wrong("watch time, with its bound, is below the truth", short)
    found += wrong("watch time is above the truth", long)
    return found, errors


def bounds(spells: Sequence[Spell], grace: float) -> tuple[float, float]:
    """The least and the most that a user has watched, in seconds.

    The stack takes a gap from its last evidence to the handshake, so one is longer for it than for
    the client, whatever the machine's speed.
    """
    least = sum(spell.left_at - spell.opened_at for spell in spells)
    most = sum(spell.ended_at - spell.started_at for spell in spells)
    for earlier, later in pairwise(spells):
        if later.started_at - earlier.ended_at <= grace:
            most += later.opened_at - earlier.ended_at
    return least, most


def longest_gap(spells: Sequence[Spell]) -> float:
    """The longest time between two spells, in seconds, as the server may see it."""
    gaps = (later.opened_at - earlier.left_at for earlier, later in pairwise(spells))
    return max(gaps, default=0.0)


def judge_windows(
    windows: tuple[float, float], users: int, per_second: float, waits: float
) -> list[Wrong]:
    """The shortest and the longest window that users were told, in seconds.

    All must be able to come back in theirs, and after one refusal before the server gives them up.
    """
    shortest, longest = windows
    needed = users / per_second
    found = []
    if shortest < needed:
        said = f"{shortest:.1f} s for {users:,} users at {per_second:,}/s"
        found += wrong("a window is too short for all users", [said])
    if 2 * longest > waits + ROUNDING_SECONDS:
        said = f"{waits:.1f} s for a window of {longest:.1f} s"
        found += wrong("the server does not wait for two windows", [said])
    return found


def say_late(late: int, users: int) -> str | None:
    """What a report says when a slow machine kept many users away too long; else None."""
    if late <= FEW_ARE_LATE * users:
        return None
    return (
        f"{late:,} of {users:,} users were away for longer than the server waited: this machine is"
        " too slow for them. What is said of sessions and offline events holds for the other"
        f" {users - late:,}."
    )


def pushed_too_often(times: int, reported: int, connections: int) -> int:
    """How many of so many repeated pushes nothing excuses.

    A page of a broadcast that takes longer than its lease is pushed by another worker, too, and
    both report it: `reported` pushes to `connections`.
    """
    return max(0, times - max(0, reported - connections))


def _others(rows: Sequence[Mapping[str, str]], users: set[str]) -> list[str]:
    return [row["user_id"] for row in rows if row["user_id"] not in users]


def _users(some: Mapping[str, str], others: Mapping[str, str]) -> list[str]:
    return [user for connection, user in some.items() if connection not in others]


def _having(answers: Mapping[str, str], kind: str) -> list[str]:
    return [user for user, one in answers.items() if one == kind]


async def settled(look: Callable[[], Awaitable[list[Wrong]]]) -> list[Wrong]:
    """What is wrong even after a while: ends and grants come a little later."""
    give_up = time.monotonic() + SETTLE_SECONDS
    while (found := await look()) and time.monotonic() < give_up:  # noqa: ASYNC110  # a database
        await asyncio.sleep(0.5)
    return found


async def grants(api: Api, bonus_id: str) -> set[str]:
    """The users that GET /grants names for a bonus."""
    found, after = set(), ""
    while True:
        page = await api.ask("GET", f"/grants?limit=100{after}")
        found |= {one["user_id"] for one in page["items"] if one["bonus_id"] == bonus_id}
        if not page["has_more"]:
            return found
        after = f"&after={quote(page['next'])}"


def open_sockets(port: int) -> int:
    """How many connections of clients the gateway holds (Linux); 0 where that cannot be seen."""
    try:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return 0
    found = 0
    for line in lines:
        _, here, there, state, *_ = line.split()
        # An address is four bytes from right to left, in hexadecimal digits.
        is_client = int(there[2:4], 16) >= FIRST_SOURCE
        found += state == _ESTABLISHED and int(here[9:], 16) == port and is_client
    return found


class Pushes:
    """Asks whether a bonus was pushed too often."""

    def __init__(self, api: Api, crowds: Crowds) -> None:
        self._api, self._crowds = api, crowds
        self._again = Counter[str]()

    async def once(self) -> list[Wrong]:
        """A bonus that asks for no acknowledgement came once to each connection."""
        users: dict[str, list[str]] = {}
        for each in await self._crowds.ask("pushed_again"):
            for bonus_id, some in each.items():
                users.setdefault(bonus_id, []).extend(some)
        found = []
        for bonus_id, some in users.items():
            self._again[bonus_id] += len(some)
            found += await settled(partial(self._once, bonus_id, some))
        return found

    async def _once(self, bonus_id: str, users: list[str]) -> list[Wrong]:
        progress = (await self._api.ask("GET", f"/bonuses/{bonus_id}"))["broadcast"]
        reported = progress["sent"] + progress["undelivered"]
        connections = sum(map(len, await self._crowds.ask("shown", bonus_id)))
        many = pushed_too_often(self._again[bonus_id], reported, connections)
        what = "a bonus came twice on one connection"
        return wrong(what, users, many) if many else []


class Truth:
    """Asks clients, database and API."""

    def __init__(self, system: OwnSystem, crowds: Crowds, grace: float) -> None:
        self._system, self._crowds, self._grace = system, crowds, grace
        self._late = set[str]()
        self._left_at = 0.0
        self.pushes = Pushes(system, crowds)

    async def presence(self) -> list[Wrong]:
        """Sockets of the clients = connections in the database = what the API says."""
        return await settled(self._presence)

    async def _presence(self) -> list[Wrong]:
        here: dict[str, str] = {}
        for lines in await self._crowds.ask("lines"):
            here |= lines
        rows = await self._system.database.fetch(CONNECTIONS)
        there = {row["connection_id"]: row["user_id"] for row in rows}
        counts = await self._system.ask("GET", "/online?limit=1")
        return compare_sets(here, there, (counts["users"], counts["connections"]))

    async def late(self) -> set[str]:
        """The users who were ever away for longer than the server waits for a lost line."""
        waits = await self.waits()
        records = await self._records()
        self._late |= {user for user, spells in records.items() if longest_gap(spells) > waits}
        return set(self._late)

    async def waits(self) -> float:
        """How long the server waits for a line that was lost, in seconds."""
        return max(self._grace, float(await self._system.database.fetchval(WAITS)))

    async def windows(self, per_second: float) -> list[Wrong]:
        """Clients were told windows that fit the quota, and that the server waits for."""
        told = await self._crowds.ask("windows")
        windows = (min(shortest for shortest, _ in told), max(longest for _, longest in told))
        users = sum(await self._crowds.ask("users"))
        return judge_windows(windows, users, per_second, await self.waits())

    async def _records(self) -> dict[str, Sequence[Spell]]:
        records: dict[str, Sequence[Spell]] = {}
        for each in await self._crowds.ask("records"):
            records |= each
        return records

    async def still_online(self) -> list[Wrong]:
        """No user who is here was said to have gone, and no session was ended."""
        late = await self.late()
        rows = await self._system.database.fetch(
            "select distinct user_id from presence_events where type = 'offline'"
        )
        ended = await self._system.database.fetch(ENDED)
        return [
            *wrong("offline was said of a user who stayed", _others(rows, late)),
            *wrong("the session of a user who stayed was ended", _others(ended, late)),
        ]

    async def claims(self, bonus_id: str, stock: int, answers: Mapping[str, str]) -> list[Wrong]:
        """Answers = claims = ledger = grants = what was taken from the stock."""
        return await settled(lambda: self._claims(bonus_id, stock, answers))

    async def _claims(self, bonus_id: str, stock: int, answers: Mapping[str, str]) -> list[Wrong]:
        database = self._system.database
        claims = await database.fetch("select user_id from claims where bonus_id = $1", bonus_id)
        ledger = await database.fetch(
            "select user_id from ledger where bonus_id = $1 and entry = 'claimed'", bonus_id
        )
        bonus = await self._system.ask("GET", f"/bonuses/{bonus_id}")
        granted = {
            "the table of claims": {row["user_id"] for row in claims},
            "the ledger": {row["user_id"] for row in ledger},
            "GET /grants": await grants(self._system, bonus_id),
        }
        users = sum(await self._crowds.ask("users"))
        found = judge_claims(users, stock, answers, granted)
        taken = stock - bonus["left"]
        if not taken == bonus["claimed"] == len(claims) == len(ledger):
            counts = f"taken {taken:,}, claimed {bonus['claimed']:,}, rows {len(claims):,}"
            found += wrong("stock, claims and ledger differ", [f"{counts}, {len(ledger):,}"])
        return found

    async def all_have_left(self) -> None:
        """Wait until no session is open."""
        await until_none(self._system.counting("watching_times where ended_at is null"))
        self._left_at = time.time()

    async def all_is_finalized(self, *, hasten: bool) -> list[Wrong]:
        """Wait until all sessions are history: their grace is over then, or we say that it is.

        `hasten`: say so of all, also of those who said goodbye.
        """
        database = self._system.database
        later = await database.fetch(DUE_LATER, self._grace)
        if not hasten:
            await asyncio.sleep(self._grace)
        # What is left is of lines that were lost, for which the server waits twice the window.
        await database.execute(LET_GO)
        await self._system.change(HASTEN, DUE)
        await self._system.run_sweep()
        left = self._system.counting("watching_times")
        await until_none(left, self._system.run_sweep, stall=1.0, every=0.5)
        users = [row["user_id"] for row in later]
        return wrong("offline is due later than the server waits", users)

    async def watched(self) -> tuple[list[Wrong], dict[str, Any]]:
        """Watch time of each user, once all have gone, and how exact it is."""
        records = await self._records()
        in_time = {user: spells for user, spells in records.items() if user not in self._late}
        rows = await self._system.database.fetch(WATCHED)
        said = {
            row["user_id"]: Watched(
                row["sessions"],
                row["open"],
                row["watched"],
                row["within"],
                self._lateness(row["ended_at"], records.get(row["user_id"], ())),
            )
            for row in rows
        }
        found, errors = judge_watched(in_time, said, self._grace)
        within = array("d", [one.within for one in said.values()])
        late = array("d", [one.late for one in said.values()])
        shown = {
            "difference_ms": latencies(errors),
            "stated_bound_ms": latencies(within),
            "disconnect_late_ms": latencies(late),
        }
        return found, shown

    def _lateness(self, ended_at: float | None, spells: Sequence[Spell]) -> float:
        """How long after the client's goodbye an end was written, which we have seen since."""
        if ended_at is None or not spells:
            return 0.0
        return max(0.0, min(ended_at, self._left_at) - spells[-1].ended_at)

    async def nothing_left(self) -> list[Wrong]:
        """All have gone: each online and offline was said once, and no socket of theirs is open."""
        return await settled(self._nothing_left)

    async def _nothing_left(self) -> list[Wrong]:
        database = self._system.database
        left = await database.fetch("select user_id from watching_times limit 100")
        found = wrong("a row of presence is left", [row["user_id"] for row in left])
        often = await database.fetch(
            "select user_id, type::text from presence_events"
            " group by user_id, type having count(*) <> 1"
        )
        for kind in ("online", "offline"):
            users = _others([row for row in often if row["type"] == kind], self._late)
            found += wrong(f"{kind} was not said once", users)
        users = sum(await self._crowds.ask("users"))
        said = await database.fetchval(
            "select count(*) from presence_events where type = 'offline'"
        )
        if said < users:
            found += wrong("offline was not said of all who left", [f"{said:,} of {users:,}"])
        if sockets := open_sockets(self._system.port):
            found += wrong("the gateway has sockets of clients left open", [f"{sockets:,}"])
        return found
