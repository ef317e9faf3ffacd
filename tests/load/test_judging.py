"""What the load tool takes for wrong, judged from values: a lie must not pass, and a truth must."""

from __future__ import annotations

import pytest

from bench.load.company import Act, Shown, Spell
from bench.load.tally import Tally, merged
from bench.load.truth import (
    Watched,
    bounds,
    compare_sets,
    judge_audience,
    judge_claims,
    judge_watched,
    judge_windows,
    longest_gap,
    pushed_too_often,
    say_late,
)

HERE = {"c1": "ann", "c2": "ann", "c3": "bob"}


def test_the_same_connections_are_right() -> None:
    assert compare_sets(HERE, dict(HERE), (2, 3)) == []


@pytest.mark.parametrize("lost", HERE)
def test_a_connection_that_the_database_lacks_is_wrong(lost: str) -> None:
    there = {connection: user for connection, user in HERE.items() if connection != lost}
    (one,) = compare_sets(HERE, there, (2, 3))
    assert one.times == 1
    assert one.examples == [HERE[lost]]


def test_a_row_without_a_client_is_wrong() -> None:
    (one,) = compare_sets(HERE, {**HERE, "c4": "eve"}, (2, 3))
    assert one.examples == ["eve"]


@pytest.mark.parametrize("online", [(1, 3), (2, 2), (3, 4)])
def test_an_api_that_counts_others_is_wrong(online: tuple[int, int]) -> None:
    assert len(compare_sets(HERE, dict(HERE), online)) == 1


@pytest.mark.parametrize(
    ("viewers", "percent", "is_wrong"),
    [
        (2, 0.0, True),
        (3, 0.0, False),
        (4, 0.0, True),
        (3, None, False),
        (4, None, True),
        (4, 12.0, True),
        (4, 13.0, False),
        (2, 26.0, False),
        (2, 24.0, True),
    ],
)
def test_an_audience_of_others_is_wrong(
    viewers: int, percent: float | None, is_wrong: bool
) -> None:
    """An estimate may be off by twice what it states."""
    page = {"items": [{"unique_viewers": viewers, "error_percent": percent}]}
    assert bool(judge_audience(3, page)) == is_wrong
    assert judge_audience(3, None) == [], "it was refused"


ANSWERS = {"ann": "claimed", "bob": "sold_out", "eve": "sold_out"}


def test_claims_with_one_answer_each_are_right() -> None:
    assert judge_claims(3, 1, ANSWERS, {"the ledger": {"ann"}}) == []


def test_a_claim_without_an_answer_is_wrong() -> None:
    (one,) = judge_claims(4, 1, ANSWERS, {})
    assert one.times == 1


def test_a_grant_that_the_ledger_lacks_is_wrong() -> None:
    (one,) = judge_claims(3, 1, ANSWERS, {"the ledger": set()})
    assert one.examples == ["ann"]


def test_a_grant_that_its_user_does_not_know_is_wrong() -> None:
    (one,) = judge_claims(3, 1, ANSWERS, {"the ledger": {"ann", "bob"}})
    assert one.examples == ["bob"]


def test_more_grants_than_stock_are_wrong() -> None:
    assert judge_claims(2, 1, {"ann": "claimed", "bob": "claimed"}, {})


def test_sold_out_with_stock_left_is_wrong() -> None:
    assert judge_claims(3, 2, ANSWERS, {})


def test_another_outcome_than_those_of_a_claim_is_wrong() -> None:
    (one,) = judge_claims(3, 1, {**ANSWERS, "eve": "not_eligible"}, {})
    assert one.examples == ["eve"]


# A minute, three seconds without a line, another minute; a handshake takes half a second.
RELOAD = [Spell(99.5, 100, 160), Spell(162.5, 163, 223)]
# The same with ten minutes between.
OUTAGE = [Spell(99.5, 100, 160), Spell(759.5, 760, 820)]
GRACE = 30.0


def test_a_gap_within_the_grace_may_count_and_a_longer_one_may_not() -> None:
    assert bounds(RELOAD, GRACE) == (120, 124)
    assert bounds(OUTAGE, GRACE) == (120, 121)


@pytest.mark.parametrize(("gap", "counts"), [(29.9, True), (30, True), (30.1, False)])
def test_the_server_takes_a_gap_from_the_loss_to_the_handshake(gap: float, counts: bool) -> None:
    """However long the handshake takes: that is the machine's."""
    spells = [Spell(0, 1, 10), Spell(10 + gap, 90, 100)]
    _, most = bounds(spells, GRACE)
    assert (most > 100) == counts


def test_a_client_that_sees_late_that_its_line_was_cut_is_not_believed() -> None:
    """A busy machine: cut at 160, seen at 170, back at 175."""
    spells = [Spell(99.5, 100, 170, cut_at=160), Spell(174.5, 175, 235)]
    least, most = bounds(spells, GRACE)
    assert least == 120
    assert most >= 135
    assert longest_gap(spells) == 15


@pytest.mark.parametrize(
    ("seconds", "within", "late"),
    [(120, 0, 0), (123, 0, 0), (60, 60, 0), (121, 5, 0), (420, 0, 300)],
)
def test_watch_time_within_its_bound_is_right(seconds: float, within: float, late: float) -> None:
    said = {"ann": Watched(1, 0, seconds, within, late)}
    found, errors = judge_watched({"ann": RELOAD}, said, GRACE)
    assert found == []
    assert list(errors) == [seconds - 120]


def test_watch_time_that_a_late_disconnect_does_not_explain_is_wrong() -> None:
    found, _ = judge_watched({"ann": RELOAD}, {"ann": Watched(1, 0, 130, 0, 5)}, GRACE)
    assert [one.what for one in found] == ["watch time is above the truth"]


@pytest.mark.parametrize(("seconds", "within"), [(119, 0), (60, 59), (0, 0)])
def test_watch_time_below_the_truth_is_wrong(seconds: float, within: float) -> None:
    found, _ = judge_watched({"ann": RELOAD}, {"ann": Watched(1, 0, seconds, within, 0)}, GRACE)
    assert [one.what for one in found] == ["watch time, with its bound, is below the truth"]


def test_watch_time_of_an_outage_is_wrong() -> None:
    found, _ = judge_watched({"ann": OUTAGE}, {"ann": Watched(1, 0, 720, 0, 0)}, GRACE)
    assert [one.what for one in found] == ["watch time is above the truth"]


@pytest.mark.parametrize(
    "said", [{}, {"ann": Watched(2, 0, 120, 0, 0)}, {"ann": Watched(1, 1, 120, 0, 0)}]
)
def test_a_session_that_is_missing_split_or_open_is_wrong(said: dict[str, Watched]) -> None:
    found, _ = judge_watched({"ann": RELOAD}, said, GRACE)
    assert [one.what for one in found] == ["a user has not one session that is over"]


# 2,000 users at 600/s: all need 3.3 s.
@pytest.mark.parametrize(
    ("windows", "waits", "faults"),
    [
        ((3.8, 3.8), 7.6, 0),
        ((3.8, 7.7), 15.4, 0),
        ((3.3, 3.8), 7.6, 1),
        ((3.8, 7.7), 7.6, 1),
        ((1.0, 7.7), 7.6, 2),
    ],
)
def test_windows_must_fit_the_quota_and_the_wait(
    windows: tuple[float, float], waits: float, faults: int
) -> None:
    assert len(judge_windows(windows, 2_000, 600, waits)) == faults


@pytest.mark.parametrize(("late", "is_said"), [(0, False), (100, False), (101, True)])
def test_a_run_that_excuses_many_says_that_it_proves_little(late: int, is_said: bool) -> None:
    note = say_late(late, 2_000)
    assert (note is not None) == is_said
    if note:
        assert "101 of 2,000" in note
        assert "the other 1,899" in note


@pytest.mark.parametrize(
    ("times", "reported", "connections", "too_often"),
    [(0, 2_000, 2_000, 0), (1, 2_000, 2_000, 1), (250, 2_250, 2_000, 0), (251, 2_250, 2_000, 1)],
)
def test_a_push_that_came_again_must_have_been_reported_again(
    times: int, reported: int, connections: int, too_often: int
) -> None:
    assert pushed_too_often(times, reported, connections) == too_often


def test_a_bonus_to_be_acknowledged_comes_three_times_at_most() -> None:
    tally, shown = Tally(), Shown()
    for _ in range(3):
        shown.push("c1", "ann", tally, acknowledge=True)
    assert tally.take_wrong() == []
    shown.push("c1", "ann", tally, acknowledge=True)
    assert [one.what for one in tally.take_wrong()] == ["a bonus was told too often"]


def test_a_bonus_without_acknowledgement_that_comes_again_is_noted() -> None:
    tally, shown = Tally(), Shown()
    shown.push("c1", "ann", tally, acknowledge=False)
    assert shown.again == []
    shown.push("c1", "ann", tally, acknowledge=False)
    assert shown.again == ["ann"]


def test_a_bonus_that_a_welcome_brings_is_there() -> None:
    shown = Shown()
    shown.find("c1")
    assert shown.has("c1")
    assert not shown.at


@pytest.mark.parametrize(
    ("times_sent", "answers", "pushes", "is_missed", "is_right"),
    [
        (1, 1, 1, False, True),
        (1, 1, 0, True, True),
        (2, 2, 2, True, True),
        (2, 1, 1, False, True),
        (3, 0, 1, False, False),
        (1, 1, 0, False, False),
        (1, 2, 1, False, False),
        (1, 1, 2, False, False),
    ],
)
def test_an_act_has_an_answer_and_a_push_for_each_time_that_it_is_sent(
    times_sent: int, answers: int, pushes: int, is_missed: bool, is_right: bool
) -> None:
    act = Act("ann", 0.0, times_sent, answers, pushes, is_missed)
    assert (act.fault is None) == is_right


def test_the_same_thing_said_by_two_processes_is_one() -> None:
    tallies = [Tally(), Tally()]
    for tally in tallies:
        for number in range(4):
            tally.wrong("a ping had no answer", f"user-{number}")
    (one,) = merged([tally.take_wrong() for tally in tallies])
    assert one.times == 8
    assert len(one.examples) == 5
    assert tallies[0].take_wrong() == []
