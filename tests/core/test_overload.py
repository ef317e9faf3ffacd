"""Which messages come too late to be handled, and when their clients send them again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from handlers.core.overload import is_too_late, unavailable, waited

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MS, SECOND, MINUTE = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("since", "age"),
    [
        (timedelta(0), timedelta(0)),
        (MS, MS),
        (10 * MINUTE - MS, 10 * MINUTE - MS),
        # Nothing waits for so long: the clocks differ, and the message is handled.
        (10 * MINUTE, timedelta(0)),
        (-SECOND, timedelta(0)),
    ],
)
def test_a_message_has_waited_since_the_gateway_took_it(since: timedelta, age: timedelta) -> None:
    arrived_ms = round((NOW - since).timestamp() * 1000)
    assert waited({"requestTimeEpoch": arrived_ms}, NOW) == age


@pytest.mark.parametrize("request_context", [{}, {"requestTimeEpoch": round(NOW.timestamp())}])
def test_a_gateway_that_tells_no_time_in_milliseconds_is_not_judged(
    request_context: dict[str, int],
) -> None:
    assert waited(request_context, NOW) == timedelta(0)


@pytest.mark.parametrize(
    ("age", "is_late"), [(timedelta(0), False), (10 * SECOND, False), (10 * SECOND + MS, True)]
)
def test_a_message_that_waited_ten_seconds_is_not_handled_any_more(
    age: timedelta, is_late: bool
) -> None:
    assert is_too_late(age) is is_late


@pytest.mark.parametrize(
    ("age", "first_ms", "last_ms"),
    [
        (timedelta(0), 100, 1_000),
        (SECOND, 100, 1_000),
        (4 * SECOND, 400, 4_000),
        (20 * SECOND, 2_000, 20_000),
        (9 * MINUTE, 2_000, 20_000),
    ],
)
def test_clients_come_back_spread_over_what_their_message_has_waited(
    age: timedelta, first_ms: int, last_ms: int
) -> None:
    waits_ms = [
        json.loads(unavailable("c1", "too much: wait", age, draw).reply)["retry_after_ms"]
        for draw in (0.0, 0.5, 1.0)
    ]
    assert waits_ms == [first_ms, (first_ms + last_ms) // 2, last_ms]
