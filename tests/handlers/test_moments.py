"""Moments as requests write them: milliseconds or RFC 3339, and nothing that can be misread."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.web.pagination import iso_time
from handlers.web.schemas.moments import MAX_MILLISECONDS, read_moment, read_moment_in_query

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda n: timezone(timedelta(minutes=n)))


@given(st.datetimes(datetime(1971, 1, 1), datetime(9998, 12, 31), timezones=OFFSETS))  # noqa: DTZ001  # Hypothesis adds them
def test_each_moment_reads_the_same_in_every_form(moment: datetime) -> None:
    assert read_moment(moment.isoformat()) == moment
    assert read_moment(moment.isoformat().replace("T", "t")).utcoffset() == timedelta(0)
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    milliseconds = (whole - EPOCH) // timedelta(milliseconds=1)
    assert read_moment(milliseconds) == whole == read_moment_in_query(str(milliseconds))
    assert read_moment(iso_time(milliseconds)) == whole


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00z", 0),
        ("1970-01-01t00:00:00-00:00", 0),
        ("1970-01-01T05:30:00+05:30", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("1970-01-01T00:00:00.0019999Z", 1),
        ("2026-02-28T23:59:59.999Z", 1_772_323_199_999),
        ("9999-12-31T23:59:59.999Z", MAX_MILLISECONDS),
        ("0", 0),
        ("1772323199999", 1_772_323_199_999),
    ],
)
def test_a_moment_in_a_query(text: str, milliseconds: int) -> None:
    assert (read_moment_in_query(text) - EPOCH) // timedelta(milliseconds=1) == milliseconds


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        # Twice, where clocks are put back; not at all, where they are put forward.
        ("2026-10-25T02:30:00", "may not exist or exist twice"),
        ("2026-03-29T02:30:00", "may not exist or exist twice"),
        ("2026-10-25T02:30", "may not exist or exist twice"),
        ("2026-10-25 02:30:00.5", "may not exist or exist twice"),
        ("2026-10-25T02:30:00 01:00", "%2B"),
        ("2026-02-29T00:00:00Z", "no such day"),
        ("2026-13-01T00:00:00Z", "no such day"),
        ("1969-12-31T23:59:59Z", "from 1970"),
        ("1970-01-01T00:00:00+00:01", "from 1970"),
        ("0001-01-01T00:00:00+23:59", "from 1970"),
        ("9999-12-31T23:59:59-00:01", "from 1970"),
        ("253402300800000", "from 1970"),
        ("-1", "from 1970"),
        ("9" * 5_000, "from 1970"),
        *(
            (wrong, "RFC 3339")
            for wrong in (
                *("", "now", "2026-10-25", "2026-10-25T24:00:00Z", "2026-10-25T23:59:60Z"),
                *("2026-10-25T02:30Z", "20261025T023000Z", "2026-W10-1T00:00:00Z", "1.5", "1e3"),
                *("2026-10-25T02:30:00+0100", "2026-10-25T02:30:00 Z", "+5", " 5", "05", "1_0"),
                *("2026-10-25T02:30:00Z\n", "\u0662026-10-25T02:30:00Z", "2026-10-25T02:30:00.Z"),
            )
        ),
    ],
)
def test_what_is_no_moment_is_refused_with_the_reason(given: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_moment_in_query(given)


@pytest.mark.parametrize("given", [True, 1.5, "5", None, [], {}, -1, MAX_MILLISECONDS + 1, 10**400])
def test_a_body_has_a_number_or_a_text(given: object) -> None:
    with pytest.raises(ValueError, match=r"send milliseconds|from 1970"):
        read_moment(given)
