"""Load the whole system, and check that it tells the truth: `make load USERS=150000`."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from bench.load import page
from bench.load.crowds import CrowdDied
from bench.load.meter import KINDS
from bench.load.options import Options, parse, processors
from bench.load.record import Record
from bench.load.room import Room, room, this_machine
from bench.load.run import Run
from bench.load.system import Down
from bench.support.figures import commit, machine
from bench.support.interrupts import interrupt_on_signals
from postgres import PostgresError
from wsgate.open_files import raise_limit

if TYPE_CHECKING:
    from bench.load.record import Moment

OOM_SCORE = 500
"""Of 1,000: processes inherit it, and each comes before any that is as large and has 0."""
PLAIN_SECONDS = 5
"""Between two lines of progress where there is no terminal."""


def main() -> int:
    """0 all true, 1 something wrong, 2 nothing done, 130 stopped."""
    options = parse()
    _raise_file_limit()
    place = room(this_machine(Path(tempfile.gettempdir())), options.users, processors())
    if place.missing:
        _refuse(options, place)
        return 2
    interrupt_on_signals()
    _go_first_without_memory()
    record, progress = Record(), Progress(options)
    code = 1
    try:
        uvloop.run(_play(options, place, record, progress))
        code = 1 if record.wrong else 0
    except (Down, CrowdDied, PostgresError, OSError) as ended:
        record.notes.append(f"After {record.now:,.0f} s the run ended before its time: {ended}")
    except KeyboardInterrupt:
        record.notes.append(f"Stopped after {record.now:,.0f} s.")
        code = 130
    except Exception as error:  # the report is written whatever ended the run
        record.notes.append(f"After {record.now:,.0f} s the run failed: {error!r}")
        raise
    finally:
        progress.end()
        _write(options, place, record)
    _conclude(record, code)
    return code


async def _play(options: Options, place: Room, record: Record, progress: Progress) -> None:
    """One run; Ctrl-C ends it in order."""
    record.notes += _notes(options)
    run = Run(options, place, record, progress, can_bind=sys.platform == "linux")
    await run.play()


class Progress:
    """A line that is written over on a terminal, and a line every few seconds elsewhere."""

    def __init__(self, options: Options) -> None:
        self._options, self._is_terminal = options, sys.stderr.isatty()
        self._told_at = 0.0
        self._stage = ""

    def __call__(self, record: Record, moment: Moment) -> None:
        is_new = moment.stage != self._stage
        if self._is_terminal:
            if is_new:
                sys.stderr.write("\n")
            sys.stderr.write(f"\r\x1b[K{self._line(moment)}")
            sys.stderr.flush()
        elif is_new or moment.at - self._told_at >= PLAIN_SECONDS:
            self._told_at = moment.at
            print(self._line(moment), file=sys.stderr, flush=True)
        self._stage = moment.stage

    def end(self) -> None:
        if self._is_terminal:
            sys.stderr.write("\n")

    def _line(self, moment: Moment) -> str:
        said = [f"{moment.at:7.0f} s  {moment.stage or 'start':<6}", f"{moment.open:>8,} open"]
        said += [
            f"{what} {moment.counts[what]:,}/s"
            for what in ("attempts", "lost", "back", "pings", "bonuses shown", "claims sent")
            if moment.counts[what]
        ]
        said += [
            f"{what} p50 {1000 * half:,.0f} p99 {1000 * most:,.0f} ms"
            for what, (half, most) in moment.waits.items()
            if what in {"connect", "ping", "act", "claim"}
        ]
        return "  ".join(said)


def _notes(options: Options) -> list[str]:
    if options.scale == 1:
        return []
    return [
        f"The clock runs {options.scale:g} times as fast as in truth: grace {options.grace} s, a"
        f" quota of {options.quota}/s is {options.connections_per_second}/s here, the sweep every"
        f" {60 / options.scale:g} s. What it cannot hurry is made older in the database:"
        " connections by a minute before something is killed, since the sweep leaves young ones"
        " alone, and at the end what is due later. A lost line is waited for ten minutes, since a"
        " gateway takes as long to start as the machine needs."
    ]


def _refuse(options: Options, place: Room) -> None:
    print(f"load: this machine has no room for {options.users:,} users.", file=sys.stderr)
    for need in place.missing:
        print(f"  {need}; it does for {need.fits:,} users; {need.change}", file=sys.stderr)
    print(f"{place.fits:,} users fit: make load USERS={place.fits}", file=sys.stderr)


def _write(options: Options, place: Room, record: Record) -> None:
    """Both reports, whatever became of the run."""
    report: dict[str, Any] = {
        "command": _command(),
        "commit": commit(),
        "machine": machine(),
        "users": options.users,
        "scale": options.scale,
        "nodes": place.nodes,
        "environments_of_a_function": options.concurrency,
        "client_processes": place.processes,
        "kinds": list(KINDS),
        **record.as_json(),
    }
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    (options.folder / "report.html").write_text(page.html(report), "utf-8")
    print(f"report: {options.folder / 'report.html'}", file=sys.stderr)


def _command() -> str:
    """How to repeat it."""
    return f'make load OPTIONS="{shlex.join(sys.argv[1:])}"'


def _conclude(record: Record, code: int) -> None:
    """A block for each stage, and the verdict."""
    for stage in record.stages:
        seconds = "" if stage.ended is None else f" ({stage.ended - stage.began:.1f} s)"
        print(f"{stage.name}{seconds}")
        for what, figure in stage.figures.items():
            print(f"  {what.replace('_', ' ')}: {_shown(figure)}")
        for one in stage.wrong:
            print(f"  NOT SO: {one}")
    for note in record.notes:
        print(note)
    print("all as it must be" if code == 0 else "NOT as it must be")


def _shown(figure: object) -> str:
    if isinstance(figure, dict):
        return ", ".join(f"{name} {_shown(value)}" for name, value in figure.items())
    return f"{figure:,}" if isinstance(figure, int | float) else str(figure)


def _go_first_without_memory() -> None:
    """If memory ends, the kernel shall end this run and nothing else (proc(5), oom_score_adj)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), "ascii")


def _raise_file_limit() -> None:
    raise_limit()


if __name__ == "__main__":
    sys.exit(main())
