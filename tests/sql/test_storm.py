"""A storm: all lines are cut in one second, and all but a few users come back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from handlers.adapters.statements import sql_of, text, values_of
from handlers.core.limits import MARGIN, Limits
from handlers.core.operations.maintenance import SetLineLimits, set_line_limits
from tests.sql.tabs import GRACE, NODE, T0, Tab, at, finalize, forget, probed

if TYPE_CHECKING:
    import asyncpg

USERS = 300
LIMITS = Limits(connections_per_second=5)
WINDOW = LIMITS.window(USERS).total_seconds()
# When a whole cycle of the sweep found all alive, and when the lines are cut.
PROBED, CUT = 3_600, 3_630
# What is behind the gateway may take a fifth of what the gateway admits.
SLOW = 5
OVER = CUT + 2 * MARGIN * SLOW * WINDOW + 600


@dataclass(frozen=True)
class User:
    number: int

    @property
    def name(self) -> str:
        return f"user-{self.number}"

    @property
    def stays_away(self) -> bool:
        return self.number % 10 == 0

    def back_at(self, times: float) -> float:
        """Spread evenly over so many windows, in an order of its own."""
        return CUT + round(times * WINDOW * (self.number * 0.618 % 1), 3)

    def tab(self, which: str, seconds: float) -> Tab:
        return Tab(f"{which}-{self.number}", self.name, expires_at=at(seconds + 30))


CROWD = [User(number) for number in range(USERS)]
FIRST = [user.tab("first", 0) for user in CROWD]


async def count(db: asyncpg.Connection, seconds: float) -> None:
    call = sql_of(SetLineLimits).replace(")", f", p_now => '{at(seconds)}')")
    await db.execute(call, *values_of(set_line_limits(LIMITS)))


async def lines_are_cut(db: asyncpg.Connection, how: str) -> None:
    for tab in FIRST if how == "told" else []:
        await tab.disconnect(db, at(CUT), "lost")


async def the_sweep_runs(db: asyncpg.Connection, how: str, seconds: float) -> None:
    await count(db, seconds)
    if how == "untold":
        await forget(db, FIRST, at(seconds))
    elif how == "dead node":
        names = ([tab.user_id for tab in FIRST], [NODE] * USERS, [tab.name for tab in FIRST])
        call = "select forget($1, $2, $3, $4, $5, $6)"
        await db.execute(call, *names, ["node_evicted"] * USERS, GRACE, at(seconds))
    await finalize(db, at(seconds), limit=10 * USERS)


async def play(db: asyncpg.Connection, how: str, times: float = 1) -> None:
    """All come back within so many windows."""
    for tab in FIRST:
        assert await tab.connect(db) == "opened"
    await count(db, 60)
    await finalize(db, at(60), limit=10 * USERS)
    await probed(db, at(PROBED))
    await count(db, PROBED)
    await lines_are_cut(db, how)
    coming = sorted((u for u in CROWD if not u.stays_away), key=lambda user: user.back_at(times))
    for seconds in range(CUT + 60, int(OVER), 60):
        while coming and coming[0].back_at(times) <= seconds:
            user = coming.pop(0)
            back_at = user.back_at(times)
            outcome = await user.tab("second", back_at).connect(db, at(back_at))
            assert outcome in {"continued", "joined"}
        await the_sweep_runs(db, how, seconds)
    await finalize(db, at(OVER), limit=10 * USERS)


@pytest.mark.parametrize("how", ["told", "untold", "dead node"])
async def test_no_user_who_comes_back_was_offline_and_no_outage_is_watched(
    db: asyncpg.Connection, how: str
) -> None:
    await play(db, how)
    await only_those_who_stayed_away_are_offline(db, how)
    await watch_time_is_true_within_its_error(db, how)


@pytest.mark.parametrize("how", ["told", "untold", "dead node"])
async def test_who_comes_back_late_with_all_others_was_never_offline(
    db: asyncpg.Connection, how: str
) -> None:
    """More are admitted than are taken, so all wait for several windows."""
    await play(db, how, SLOW)
    await only_those_who_stayed_away_are_offline(db, how)
    await watch_time_is_true_within_its_error(db, how, SLOW)


async def only_those_who_stayed_away_are_offline(db: asyncpg.Connection, how: str) -> None:
    told = await db.fetch("select user_id, type::text, at from presence_events order by seq")
    assert [row["user_id"] for row in told if row["type"] == "online"] == [u.name for u in CROWD]
    # The last evidence: the event of the loss, or the cycle that found all alive.
    ended_at = CUT if how == "told" else PROBED
    assert {row["user_id"]: row["at"] for row in told if row["type"] == "offline"} == {
        user.name: at(ended_at) for user in CROWD if user.stays_away
    }
    assert await db.fetchval("select count(*) from watching_times") == USERS * 9 // 10
    assert await db.fetchval("select count(distinct id) from sessions") == USERS


async def watch_time_is_true_within_its_error(
    db: asyncpg.Connection, how: str, times: float = 1
) -> None:
    ends = at(OVER)
    rows = await db.fetch(
        text("watch_time_by"),
        *(T0 - timedelta(days=1), ends, ["user"], None, None, "", "", None, ends, False, True),
    )
    found = {row["user_id"]: row for row in rows}
    for user in CROWD:
        row, after = found[user.name], 0 if user.stays_away else OVER - user.back_at(times)
        truth = round((CUT + after) * 1000)
        assert row["sessions"] == 1
        # An outage within the grace is none.
        is_short = not user.stays_away and user.back_at(times) - CUT <= GRACE.total_seconds()
        if how == "told":
            expected = round(OVER * 1000) if is_short else truth
            assert (row["watched_ms"], row["uncertain_ms"]) == (expected, 0)
        else:
            assert row["watched_ms"] <= truth <= row["watched_ms"] + row["uncertain_ms"]
