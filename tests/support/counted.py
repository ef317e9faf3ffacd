"""What a running gateway has counted (`/_wsgate/metrics`), in minutes of a test's own.

A minute is what lies between two readings, however long it took: no clock says what rings. Ages
grow as fast as the machine's clock; a `scale` says how many seconds one second of an age stands
for, by a part of its name or labels.
"""

from __future__ import annotations

import asyncio
import re
import urllib.request
from typing import TYPE_CHECKING

from infra import monitoring
from tests.support.cloudwatch import states
from tests.support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.support.cloudwatch import Series

    Scale = Mapping[str, float]

LINE = re.compile(r"^(\w+?)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# infra/alarms.yaml calls them so; template.yaml gives it these.
FUNCTIONS = {
    **{name: f"{name}Function" for name in ("Authorize", "Connect", "Disconnect", "Message")},
    **{name: f"{name}Function" for name in ("Sweep", "Award", "Web", "Webhook")},
    "Push": "BroadcastFunction",
}
QUEUES = {
    "QueueName": "BroadcastQueue",
    "NewsQueueName": "NewsQueue",
    "DeadLettersName": "BroadcastDeadLetters",
}

Readings = dict[str, float]
"""A value by the name of its series, labels included in the order of their names."""


def read(base_url: str) -> Readings:
    """What has been counted so far."""
    with urllib.request.urlopen(f"{base_url}/_wsgate/metrics", timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
        text = answer.read().decode()
    found = (match for line in text.splitlines() if (match := LINE.match(line)))
    return {key(one[1], dict(LABEL.findall(one[2] or ""))): float(one[3]) for one in found}


def key(name: str, labels: Mapping[str, str]) -> str:
    return f"{name} {sorted(labels.items())}"


class Minutes:
    """The minutes of a system, and what rings after the last of them."""

    def __init__(self, base_url: str, apis: Mapping[str, str]) -> None:
        """`apis` are the ids by `SocketApiId` and `WebApiId`."""
        self._base_url = base_url
        self._names = FUNCTIONS | QUEUES | dict(apis)
        self._minutes: list[tuple[Readings, Readings, Scale]] = []

    def fork(self) -> Minutes:
        """The same history, for another story."""
        other = Minutes(self._base_url, {})
        other._names, other._minutes = self._names, list(self._minutes)
        return other

    async def play(
        self, what: Callable[[], Awaitable[object]], times: int = 1, scale: Scale | None = None
    ) -> None:
        """A minute in which this happens, and as many like it."""
        before = await asyncio.to_thread(read, self._base_url)
        await what()
        after = await asyncio.to_thread(read, self._base_url)
        self._minutes += [(before, after, scale or {})] * times

    def ringing(self) -> set[str]:
        """The alarms that tell somebody now."""
        return states(monitoring.alarms(), self._find) & monitoring.ringing().keys()

    def sums(self, name: str) -> float:
        """How much a count has grown in the last minute, whatever its labels."""
        before, after, _ = self._minutes[-1]
        mine = [one for one in after if one.startswith(f"{name}_sum ")]
        return sum(after[one] - before.get(one, 0) for one in mine)

    def _find(self, namespace: str, name: str, by: Mapping[str, str], statistic: str) -> Series:
        labels = {_snake(label): self._names[value] for label, value in by.items()}
        if name == "clients_throttled":
            return [self._throttled(labels, *minute[:2]) for minute in self._minutes]
        series = f"{_snake(namespace)}_{_snake(name)}"
        return [self._value(series, labels, statistic, *minute) for minute in self._minutes]

    def _throttled(self, labels: Mapping[str, str], before: Readings, after: Readings) -> float:
        """What the metric filter of infra/access.yaml counts: 429 of the gateway's own, no ping."""
        part = repr(sorted(labels.items()))[1:-1]
        mine = [one for one in after if one.startswith("wsgate_throttled_sum ") and part in one]
        return sum(after[one] - before.get(one, 0) for one in mine if "'ping'" not in one)

    def _value(  # noqa: PLR0913, PLR0917 one series in one minute
        self,
        series: str,
        labels: Mapping[str, str],
        statistic: str,
        before: Readings,
        after: Readings,
        scale: Scale,
    ) -> float | None:
        count, last = key(f"{series}_count", labels), key(f"{series}_last", labels)
        factor = next((number for part, number in scale.items() if part in last), 1)
        if count not in after:  # a queue's
            value = after.get(last)
            return None if value is None else value * factor
        new = after[count] - before.get(count, 0)
        if not new:
            return None
        if statistic == "Maximum":
            return after[last] * factor
        total = key(f"{series}_sum", labels)
        return new if statistic == "SampleCount" else after[total] - before.get(total, 0)


def _snake(name: str) -> str:
    """`AWS/ApiGateway` is `aws_api_gateway`: Prometheus' names have no capitals."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"\W+", "_", words).lower()
