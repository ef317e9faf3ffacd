"""Injected faults: decided from a seed, and never while they are off."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from wsgate.core.faults import FAULTS, Departure, Failure, Faults, FunctionFault, listing

MINUTE = 60_000
RATES = [fault.name for fault in FAULTS if fault.unit == "rate"]
IDS = [f"id{n}" for n in range(1000)]


def faults(seed: int = 7, **values: float) -> Faults:
    return Faults(seed, values)


def lost(which: Faults, times: int = 200) -> list[bool]:
    return [which.disconnects() == [] for _ in range(times)]


class TestOff:
    def test_nothing_goes_wrong(self) -> None:
        quiet = faults()
        assert not quiet.is_on
        assert quiet.changed() == {}
        assert quiet.disconnects() == [0.0]
        assert quiet.message_delay() == 0
        assert not quiet.loses_client()
        assert quiet.management_failure(lives=True) is None
        assert (quiet.management_delay(), quiet.integration_delay()) == (0, 0)
        assert quiet.function_fault() is None
        assert quiet.departures(IDS, MINUTE) == []
        assert not quiet.takes_node_kill()

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
    def test_one_alone_turns_it_on_and_back_off(self, fault: Any) -> None:
        changed = faults(**{fault.name: fault.most})
        assert changed.is_on
        assert changed.changed() == {fault.name: fault.most}
        changed.set(fault.name, fault.default)
        assert not changed.is_on


class TestRates:
    def test_one_is_always(self) -> None:
        always = faults(**dict.fromkeys(RATES, 1))
        for _ in range(100):
            assert always.disconnects() == []
            assert always.message_delay() == 1
            assert always.loses_client()
            assert always.management_failure(lives=True) is Failure.THROTTLED
            assert always.function_fault() == FunctionFault(1, 0)

    def test_a_half_is_half(self) -> None:
        assert 70 < sum(lost(faults(disconnect_lost=0.5))) < 130

    def test_the_same_seed_repeats_and_another_does_not(self) -> None:
        first = lost(faults(disconnect_lost=0.5))
        assert lost(faults(disconnect_lost=0.5)) == first
        assert lost(faults(seed=8, disconnect_lost=0.5)) != first

    def test_another_fault_does_not_change_the_sequence(self) -> None:
        both = faults(disconnect_lost=0.5, connect_lost=0.5, message_late=0.5)
        alone = lost(faults(disconnect_lost=0.5))
        found = []
        for _ in alone:
            both.loses_client()
            both.message_delay()
            found.append(both.disconnects() == [])
        assert found == alone

    def test_it_goes_to_another_process_as_it_is(self) -> None:
        here = faults(disconnect_lost=0.5)
        lost(here, 10)
        there = pickle.loads(pickle.dumps(here))  # noqa: S301 our own
        assert lost(there) == lost(here)


class TestNodes:
    def test_each_node_has_its_own_sequence_and_it_repeats(self) -> None:
        one = faults(disconnect_lost=0.5)
        assert lost(one.for_node(1)) == lost(one.for_node(1))
        assert lost(one.for_node(1)) != lost(one.for_node(2))
        assert lost(one.for_node(0)) == lost(one)

    def test_an_action_is_not_every_nodes(self) -> None:
        assert faults(node_kill=1, connect_lost=1).for_node(1).changed() == {"connect_lost": 1}

    def test_a_change_is_spread_and_one_that_was_heard_is_not(self) -> None:
        here, told = faults(), list[tuple[str, float]]()
        here.spread = lambda name, value: told.append((name, value))
        here.set("connect_lost", "0.5")
        here.hear("message_late", 1)
        assert told == [("connect_lost", 0.5)]
        assert here.changed() == {"connect_lost": 0.5, "message_late": 1}

    def test_an_action_runs_only_where_it_is_heard(self) -> None:
        here, told = faults(), list[tuple[str, float]]()
        here.spread = lambda name, value: told.append((name, value))
        here.set("node_kill", 1)
        assert told == [("node_kill", 1)]
        assert not here.takes_node_kill()

    def test_an_invalid_value_is_not_spread(self) -> None:
        here, told = faults(), list[tuple[str, float]]()
        here.spread = lambda name, value: told.append((name, value))
        with pytest.raises(ValueError, match="must be from"):
            here.set("connect_lost", 2)
        assert told == []


class TestEvents:
    def test_a_disconnect_is_late_and_comes_twice(self) -> None:
        assert faults(disconnect_late=3).disconnects() == [3]
        assert faults(disconnect_twice=1).disconnects() == [0, 0]
        assert faults(disconnect_late=3, disconnect_twice=1).disconnects() == [3, 3]

    def test_what_is_lost_is_not_late(self) -> None:
        assert faults(disconnect_lost=1, disconnect_late=3, disconnect_twice=1).disconnects() == []

    def test_a_message_is_late_by_what_is_set(self) -> None:
        assert faults(message_late=1, message_late_seconds=0.25).message_delay() == 0.25
        assert faults(message_late_seconds=0.25).message_delay() == 0


class TestManagement:
    @pytest.mark.parametrize("failure", Failure)
    def test_each_failure(self, failure: Failure) -> None:
        assert faults(**{failure.value: 1}).management_failure(lives=True) is failure

    def test_410_is_for_the_living(self) -> None:
        assert faults(management_gone=1).management_failure(lives=False) is None
        assert faults(management_failed=1).management_failure(lives=False) is Failure.FAILED

    def test_jitter_makes_a_range(self) -> None:
        ranged = faults(management_latency=0.1, management_jitter=0.4)
        delays = [ranged.management_delay() for _ in range(200)]
        assert min(delays) < 0.2
        assert 0.4 < max(delays) < 0.5
        assert all(delay >= 0.1 for delay in delays)

    def test_without_jitter_it_is_exact(self) -> None:
        assert faults(integration_latency=0.1).integration_delay() == 0.1


class TestFunctions:
    def test_slow_and_crash(self) -> None:
        assert faults(function_slow=1, function_slow_seconds=2).function_fault() == FunctionFault(
            slow=2
        )
        assert faults(function_crash=1, function_crash_seconds=3).function_fault() == FunctionFault(
            crash=3
        )


class TestDepartures:
    @pytest.mark.parametrize("how", Departure)
    def test_one_per_minute_is_every_connection_at_once(self, how: Departure) -> None:
        assert faults(**{how.value: 1}).departures(IDS, 1000) == [(each, how) for each in IDS]

    def test_no_time_no_departure(self) -> None:
        assert faults(connection_lost=1).departures(IDS, 0) == []
        assert faults(connection_lost=1).departures(IDS, -5) == []

    def test_a_half_per_minute_is_half_whatever_the_steps(self) -> None:
        at_once = faults(connection_lost=0.5).departures(IDS, MINUTE)
        assert 440 < len(at_once) < 560
        stepped, left = faults(connection_lost=0.5), set(IDS)
        for _ in range(60):
            left -= {each for each, _ in stepped.departures(sorted(left), 1000)}
        assert 440 < len(left) < 560


class TestNodeKill:
    def test_it_is_done_once(self) -> None:
        deadly = faults(node_kill=1)
        assert deadly.takes_node_kill()
        assert not deadly.takes_node_kill()
        assert not deadly.is_on


class TestWords:
    @pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
    def test_the_ends_of_each_range_are_in_it(self, fault: Any) -> None:
        changed = faults()
        for value in (fault.least, fault.most, str(fault.most)):
            changed.set(fault.name, value)
        for wrong in (fault.least - 0.001, fault.most + 0.001):
            with pytest.raises(ValueError, match=f"{fault.name} is .* from 0 to {fault.most:g}"):
                changed.set(fault.name, wrong)
        assert changed.describe()[fault.name]["value"] == fault.most

    @pytest.mark.parametrize(
        "value", ["", "x", "nan", "inf", None, True, [], {}, float("nan"), 10**400]
    )
    def test_what_is_no_number_is_refused_and_changes_nothing(self, value: object) -> None:
        changed = faults(disconnect_lost=0.5)
        with pytest.raises(ValueError, match="disconnect_lost is"):
            changed.set("disconnect_lost", value)
        assert changed.changed() == {"disconnect_lost": 0.5}

    def test_an_action_is_done_or_not(self) -> None:
        with pytest.raises(ValueError, match="node_kill"):
            faults(node_kill=0.5)

    def test_an_unknown_name_is_a_sentence(self) -> None:
        with pytest.raises(ValueError, match="'nope' is not the name of a fault"):
            faults(nope=1)

    def test_each_is_described(self) -> None:
        described = faults(disconnect_late=2).describe()
        assert list(described) == [fault.name for fault in FAULTS]
        assert described["disconnect_late"] == {
            "value": 2.0,
            "default": 0.0,
            "least": 0.0,
            "most": 900.0,
            "unit": "seconds",
            "description": "The $disconnect event comes this much later.",
        }
        assert all(each["description"].endswith(".") for each in described.values())

    def test_the_list_names_each(self) -> None:
        assert all(f"  {fault.name} " in listing() for fault in FAULTS)
