"""What grows with the number of users, and how: `make bench-growth`.

The load test is run once for each size: all come online, stay, and get bonuses, and meanwhile a
thousand of them replace their connection and the reports of all are asked for. Of each size the
report is kept, so sizes can be measured one by one: what is there is not measured again. A size
that does not come to its end is the last one. The table and the picture are made of what is there.
Exit code 1 when a size did not come to its end, or something was not as it must be.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.growth.plot import svg
from bench.growth.point import STAGES, Point, read, table
from bench.support.figures import ROOT, Figures, add_write_option
from bench.support.interrupts import interrupt_on_signals

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = (10_000, 50_000, 150_000, 400_000, 800_000)
REPLACED, REPLACED_PER_SECOND = 1_000, 50
PING_SECONDS = 480
NO_ROOM = 2
"""The load test's exit code for a machine that has no room."""
STOPPED = 130
PICTURE = ROOT / "docs" / "images" / "growth.svg"


def main() -> int:
    """0 all as it must be, 1 not, 2 nothing is there to show, 130 stopped."""
    given = _parser().parse_args()
    interrupt_on_signals()
    folder: Path = given.source or given.folder
    is_stopped = False
    if given.source is None:
        try:
            _measure(given)
        except KeyboardInterrupt:
            say("stopped; what was measured is kept, and the same command goes on with the rest")
            is_stopped = True
    points = known(folder)
    if not points:
        say(f"growth: {folder} has no report of a size")
        return STOPPED if is_stopped else 2
    _show(points, folder, is_written=given.write)
    if is_stopped:
        return STOPPED
    return 1 if any(one.fault or one.wrong for one in points) else 0


def known(folder: Path) -> list[Point]:
    """The sizes that a folder has, the smallest first."""
    found = [_point(each) for each in folder.glob("*") if each.name.isdecimal()]
    return sorted((one for one in found if one is not None), key=lambda one: one.users)


def _measure(given: argparse.Namespace) -> None:
    for number, users in enumerate(given.sizes, 1):
        folder: Path = given.folder / str(users)
        point = None if given.again else _point(folder)
        said = f"{users:,} users, {number} of {len(given.sizes)}"
        if point is not None and not point.fault:
            say(f"== {said}: there already, measured on {point.measured_on} at {point.commit}")
            continue
        say(f"== {said}")
        _load(users, folder, given)
        point = _point(folder)
        if point is None or point.fault:
            say(f"== {users:,}: {point.fault if point else 'no report'}; no larger size is tried")
            return


def _load(users: int, folder: Path, given: argparse.Namespace) -> None:
    """Run the load test, and leave its report, or why there is none, in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    process = subprocess.Popen(
        _command(users, folder, given),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C in a terminal comes to us, and from us to it, once
    )
    assert process.stderr
    lines = []
    try:
        for line in process.stderr:
            print(line, end="", file=sys.stderr, flush=True)
            lines.append(line)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.communicate()
        raise
    if process.wait() == NO_ROOM:
        refused = {"users": users, "why": " ".join("".join(lines).split())}
        (folder / "refused.json").write_text(json.dumps(refused) + "\n", "utf-8")


def _command(users: int, folder: Path, given: argparse.Namespace) -> list[str]:
    options = {
        "users": users,
        "stages": ",".join(STAGES),
        "scale": 1,
        "hold": given.hold,
        "ping": PING_SECONDS,
        "rate": given.rate,
        "churn": min(REPLACED, users),
        "churn-rate": REPLACED_PER_SECOND,
        "folder": folder.resolve(),
    }
    command = [sys.executable, "-m", "bench.load"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    return command


def _point(folder: Path) -> Point | None:
    """What is known of a size; None if nothing is."""
    report, refused = folder / "report.json", folder / "refused.json"
    if report.exists():
        return read(json.loads(report.read_text("utf-8")))
    if refused.exists():
        told = json.loads(refused.read_text("utf-8"))
        return Point(told["users"], {}, 0, told["why"])
    return None


def _show(points: Sequence[Point], folder: Path, *, is_written: bool) -> None:
    figures = Figures("growth", picture="growth.svg")
    figures.lines = table(points)
    print("\n".join(figures.lines))
    picture = svg(points)
    (folder / "growth.svg").write_text(picture, "utf-8")
    say(f"picture: {folder / 'growth.svg'}")
    if is_written:
        PICTURE.write_text(picture, "utf-8")
        figures.write()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    shown = ",".join(map(str, SIZES))
    add("--sizes", type=_sizes, default=SIZES, metavar="N,…", help=f"users; default: {shown}")
    add("--again", action="store_true", help="measure what is there, too")
    add("--hold", type=float, default=60, metavar="SECONDS", help="at rest; default: 60")
    add("--rate", type=float, default=1_000, metavar="N", help="users a second; default: 1,000")
    add(
        "--folder",
        type=Path,
        default=Path("build/growth"),
        metavar="DIR",
        help="for the report of each size; default: build/growth",
    )
    add(
        "--from",
        dest="source",
        type=Path,
        metavar="DIR",
        help="measure nothing: make the table and the picture of the reports there",
    )
    add_write_option(parser)
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    words = [word.strip().replace("_", "") for word in text.split(",")]
    if all(word.isdecimal() and int(word) > 0 for word in words):
        return tuple(sorted({int(word) for word in words}))
    raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers, such as 10000,50000")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
