"""What a load of so many users says of growth, out of its report.json. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.load.meter import KINDS
from bench.load.room import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STAGES = ("ramp", "hold", "reports", "bonus", "everyone", "churn")
"""What is played with each number of users, in this order."""


@dataclass(frozen=True)
class Row:
    """A line of the table: a figure of each size; None where it was not measured."""

    name: str
    read: Callable[[Point], float | str | None]
    digits: int = 0


@dataclass(frozen=True)
class Point:
    """One number of users."""

    users: int
    stages: Mapping[str, Mapping[str, Any]]
    """As report.json has them, by name."""
    reached: int
    """The most that were online at once."""
    fault: str = ""
    """Why it did not come to its end, in a sentence; empty if it did."""
    wrong: tuple[str, ...] = ()
    """What was not as it must be."""
    measured_on: str = ""
    commit: str = ""

    def figure(self, stage: str, *names: str) -> Any:
        """A figure of a stage, or one within it; None if there is none."""
        found: Any = self.stages.get(stage, {}).get("figures", {})
        return _within(found, names)

    def wait(self, stage: str, what: str, percentile: str) -> float | None:
        """A percentile of what was waited for in a stage, in milliseconds."""
        waits: Any = self.stages.get(stage, {}).get("latency_ms", {})
        found: float | None = _within(waits, (what, percentile))
        return found


def read(report: Mapping[str, Any]) -> Point:
    """The point of a whole report, or of one that ended before its time."""
    stages = {stage["name"]: stage for stage in report["stages"]}
    is_whole = all(name in stages and stages[name]["ended"] is not None for name in STAGES)
    last_note = report["notes"][-1] if report["notes"] else "It did not come to its end."
    return Point(
        report["users"],
        stages,
        max((moment["open"] for moment in report["moments"]), default=0),
        "" if is_whole else last_note,
        tuple(
            f"{stage['name']}: {one['what']} ({one['times']:,})"
            for stage in report["stages"]
            for one in stage["wrong"]
        ),
        report["began_at"][:10],
        report["commit"],
    )


def rows(points: Sequence[Point]) -> list[Row]:
    """The lines of the table, in the order of a reader."""
    found = [
        Row("all come online, s", _ramp_seconds),
        Row("connects a second", lambda one: one.figure("ramp", "connects_per_second")),
        *(
            Row(
                f"processor ms of a connect: {kind}",
                _reads("ramp", "processor_ms_of_a_connect", kind),
                2,
            )
            for kind in (*KINDS, "all")
        ),
        Row("a connect beside them, ms: half", lambda one: one.wait("churn", "connect", "p50"), 1),
        Row("a connect beside them, ms: 99 %", lambda one: one.wait("churn", "connect", "p99"), 1),
        Row("at rest, % of the machine", percent_at_rest, 1),
        *(
            Row(f"memory, MiB: {kind}", _reads("hold", "memory_mib", kind))
            for kind in (*KINDS, "machine")
        ),
        Row("a bonus to one, ms: half", _reads("bonus", "button_to_screen_ms", "p50"), 1),
        Row("a bonus to one, ms: 99 %", _reads("bonus", "button_to_screen_ms", "p99"), 1),
        Row("a bonus to all, s: half", lambda one: seconds_to_all(one, "p50"), 1),
        Row("a bonus to all, s: the last", lambda one: seconds_to_all(one, "max"), 1),
        Row("database, MiB", lambda one: database(one, MIB)),
    ]
    found += [Row(f"{name}, ms", _reads("reports", "report_ms", name)) for name in reports(points)]
    return [
        *found,
        Row("not as it must be", lambda one: len(one.wrong)),
        Row("measured on", lambda one: one.measured_on or None),
        Row("at", lambda one: one.commit or None),
    ]


def reports(points: Sequence[Point]) -> list[str]:
    """The names of the reports that were asked for."""
    return list(
        dict.fromkeys(name for one in points for name in one.figure("reports", "report_ms") or ())
    )


def percent_at_rest(point: Point) -> float | None:
    share = point.figure("hold", "share_of_the_machine")
    return None if share is None else 100 * share


def seconds_to_all(point: Point, percentile: str) -> float | None:
    waited = point.figure("everyone", "bonus_to_all_ms", percentile)
    return None if waited is None else waited / 1000


def database(point: Point, unit: int) -> float | None:
    size = point.figure("reports", "database_bytes")
    return None if size is None else size / unit


def table(points: Sequence[Point]) -> list[str]:
    """A column for each size, and what is to be said of those that failed."""
    width = max((len(row.name) for row in rows(points)), default=0)
    lines = ["users".ljust(width) + "".join(f"{one.users:>12,}" for one in points)]
    for row in rows(points):
        cells = [_shown(row.read(one), row.digits) for one in points]
        lines.append(row.name.ljust(width) + "".join(f"{cell:>12}" for cell in cells))
    return [*lines, *said_of(points)]


def said_of(points: Sequence[Point]) -> list[str]:
    """A line for each size that did not come to its end, or had something wrong."""
    lines = []
    for one in points:
        if one.fault:
            lines.append(f"{one.users:,}: {one.fault} At most {one.reached:,} were online.")
        lines += [f"{one.users:,}: {what}" for what in one.wrong]
    return ["", *lines] if lines else []


def _reads(stage: str, *names: str) -> Callable[[Point], Any]:
    return lambda one: one.figure(stage, *names)


def _ramp_seconds(point: Point) -> float | None:
    rate = point.figure("ramp", "connects_per_second")
    return point.users / rate if rate else None


def _within(found: Any, names: Sequence[str]) -> Any:
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _shown(value: float | str | None, digits: int) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,.{digits}f}"
