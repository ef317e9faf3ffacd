"""Metrics as CloudWatch has them, summed up since the start, in the text format of Prometheus.

Of AWS's own those that the log tells of (docs/metrics.md), and what functions print in the embedded
metric format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
(2026-11-30). The text: https://prometheus.io/docs/instrumenting/exposition_formats/ (2026-11-30).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from wsgate.core.codes import CLIENT_ERROR, INTEGRATION_ERROR
from wsgate.logs import EventLine, FunctionLine, RequestLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wsgate.logs import Line

API_GATEWAY, LAMBDA, SQS = "AWS/ApiGateway", "AWS/Lambda", "AWS/SQS"
MAX_SERIES: Final = 10_000
"""Further ones are dropped: a function may print any number of names."""
_EMF: Final = '{"_aws"'

Key = tuple[str, tuple[tuple[str, str], ...]]
"""The name in the text, and the labels."""


@dataclass(slots=True)
class Series:
    """The values of one metric since the start."""

    total: float = 0.0
    count: int = 0
    last: float = 0.0


class Metrics:
    """Sums up what happens."""

    def __init__(self) -> None:
        self._series: dict[Key, Series] = {}

    def add(self, namespace: str, name: str, dimensions: Mapping[str, str], *values: float) -> None:
        """Values of a metric."""
        key = _key(namespace, name, dimensions)
        if key not in self._series and len(self._series) >= MAX_SERIES:
            return
        series = self._series.setdefault(key, Series())
        for value in values:
            series.total += value
            series.count += 1
            series.last = value

    def hear(self, line: Line) -> None:
        """A line of the log, perhaps one that says something of metrics."""
        if isinstance(line, EventLine):
            self._event(line)
        elif isinstance(line, RequestLine) and line.api:
            self._request(line)
        elif isinstance(line, FunctionLine) and line.text.startswith(_EMF):
            self._embedded(line.text)

    def text(self, gauges: Iterable[tuple[str, str, Mapping[str, str], float]] = ()) -> str:
        """All of it; `gauges` are namespace, name, dimensions and value of what is so now."""
        lines = []
        for (name, labels), series in sorted(self._series.items()):
            shown = _labels(labels)
            lines += [
                f"{name}_sum{shown} {series.total:.15g}",
                f"{name}_count{shown} {series.count}",
                f"{name}_last{shown} {series.last:.15g}",
            ]
        for namespace, name, dimensions, value in gauges:
            shown, labels = _key(namespace, name, dimensions)
            lines.append(f"{shown}_last{_labels(labels)} {value:.15g}")
        return "\n".join(lines) + "\n"

    def _event(self, line: EventLine) -> None:
        if not line.api:
            return
        api = {"ApiId": line.api}
        if line.route == "$connect" and line.error in {"", INTEGRATION_ERROR}:
            self.add(API_GATEWAY, "ConnectCount", api, 1)
        if line.error:
            self.add(API_GATEWAY, line.error, api, 1)
        if line.error == CLIENT_ERROR and line.outcome.startswith(_TOO_MANY):
            self.add("wsgate", "throttled", api | {"Route": line.route}, 1)

    def _request(self, line: RequestLine) -> None:
        api = {"ApiId": line.api}
        self.add(API_GATEWAY, "Count", api, 1)
        if line.status >= HTTPStatus.BAD_REQUEST:
            name = "5xx" if line.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "4xx"
            self.add(API_GATEWAY, name, api, 1)
        if not line.request_id and line.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.add("wsgate", "throttled", api, 1)

    def _embedded(self, text: str) -> None:
        """What makes no sense is left out, as CloudWatch does."""
        try:
            document = json.loads(text)
            for directive in document["_aws"]["CloudWatchMetrics"]:
                self._directive(document, directive)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return

    def _directive(self, document: Mapping[str, Any], directive: Mapping[str, Any]) -> None:
        for names in directive["Dimensions"]:
            dimensions = {str(name): str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                value = document[metric["Name"]]
                values = map(float, value if isinstance(value, list) else [value])
                self.add(str(directive["Namespace"]), str(metric["Name"]), dimensions, *values)


_TOO_MANY: Final = ("429", "Too Many Requests")


def _key(namespace: str, name: str, dimensions: Mapping[str, str]) -> Key:
    labels = tuple((_snake(label), value) for label, value in dimensions.items())
    return f"{_snake(namespace)}_{_snake(name)}", labels


# Few names come with every event; a function may print any number of others.
@lru_cache(maxsize=1_024)
def _snake(name: str) -> str:
    """`AWS/ApiGateway` is `aws_api_gateway`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"\W+", "_", words).lower()


def _labels(labels: Iterable[tuple[str, str]]) -> str:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in labels]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
