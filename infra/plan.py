"""Show what follows from the template's parameters for a number of connections.

Each line has its sum. Parameters that contradict each other are named at the end, with what to
change; the exit code is 1 then, and 2 for a parameter that the template does not take.
"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from handlers.core import ticket
from handlers.core.limits import MARGIN, SPREAD, Contradiction, Limits
from handlers.services.sweep import UNTIL
from infra.check import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html (2026-11-29)
ACCOUNT_REQUESTS: Final = 10_000
SWEEP_TIMEOUT: Final = 55
# See `sql/functions/presence/audience.sql`.
AUDIENCE_SECONDS: Final = 5
# Clients draw the moment of their replacement from the last part of `RotateSeconds`.
ROTATION_PART: Final = 25 / 115
PARAMETERS: Final = (
    *("GraceSeconds", "ConnectionsPerSecond", "PingSeconds", "RotateSeconds", "PingsPerSecond"),
    *("SweepRequestsPerSecond", "PushesPerSecond"),
)


class Line(NamedTuple):
    """One thing that follows."""

    name: str
    value: str
    sum: str


class Plan(NamedTuple):
    lines: list[Line]
    contradictions: list[str]


def plan(given: Mapping[str, int], connections: int, requests: int = ACCOUNT_REQUESTS) -> Plan:
    """What follows from these parameters, all of `PARAMETERS`, for so many connections.

    `requests`: the account's quota of requests per second.
    """
    found: list[str] = []
    lines = [*_way_back(given, connections, found), *_requests(given, connections, requests, found)]
    lines.append(
        Line("a ticket lives", _time(ticket.LIFE.total_seconds()), "asked for right before its try")
    )
    return Plan(lines, found)


def _way_back(given: Mapping[str, int], connections: int, found: list[str]) -> list[Line]:
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
            admitted,
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
    given: Mapping[str, int], connections: int, requests: int, found: list[str]
) -> list[Line]:
    pings = connections / given["PingSeconds"]
    if pings > given["PingsPerSecond"]:
        found.append(
            f"{connections:,} connections / PingSeconds {given['PingSeconds']} = {pings:,.0f} "
            f"pings/s, more than PingsPerSecond {given['PingsPerSecond']:,}: raise one of them"
        )
    asked = given["SweepRequestsPerSecond"]
    seconds = UNTIL["sweep"] * SWEEP_TIMEOUT
    cycle = connections / (asked * seconds) * 60
    if cycle > given["RotateSeconds"]:
        found.append(
            f"the sweep needs {_time(cycle)} for {connections:,} connections, and each is replaced "
            f"before, within RotateSeconds {given['RotateSeconds']:,}: raise SweepRequestsPerSecond"
        )
    total = pings + asked + given["PushesPerSecond"]
    if total > requests:
        found.append(
            f"pings {pings:,.0f} + SweepRequestsPerSecond {asked:,} + PushesPerSecond "
            f"{given['PushesPerSecond']:,} = {total:,.0f} requests/s, more than the account's "
            f"{requests:,}: lower one, or have the quota raised (REQUESTS)"
        )
    return [
        Line("pings", f"{pings:,.0f}/s", f"{connections:,} / PingSeconds {given['PingSeconds']:,}"),
        Line(
            "a cycle of the sweep takes",
            _time(max(cycle, 60)),
            f"{connections:,} / SweepRequestsPerSecond {asked:,}, {seconds:.0f} s of each minute",
        ),
        Line(
            "the audience is asked for",
            f"{_asks(given, connections):,.0f}/s",
            "at most, by pages that show it: 5 s apart, the window if that is longer",
        ),
        Line("requests without messages", f"{total:,.0f}/s", "pings, sweep and pushes"),
    ]


def _asks(given: Mapping[str, int], connections: int) -> float:
    """A second, if each connection shows its audience."""
    window = connections * SPREAD / given["ConnectionsPerSecond"]
    return connections / max(AUDIENCE_SECONDS, window)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the plan and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.plan", description=__doc__)
    parser.add_argument("--connections", type=_count, default=150_000, help="default: 150000")
    parser.add_argument(
        "--requests",
        type=_count,
        default=ACCOUNT_REQUESTS,
        help=f"per second, the account's quota; default: {ACCOUNT_REQUESTS}",
    )
    parser.add_argument(
        "parameters",
        nargs="*",
        metavar="Name=value",
        help=f"instead of the template's defaults: {', '.join(PARAMETERS)}",
    )
    options = parser.parse_args(arguments)
    try:
        given = parameters(options.parameters)
    except ValueError as error:
        print(f"infra.plan: {error}", file=sys.stderr)
        return 2
    found = plan(given, options.connections, options.requests)
    for name, value, how in found.lines:
        print(f"{name:27} {value:>12}   {how}")
    for contradiction in found.contradictions:
        print(f"contradiction: {contradiction}")
    return 1 if found.contradictions else 0


def parameters(overrides: Sequence[str]) -> dict[str, int]:
    """The template's defaults, with these instead. Raises ValueError."""
    from wsgate.template.expand import read  # noqa: PLC0415  # --help works without it

    declared = read(ROOT / "template.yaml").body["Parameters"]
    given = {name: int(declared[name]["Default"]) for name in PARAMETERS}
    for one in overrides:
        name, _, value = one.partition("=")
        if name not in given:
            raise ValueError(f"{one}: give {', '.join(f'{known}=…' for known in PARAMETERS)}")
        given[name] = _bounded(name, value, declared[name])
    return given


def _bounded(name: str, value: str, declared: Mapping[str, Any]) -> int:
    least = int(declared["MinValue"])
    most = int(declared.get("MaxValue", sys.maxsize))
    if not value.isdecimal() or not least <= int(value) <= most:
        raise ValueError(f"{name}={value}: CloudFormation takes whole numbers of {least} to {most}")
    return int(value)


def _count(given: str) -> int:
    if not given.isdecimal() or int(given) == 0:
        raise argparse.ArgumentTypeError("give a whole number, 1 or more")
    return int(given)


def _time(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 600 else f"{seconds / 60:,.0f} min"  # noqa: PLR2004


if __name__ == "__main__":
    sys.exit(main())
