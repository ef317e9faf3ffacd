"""When schedules are due, by EventBridge's grammar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wsgate.model.timing import Cron, Once, Rate, parse

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday
MINUTE = timedelta(minutes=1)
JUST = timedelta(microseconds=1)
VIENNA = ZoneInfo("Europe/Vienna")


def nexts(expression: str, count: int, now: datetime = NOON, zone: str = "UTC") -> list[str]:
    """The next moments, as they are written in that zone."""
    timing, found = parse(expression, ZoneInfo(zone)), []
    moment: datetime | None = now
    for _ in range(count):
        moment = timing.next(NOON, moment) if moment else None
        found.append(f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" if moment else "never")
    return found


class TestRate:
    @pytest.mark.parametrize(
        ("since", "due"),
        [
            (timedelta(0), MINUTE),
            (MINUTE - JUST, MINUTE),
            (MINUTE, 2 * MINUTE),
            (MINUTE + JUST, 2 * MINUTE),
            (10.5 * MINUTE, 11 * MINUTE),
            (-MINUTE, MINUTE),
        ],
    )
    def test_it_is_due_at_whole_periods_after_the_start(
        self, since: timedelta, due: timedelta
    ) -> None:
        assert Rate(MINUTE).next(NOON, NOON + since) == NOON + due

    @pytest.mark.parametrize(
        ("text", "every"),
        [
            ("rate(1 minute)", MINUTE),
            ("rate(5 hours)", timedelta(hours=5)),
            ("rate(7 days)", timedelta(days=7)),
        ],
    )
    def test_its_words(self, text: str, every: timedelta) -> None:
        assert parse(text) == Rate(every)

    @pytest.mark.parametrize(
        "text", ["rate(0 minutes)", "rate(999999999 days)", "rate(1 week)", "rate(-1 days)"]
    )
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(ValueError, match="must be"):
            parse(text)


class TestOnce:
    def test_it_is_due_until_it_is_past(self) -> None:
        once = Once(NOON)
        assert once.next(NOON, NOON - JUST) == NOON
        assert once.next(NOON, NOON) is None

    def test_it_is_written_in_its_zone(self) -> None:
        assert parse("at(2026-11-24T13:00:00)", VIENNA) == Once(NOON)
        assert parse("at(2026-11-24T12:00:00)") == Once(NOON)

    @pytest.mark.parametrize(
        "text", ["at(2026-02-30T00:00:00)", "at(2026-11-24)", "at(0001-01-01T00:00:00Z)"]
    )
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"no date|must be"):
            parse(text)


class TestCron:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            # EventBridge's own examples, and one for each wildcard.
            ("cron(0 10 * * ? *)", ["2026-11-25 10:00", "2026-11-26 10:00"]),
            ("cron(15 12 * * ? *)", ["2026-11-24 12:15", "2026-11-25 12:15"]),
            ("cron(0 18 ? * MON-FRI *)", ["2026-11-24 18:00", "2026-11-25 18:00"]),
            ("cron(0 8 1 * ? *)", ["2026-12-01 08:00", "2027-01-01 08:00"]),
            ("cron(0/15 * * * ? *)", ["2026-11-24 12:15", "2026-11-24 12:30"]),
            ("cron(0/10 * ? * MON-FRI *)", ["2026-11-24 12:10", "2026-11-24 12:20"]),
            ("cron(0/5 8-17 ? * MON-FRI *)", ["2026-11-24 12:05", "2026-11-24 12:10"]),
            ("cron(15 10 ? * 6L 2026-2027)", ["2026-11-27 10:15", "2026-12-25 10:15"]),
            ("cron(0 9 ? * 2#1 *)", ["2026-12-07 09:00", "2027-01-04 09:00"]),
            ("cron(0 9 ? * FRI#5 *)", ["2027-01-29 09:00", "2027-04-30 09:00"]),
            ("cron(0 0 L * ? *)", ["2026-11-30 00:00", "2026-12-31 00:00"]),
            ("cron(0 0 ? * L *)", ["2026-11-28 00:00", "2026-12-05 00:00"]),
            ("cron(0 0 ? * 1 *)", ["2026-11-29 00:00", "2026-12-06 00:00"]),
            ("cron(0 0 31 * ? *)", ["2026-12-31 00:00", "2027-01-31 00:00"]),
            ("cron(0 0 29 2 ? *)", ["2028-02-29 00:00", "2032-02-29 00:00"]),
            ("cron(0 0 1,15 jan,JUL ? *)", ["2027-01-01 00:00", "2027-01-15 00:00"]),
            ("cron(30 */6 * * ? *)", ["2026-11-24 12:30", "2026-11-24 18:30"]),
            ("cron(0 12-20/4 * * ? *)", ["2026-11-24 16:00", "2026-11-24 20:00"]),
            ("cron(0 22-1 * * ? *)", ["2026-11-24 22:00", "2026-11-24 23:00"]),
            ("cron(0 0 ? * SAT-MON *)", ["2026-11-28 00:00", "2026-11-29 00:00"]),
            ("cron(0 0 1 1 ? 2030/10)", ["2030-01-01 00:00", "2040-01-01 00:00"]),
            ("cron(0 0 1 1 ? 2020)", ["never", "never"]),
            ("cron(0 0 31 2 ? *)", ["never", "never"]),
        ],
    )
    def test_what_comes_next(self, expression: str, expected: list[str]) -> None:
        assert nexts(expression, 2) == expected

    @pytest.mark.parametrize(
        ("day", "expected"),
        [
            ("1W", "2027-05-03"),  # a Saturday: not into April
            ("2W", "2027-05-03"),  # a Sunday
            ("3W", "2027-05-03"),  # a Monday
            ("15W", "2027-05-14"),  # a Saturday
            ("31W", "2027-05-31"),  # a Monday
        ],
    )
    def test_the_weekday_nearest_to_a_day(self, day: str, expected: str) -> None:
        now = datetime(2027, 5, 1, tzinfo=UTC) - JUST
        assert nexts(f"cron(0 0 {day} 5 ? *)", 1, now) == [f"{expected} 00:00"]

    def test_a_sunday_at_the_end_stays_in_its_month(self) -> None:
        now = datetime(2027, 1, 1, tzinfo=UTC)
        assert nexts("cron(0 0 31W 1 ? *)", 1, now) == ["2027-01-29 00:00"]
        assert nexts("cron(0 0 31W 4 ? *)", 1, now) == ["never"]

    def test_around_the_minute(self) -> None:
        cron, due = parse("cron(0 12 * * ? *)"), NOON
        assert cron.next(NOON, due - JUST) == due
        assert cron.next(NOON, due) == due + timedelta(days=1)
        assert cron.next(NOON, due + JUST) == due + timedelta(days=1)

    def test_every_minute_is_every_minute(self) -> None:
        cron, now = parse("cron(* * * * ? *)"), NOON.replace(hour=22)
        for _ in range(200):
            due = cron.next(NOON, now)
            assert due == now + MINUTE
            now = due

    def test_a_year_of_days_matches_the_calendar(self) -> None:
        cron, now = parse("cron(0 0 ? * TUE,THU *)"), NOON
        for day in (date(2026, 11, 24) + timedelta(days=n) for n in range(1, 366)):
            if day.isoweekday() in {2, 4}:
                due = cron.next(NOON, now)
                assert due is not None
                assert due.date() == day
                now = due


class TestTimeZones:
    def test_a_time_is_that_of_the_zone(self) -> None:
        assert parse("cron(0 9 * * ? *)", VIENNA).next(NOON, NOON) == datetime(
            2026, 11, 25, 8, tzinfo=UTC
        )

    def test_a_time_that_the_clock_skips_is_skipped(self) -> None:
        now = datetime(2027, 3, 27, 12, tzinfo=UTC)  # 02:00 becomes 03:00 on the 28th
        expected = ["2027-03-29 02:30", "2027-03-30 02:30"]
        assert nexts("cron(30 2 * * ? *)", 2, now, "Europe/Vienna") == expected

    def test_a_time_that_the_clock_shows_twice_comes_once(self) -> None:
        now = datetime(2027, 10, 30, 12, tzinfo=UTC)  # 03:00 becomes 02:00 on the 31st
        expected = ["2027-10-31 02:30", "2027-11-01 02:30"]
        assert nexts("cron(30 2 * * ? *)", 2, now, "Europe/Vienna") == expected

    def test_the_day_is_that_of_the_zone(self) -> None:
        now = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)  # already the new year in Vienna
        assert nexts("cron(45 0 1 1 ? *)", 1, now, "Europe/Vienna") == ["2027-01-01 00:45"]


@pytest.mark.parametrize(
    "expression",
    [
        "cron()",
        "cron(0 10 * * ?)",
        "cron(0 10 * * ? * *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 0 * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 1 13 ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * 0 *)",
        "cron(0 0 ? * 2#6 *)",
        "cron(0 0 ? * 2#0 *)",
        "cron(0 0 ? * MON#1,TUE#2 *)",
        "cron(0 0 0W * ? *)",
        "cron(0 0 W * ? *)",
        "cron(0 0 1 * ? 1969)",
        "cron(0 0 1 * ? 2200)",
        "cron(0/0 0 1 * ? *)",
        "cron(/5 0 1 * ? *)",
        "cron(1- 0 1 * ? *)",
        "cron(1,,2 0 1 * ? *)",
        "cron(-1 0 1 * ? *)",
        "cron(٣ 0 1 * ? *)",
        "cron(0 0 1 FOO ? *)",
        "Cron(0 10 * * ? *)",
        "every day",
        "",
    ],
)
def test_what_is_no_expression_is_a_sentence(expression: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|has) "):
        parse(expression)


def test_a_cron_can_be_compared_and_sent_to_another_process() -> None:
    assert parse("cron(0 10 * * ? *)") == parse("cron(00 10 * * ? *)")
    assert isinstance(parse("cron(0 10 * * ? *)"), Cron)
