"""What a stack does and costs in a month, meter by meter, and what heartbeats would cost instead.

Prices and quotas are AWS's and stand in `aws.json`, with their sources and the day they were read.
What our own code takes is measured, or assumed where the comment says so.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from handlers.core.metrics import METRICS
from handlers.services import sweep

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR: Final = 3600
SCHEDULES: Final = 3
"""Functions that run every minute."""
MONTH_HOURS: Final = 730
GIGABYTE: Final = 1e9
# How long functions run when they are warm: assumed, several times what they take here, since a
# round trip to the database crosses the proxy there. Of 512 MB each, but for the sweep.
HANDSHAKE_SECONDS: Final = 0.05
MESSAGE_SECONDS: Final = 0.02
FUNCTION_GIGABYTES: Final = 0.5
SWEEP_GIGABYTES: Final = 1769 / 1024
SWEEP_SECONDS: Final = sweep.UNTIL["sweep"] * 55
"""Of each minute."""
WEBHOOK_SECONDS: Final = 75
"""Of each run, with a webhook: the function's time-out."""
# Measured: docs/explanation/benchmarks.md, `make bench NAME=presence` (a session of 20 minutes, a
# heartbeat each 30 s, per user and hour) and `NAME=visible` (a message that writes).
SESSION_WAL_BYTES: Final = 6_500 / 3
HEARTBEAT_WAL_BYTES: Final = 21_500 / 120
MESSAGE_WAL_BYTES: Final = 997
# Assumed: a signed request to @connections and its answer; a line of the access log; a frame.
REQUEST_BYTES: Final = 2_000
LOG_LINE_BYTES: Final = 300
FRAME_BYTES: Final = 500
# Aurora counts what it writes in units of 4 KB, and at least one for a commit.
IO_BYTES: Final = 4_096
# What one writer does on two processors (`make bench NAME=presence`, `NAME=claims`), clients
# included; and the processors of a capacity unit: 8 GB come with one.
PAIRS_PER_PROCESSOR: Final = 6_373 / 2
MESSAGES_PER_PROCESSOR: Final = 10_300 / 2
PROCESSORS_PER_UNIT: Final = 2 / 8
UTILISATION: Final = 0.5
# Two Aurora instances, one of them waits and grows with the other; two NAT gateways
# (infra/database.yaml, infra/network.yaml). The proxy is billed for 8 units at least.
INSTANCES: Final = 2
NAT_GATEWAYS: Final = 2
MIN_PROXY_UNITS: Final = 8


@dataclass(frozen=True)
class Load:
    """What is asked of the stack."""

    connections: int
    hours: float = 60
    """Of a month, in which so many are online."""
    session_minutes: float = 60
    messages_per_hour: float = 10
    """Of one connection, besides `hello` and claims: acts, acknowledgements, visibility."""
    broadcasts_per_hour: float = 4
    """To all, each of which all claim."""
    webhooks: int = 0
    """While there is one, its function runs all the time."""
    largest_app: int | None = None
    """Connections of the app that has most; with None, apps have equal parts."""

    def of_an_app(self, apps: int) -> int:
        """How many connections an app has at most, of so many apps."""
        return min(self.connections, self.largest_app or math.ceil(self.connections / apps))


class Hour(NamedTuple):
    """What happens in an hour in which all are online."""

    handshakes: float
    messages: float
    """From clients to a function."""
    pings: float
    pushes: float
    asked: float
    """Connections that the sweep looks up."""
    heartbeats: float = 0


class Meter(NamedTuple):
    """One thing that AWS counts in a month."""

    name: str
    amount: float
    unit: str
    dollars: float


@cache
def aws() -> dict[str, Any]:
    """Prices and quotas."""
    facts: dict[str, Any] = json.loads((Path(__file__).parent / "aws.json").read_text())
    return facts


def price(name: str) -> float:
    return float(aws()["prices"][name]["usd"])


def quota(name: str) -> int:
    """What an account starts with."""
    return int(aws()["quotas"][name]["default"])


def hour(load: Load, given: Mapping[str, float]) -> Hour:
    """With pings, which no function sees."""
    life_seconds = min(load.session_minutes * 60, given["RotateSeconds"])
    handshakes = load.connections * HOUR / life_seconds
    claims = pushes = load.connections * load.broadcasts_per_hour
    return Hour(
        handshakes,
        messages=handshakes + load.connections * load.messages_per_hour + claims,
        pings=load.connections * HOUR / given["PingSeconds"],
        pushes=pushes,
        asked=60 * min(load.connections, given["SweepRequestsPerSecond"] * SWEEP_SECONDS),
    )


def with_heartbeats(one: Hour, load: Load) -> Hour:
    """The same hour with a "last seen" of each connection every minute, and no pings."""
    return one._replace(pings=0, heartbeats=load.connections * 60)


def month(load: Load, one: Hour, given: Mapping[str, float]) -> list[Meter]:
    """The bill, without storage, backups and what costs a dollar or two (queues, secrets)."""
    return [*_gateway(load, one), *_functions(load, one), *_database(load, one, given)]


def writes_per_hour(one: Hour) -> float:
    """Statements that write: two a connection, one a message, one a heartbeat."""
    return 2 * one.handshakes + one.messages + one.heartbeats


def wal_bytes_per_hour(one: Hour) -> float:
    return (
        one.handshakes * SESSION_WAL_BYTES
        + one.messages * MESSAGE_WAL_BYTES
        + one.heartbeats * HEARTBEAT_WAL_BYTES
    )


def units(one: Hour, given: Mapping[str, float]) -> float:
    """Aurora's capacity units for such an hour, half used."""
    processors = (
        one.handshakes / HOUR / PAIRS_PER_PROCESSOR
        + (one.messages + one.heartbeats) / HOUR / MESSAGES_PER_PROCESSOR
    )
    wanted = processors / PROCESSORS_PER_UNIT / UTILISATION
    return min(max(wanted, given["MinCapacity"]), given["MaxCapacity"])


def _gateway(load: Load, one: Hour) -> list[Meter]:
    messages = 2 * one.messages + 2 * one.pings + one.pushes + one.heartbeats
    outgoing = (one.messages + one.pings + one.pushes) * FRAME_BYTES / GIGABYTE
    lines = 2 * one.handshakes + one.messages + one.pings + one.heartbeats
    nat = (one.pushes + one.asked) * REQUEST_BYTES / GIGABYTE
    metrics = sum(len(metric.functions) for metric in METRICS)
    return [
        _meter("connection minutes", 60 * load.connections * load.hours, "", "connection_minute"),
        _meter("messages", messages * load.hours, "", "socket_message"),
        _meter("sent to clients", outgoing * load.hours, "GB", "outgoing_gigabyte"),
        _meter("access log", lines * LOG_LINE_BYTES / GIGABYTE * load.hours, "GB", "log_gigabyte"),
        _meter("metrics", metrics, "", "metric_month"),
        _meter("NAT gateways", NAT_GATEWAYS * MONTH_HOURS, "h", "nat_hour", "address_hour"),
        _meter("through NAT", nat * load.hours, "GB", "nat_gigabyte"),
    ]


def _functions(load: Load, one: Hour) -> list[Meter]:
    # The authorizer, $connect and $disconnect; the schedules, all month.
    schedules = SCHEDULES * 60 * MONTH_HOURS
    calls = 3 * one.handshakes + one.messages + one.heartbeats
    seconds = (
        3 * one.handshakes * HANDSHAKE_SECONDS + (one.messages + one.heartbeats) * MESSAGE_SECONDS
    )
    per_hour = seconds * FUNCTION_GIGABYTES + 60 * SWEEP_SECONDS * SWEEP_GIGABYTES
    sending = WEBHOOK_SECONDS * 60 * MONTH_HOURS * FUNCTION_GIGABYTES if load.webhooks else 0
    return [
        _meter("invocations", calls * load.hours + schedules, "", "invocation"),
        _meter("functions' memory", per_hour * load.hours + sending, "GB s", "gigabyte_second"),
    ]


def _database(load: Load, one: Hour, given: Mapping[str, float]) -> list[Meter]:
    busy = units(one, given)
    idle_hours = MONTH_HOURS - load.hours
    unit_hours = INSTANCES * (busy * load.hours + given["MinCapacity"] * idle_hours)
    proxy_hours = (
        max(MIN_PROXY_UNITS, INSTANCES * busy) * load.hours
        + max(MIN_PROXY_UNITS, INSTANCES * given["MinCapacity"]) * idle_hours
    )
    io = max(writes_per_hour(one), wal_bytes_per_hour(one) / IO_BYTES)
    return [
        _meter("Aurora", unit_hours, "unit h", "capacity_hour"),
        _meter("Aurora's writes", io * load.hours, "", "database_io"),
        _meter("RDS Proxy", proxy_hours, "unit h", "proxy_capacity_hour"),
    ]


def _meter(name: str, amount: float, unit: str, *prices: str) -> Meter:
    return Meter(name, amount, unit, amount * sum(map(price, prices)))
