"""Show what follows from the template's parameters for a number of connections.

Each line has its sum: limits, broadcasts, quotas to raise, and a month's bill. Parameters that
contradict each other, or the account's quotas, are named at the end, with what to change; the exit
code is 1 then, and 2 for a parameter that the template does not take.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from handlers.core import ticket
from handlers.core.apps import BadApps, read_apps, share
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
APPS: Final = "Apps"
PARAMETERS: Final = (
    APPS,
    *("GraceSeconds", "ConnectionsPerSecond", "PingSeconds", "RotateSeconds", "PingsPerSecond"),
    *("SweepRequestsPerSecond", "PushesPerSecond", "MessagesPerSecond"),
    *("PushConcurrency", "NewsConcurrency", "MinCapacity", "MaxCapacity", "DatabaseConnections"),
)


class Line(NamedTuple):
    """One thing that follows."""

    name: str
    value: float
    unit: str
    sum: str

    @property
    def text(self) -> str:
        """The value, as people read it."""
        if self.unit == "s":
            return _time(self.value)
        return f"{self.value:.0%}" if self.unit == "part" else f"{self.value:,.0f}{self.unit}"


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
        *_way_back(given, load, found),
        *_requests(given, load, quotas, found),
        Line("a ticket lives", ticket.LIFE.total_seconds(), "s", "asked for right before its try"),
        *_broadcasts(given, load),
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


def _way_back(given: Mapping[str, float], load: Load, found: list[str]) -> list[Line]:
    connections, admitted = load.connections, int(given["ConnectionsPerSecond"])
    lines = [
        Line(
            "admission of all takes",
            connections / admitted,
            "s",
            f"{connections:,} connections / ConnectionsPerSecond {admitted:,}",
        )
    ]
    apps = int(given[APPS])
    if apps > 1:
        lines.append(_app(given, load))
    try:
        limits = Limits(
            share(admitted, apps),
            timedelta(seconds=given["PingSeconds"]),
            timedelta(seconds=given["RotateSeconds"]),
        )
        window = limits.window(load.of_an_app(apps)).total_seconds()
    except Contradiction as contradiction:
        for_all = f", times {apps} for all apps" if apps > 1 else ""
        found.append(f"{contradiction}{for_all}")
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
        Line("clients come back within", window, "s", _window_sum(given, load)),
        Line("a lost line is waited for", wait, "s", grace),
        Line(
            "rotation, at most",
            rotating,
            "/s",
            f"{connections:,} within the last fifth of RotateSeconds {given['RotateSeconds']:,}",
        ),
    ]


def _app(given: Mapping[str, float], load: Load) -> Line:
    """What apps have in parts."""
    apps = int(given[APPS])
    how = "--largest-app" if load.largest_app else f"{load.connections:,} in equal parts"
    text = f"{how}; each of {apps} apps has 1/{apps} of the rates, and a database of its own"
    return Line("connections of an app", load.of_an_app(apps), "", text)


def _window_sum(given: Mapping[str, float], load: Load) -> str:
    apps = int(given[APPS])
    if apps == 1:
        return f"{SPREAD} x that, 2 s at least"
    admitted = share(int(given["ConnectionsPerSecond"]), apps)
    return f"{SPREAD} x {load.of_an_app(apps):,} of an app / its share {admitted:,}, 2 s at least"


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
    asked, apps = int(given["SweepRequestsPerSecond"]), int(given[APPS])
    mine, share_asked = load.of_an_app(apps), share(asked, apps)
    cycle = mine / (share_asked * SWEEP_SECONDS) * 60
    if cycle > given["RotateSeconds"]:
        found.append(
            f"the sweep needs {_time(cycle)} for {mine:,} connections, and each is replaced "
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
        Line("pings", pings, "/s", f"{connections:,} / PingSeconds {given['PingSeconds']:,}"),
        Line(
            "a cycle of the sweep takes",
            max(cycle, 60),
            "s",
            f"{mine:,} / {_share('SweepRequestsPerSecond', given)}, {SWEEP_SECONDS:.0f} s a minute",
        ),
        Line(
            "the audience is asked for",
            _asks(given, connections),
            "/s",
            "at most, by pages that show it: 5 s apart, the window if that is longer",
        ),
        Line("requests without messages", total, "/s", "pings, sweep and pushes"),
    ]


def _share(name: str, given: Mapping[str, float]) -> str:
    """A rate of which each app has an equal part."""
    apps = int(given[APPS])
    of_apps = f" / {apps} apps" if apps > 1 else ""
    return f"{name} {given[name]:,}{of_apps}"


def _asks(given: Mapping[str, float], connections: int) -> float:
    """A second, if each connection shows its audience."""
    window = connections * SPREAD / given["ConnectionsPerSecond"]
    return connections / max(AUDIENCE_SECONDS, window)


def _broadcasts(given: Mapping[str, float], load: Load) -> Iterator[Line]:
    apps = int(given[APPS])
    rate, connections = share(int(given["PushesPerSecond"]), apps), load.of_an_app(apps)
    yield Line(
        "a broadcast to all takes",
        math.ceil(connections / rate),
        "s",
        f"{connections:,} / {_share('PushesPerSecond', given)}, while no other is under way",
    )
    for seconds in WINDOWS:
        yield Line(
            f"a window of {seconds} s reaches",
            min(1, rate * seconds / connections),
            "part",
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
    # All come back, messages come as fast as they may, all workers and schedules run.
    busy = 3 * HANDSHAKE_SECONDS * admitted + MESSAGE_SECONDS * given["MessagesPerSecond"]
    workers = given["PushConcurrency"] + given["NewsConcurrency"]
    copies = round(busy) + workers + estimate.SCHEDULES
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
        yield Line("a quota", needed, "", f"{title}: {default:,} by default, {more}; {how}")


def _copies(given: Mapping[str, float]) -> Iterator[Line]:
    own = concurrency.own_connections(given)
    yield Line(
        "database connections",
        own,
        "",
        f"of the stack's own, through its proxy: MinCapacity {given['MinCapacity']:g}, MaxCapacity "
        f"{given['MaxCapacity']:g}",
    )
    connections, apps = int(given["DatabaseConnections"]), int(given[APPS])
    if not connections:
        return
    if apps > 1:
        most = connections * apps
        short = ", more than the stack's own has" if most > own else ""
        how = f"DatabaseConnections {connections:,} x {apps} apps{short}"
        yield Line("connections in use, at most", most, "", how)
    for name, copies in concurrency.copies(connections).items():
        part = f"{concurrency.SHARES[name]:.0%} of DatabaseConnections {connections:,}"
        yield Line(f"{name}Function, copies", copies, "", part)


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
    if options.json:
        print(json.dumps(_document(found, load, given)))
    else:
        for line in found.lines:
            print(f"{line.name:27} {line.text:>12}   {line.sum}")
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
        ("webhooks", _whole, Load.webhooks, "that are on: their function then runs all the time"),
    ):
        help_text = f"{text}; default: {default:g}"
        parser.add_argument(f"--{name}", type=kind, default=default, help=help_text)
    most = "of them in the app that has most; default: equal parts of all Apps"
    parser.add_argument("--largest-app", type=_count, metavar="CONNECTIONS", help=most)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "parameters",
        nargs="*",
        metavar="Name=value",
        help=f"instead of the template's defaults: {', '.join(PARAMETERS)}",
    )
    return parser


def _document(found: Plan, load: Load, given: Mapping[str, float]) -> dict[str, Any]:
    """All that is printed, for programs."""
    facts = estimate.aws()
    bills = [estimate.month(load, one, given) for one in _hours(load, given)]
    return {
        "load": asdict(load),
        "parameters": {name: value for name, value in given.items() if name != APPS},
        "apps": given[APPS],
        "lines": [line._asdict() for line in found.lines],
        "contradictions": found.contradictions,
        "month": {
            "region": facts["region"],
            "prices_read_on": facts["read_on"],
            **{
                name: {
                    "meters": [meter._asdict() for meter in bill],
                    "dollars": round(sum(meter.dollars for meter in bill), 2),
                }
                for name, bill in zip(("as_it_is", "with_heartbeats"), bills, strict=True)
            },
        },
    }


def _hours(load: Load, given: Mapping[str, float]) -> tuple[Hour, Hour]:
    """An hour as it is, and with a heartbeat a minute."""
    one = estimate.hour(load, given)
    return one, estimate.with_heartbeats(one, load)


def _print_bill(load: Load, given: Mapping[str, float]) -> None:
    """The month as it is, and beside it with a heartbeat a minute."""
    one, beating = _hours(load, given)
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
    given = {name: _number(str(declared[name]["Default"])) for name in PARAMETERS if name != APPS}
    given[APPS] = 1
    for one in overrides:
        name, _, value = one.partition("=")
        if name not in given:
            raise ValueError(f"{one}: give {', '.join(f'{known}=…' for known in PARAMETERS)}")
        given[name] = _apps(value) if name == APPS else _bounded(name, value, declared[name])
    return given


def _apps(value: str) -> int:
    """How many there are, `main` with them. Raises ValueError."""
    try:
        return len(read_apps(value))
    except BadApps as error:
        raise ValueError(f"{APPS}={value}: {error}") from error


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


def _whole(given: str) -> int:
    if not given.isdecimal():
        raise argparse.ArgumentTypeError("give a whole number")
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
