"""How many copies of each function run at once, by the connections of the database.

Each copy holds one connection, with several apps one for each: DatabaseConnections is what the
database has for each app. Behind RDS Proxy an idle one costs little, for the proxy lends its
own connections to statements only; but a statement for which it has none left waits, and most
messages are over by then. So there, too, copies beyond the proxy's connections do not help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.estimate import HANDSHAKE_SECONDS, MESSAGE_SECONDS, aws

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHARES: Final = {"Connect": 0.20, "Disconnect": 0.10, "Message": 0.40, "Web": 0.10}
"""Of the connections. The rest is for broadcast workers, schedules, migrations, `psql`."""
SCHEDULED: Final = {"Sweep": 1, "Award": 2, "Webhook": 2}
"""Connections of each function that runs every minute, for each app.

The rules and the notes of awards have one each. A run of webhooks lasts until the next has begun.
"""
# Lambda keeps so many of an account's concurrent executions for functions without a reservation.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html (2026-11-30)
UNRESERVED: Final = 100
# See `infra/database.yaml`.
PROXY_SHARE: Final = 0.9


def copies(connections: int) -> dict[str, int]:
    """By function; the template's mapping `Concurrency` has the same."""
    return {name: round(connections * share) for name, share in SHARES.items()}


def own_connections(given: Mapping[str, float]) -> int:
    """How many connections the proxy of the stack's own database has."""
    facts = aws()["aurora_connections"]
    by_capacity = {int(units): most for units, most in facts["by_max_capacity"].items()}
    most = max(n for units, n in by_capacity.items() if units <= given["MaxCapacity"])
    if given["MinCapacity"] < 1:
        most = min(most, facts["below_1_of_min_capacity"])
    return int(most * PROXY_SHARE)


def contradictions(given: Mapping[str, float], concurrency: int) -> Iterator[str]:
    """What DatabaseConnections is too small for, or the account.

    `concurrency`: the account's quota of concurrent executions.
    """
    connections = int(given["DatabaseConnections"])
    if not connections:
        return
    by_function = copies(connections)
    for name, parameter, seconds in (
        ("Connect", "ConnectionsPerSecond", HANDSHAKE_SECONDS),
        ("Message", "MessagesPerSecond", MESSAGE_SECONDS),
    ):
        per_second = by_function[name] / seconds
        if per_second < given[parameter]:
            yield (
                f"{by_function[name]} copies of {name}Function at DatabaseConnections "
                f"{connections:,} do {per_second:,.0f} a second, less than {parameter} "
                f"{given[parameter]:,}: lower it, or give the database more connections"
            )
    left = connections - sum(by_function.values())
    schedules = sum(SCHEDULED.values())
    workers = int(given["PushConcurrency"] + given["NewsConcurrency"]) + schedules
    if workers > left:
        yield (
            f"DatabaseConnections {connections:,} leaves {left} for PushConcurrency "
            f"{given['PushConcurrency']:,}, NewsConcurrency {given['NewsConcurrency']:,} and the "
            f"{schedules} of the schedules: lower them, or give the database more connections"
        )
    reserved = sum(by_function.values()) + UNRESERVED
    if reserved > concurrency:
        yield (
            f"DatabaseConnections {connections:,} reserves {reserved - UNRESERVED:,} copies, and "
            f"{UNRESERVED} must stay unreserved: more than the account's {concurrency:,}: lower "
            "it, or have the quota raised (CONCURRENCY)"
        )
