"""Numbers for CloudWatch, by way of the log: a line of its embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
(2026-11-24). By hand: aws-lambda-powertools, which does it too, takes 35 to 80 ms to import.
"""

from __future__ import annotations

import json
import math
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMESPACE = "Headcount"


def put(numbers: Mapping[str, float], units: Mapping[str, str], at_ms: int) -> None:
    """Print the line. `units` has CloudWatch's unit of each number; one without is not a metric.

    Printed and not logged: with JSON as log format Lambda wraps what the logging module says, and
    leaves alone what is printed. Each stack's functions have a name of their own, so two stacks of
    one account do not mix.
    """
    print(json.dumps(line(numbers, units, at_ms)), flush=True)


def line(numbers: Mapping[str, float], units: Mapping[str, str], at_ms: int) -> dict[str, object]:
    """What CloudWatch reads: which members are metrics, and the members. `at_ms`: of the epoch."""
    metrics = [{"Name": name, "Unit": units[name]} for name in numbers if name in units]
    about = {"Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics}
    head = {
        "_aws": {"Timestamp": at_ms, "CloudWatchMetrics": [about]},
        "FunctionName": os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or "local",
    }
    return head | dict(numbers)


class FrequentCount:
    """Counts what may come a thousand times a second: one line a second says how often, at most."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._clock = name, clock
        self._count, self._next_at = 0, -math.inf

    def add(self) -> None:
        """Count one more, and print the line if it is time."""
        self._count += 1
        if self._clock() >= self._next_at:
            self.print()

    def print(self) -> None:
        """Print what has been counted since the last line, if anything was."""
        if self._count:
            put({self._name: self._count}, {self._name: "Count"}, time.time_ns() // 1_000_000)
            self._count, self._next_at = 0, self._clock() + 1
