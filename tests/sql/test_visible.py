"""The second clock: when a user's connections were visible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sql.tabs import (
    NODE,
    Tab,
    at,
    finalize,
    forget,
    hello,
    probed,
    rows,
    says,
    sessions,
)

if TYPE_CHECKING:
    import asyncpg

# Of each part: for how many seconds it was connected and visible, open ones up to $1.
CLOCKS = """
select extract(epoch from until - joined_at)::float8 as connected,
       extract(epoch from visible_length(visible, joined_at, until))::float8 as visible
  from sessions, coalesce(ended_at, $1) as until order by joined_at, id
"""


async def clocks(db: asyncpg.Connection, seconds: float) -> list[tuple[float, float]]:
    return [tuple(row) for row in await db.fetch(CLOCKS, at(seconds))]


def later(name: str, seconds: float, resource: str = "site") -> Tab:
    return Tab(name, resource=resource, expires_at=at(seconds + 30))


async def test_a_connection_that_does_not_say_is_visible(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    assert await clocks(db, 10) == [(10, 10)]
    await Tab("a").disconnect(db, at(20))
    assert await clocks(db, 99) == [(20, 20)]
    await finalize(db, at(60))
    assert await clocks(db, 99) == [(20, 20)]
    assert [row["visible"] for row in await sessions(db)] == [None], "that takes no room"


async def test_a_tab_that_is_hidden_stops_the_second_clock_alone(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await hello(db, Tab("a"), True, 1)
    assert await says(db, Tab("a"), False, 2, at(10)) == "noted"
    assert await clocks(db, 30) == [(30, 10)]
    assert await says(db, Tab("a"), True, 3, at(30)) == "noted"
    assert await clocks(db, 35) == [(35, 15)]
    await Tab("a").disconnect(db, at(40))
    assert await clocks(db, 99) == [(40, 20)]
    await finalize(db, at(80))
    assert await clocks(db, 99) == [(40, 20)]


@pytest.mark.parametrize("seconds", [0, 0.7, 25])
async def test_a_tab_that_is_born_hidden_was_never_visible(
    db: asyncpg.Connection, seconds: float
) -> None:
    """However late its first hello comes: it tells what was so since the connection opened."""
    await Tab("a").connect(db)
    await hello(db, Tab("a"), False, 1, at(seconds))
    assert await clocks(db, 30) == [(30, 0)]
    await Tab("a").disconnect(db, at(40))
    await finalize(db, at(80))
    assert await clocks(db, 99) == [(40, 0)]


async def test_a_user_is_visible_while_any_connection_is(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db, at(10))
    await hello(db, Tab("b"), False, 1, at(10))
    await says(db, Tab("a"), False, 2, at(20))
    await says(db, Tab("b"), True, 2, at(25))
    await says(db, Tab("a"), True, 3, at(27))
    await Tab("b").disconnect(db, at(30))
    assert await clocks(db, 40) == [(40, 35)]
    await Tab("a").disconnect(db, at(40))
    assert await clocks(db, 99) == [(40, 35)]


async def test_all_tabs_visible_is_visible_all_the_time(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db, at(10))
    await Tab("a").disconnect(db, at(20))
    assert await clocks(db, 25) == [(25, 25)]
    await Tab("b").disconnect(db, at(30))
    assert [row["visible"] for row in await sessions(db)] == [None]


@pytest.mark.parametrize("how", ["ends", "hides"])
async def test_a_tab_that_says_late_that_it_is_hidden_leaves_others_their_time(
    db: asyncpg.Connection, how: str
) -> None:
    """The one was visible, and is gone or hidden when the other's first hello arrives."""
    await Tab("a").connect(db)
    await Tab("b").connect(db, at(10))
    if how == "ends":
        await Tab("a").disconnect(db, at(20))
    else:
        await says(db, Tab("a"), False, 2, at(20))
    await hello(db, Tab("b"), False, 1, at(25))
    assert await clocks(db, 30) == [(30, 20)]


async def test_nothing_is_written_while_nothing_changes(db: asyncpg.Connection) -> None:
    async def version() -> str:
        place: str = await db.fetchval("select xmin::text || ctid::text from watching_times")
        return place

    await Tab("a").connect(db)
    before = await version()
    for _ in range(2):
        await hello(db, Tab("a"), True, 1, at(1))
    assert await version() == before, "visible, as all who say nothing"
    await says(db, Tab("a"), False, 2, at(2))
    hidden = await version()
    assert hidden != before
    await says(db, Tab("a"), False, 2, at(3))
    await hello(db, Tab("a"), False, 2, at(4))
    await says(db, Tab("a"), True, 1, at(5))
    await db.fetchrow("select * from hello('ann', $1, 'a', null, null, null)", NODE)
    assert await version() == hidden


@pytest.mark.parametrize("order", [(2, 3, 4), (4, 2, 3), (3, 4, 2), (2, 4, 3), (2, 2, 4, 4, 3)])
async def test_an_older_report_never_overrides_a_newer_one(
    db: asyncpg.Connection, order: tuple[int, ...]
) -> None:
    await Tab("a").connect(db)
    for change in order:
        await says(db, Tab("a"), change % 2 == 1, change, at(10))
    assert await clocks(db, 30) == [(30, 10)], "the fourth says hidden"


async def test_a_report_that_was_overtaken_by_the_one_that_undoes_it_changes_nothing(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await says(db, Tab("a"), True, 3, at(10))
    await says(db, Tab("a"), False, 2, at(10))
    assert await clocks(db, 30) == [(30, 30)]


async def test_a_report_of_a_connection_that_is_gone_writes_nothing(db: asyncpg.Connection) -> None:
    assert await says(db, Tab("a"), False, 1) == "not_connected"
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    before = await rows(db)
    assert await says(db, Tab("a"), False, 2, at(11)) == "not_connected"
    assert (await hello(db, Tab("a"), False, 3, at(11)))["resource"] is None
    assert await rows(db) == before


@pytest.mark.parametrize(("is_hidden", "visible"), [(False, 40), (True, 10)])
async def test_a_reload_within_the_grace_leaves_a_user_as_visible_as_before(
    db: asyncpg.Connection, is_hidden: bool, visible: float
) -> None:
    await Tab("a").connect(db)
    if is_hidden:
        await says(db, Tab("a"), False, 2, at(10))
    await Tab("a").disconnect(db, at(20))
    await later("b", 25).connect(db, at(25))
    await hello(db, later("b", 25), not is_hidden, 1, at(25))
    assert await clocks(db, 40) == [(40, visible)]
    await later("b", 25).disconnect(db, at(40))
    assert await clocks(db, 99) == [(40, visible)]


async def test_a_user_who_comes_back_hidden_was_hidden_since_they_left(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(20))
    await later("b", 25).connect(db, at(25))
    await Tab("c", expires_at=at(60)).connect(db, at(26))
    await hello(db, Tab("c"), False, 1, at(26))
    await hello(db, later("b", 25), False, 1, at(27))
    assert await clocks(db, 40) == [(40, 20)]
    await says(db, Tab("c"), True, 2, at(40))
    await later("b", 25).disconnect(db, at(41))
    assert await clocks(db, 42) == [(42, 22)]


async def test_an_outage_stops_both_clocks(db: asyncpg.Connection) -> None:
    await db.execute("update line_limits set wait_for_lost = '5 minutes'")
    await Tab("a").connect(db)
    await says(db, Tab("a"), False, 2, at(10))
    await says(db, Tab("a"), True, 3, at(20))
    await Tab("a").disconnect(db, at(30), "lost")
    await later("b", 130).connect(db, at(130))
    assert await clocks(db, 140) == [(30, 20), (10, 10)]
    await says(db, later("b", 130), False, 2, at(140))
    await later("b", 130).disconnect(db, at(150))
    assert await clocks(db, 999) == [(30, 20), (20, 10)]


async def test_an_end_that_no_one_told_of_stops_both_clocks_at_the_last_evidence(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await probed(db, at(300))
    await forget(db, [Tab("a")], at(600))
    assert await clocks(db, 999) == [(300, 300)]


async def test_a_report_is_evidence_that_a_connection_was_there(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await says(db, Tab("a"), False, 2, at(400))
    await probed(db, at(300))
    await forget(db, [Tab("a")], at(600))
    assert await clocks(db, 999) == [(400, 400)]


async def test_a_dead_tab_that_was_visible_is_so_up_to_its_last_evidence(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db, at(5))
    await hello(db, Tab("b"), False, 1, at(5))
    await probed(db, at(300))
    await forget(db, [Tab("a")], at(600))
    assert await clocks(db, 600) == [(600, 300)]


async def test_a_tab_that_moves_takes_its_visibility_along(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await says(db, Tab("a"), False, 2, at(10))
    await Tab("a").watch(db, "stream", at(20))
    assert await clocks(db, 30) == [(20, 10), (10, 0)]
    await says(db, Tab("a"), True, 3, at(30))
    await Tab("a").watch(db, "lobby", at(40))
    assert await clocks(db, 45) == [(20, 10), (20, 10), (5, 5)]


async def test_a_hidden_tab_that_moves_into_a_session_within_its_grace_stays_hidden(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await says(db, Tab("a"), False, 2, at(1))
    await Tab("b", resource="stream").connect(db)
    await Tab("b").disconnect(db, at(5))
    assert (await Tab("a").watch(db, "stream", at(10)))["outcome"] == "continued"
    assert (await clocks(db, 30))[-1] == (30, 5)


async def test_a_hidden_tab_that_moves_beside_a_visible_one_hides_nothing(
    db: asyncpg.Connection,
) -> None:
    await Tab("b", resource="stream").connect(db)
    await Tab("a").connect(db)
    await says(db, Tab("a"), False, 2, at(1))
    await Tab("a").watch(db, "stream", at(10))
    assert (await clocks(db, 30))[0] == (30, 30)
    await Tab("b").disconnect(db, at(30))
    assert (await clocks(db, 40))[0] == (40, 30)


async def test_a_session_that_changes_often_goes_on_in_parts_that_lose_nothing(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    for change in range(2, 102):
        await says(db, Tab("a"), change % 2 == 1, change, at(10 * (change - 1)))
    found = await clocks(db, 1_010)
    assert len(found) == 3
    assert sum(connected for connected, _ in found) == 1_010
    assert sum(visible for _, visible in found) == 510
    assert {row["ended_by"] for row in await sessions(db)} == {"divided", None}
    assert len({row["id"] for row in await sessions(db)}) == 1
    await Tab("a").disconnect(db, at(1_010))
    assert await clocks(db, 9_999) == found


async def test_it_is_divided_where_nothing_can_be_found_out_any_more(
    db: asyncpg.Connection,
) -> None:
    """Its dead phone is listed still. A part that is past would keep the outage before the tab."""
    await Tab("phone").connect(db)
    await later("a", 190).connect(db, at(190))
    for change in range(2, 102):
        await says(db, later("a", 190), change % 2 == 1, change, at(190 + change))
    assert len(await clocks(db, 300)) == 1
    await forget(db, [Tab("phone")], at(300))
    assert await clocks(db, 300) == [(0, 0), (101, 51), (9, 9)], "up to when the tab was heard"


async def test_tabs_that_come_and_go_beside_a_hidden_one_are_kept_short_too(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await hello(db, Tab("a"), False, 1)
    for n in range(1, 51):
        await probed(db, at(10 * n))
        await later(f"b{n}", 10 * n).connect(db, at(10 * n))
        await later(f"b{n}", 10 * n).disconnect(db, at(10 * n + 5))
    found = await clocks(db, 520)
    assert len(found) == 3
    assert [sum(clock) for clock in zip(*found, strict=True)] == [520, 250]


async def test_no_clock_that_goes_back_makes_it_more_visible_than_connected(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db, at(100))
    await says(db, Tab("a"), False, 2, at(90))
    await says(db, Tab("a"), True, 3, at(120))
    await Tab("a").disconnect(db, at(80))
    for connected, visible in await clocks(db, 999):
        assert 0 <= visible <= connected
