"""What the database answers does not depend on the settings of the role or the database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from handlers.adapters.database import Database
from handlers.core.operation import Json
from handlers.core.operations.maintenance import Prune
from handlers.services.bonuses import CreateBonus
from handlers.services.campaigns import CreateCampaign
from handlers.services.presence import ALWAYS, ListSessions
from handlers.services.reports import Concurrency, WatchTimeByName, WatchTimeByPeriod
from tests.support import campaigns
from tests.support.exports import export, rows
from tests.support.reports import past
from tests.support.statements import asked
from tests.support.world import ample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PATIENTLY = timedelta(minutes=1)
# Two days around a change of the clocks in Berlin, and in St. John's a week later.
CHANGES = (
    datetime(2026, 10, 24, 12, tzinfo=UTC),
    datetime(2026, 10, 31, 12, tzinfo=UTC),
    datetime(2026, 3, 28, 12, tzinfo=UTC),
    datetime(2026, 3, 7, 12, tzinfo=UTC),
)
CHANGES_OF_2030 = (
    datetime(2030, 10, 26, 12, tzinfo=UTC),
    datetime(2030, 11, 2, 12, tzinfo=UTC),
)
ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "America/St_Johns")
SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {"timezone": "Europe/Berlin", "datestyle": "German, DMY", "intervalstyle": "sql_standard"},
    {"timezone": "America/St_Johns", "datestyle": "SQL, DMY", "extra_float_digits": "-15"},
    {
        "timezone": "Pacific/Apia",
        "datestyle": "Postgres, MDY",
        "intervalstyle": "iso_8601",
        "standard_conforming_strings": "off",
        "bytea_output": "escape",
        "transform_null_equals": "on",
    },
    {"timezone": "America/New_York", "intervalstyle": "iso_8601"},
    # SQL's style names this zone IST, which is also Israel's.
    {
        "timezone": "Asia/Kolkata",
        "datestyle": "SQL, MDY",
        "intervalstyle": "postgres_verbose",
        "default_transaction_isolation": "serializable",
        "search_path": "public, pg_catalog",
    },
)


@pytest.fixture(params=SETTINGS, ids=[str(one.get("timezone", "as installed")) for one in SETTINGS])
async def odd_dsn(own_dsn: str, request: pytest.FixtureRequest) -> str:
    """A database whose every session begins with other settings."""
    db = await asyncpg.connect(own_dsn)
    name = await db.fetchval("select current_database()")
    for setting, value in request.param.items():
        values = value if setting == "search_path" else f"'{value}'"
        await db.execute(f"alter database {name} set {setting} = {values}")
    await db.close()
    return own_dsn


@pytest.fixture
async def odd(odd_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    db = await asyncpg.connect(odd_dsn)
    yield db
    await db.close()


@pytest.fixture
async def database(odd_dsn: str) -> AsyncIterator[Database]:
    """As the functions use it."""
    database = Database(odd_dsn, ample())
    yield database
    await database.close()


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


async def test_a_report_counts_each_minute_once_where_clocks_change(
    odd: asyncpg.Connection, database: Database
) -> None:
    for noon in CHANGES:
        await past(odd, noon, noon + 2 * DAY)
    for noon in CHANGES:
        await check_reports(database, noon)


async def check_reports(database: Database, noon: datetime) -> None:
    begins, ends = noon - 36 * HOUR, noon + 84 * HOUR
    midnight = noon - 12 * HOUR

    by_name = WatchTimeByName(begins, ends, ["user"])
    assert [row.watched_ms for row in await database.report(by_name, PATIENTLY)] == [2 * 86_400_000]
    by_day = WatchTimeByPeriod(begins, ends, "day", "UTC", [], None, None, ALWAYS)
    assert [
        (row.starts_at, row.watched_ms) for row in await database.report(by_day, PATIENTLY)
    ] == [
        (milliseconds(midnight), 43_200_000),
        (milliseconds(midnight + DAY), 86_400_000),
        (milliseconds(midnight + 2 * DAY), 43_200_000),
    ]
    by_hour = WatchTimeByPeriod(begins, ends, "hour", "UTC", [], None, None, ALWAYS)
    assert [
        (row.starts_at, row.watched_ms) for row in await database.report(by_hour, PATIENTLY)
    ] == [(milliseconds(noon + n * HOUR), 3_600_000) for n in range(48)]

    for zone in ZONES:
        await check_days(database, (begins, ends), (noon, noon + 2 * DAY), zone)

    steps = Concurrency(noon - DAY, noon + 3 * DAY, DAY, None, HOUR)
    assert [
        (row.at, row.viewers, row.peak_viewers) for row in await database.report(steps, PATIENTLY)
    ] == [
        (milliseconds(noon + n * DAY), here, here) for n, here in ((-1, 0), (0, 1), (1, 1), (2, 0))
    ]

    for least, most, found in ((0, 0, 1), (1, 1, 0), (-1, -1, 0)):
        sessions = ListSessions(
            noon,
            noon + 2 * DAY,
            min_length=2 * DAY + timedelta(seconds=least),
            max_length=2 * DAY + timedelta(seconds=most),
        )
        rows = await database.report(sessions, PATIENTLY)
        assert [row.watched_ms for row in rows] == [172_800_000] * found


async def check_days(
    database: Database,
    interval: tuple[datetime, datetime],
    session: tuple[datetime, datetime],
    zone: str,
) -> None:
    """Each local day has its part of the session, the 23 or 25 hours of a change with them."""
    by_day = WatchTimeByPeriod(*interval, "day", zone, [], None, None, ALWAYS)
    found = {row.starts_at: row.watched_ms for row in await database.report(by_day, PATIENTLY)}
    expected, day = {}, session[0].astimezone(ZoneInfo(zone)).date()
    while (starts := datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)) < session[1]:
        day += DAY
        ends = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
        watched = min(ends, session[1]) - max(starts, session[0])
        expected[milliseconds(starts)] = round(watched.total_seconds() * 1000)
    assert found == expected


async def test_a_day_of_an_order_has_24_hours(odd: asyncpg.Connection, database: Database) -> None:
    """As a window, and as stored in a bonus and in a campaign."""
    for noon in CHANGES_OF_2030:
        order = CreateBonus(
            *(uuid4(), Json("{}"), "everyone", None, [], timedelta(0), DAY, None, 2 * DAY, noon),
            *(False, "a fingerprint"),
        )
        assert await database.fetch_one(order) == "created"
    milestones = Json(json.dumps(campaigns.milestones(every=86_400, claim_within=86_400)))
    campaign = CreateCampaign(
        *(uuid4(), None, False, False, None, None, milestones),
        *(None, Json("{}"), None, None, "a fingerprint"),
    )
    assert await database.fetch_one(campaign) == "created"
    windows = await odd.fetch("select opens_at, expires_at from bonuses order by opens_at")
    assert [tuple(row) for row in windows] == [(noon, noon + DAY) for noon in CHANGES_OF_2030]
    lengths = await odd.fetch(
        "select distinct extract(day from length), extract(hour from length) from"
        " (select min_watched from bonuses union all select watched from campaign_milestones"
        "  union all select claim_within from campaign_milestones) as stored(length) order by 2"
    )
    assert [tuple(row) for row in lengths] == [(0, 24), (0, 48)]


async def test_a_month_begins_at_midnight_utc(odd: asyncpg.Connection) -> None:
    january = datetime(2026, 1, 15, tzinfo=UTC)
    assert await odd.fetchval("select made from keep_months(1, $1)", january) == [
        "past_sessions_2026_01",
        "past_sessions_2026_02",
        "past_sessions_2026_03",
    ]
    february = datetime(2026, 2, 1, tzinfo=UTC)
    await past(odd, february - HOUR, february - timedelta(microseconds=1), "in January")
    await past(odd, february - HOUR, february, "in February")
    places = await odd.fetch("select user_id, tableoid::regclass::text as place from past_sessions")
    assert {row["user_id"]: row["place"].removeprefix("public.") for row in places} == {
        "in January": "past_sessions_2026_01",
        "in February": "past_sessions_2026_02",
    }
    march = datetime(2026, 3, 1, tzinfo=UTC)
    keep = "select dropped from keep_months(1, $1)"
    assert await odd.fetchval(keep, march - timedelta(microseconds=1)) == []
    assert await odd.fetchval(keep, march) == ["past_sessions_2026_01"]


async def test_the_export_writes_the_same_rows(odd: asyncpg.Connection, odd_dsn: str) -> None:
    noon = CHANGES[0]
    await past(odd, noon, noon + 2 * DAY, "=\t\\d'$1")
    between = ("--from", "2026-10-24T12:00Z", "--to", "2026-10-27")
    days = export("watch-time", "--by", "day,user", *between, dsn=odd_dsn)
    assert [(row["user_id"], row["starts_at"], row["watched_ms"]) for row in rows(days)] == [
        ("'=\t\\d'$1", str(milliseconds(noon - 12 * HOUR + n * DAY)), str(watched))
        for n, watched in ((0, 43_200_000), (1, 86_400_000), (2, 43_200_000))
    ]


@pytest.mark.parametrize("length", [0, 1, -1, 86_400, -86_400, 315_360_000])
async def test_a_length_reaches_the_database_without_days(
    db: asyncpg.Connection, length: int
) -> None:
    keep = timedelta(seconds=length, microseconds=7)
    _, keep_events, *_ = asked(Prune(keep, None, None, 1))
    days, seconds = await db.fetchrow(
        "select extract(day from $1::interval), extract(epoch from $1::interval)", keep_events
    )
    assert (days, seconds) == (0, Decimal(length) + Decimal("0.000007"))
