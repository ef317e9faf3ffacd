"""Part A: the two writes of a session, against a counter per node and a heartbeat per user."""

from __future__ import annotations

import dataclasses
import re
import statistics
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bench.presence.rollups import RollUps
from bench.presence.world import GRACE, NODE, Settled, finalize, say, script, wal_position
from handlers.adapters.statements import sql_of
from handlers.core.operations.connect import Connect
from handlers.core.operations.disconnect import Disconnect

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from bench.presence.world import Size
    from bench.support.pgbench import Load, Pgbench

BAR_RATIO = 0.9
HOUR, BEAT = timedelta(hours=1), timedelta(seconds=30)
PRUNE_BATCH_SIZE = 10_000
MAX_CONNECTIONS = 50
NO_WAITING = "-c synchronous_commit=off"


@dataclass(frozen=True)
class Contender:
    """A way to write presence down."""

    title: str
    table: str
    script: str
    is_finalized: bool = False
    settings: str = ""


@dataclass(frozen=True)
class Round:
    """What pgbench did, and what that cost."""

    load: Load
    wal_bytes: int
    updates: int
    hot: int
    settled: Settled | None


@dataclass
class Rounds:
    """All rounds of one contender."""

    title: str
    done: list[Round] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(one.load.per_second for one in self.done)

    @property
    def times(self) -> int:
        return sum(one.load.times for one in self.done)

    @property
    def settled(self) -> list[Settled]:
        return [one.settled for one in self.done if one.settled]

    @property
    def wal_each(self) -> float:
        """Bytes of WAL for each run of the script, settling included."""
        wal = sum(one.wal_bytes for one in self.done)
        return (wal + sum(one.wal_bytes for one in self.settled)) / self.times

    @property
    def rate_when_settled(self) -> float:
        """As if no user could connect while `finalize` runs."""
        seconds = self.times / self.rate + sum(one.seconds for one in self.settled)
        return self.times / seconds


@dataclass(frozen=True)
class Writes:
    """Measures on one database; `pgbench` loads it."""

    db: asyncpg.Connection
    pgbench: Pgbench
    size: Size

    async def measure(self) -> list[tuple[bool, str]]:
        """Print all numbers of this part; returns what is met, or not, of its bars."""
        self._headline()
        ours, counter = await self._take_turns(OURS, COUNTER, self.size.rounds)
        self._compare(ours, counter)
        rolled_up = await RollUps(self.db).measure(ours.times, ours.rate)
        await self._variants()
        await self._costs(ours, counter)
        await self._prune(ours)
        ratio = ours.rate / counter.rate
        said = f"ours / counter: {ratio:.2f} of its rate, bar {BAR_RATIO}"
        return [(ratio >= BAR_RATIO, said), rolled_up]

    def _headline(self) -> None:
        say(
            f"\nA. connect + disconnect: pairs/s of {self.size.clients} clients, beside "
            f"{self.size.rows:,} open sessions and as many past ones\n"
            "   New users each time. At connect the ticket is fresh; at disconnect it has expired "
            "more than a minute ago,\n   as after a session of more than 90 s. A checkpoint comes "
            "before each round, `finalize` after each of ours.\n"
            "   HOT: updates of the table of sessions that touch no index."
        )

    async def _take_turns(
        self, one: Contender, other: Contender, times: int
    ) -> tuple[Rounds, Rounds]:
        """Rounds in turn, so that both see the machine in the same moods."""
        done = Rounds(one.title), Rounds(other.title)
        for turn in range(times):
            order = (0, 1) if turn % 2 == 0 else (1, 0)
            for index in order:
                done[index].done.append(await self._round((one, other)[index]))
            shown = "   ".join(map(_last, done))
            say(f"   round {turn + 1}: {shown}")
        return done

    async def _round(self, who: Contender) -> Round:
        await self.db.execute("checkpoint")
        wal, updates = await wal_position(self.db), await self._updates(who.table)
        load = await self.pgbench.run(who.script, self.size.seconds, self._given(), who.settings)
        wal_bytes = await wal_position(self.db) - wal
        updates_after = await self._updates(who.table)
        settled = await self._settle(load.times) if who.is_finalized else None
        return Round(
            load,
            wal_bytes,
            updates_after[0] - updates[0],
            updates_after[1] - updates[1],
            settled,
        )

    def _given(self) -> dict[str, str]:
        now = datetime.now(UTC)
        return {
            "node": NODE,
            "fresh": str(now + timedelta(seconds=30)),
            "old": str(now - timedelta(minutes=2)),
            "grace": f"{GRACE.total_seconds()} seconds",
            "most": str(MAX_CONNECTIONS),
            "rows": str(self.size.rows),
        }

    async def _settle(self, pairs: int) -> Settled:
        settled = await finalize(self.db)
        if settled.facts != 2 * pairs:
            raise SystemExit(f"{pairs} pairs are {2 * pairs} facts; finalize made {settled.facts}")
        return settled

    async def _updates(self, table: str) -> tuple[int, int]:
        row = await self.db.fetchrow(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = $1", table
        )
        return row["n_tup_upd"], row["n_tup_hot_upd"]

    def _compare(self, ours: Rounds, counter: Rounds) -> None:
        seconds = sum(one.seconds for one in ours.settled)
        longest = max(one.longest for one in ours.settled)
        facts = sum(one.facts for one in ours.settled)
        for rounds in (ours, counter):
            say(f"   {rounds.title:8} {_all_of(rounds)}")
        ratios = [
            one.load.per_second / other.load.per_second
            for one, other in zip(ours.done, counter.done, strict=True)
        ]
        say(
            f"   ours / counter, turn by turn: {' '.join(f'{ratio:.2f}' for ratio in ratios)}, "
            f"median {statistics.median(ratios):.2f} (the quieter the disk, the more the processor "
            "counts)\n"
            f"   finalize {facts / seconds:,.0f}/s ({ours.times / seconds:,.0f} sessions/s), "
            f"longest statement {longest * 1000:,.0f} ms\n"
            f"   ours, finalizing included as if no user could connect meanwhile: "
            f"{ours.rate_when_settled:,.0f} pairs/s, {ours.rate_when_settled / counter.rate:.2f} "
            "of the counter (whose statement writes the history itself)"
        )

    async def _prune(self, ours: Rounds) -> None:
        """The tickets of the first rounds have expired by now; pruning them is a cost as well."""
        pruned, began, some = 0, time.perf_counter(), PRUNE_BATCH_SIZE
        while some == PRUNE_BATCH_SIZE:
            row = await self.db.fetchrow(
                "select * from prune($1, $2, null, $3)",
                *(timedelta(days=1), timedelta(days=7), PRUNE_BATCH_SIZE),
            )
            some = row["tickets"]
            pruned += some
        if pruned:
            each = (time.perf_counter() - began) / pruned
            say(
                f"   prune    {1 / each:,.0f} used tickets/s; with that too, ours: "
                f"{1 / (1 / ours.rate_when_settled + each):,.0f} pairs/s"
            )

    async def _variants(self) -> None:
        times = max(1, self.size.rounds // 3)
        say("   No write waits for the disk (synchronous_commit off): what the CPU can do.")
        await self._ratio(_settings(OURS, NO_WAITING), _settings(COUNTER, NO_WAITING), times)
        await self.db.execute(await self._waiting_disconnect())
        say("   Every commit waits for the disk, our disconnect too, which as shipped does not.")
        await self._ratio(OURS_WAITING, COUNTER, times)

    async def _ratio(self, one: Contender, other: Contender, times: int) -> None:
        ours, counter = await self._take_turns(one, other, times)
        say(f"   ours / counter: {ours.rate / counter.rate:.2f}")

    async def _waiting_disconnect(self) -> str:
        """A copy of the function whose commit waits."""
        definition: str = await self.db.fetchval(
            "select pg_get_functiondef(oid) from pg_proc where proname = 'disconnect'"
        )
        return definition.replace(".disconnect(", ".disconnect_waiting(", 1).replace(
            "'synchronous_commit', 'off'", "'synchronous_commit', 'on'"
        )

    async def _records(self) -> tuple[Rounds, Rounds, Rounds]:
        """One round each without images of whole pages in the WAL.

        How many of those there are depends on how often there is a checkpoint.
        """
        await self._page_images("off")
        mine, theirs, beats = [
            Rounds(who.title, [await self._round(who)]) for who in (OURS, COUNTER, BEATS)
        ]
        await self._page_images("on")
        return mine, theirs, beats

    async def _page_images(self, are_written: str) -> None:
        await self.db.execute(f"alter system set full_page_writes = {are_written}")
        await self.db.execute("select pg_reload_conf()")

    async def _costs(self, ours: Rounds, counter: Rounds) -> None:
        mine, theirs, beats = await self._records()
        say(
            "   WAL bytes per session; without images of pages that the last checkpoint had "
            "written (short rounds have many):"
        )
        for rounds, records in ((ours, mine), (counter, theirs)):
            settled = " (settled)" if rounds.settled else ""
            say(f"   {rounds.title:8} {rounds.wal_each:,.0f}; {records.wal_each:,.0f}{settled}")
        self._against_beats(mine, beats)

    def _against_beats(self, mine: Rounds, beats: Rounds) -> None:
        needed, per_hour = self.size.rows / BEAT.total_seconds(), HOUR / BEAT
        sessions = HOUR / self.size.session
        minutes = self.size.session.total_seconds() / 60
        say(
            f"   beats    {beats.rate:,.0f} updates/s can be done, {_hot(beats):.0%} HOT; "
            f"{self.size.rows:,} users every {BEAT.total_seconds():.0f} s need {needed:,.0f}/s\n"
            f"   WAL per user-hour, without page images: beats {per_hour:.0f} * "
            f"{beats.wal_each:,.0f} = {per_hour * beats.wal_each:,.0f} bytes; ours, sessions of "
            f"{minutes:.0f} minutes, {sessions:.1f} * {mine.wal_each:,.0f} = "
            f"{sessions * mine.wal_each:,.0f} bytes"
        )


def _last(rounds: Rounds) -> str:
    last = rounds.done[-1]
    settled = f", settled in {last.settled.seconds:.1f} s" if last.settled else ""
    return f"{rounds.title} {last.load.per_second:6,.0f}/s p99 {last.load.p99_ms:.1f} ms{settled}"


def _all_of(rounds: Rounds) -> str:
    mean = statistics.median(one.load.mean_ms for one in rounds.done)
    p99 = statistics.median(one.load.p99_ms for one in rounds.done)
    return (
        f"{rounds.rate:6,.0f} pairs/s, mean {mean:.2f} ms, p99 {p99:.1f} ms, {_hot(rounds):.0%} HOT"
    )


def _hot(rounds: Rounds) -> float:
    updates = sum(one.updates for one in rounds.done)
    return sum(one.hot for one in rounds.done) / updates if updates else 1.0


def _settings(who: Contender, settings: str) -> Contender:
    return dataclasses.replace(who, settings=settings)


def _ours(disconnect: str = "disconnect") -> str:
    """The statements that the handlers run, with pgbench's names for their parameters."""
    operations = {
        Connect: ":user :resource :node :connection :ticket :fresh :grace :most null::text",
        Disconnect: ":user :node :connection 'client' :ticket :old :grace",
    }
    statements = [_filled(sql_of(one), names.split()) for one, names in operations.items()]
    return script("ours_load") + "\n".join(statements).replace("disconnect(", f"{disconnect}(")


def _filled(statement: str, values: Sequence[str]) -> str:
    return re.sub(r"\$(\d)", lambda found: values[int(found[1]) - 1], statement) + ";"


OURS = Contender("ours", "watching_times", _ours(), is_finalized=True)
OURS_WAITING = dataclasses.replace(OURS, script=_ours("disconnect_waiting"))
COUNTER = Contender("counter", "counter_times", script("counter_load"))
BEATS = Contender("beats", "beats", script("beat_load"))
