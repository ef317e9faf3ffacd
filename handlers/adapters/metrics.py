"""Metrics for CloudWatch, by way of the log: a line of its embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
(2026-11-24). By hand: aws-lambda-powertools, which does it too, takes 35 to 80 ms to import.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

from handlers.adapters.event_log import EVENT
from handlers.core.metrics import MAY_WAIT, NAMESPACE, UNITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Numbers = Mapping[str, float | Sequence[float]]

LINE_SECONDS = 10.0
"""How long ordinary counts wait for their line: one per event would cost more than the event."""
MAX_VALUES = 100
"""Of one metric in a line (the format's own limit)."""

Dimensions = tuple[tuple[str, str], ...]


class Metrics:
    """Counts what the events of this process do, and prints it.

    What is rare is printed with its event; ordinary counts at most LINE_SECONDS later, by an event
    that comes then. Those of an environment's last seconds are lost with it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[Dimensions, Counter[str]] = {}
        self._values: dict[str, list[float]] = {}
        self._printed_at = float("-inf")
        self._is_due = False
        self.count("cold_starts")

    def count(self, name: str, number: int = 1, **dimensions: str) -> None:
        """Add to a count; `dimensions` are those of the list beside FunctionName."""
        if number:
            self._counts.setdefault(tuple(dimensions.items()), Counter())[name] += number
            self._is_due |= name not in MAY_WAIT

    def observe(self, name: str, value: float) -> None:
        """Keep a value of which the distribution is of interest."""
        values = self._values.setdefault(name, [])
        values.append(value)
        self._is_due |= len(values) >= MAX_VALUES

    def database_took(self, seconds: float) -> None:
        """A statement has an answer."""
        self.observe("database_ms", round(seconds * 1000, 1))

    def flush(self) -> None:
        """An event has ended: print what is due."""
        if not (self._is_due or self._clock() >= self._printed_at + LINE_SECONDS):
            return
        ids = EVENT.ids if self._is_due else {}
        counts, values = self._counts, self._values
        self._counts, self._values, self._is_due = {}, {}, False
        self._printed_at = self._clock()
        plain: Numbers = {**counts.pop((), {}), **values}
        if plain:
            put(plain, ids=ids)
        for dimensions, numbers in counts.items():
            put(numbers, dict(dimensions), ids)


def put(
    numbers: Numbers,
    dimensions: Mapping[str, str] | None = None,
    ids: Mapping[str, str] | None = None,
) -> None:
    """Print a line. A number whose name is not in the list of metrics is only a member of it.

    Printed and not logged: with JSON as log format Lambda wraps what the logging module says, and
    leaves alone what is printed.
    """
    print(json.dumps(line(numbers, dimensions or {}, time.time_ns() // 1_000_000, ids)), flush=True)


def line(
    numbers: Numbers,
    dimensions: Mapping[str, str],
    at_ms: int,
    ids: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """What CloudWatch reads: which members are metrics, and the members. `at_ms`: of the epoch.

    Each stack's functions have a name of their own, so two stacks of one account do not mix.
    """
    metrics = [{"Name": name, "Unit": UNITS[name]} for name in numbers if name in UNITS]
    about = {
        "Namespace": NAMESPACE,
        "Dimensions": [["FunctionName"], *([["FunctionName", *dimensions]] if dimensions else [])],
        "Metrics": metrics,
    }
    head = {
        "_aws": {"Timestamp": at_ms, "CloudWatchMetrics": [about]},
        "FunctionName": os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or "local",
    }
    return head | dict(dimensions) | dict(ids or {}) | dict(numbers)


def version() -> str:
    """The published version of the function that runs here."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_VERSION") or "local"


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
            put({self._name: self._count})
            self._count, self._next_at = 0, self._clock() + 1


def counting(handle: Callable[[Any, Metrics], Any]) -> Callable[[Any, object], Any]:
    """Make a Lambda handler of `handle`, for a function that has no container."""
    EVENT.watch()
    metrics = cache(Metrics)

    def handler(event: Any, _context: object) -> Any:
        EVENT.begin(event)
        try:
            return handle(event, metrics())
        finally:
            metrics().flush()

    return handler
