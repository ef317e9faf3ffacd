"""CloudWatch's rules for alarms, as far as infra/alarms.yaml uses them.

How periods, datapoints and missing data make a state:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
How expressions are computed:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
(both 2026-11-30). A minute is a position in a list here.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Series = list[float | None]
    """A value for each minute; None where there is no data point."""
    Find = Callable[[str, str, Mapping[str, str], str], Series]
    """Namespace, name, dimensions, statistic."""

MORE = 2
"""CloudWatch looks this many periods further back for data (the page's tables: five of three)."""
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
}
OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Gt: operator.gt,
}


def rings(series: Series, alarm: Mapping[str, Any]) -> bool:
    """Whether a metric alarm is in ALARM after the last minute of the series."""
    periods = int(alarm["EvaluationPeriods"])
    threshold, is_breach = float(alarm["Threshold"]), COMPARE[alarm["ComparisonOperator"]]
    real = [value for value in series[-(periods + MORE) :] if value is not None]
    breaches = sum(is_breach(value, threshold) for value in real[-periods:])
    if alarm["TreatMissingData"] == "breaching":
        breaches += max(0, periods - len(real))
    else:
        assert alarm["TreatMissingData"] == "notBreaching", "no other is used"
    return breaches >= int(alarm.get("DatapointsToAlarm", periods))


def states(alarms: Mapping[str, Mapping[str, Any]], find: Find) -> set[str]:
    """The alarms that are in ALARM, composite ones too."""
    metric = {name: one for name, one in alarms.items() if "AlarmRule" not in one}
    found = {name for name, one in metric.items() if rings(values(one, find), one)}
    return found | {
        name
        for name, one in alarms.items()
        if "AlarmRule" in one and _holds(one["AlarmRule"]["Fn::Sub"], found)
    }


def values(alarm: Mapping[str, Any], find: Find) -> Series:
    """The series that an alarm looks at: a metric's, or an expression's."""
    if "Metrics" not in alarm:
        return _found(alarm, alarm["Statistic"], find)
    (expression,) = (one["Expression"] for one in alarm["Metrics"] if "Expression" in one)
    stats = {one["Id"]: one["MetricStat"] for one in alarm["Metrics"] if "MetricStat" in one}
    assert len(stats) <= 10, "an alarm has at most ten metrics"
    assert {one["Period"] for one in stats.values()} == {60}
    series = {name: _found(one["Metric"], one["Stat"], find) for name, one in stats.items()}
    result: Series = _computed(ast.parse(expression, mode="eval").body, series)
    return result


def _found(metric: Mapping[str, Any], statistic: str, find: Find) -> Series:
    dimensions = {one["Name"]: one["Value"]["Ref"] for one in metric["Dimensions"]}
    return find(metric["Namespace"], metric["MetricName"], dimensions, statistic)


def _computed(node: ast.expr, series: Mapping[str, Series]) -> Any:  # noqa: PLR0911 a case each
    """A series, a list of series, or a number."""
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return series[name]
        case ast.BinOp(left, op, right) | ast.Compare(left, [op], [right]):
            return _each(OPERATORS[type(op)], _computed(left, series), _computed(right, series))
        case ast.Call(ast.Name("METRICS"), arguments):
            part = _computed(arguments[0], series) if arguments else ""
            return [one for name, one in series.items() if part in name]
        case ast.Call(ast.Name("SUM"), [argument]):
            return [_sum(minute) for minute in zip(*_computed(argument, series), strict=True)]
        case ast.Call(ast.Name("FILL"), [argument, number]):
            return _filled(_computed(argument, series), _computed(number, series))
        case ast.Call(ast.Name("IF"), [condition, *choices]):
            return _chosen(*(_computed(one, series) for one in (condition, *choices)))
    raise AssertionError(f"unknown to this evaluator: {ast.unparse(node)}")


def _each(compute: Callable[[Any, Any], Any], left: Any, right: Any) -> Series:
    size = len(left if isinstance(left, list) else right)
    pairs = zip(_spread(left, size), _spread(right, size), strict=True)
    return [None if None in pair else compute(*pair) for pair in pairs]


def _spread(value: Any, size: int) -> list[Any]:
    return value if isinstance(value, list) else [value] * size


def _sum(minute: Sequence[float | None]) -> float | None:
    real = [value for value in minute if value is not None]
    return sum(real) if real else None


def _filled(value: Any, number: float) -> Any:
    if value and isinstance(value[0], list):
        return [_filled(one, number) for one in value]
    return [number if one is None else one for one in value]


def _chosen(condition: Series, yes: Any, no: Any) -> Series:
    size = len(condition)
    rows = zip(condition, _spread(yes, size), _spread(no, size), strict=True)
    return [first if is_so else second for is_so, first, second in rows]


def _holds(rule: str, ringing: set[str]) -> bool:
    """`ALARM("…")` with AND, OR, NOT and brackets."""
    python = re.sub(r'ALARM\("\$\{(\w+)\}"\)', lambda one: str(one[1] in ringing), rule)
    for word in ("AND", "OR", "NOT"):
        python = python.replace(f"{word} ", f"{word.lower()} ")
    return bool(_truth(ast.parse(python, mode="eval").body))


def _truth(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value):
            return bool(value)
        case ast.UnaryOp(ast.Not(), operand):
            return not _truth(operand)
        case ast.BoolOp(ast.And(), parts):
            return all(map(_truth, parts))
        case ast.BoolOp(ast.Or(), parts):
            return any(map(_truth, parts))
    raise AssertionError(ast.unparse(node))
