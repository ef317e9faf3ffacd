"""The evaluator of alarms, by the examples of AWS's own page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra import monitoring
from tests.support.cloudwatch import rings, states, values

if TYPE_CHECKING:
    from tests.support.cloudwatch import Series

X = 1.0
"""Breaches."""
BREACHING: dict[str, Any] = {"TreatMissingData": "breaching"}


def alarm(periods: int = 3, datapoints: int = 3, **more: object) -> dict[str, Any]:
    return {
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": datapoints,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        **more,
    }


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
# (2026-11-30), the rows of both tables whose result is of these two treatments.
@pytest.mark.parametrize(
    ("series", "datapoints", "is_bad_without", "is_bad_with"),
    [
        ([0, None, X, None, X], 3, False, False),
        ([0, None, None, None, None], 3, False, False),
        ([None, None, None, None, None], 3, False, True),
        ([0, X, X, None, X], 3, True, True),
        ([None, None, X, None, None], 3, False, True),
        ([0, None, X, None, X], 2, True, True),
        ([0, 0, X, None, X], 2, True, True),
        ([0, None, X, None, None], 2, False, True),
        ([None, None, None, None, X], 2, False, True),
    ],
)
def test_missing_data_as_in_the_tables_of_aws(
    series: list[float | None], datapoints: int, *, is_bad_without: bool, is_bad_with: bool
) -> None:
    assert rings(series, alarm(datapoints=datapoints)) is is_bad_without
    assert rings(series, alarm(datapoints=datapoints, **BREACHING)) is is_bad_with


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_of_the_last_minutes_as_the_alarm_says(count: int) -> None:
    assert rings([0, 0, 0, *[X] * count], alarm(3, 2)) is (count >= 2)


def test_a_breach_that_is_over_rings_no_more() -> None:
    assert not rings([X, X, X, 0, 0], alarm(3, 2))


def computed(expression: str, **series: list[float | None]) -> list[float | None]:
    metrics: list[dict[str, Any]] = [{"Id": "all", "Expression": expression}]
    for name in series:
        metric: dict[str, Any] = {"Namespace": "N", "MetricName": name, "Dimensions": []}
        metrics.append({"Id": name, "MetricStat": {"Stat": "Sum", "Period": 60, "Metric": metric}})
    return values({"Metrics": metrics}, lambda _namespace, name, _by, _stat: series[name])


def test_expressions() -> None:
    a: list[float | None] = [1, None, 3]
    b: list[float | None] = [None, None, 1]
    assert computed("SUM(METRICS())", a=a, b=b) == [1, None, 4]
    assert computed("FILL(a, 0) - FILL(b, 0)", a=a, b=b) == [1, 0, 2]
    assert computed("a - b", a=a, b=b) == [None, None, 2]
    assert computed('SUM(FILL(METRICS("x"), 0))', xa=a, xb=b, c=a) == [1, 0, 4]
    assert computed("IF(FILL(a, 0) > 2, 0, FILL(b, 9))", a=a, b=b) == [9, 9, 0]


def test_a_composite_alarm_follows_its_rule() -> None:
    one: Series = [X] * 3
    none: Series = [0.0] * 3
    metric: dict[str, Any] = {"Namespace": "N", "Dimensions": [], "Statistic": "Sum"}
    rule = {"Fn::Sub": 'ALARM("${A}") AND NOT (ALARM("${B}") OR ALARM("${C}"))'}
    alarms = {name: alarm() | metric | {"MetricName": name} for name in "ABC"}
    alarms["D"] = {"AlarmRule": rule}
    for b, expected in ((none, {"A", "D"}), (one, {"A", "B"})):
        series = {"A": one, "B": b, "C": none}
        assert states(alarms, lambda _namespace, name, _by, _stat: series[name]) == expected  # noqa: B023


@pytest.mark.parametrize(
    ("bonuses", "news", "rings"), [(90, 900, False), (91, 0, True), (0, 901, True)]
)
def test_news_may_wait_longer_than_bonuses(bonuses: float, news: float, *, rings: bool) -> None:
    ages = {"QueueName": bonuses, "NewsQueueName": news}
    alarm = {"QueueAge": monitoring.alarms()["QueueAge"]}
    found = states(alarm, lambda _namespace, _name, by, _stat: [ages[by["QueueName"]]] * 3)
    assert found == ({"QueueAge"} if rings else set())


def test_nothing_rings_without_data_but_what_must_run_each_minute() -> None:
    silent = states(monitoring.alarms(), lambda *_: [None] * 20)
    assert silent == {"SweepBehind", "AwardsStopped", "WebhooksBehind"}
