"""What a process knows of users who are kept out: little, and not for long."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from handlers.core.rate_limit import BELIEF, MAX_KNOWN, KeptOut

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE, MILLISECOND = timedelta(minutes=1), timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("length", "after", "is_known"),
    [
        (MINUTE, timedelta(0), True),
        (MINUTE, BELIEF - MILLISECOND, True),
        (MINUTE, BELIEF, False),
        (2 * MILLISECOND, MILLISECOND, True),
        (2 * MILLISECOND, 2 * MILLISECOND, False),
        (MINUTE, -MILLISECOND, False),
        (MINUTE, timedelta(hours=-1), False),
    ],
)
def test_a_process_believes_it_for_a_moment_and_not_when_the_clock_goes_back(
    length: timedelta, after: timedelta, is_known: bool
) -> None:
    kept_out = KeptOut()
    kept_out.learn("ann", length, T0)
    refusal = kept_out.refusal("ann", T0 + after)
    assert (refusal is not None) is is_known
    if refusal:
        assert json.loads(refusal.reply)["retry_after_ms"] == (length - after) / MILLISECOND
    assert kept_out.refusal("bob", T0 + after) is None


def test_the_wait_is_rounded_up() -> None:
    kept_out = KeptOut()
    kept_out.learn("ann", timedelta(microseconds=1_500), T0)
    refusal = kept_out.refusal("ann", T0)
    assert refusal
    assert json.loads(refusal.reply)["retry_after_ms"] == 2


def test_a_connection_is_closed_once_until_the_database_has_been_asked_again() -> None:
    kept_out = KeptOut()
    for at in (T0, T0 + BELIEF):
        kept_out.learn("ann", MINUTE, at)
        closed = [kept_out.is_to_close("ann", tab) for tab in ("a", "b", "a", "b")]
        assert closed == [True, True, False, False]


def test_what_a_process_knows_is_bounded() -> None:
    kept_out = KeptOut()
    for n in range(MAX_KNOWN + 1):
        kept_out.learn(f"user-{n}", MINUTE, T0)
    kept_out.learn("user-1", MINUTE, T0)
    known = [n for n in range(MAX_KNOWN + 1) if kept_out.refusal(f"user-{n}", T0)]
    assert known == list(range(1, MAX_KNOWN + 1)), "the one learned first is forgotten"
