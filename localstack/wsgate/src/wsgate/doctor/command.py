"""`wsgate doctor`: prints what would stop so many connections here, and how to change it."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wsgate.doctor.machine import Machine, look
from wsgate.doctor.sums import MEBIBYTE, Check, Needs, Report, examine, fitting_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_CONNECTIONS = 100_000_000
MAX_MEGABYTES = 1_000_000_000
DISK_MEGABYTES = 100

DESCRIPTION = """\
Say what would stop so many WebSocket connections on this machine, and the command that changes it.
Nothing is changed, and no gateway needs to run.
"""
EPILOG = """\
Exit code 0 means that so many connections fit, 1 that they do not. Run it as the user, and in the
shell, container or service, that will run the gateway: limits are theirs.
"""


def main(arguments: Sequence[str]) -> int:
    """Print the report: 0 if so many connections fit, 1 if not."""
    given = parser().parse_args(arguments)
    disks = tuple(given.disk) or ((tempfile.gettempdir(), DISK_MEGABYTES * MEBIBYTE),)
    needs = Needs(given.connections, given.clients, given.memory * MEBIBYTE, disks)
    try:
        machine = look(tuple(folder for folder, _ in disks))
    except OSError as error:
        parser().error(f"{error.filename}: {error.strerror}")
    report = examine(machine, needs)
    if given.json:
        print(json.dumps(as_json(machine, report), indent=2))
    else:
        print(as_text(machine, report))
    return 0 if report.is_ok else 1


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="wsgate doctor",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--connections",
        type=_number(1, MAX_CONNECTIONS),
        default=10_000,
        metavar="N",
        help="how many connections are to be open at once; default: 10000",
    )
    made.add_argument(
        "--clients",
        action="store_true",
        help="the clients run on this machine too, as in a load test",
    )
    made.add_argument(
        "--memory",
        type=_number(0, MAX_MEGABYTES),
        default=0,
        metavar="MB",
        help="what other programs will take beside the gateway, such as functions and a database",
    )
    made.add_argument(
        "--disk",
        type=_disk,
        action="append",
        default=[],
        metavar="DIR=MB",
        help="what must be free in a folder; may be repeated; default: "
        f"{DISK_MEGABYTES} MB for temporary files",
    )
    made.add_argument("--json", action="store_true", help="the report as one JSON object")
    return made


def as_text(machine: Machine, report: Report) -> str:
    lines = [line for check in report.checks for line in _lines(check)]
    lines += [f"?   {name}: {machine.system} does not tell" for name in report.unseen]
    return "\n".join((*lines, "", _verdict(machine, report)))


def as_json(machine: Machine, report: Report) -> dict[str, Any]:
    """The keys that `docs/cli.md` lists; a later version only adds to them."""
    return {
        "system": machine.system,
        "connections": report.needs.connections,
        "is_ok": report.is_ok,
        "fits": report.fits,
        "stopped_by": report.stopped_by,
        "nodes": fitting_nodes(machine, report.needs),
        "checks": [asdict(check) for check in report.checks],
        "not_seen": list(report.unseen),
    }


def _lines(check: Check) -> list[str]:
    verdict = "ok " if check.is_ok else "NO "
    lines = [f"{verdict} {check.name}: {check.found}", f"      needed: {check.needed}"]
    if not check.is_ok:
        lines.append(f"      change: {check.remedy}")
    return lines


def _verdict(machine: Machine, report: Report) -> str:
    wanted = f"{report.needs.connections:,} connections"
    fits = wanted + (" fit." if report.is_ok else " do not fit.")
    if report.fits is None:
        return f"{fits} {machine.system} does not tell how many would."
    most = f"{report.fits:,}, with --nodes {fitting_nodes(machine, report.needs)}"
    return f"{fits} The most is {most}; {report.stopped_by} stops more."


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")

    return number


def _disk(text: str) -> tuple[str, int]:
    folder, equals, size = text.rpartition("=")
    if not (folder and equals):
        raise argparse.ArgumentTypeError("it is written DIR=MB")
    return folder, _number(0, MAX_MEGABYTES)(size) * MEBIBYTE
