"""Copies of functions by the database's connections: the template's mapping and the shares."""

from __future__ import annotations

import pytest

from infra import concurrency, estimate
from infra.check import ROOT
from infra.plan import main, parameters
from wsgate.template.expand import read

TEMPLATE = read(ROOT / "template.yaml").body
ALLOWED = TEMPLATE["Parameters"]["DatabaseConnections"]["AllowedValues"]


def test_the_template_has_the_shares() -> None:
    mapping = TEMPLATE["Mappings"]["Concurrency"]
    assert mapping == {str(number): concurrency.copies(number) for number in ALLOWED}


def test_each_function_has_its_own() -> None:
    for name in concurrency.SHARES:
        function = TEMPLATE["Resources"][f"{name}Function"]["Properties"]
        _, found, _ = function["ReservedConcurrentExecutions"]["Fn::If"]
        expected = ["Concurrency", {"Ref": "DatabaseConnections"}, name]
        assert found == {"Fn::FindInMap": expected}


def test_each_schedule_is_counted() -> None:
    """A function that runs every minute holds connections, and is called all month."""
    functions = {
        name.removesuffix("Function")
        for name, one in TEMPLATE["Resources"].items()
        for event in one.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "ScheduleV2"
    }
    assert set(concurrency.SCHEDULED) == functions
    assert len(functions) == estimate.SCHEDULES


@pytest.mark.parametrize("number", [number for number in ALLOWED if number])
def test_workers_and_schedules_find_a_connection(number: int) -> None:
    given = parameters([])
    schedules = sum(concurrency.SCHEDULED.values())
    workers = given["PushConcurrency"] + given["NewsConcurrency"] + schedules
    assert number - sum(concurrency.copies(number).values()) >= workers


@pytest.mark.parametrize(
    ("least", "most", "connections"),
    [
        (0.5, 16, 1_800),
        (1, 16, 3_024),
        (1, 20, 3_024),
        (0.5, 8, 1_502),
        (2, 32, 4_500),
        (2, 256, 4_500),
        (1, 1, 170),
    ],
)
def test_the_own_database_has_as_many_as_its_capacity_gives(
    least: float, most: float, connections: int
) -> None:
    """90 % of what AWS says; with less than 1 unit at least, of 2,000 at most."""
    given = {"MinCapacity": least, "MaxCapacity": most}
    assert concurrency.own_connections(given) == connections


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        # 20 / 0.05 and 40 / 0.02
        (["DatabaseConnections=100"], "do 400 a second, less than ConnectionsPerSecond 500"),
        (["DatabaseConnections=100"], "do 2,000 a second, less than MessagesPerSecond 5,000"),
        (["DatabaseConnections=200", "PushConcurrency=40"], "leaves 40 for PushConcurrency 40"),
        (["DatabaseConnections=2000"], "reserves 1,600 copies, and 100 must stay unreserved"),
    ],
)
def test_a_contradiction_is_told(
    capsys: pytest.CaptureFixture[str], overrides: list[str], said: str
) -> None:
    assert main(overrides) == 1
    assert said in capsys.readouterr().out


def test_enough_connections_contradict_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["DatabaseConnections=1000"]) == 0
    assert "MessageFunction, copies              400   40% of" in capsys.readouterr().out


def test_another_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["DatabaseConnections=300"]) == 2
    assert "takes 0, 100, 200, 500, 1000, 2000, 5000" in capsys.readouterr().err
