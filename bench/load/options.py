"""The command line of the load tool."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

STAGES: Final = (
    "ramp",
    "hold",
    "reports",
    "acts",
    "bonus",
    "everyone",
    "rush",
    "churn",
    "node",
    "storm",
    "leave",
)
KILLING: Final = ("node", "storm")
"""Stages that kill processes, which only a system of our own lets us do."""
MANY: Final = 20_000
"""From so many users on, the clock runs as it does and the quota is AWS's."""
MIN_CONCURRENCY: Final = 2
MAX_CONCURRENCY: Final = 10
"""Environments of a function that a run has by itself, however few or many processors there are."""

DESCRIPTION = """\
Load the whole system with real connections, and check at each stage that it tells the truth:
PostgreSQL, the gateway with as many nodes as it takes, the functions of template.yaml, and clients
in processes of their own. Nothing is left behind.
"""
EPILOG = """\
stages:
  ramp    all users come online: authorizer, $connect, hello
  hold    they are there, and send pings
  reports the reports of all users, while they are there; the size of the database
  acts    some have a second device, and what they do on the first one comes to the second
  bonus   bonuses to one user each, one after the other
  everyone
          a bonus to all
  rush    all claim the bonus to all, and few can have it
  churn   connections are replaced, as each one is within two hours
  node    a node of the gateway is killed; its users come back
  storm   the gateway is killed with all its nodes and functions, and starts again with the quota on
          new connections; all users come back
  leave   everyone leaves

environment:
  TOKEN   the service token of the --target

exit codes:
  0    all as it must be
  1    something is not, or the system ended before the run; the report says what
  2    nothing was done: a wrong option, or this machine has no room for it
  130  stopped by Ctrl-C or SIGTERM; the report says how far it came
"""


@dataclass(frozen=True)
class Options:
    """What a run does."""

    users: int
    stages: tuple[str, ...]
    scale: float
    """How many times as fast as in truth the clock runs: grace, pings, quota, spread of claims."""
    quota: int
    """New connections per second, by the scaled clock, in the storm."""
    rate: float
    """Users per second that come, by this machine's clock."""
    leave_rate: float
    hold: float
    """Seconds by this machine's clock."""
    ping: float
    """Seconds between two pings of a user, by the scaled clock."""
    acts: int
    bonuses: int
    stock: int
    spread: float
    """Seconds by the scaled clock within which all claim."""
    churn_rate: float
    churn: int
    """Users that replace their connection."""
    concurrency: int
    """Environments that the gateway runs of each function, at most."""
    folder: Path
    target: str = ""
    """WebSocket URL of a deployed gateway; empty: a system of our own."""
    api: str = ""
    token: str = field(default="", repr=False)

    @property
    def grace(self) -> int:
        """The stack's GraceSeconds."""
        return max(1, round(30 / self.scale))

    @property
    def connections_per_second(self) -> int:
        """The quota by this machine's clock."""
        return max(1, round(self.quota * self.scale))


def parse(arguments: list[str] | None = None) -> Options:
    """Read the command line. SystemExit 2 with a sentence for a mistake."""
    parser = _parser()
    given = parser.parse_args(arguments)
    users, stages = given.users, given.stages
    if given.target:
        stages = _stages_elsewhere(parser, given)
    is_large = users > MANY
    scale = given.scale or (1 if is_large or given.target else 6)
    hold = given.hold or (60 if is_large else 3)
    return Options(
        users=users,
        stages=tuple(name for name in STAGES if name in (stages or STAGES)),
        scale=scale,
        quota=given.quota or (500 if is_large else max(10, users // 40)),
        rate=given.rate,
        leave_rate=given.leave_rate,
        hold=hold,
        ping=given.ping or (480 if is_large else hold * scale),
        acts=given.acts or (1_000 if is_large else 300),
        bonuses=given.bonuses,
        stock=min(given.stock, max(1, users // 4)),
        spread=given.spread,
        churn_rate=given.churn_rate,
        churn=given.churn or (round(60 * given.churn_rate) if is_large else max(1, users // 4)),
        concurrency=given.concurrency or concurrency(processors()),
        folder=given.folder,
        target=given.target,
        api=given.api or _http(given.target),
        token=os.environ.get("TOKEN", ""),
    )


def concurrency(cpus: int) -> int:
    """How many environments of each function are best: more of them only wait for a processor, and
    find its caches filled by others. With eight, a function's call took 1.8 times as long as with
    one.
    """
    return min(MAX_CONCURRENCY, max(MIN_CONCURRENCY, cpus))


def processors() -> int:
    """How many this process may use; `taskset` and containers leave fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _stages_elsewhere(
    parser: argparse.ArgumentParser, given: argparse.Namespace
) -> tuple[str, ...]:
    """The stages for a deployed gateway. SystemExit 2 for what does not go with one."""
    place = urlsplit(given.target)
    if place.scheme not in {"ws", "wss"} or not place.hostname:
        parser.error(f"{given.target} is no WebSocket URL, such as wss://host/live")
    if not os.environ.get("TOKEN"):
        parser.error("a target needs its service token in the environment: TOKEN=…")
    if killing := [name for name in given.stages or () if name in KILLING]:
        parser.error(f"a deployed gateway is not killed: leave out {', '.join(killing)}")
    return given.stages or tuple(name for name in STAGES if name not in KILLING)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make load",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--users", type=_positive, default=2_000, metavar="N", help="default: 2,000")
    add("--stages", type=_stages, metavar="NAME,…", help="only these; default: all")
    add(
        "--quota",
        type=_positive,
        metavar="N",
        help="new connections a second in the storm; default: 500, to 20,000 users a fortieth",
    )
    add(
        "--scale",
        type=_number,
        metavar="X",
        help="run the clock so many times as fast: grace, pings, quota, spread of claims; "
        "default: 1, up to 20,000 users 6",
    )
    add("--rate", type=_number, default=1_000, metavar="N", help="users a second; default: 1,000")
    add("--leave-rate", type=_number, default=1_000, metavar="N", help="default: 1,000 a second")
    add("--hold", type=_number, metavar="SECONDS", help="default: 60, up to 20,000 users 3")
    add(
        "--ping",
        type=_number,
        metavar="SECONDS",
        help="between two pings of a user in hold; default: 480, up to 20,000 users one for each",
    )
    add("--acts", type=_positive, metavar="N", help="default: 1,000, up to 20,000 users 300")
    add("--bonuses", type=_positive, default=100, metavar="N", help="to one user; default: 100")
    add("--stock", type=_positive, default=1_000, metavar="N", help="of the rush; default: 1,000")
    add("--spread", type=_number, default=10, metavar="SECONDS", help="of the rush; default: 10")
    add("--churn-rate", type=_number, default=400, metavar="N", help="default: 400 a second")
    add(
        "--churn",
        type=_positive,
        metavar="N",
        help="users; default: a minute of them, up to 20,000 users a quarter",
    )
    add(
        "--concurrency",
        type=_positive,
        metavar="N",
        help="environments that the gateway runs of each function, at most; "
        "default: one for each processor, 2 to 10",
    )
    add("--target", default="", metavar="URL", help="a deployed gateway: wss://…; needs TOKEN")
    add("--api", default="", metavar="URL", help="its HTTP API; default: the target's host")
    add(
        "--folder",
        type=Path,
        default=Path("build/load"),
        metavar="DIR",
        help="for report.html and report.json; default: build/load",
    )
    return parser


def _positive(text: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if digits.isdecimal() and 0 < int(digits) <= 10**7:
        return int(digits)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10,000,000")


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0 < number < 1e6:
        return number
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def _stages(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in STAGES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(STAGES)}")
    if not names or (names[0] != "ramp" and "ramp" not in names):
        raise argparse.ArgumentTypeError("users have to come first: name ramp, too")
    return names


def _http(target: str) -> str:
    place = urlsplit(target)
    scheme = {"ws": "http", "wss": "https"}.get(place.scheme, "")
    return f"{scheme}://{place.netloc}" if scheme else ""
