"""What the load tool takes for wrong, judged from values: a lie must not pass, and a truth must."""

from __future__ import annotations

import pytest

from bench.load.tally import Tally, merged
from bench.load.truth import Watched, bounds, compare_sets, judge_claims, judge_watched
from bench.load.user import Spell

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


@pytest.mark.parametrize(("seconds", "within"), [(120, 0), (123, 0), (60, 60), (121, 5)])
def test_watch_time_within_its_bound_is_right(seconds: float, within: float) -> None:
    found, errors = judge_watched({"ann": RELOAD}, {"ann": Watched(1, 0, seconds, within)}, GRACE)
    assert found == []
    assert list(errors) == [seconds - 120]


@pytest.mark.parametrize(("seconds", "within"), [(119, 0), (60, 59), (0, 0)])
def test_watch_time_below_the_truth_is_wrong(seconds: float, within: float) -> None:
    found, _ = judge_watched({"ann": RELOAD}, {"ann": Watched(1, 0, seconds, within)}, GRACE)
    assert [one.what for one in found] == ["watch time, with its bound, is below the truth"]


def test_watch_time_of_an_outage_is_wrong() -> None:
    found, _ = judge_watched({"ann": OUTAGE}, {"ann": Watched(1, 0, 720, 0)}, GRACE)
    assert [one.what for one in found] == ["watch time is above the truth"]


@pytest.mark.parametrize(
    "said", [{}, {"ann": Watched(2, 0, 120, 0)}, {"ann": Watched(1, 1, 120, 0)}]
)
def test_a_session_that_is_missing_split_or_open_is_wrong(said: dict[str, Watched]) -> None:
    found, _ = judge_watched({"ann": RELOAD}, said, GRACE)
    assert [one.what for one in found] == ["a user has not one session that is over"]


def test_the_same_thing_said_by_two_processes_is_one() -> None:
    tallies = [Tally(), Tally()]
    for tally in tallies:
        for number in range(4):
            tally.wrong("a ping had no answer", f"user-{number}")
    (one,) = merged([tally.take_wrong() for tally in tallies])
    assert one.times == 8
    assert len(one.examples) == 5
    assert tallies[0].take_wrong() == []
