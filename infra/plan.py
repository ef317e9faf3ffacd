"""Show what follows from the template's parameters for a number of connections.

Each line has its sum: limits, broadcasts, quotas to raise, and a month's bill. Parameters that
contradict each other, or the account's quotas, are named at the end, with what to change; the exit
code is 1 then, and 2 for a parameter that the template does not take.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from handlers.core import ticket
from handlers.core.limits import MARGIN, MAX_WINDOW, SPREAD, Contradiction, Limits
from infra import concurrency, estimate
from infra.check import ROOT
from infra.estimate import (
    HANDSHAKE_SECONDS,
    HOUR,
    MESSAGE_SECONDS,
    SWEEP_SECONDS,
    Load,
    Meter,
    quota,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from infra.estimate import Hour

# See `sql/functions/presence/audience.sql`.
AUDIENCE_SECONDS: Final = 5
# Clients draw the moment of their replacement from the last part of `RotateSeconds`.
ROTATION_PART: Final = 25 / 115
WINDOWS: Final = (5, 10, 30, 60)
"""Seconds, of the bonuses whose reach is shown."""
PARAMETERS: Final = (
    *("GraceSeconds", "ConnectionsPerSecond", "PingSeconds", "RotateSeconds", "PingsPerSecond"),
    *("SweepRequestsPerSecond", "PushesPerSecond", "MessagesPerSecond"),
    *("PushConcurrency", "NewsConcurrency", "MinCapacity", "MaxCapacity", "DatabaseConnections"),
)


class Line(NamedTuple):
    """One thing that follows."""

    name: str
    value: str
    sum: str


class Quotas(NamedTuple):
    """Of the account, in the stack's region."""

    requests_per_second: int
    concurrency: int


class Plan(NamedTuple):
    lines: list[Line]
    contradictions: list[str]


def plan(given: Mapping[str, float], load: Load, quotas: Quotas) -> Plan:
    """What follows from these parameters, all of `PARAMETERS`, for so many connections."""
    found: list[str] = []
    lines = [
        *_way_back(given, load.connections, found),
        *_requests(given, load, quotas, found),
        Line(
            "a ticket lives", _time(ticket.LIFE.total_seconds()), "asked for right before its try"
        ),
        *_broadcasts(given, load.connections),
        *_quotas(given, load, quotas, found),
        *_copies(given),
    ]
    found += concurrency.contradictions(given, quotas.concurrency)
    if given["MinCapacity"] > given["MaxCapacity"]:
        found.append(
            f"MinCapacity {given['MinCapacity']:,} is above MaxCapacity {given['MaxCapacity']:,}, "
            "which Aurora refuses when the rest has been made: lower it, or raise MaxCapacity"
        )
    return Plan(lines, found)


def _way_back(given: Mapping[str, float], connections: int, found: list[str]) -> list[Line]:
    admitted = given["ConnectionsPerSecond"]
    lines = [
        Line(
            "admission of all takes",
            _time(connections / admitted),
            f"{connections:,} connections / ConnectionsPerSecond {admitted:,}",
        )
    ]
    try:
        limits = Limits(
            int(admitted),
            timedelta(seconds=given["PingSeconds"]),
            timedelta(seconds=given["RotateSeconds"]),
        )
        window = limits.window(connections).total_seconds()
    except Contradiction as contradiction:
        found.append(str(contradiction))
        return lines
    wait = max(MARGIN * window, given["GraceSeconds"])
    grace = f"{MARGIN:g} x the window, GraceSeconds {given['GraceSeconds']:,} at least"
    rotating = connections / (given["RotateSeconds"] * ROTATION_PART)
    if rotating > admitted / 2:
        found.append(
            f"{connections:,} connections that opened together are replaced within "
            f"{given['RotateSeconds'] * ROTATION_PART:,.0f} s: {rotating:,.0f} handshakes/s, more "
            f"than half of ConnectionsPerSecond {admitted:,}: raise RotateSeconds or the quota"
        )
    return [
        *lines,
        Line("clients come back within", _time(window), f"{SPREAD} x that, 2 s at least"),
        Line("a lost line is waited for", _time(wait), grace),
        Line(
            "rotation, at most",
            f"{rotating:,.0f}/s",
            f"{connections:,} within the last fifth of RotateSeconds {given['RotateSeconds']:,}",
        ),
    ]


def _requests(
    given: Mapping[str, float], load: Load, quotas: Quotas, found: list[str]
) -> list[Line]:
    connections = load.connections
    pings = connections / given["PingSeconds"]
    if pings > given["PingsPerSecond"]:
        found.append(
            f"{connections:,} connections / PingSeconds {given['PingSeconds']} = {pings:,.0f} "
            f"pings/s, more than PingsPerSecond {given['PingsPerSecond']:,}: raise one of them"
        )
    asked = given["SweepRequestsPerSecond"]
    cycle = connections / (asked * SWEEP_SECONDS) * 60
    if cycle > given["RotateSeconds"]:
        found.append(
            f"the sweep needs {_time(cycle)} for {connections:,} connections, and each is replaced "
            f"before, within RotateSeconds {given['RotateSeconds']:,}: raise SweepRequestsPerSecond"
        )
    total = pings + asked + given["PushesPerSecond"]
    if total > quotas.requests_per_second:
        found.append(
            f"pings {pings:,.0f} + SweepRequestsPerSecond {asked:,} + PushesPerSecond "
            f"{given['PushesPerSecond']:,} = {total:,.0f} requests/s, more than the account's "
            f"{quotas.requests_per_second:,}: lower one, or have the quota raised (REQUESTS)"
        )
    return [
        Line("pings", f"{pings:,.0f}/s", f"{connections:,} / PingSeconds {given['PingSeconds']:,}"),
        Line(
            "a cycle of the sweep takes",
            _time(max(cycle, 60)),
            f"{connections:,} / SweepRequestsPerSecond {asked:,}, {SWEEP_SECONDS:.0f} s a minute",
        ),
        Line(
            "the audience is asked for",
            f"{_asks(given, connections):,.0f}/s",
            "at most, by pages that show it: 5 s apart, the window if that is longer",
        ),
        Line("requests without messages", f"{total:,.0f}/s", "pings, sweep and pushes"),
    ]


def _asks(given: Mapping[str, float], connections: int) -> float:
    """A second, if each connection shows its audience."""
    window = connections * SPREAD / given["ConnectionsPerSecond"]
    return connections / max(AUDIENCE_SECONDS, window)


def _broadcasts(given: Mapping[str, float], connections: int) -> Iterator[Line]:
    rate = given["PushesPerSecond"]
    yield Line(
        "a broadcast to all takes",
        _time(math.ceil(connections / rate)),
        f"{connections:,} / PushesPerSecond {rate:,}, while no other is under way",
    )
    for seconds in WINDOWS:
        yield Line(
            f"a window of {seconds} s reaches",
            f"{min(1, rate * seconds / connections):.0%}",
            f"{min(connections, rate * seconds):,} of {connections:,}",
        )


def _quotas(
    given: Mapping[str, float], load: Load, quotas: Quotas, found: list[str]
) -> Iterator[Line]:
    """What the account needs, and by how much that is more than it starts with."""
    one = estimate.hour(load, given)
    admitted = given["ConnectionsPerSecond"]
    requests = (
        load.connections / given["PingSeconds"]
        + given["SweepRequestsPerSecond"]
        + given["PushesPerSecond"]
        + (one.messages + 2 * one.handshakes) / HOUR
    )
    # All come back, messages come as fast as they may, all workers run, and both schedules.
    busy = 3 * HANDSHAKE_SECONDS * admitted + MESSAGE_SECONDS * given["MessagesPerSecond"]
    copies = round(busy) + given["PushConcurrency"] + given["NewsConcurrency"] + 2
    if copies > quotas.concurrency:
        found.append(
            f"{copies:,} copies of functions at ConnectionsPerSecond {admitted:,} and "
            f"MessagesPerSecond {given['MessagesPerSecond']:,}, more than the account's "
            f"{quotas.concurrency:,}: lower one, or have the quota raised (CONCURRENCY)"
        )
    needs = {
        "connections_per_second": (
            max(admitted, math.ceil(load.connections * SPREAD / MAX_WINDOW.total_seconds())),
            f"ConnectionsPerSecond, and all back within {_time(MAX_WINDOW.total_seconds())}",
        ),
        "requests_per_second": (requests, "pings, sweep, pushes, messages and handshakes"),
        "concurrency": (copies, "when all come back and send at once"),
    }
    for name, (needed, how) in needs.items():
        default = quota(name)
        more = f"raise it by {needed - default:,.0f}" if needed > default else "enough"
        title = estimate.aws()["quotas"][name]["name"]
        yield Line("a quota", f"{needed:,.0f}", f"{title}: {default:,} by default, {more}; {how}")


def _copies(given: Mapping[str, float]) -> Iterator[Line]:
    own = concurrency.own_connections(given)
    yield Line(
        "database connections",
        f"{own:,}",
        f"of the stack's own, through its proxy: MinCapacity {given['MinCapacity']:g}, MaxCapacity "
        f"{given['MaxCapacity']:g}",
    )
    connections = int(given["DatabaseConnections"])
    for name, copies in concurrency.copies(connections).items():
        if connections:
            share = f"{concurrency.SHARES[name]:.0%} of DatabaseConnections {connections:,}"
            yield Line(f"{name}Function, copies", f"{copies:,}", share)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the plan and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        given = parameters(options.parameters)
    except ValueError as error:
        print(f"infra.plan: {error}", file=sys.stderr)
        return 2
    load = Load(**{one.name: getattr(options, one.name) for one in fields(Load)})
    found = plan(given, load, Quotas(options.requests, options.concurrency))
    for name, value, how in found.lines:
        print(f"{name:27} {value:>12}   {how}")
    _print_bill(load, given)
    for contradiction in found.contradictions:
        print(f"contradiction: {contradiction}")
    return 1 if found.contradictions else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.plan", description=__doc__)
    for name, kind, default, text in (
        ("connections", _count, 150_000, "online at once"),
        (
            "requests",
            _count,
            estimate.quota("requests_per_second"),
            "a second: the account's quota",
        ),
        ("concurrency", _count, estimate.quota("concurrency"), "of functions: the account's quota"),
        ("hours", _positive, Load.hours, "of a month, in which so many are online"),
        ("session-minutes", _positive, Load.session_minutes, "that a user stays"),
        ("messages-per-hour", _positive, Load.messages_per_hour, "of a user, besides claims"),
        ("broadcasts-per-hour", _positive, Load.broadcasts_per_hour, "to all, and all claim"),
    ):
        help_text = f"{text}; default: {default:g}"
        parser.add_argument(f"--{name}", type=kind, default=default, help=help_text)
    parser.add_argument(
        "parameters",
        nargs="*",
        metavar="Name=value",
        help=f"instead of the template's defaults: {', '.join(PARAMETERS)}",
    )
    return parser


def _print_bill(load: Load, given: Mapping[str, float]) -> None:
    """The month as it is, and beside it with a heartbeat a minute."""
    one = estimate.hour(load, given)
    beating = estimate.with_heartbeats(one, load)
    facts = estimate.aws()
    print(
        f"\na month with {load.hours:g} h of {load.connections:,} online: sessions of "
        f"{load.session_minutes:g} min, {load.messages_per_hour:g} messages a user and hour, "
        f"{load.broadcasts_per_hour:g} bonuses an hour that all claim\n"
        f"prices of {facts['region']}, read on {facts['read_on']} (infra/aws.json)\n\n"
        f"{'':59} with a heartbeat a minute"
    )
    figures: tuple[tuple[str, Callable[[Hour], float]], ...] = (
        ("written a second", lambda hour: estimate.writes_per_hour(hour) / HOUR),
        ("WAL, MB a second", lambda hour: estimate.wal_bytes_per_hour(hour) / HOUR / 1e6),
        ("Aurora units, busy", lambda hour: estimate.units(hour, given)),
    )
    for name, of in figures:
        print(f"{name:22} {of(one):>17,.1f} {'':18} {of(beating):>17,.1f}")
    both = [estimate.month(load, hour, given) for hour in (one, beating)]
    for mine, theirs in zip(*both, strict=True):
        print(f"{mine.name:22} {_bill(mine)} {_bill(theirs)}")
    print(f"{'in all':22} {_total(both[0])} {_total(both[1])}")


def _bill(meter: Meter) -> str:
    return f"{meter.amount:>17,.0f} {meter.unit:6} {_dollars(meter.dollars)}"


def _total(meters: Sequence[Meter]) -> str:
    return f"{'':24} {_dollars(sum(one.dollars for one in meters))}"


def _dollars(dollars: float) -> str:
    return f"{f'${dollars:,.2f}':>11}"


def parameters(overrides: Sequence[str]) -> dict[str, float]:
    """The template's defaults, with these instead. Raises ValueError."""
    from wsgate.template.expand import read  # noqa: PLC0415  # --help works without it

    declared = read(ROOT / "template.yaml").body["Parameters"]
    given = {name: _number(str(declared[name]["Default"])) for name in PARAMETERS}
    for one in overrides:
        name, _, value = one.partition("=")
        if name not in given:
            raise ValueError(f"{one}: give {', '.join(f'{known}=…' for known in PARAMETERS)}")
        given[name] = _bounded(name, value, declared[name])
    return given


def _bounded(name: str, value: str, declared: Mapping[str, Any]) -> float:
    if allowed := declared.get("AllowedValues"):
        if value not in map(str, allowed):
            raise ValueError(f"{name}={value}: CloudFormation takes {', '.join(map(str, allowed))}")
        return int(value)
    kind = "numbers" if isinstance(declared["MinValue"], float) else "whole numbers"
    least, most = declared["MinValue"], declared.get("MaxValue", sys.maxsize)
    try:
        number = _number(value)
    except ValueError:
        number = math.nan
    is_whole = number == number // 1
    if not least <= number <= most or (kind == "whole numbers" and not is_whole):
        raise ValueError(f"{name}={value}: CloudFormation takes {kind} of {least} to {most}")
    return number


def _number(given: str) -> float:
    """Raises ValueError."""
    return int(given) if given.isdecimal() else float(given)


def _count(given: str) -> int:
    if not given.isdecimal() or int(given) == 0:
        raise argparse.ArgumentTypeError("give a whole number, 1 or more")
    return int(given)


def _positive(given: str) -> float:
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError("give a number above 0")
    return number


def _time(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 600 else f"{seconds / 60:,.0f} min"  # noqa: PLR2004


if __name__ == "__main__":
    sys.exit(main())
