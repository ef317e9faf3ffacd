"""What a run found: stages, a line of time, what is wrong. It becomes report.json."""

from __future__ import annotations

import time
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.load.meter import Sample
    from bench.load.tally import Report, Wrong

PERCENTILES = (50, 90, 99, 100)


@dataclass
class Stage:
    """A part of the run."""

    name: str
    began: float
    """Seconds from the begin of the run, as all times of a record."""
    ended: float | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    """What was measured, in the order of a reader."""
    wrong: list[Wrong] = field(default_factory=list)
    waits: dict[str, array[float]] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass
class Moment:
    """One second of the line of time."""

    at: float
    stage: str
    open: int
    counts: Counter[str]
    waits: dict[str, tuple[float, float]]
    """p50 and p99, in seconds, by what was waited for."""
    processor: dict[str, float]
    """Processors in use, by kind of process."""
    memory: dict[str, int]
    busy: float
    """Processors in use of the whole machine."""


class Record:
    """It grows while the run goes on, and can be shown at any time."""

    def __init__(self) -> None:
        self.began_at = datetime.now(UTC)
        self._began = time.monotonic()
        self.stages: list[Stage] = []
        self.moments: list[Moment] = []
        self.notes: list[str] = []
        """What a reader has to know: what was scaled, left out, or ended before its time."""
        self._open: dict[int, int] = {}
        self._counts = Counter[str]()
        self._waits: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    @property
    def open(self) -> int:
        """Connections that the clients hold."""
        return sum(self._open.values())

    @property
    def stage(self) -> Stage | None:
        return self.stages[-1] if self.stages and self.stages[-1].ended is None else None

    @property
    def wrong(self) -> list[Wrong]:
        return [wrong for stage in self.stages for wrong in stage.wrong]

    def begin(self, name: str) -> Stage:
        self.stages.append(Stage(name, self.now))
        return self.stages[-1]

    def hear(self, index: int, report: Report) -> None:
        """Take what a client process tells once a second."""
        self._open[index] = report.open
        self._counts += report.counts
        for what, waits in report.waits.items():
            self._waits[what].extend(waits)
        if stage := self.stage:
            stage.counts += report.counts
            for what, waits in report.waits.items():
                stage.waits.setdefault(what, array("d")).extend(waits)

    def tick(self, sample: Sample) -> Moment:
        """Close a second."""
        each = max(sample.seconds, 1e-6)
        stage = self.stage
        if stage is not None:
            for kind, used in sample.processor.items():
                stage.processor[kind] = stage.processor.get(kind, 0.0) + used
        moment = Moment(
            at=round(self.now, 2),
            stage=stage.name if stage else "",
            open=self.open,
            counts=Counter({what: round(many / each) for what, many in self._counts.items()}),
            waits={what: (at(waits, 50), at(waits, 99)) for what, waits in self._waits.items()},
            processor={kind: round(used / each, 3) for kind, used in sample.processor.items()},
            memory=sample.memory,
            busy=round(sample.busy / each, 3),
        )
        self.moments.append(moment)
        self._counts = Counter()
        self._waits.clear()
        return moment

    def as_json(self) -> dict[str, Any]:
        return {
            "began_at": self.began_at.isoformat(timespec="seconds"),
            "seconds": round(self.now, 1),
            "notes": self.notes,
            "stages": [_stage(stage) for stage in self.stages],
            "moments": [_moment(moment) for moment in self.moments],
        }


def at(waits: array[float], percentile: int) -> float:
    """A percentile, exactly: all waits are kept. 0 without any."""
    if not waits:
        return 0.0
    ordered = sorted(waits)
    return ordered[min(len(ordered) - 1, len(ordered) * percentile // 100)]


def latencies(waits: array[float]) -> dict[str, float]:
    """In milliseconds, and how many."""
    ordered = array("d", sorted(waits))
    named = {f"p{percentile}": percentile for percentile in PERCENTILES}
    return {
        "times": len(ordered),
        **{
            ("max" if name == "p100" else name): round(
                1000 * ordered[min(len(ordered) - 1, len(ordered) * one // 100)], 1
            )
            for name, one in named.items()
            if ordered
        },
    }


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "began": round(stage.began, 1),
        "ended": None if stage.ended is None else round(stage.ended, 1),
        "figures": stage.figures,
        "latency_ms": {what: latencies(waits) for what, waits in sorted(stage.waits.items())},
        "counts": dict(sorted(stage.counts.items())),
        "processor_seconds": {kind: round(used, 1) for kind, used in stage.processor.items()},
        "wrong": [
            {"what": one.what, "times": one.times, "examples": one.examples} for one in stage.wrong
        ],
    }


def _moment(moment: Moment) -> dict[str, Any]:
    return {
        "at": moment.at,
        "stage": moment.stage,
        "open": moment.open,
        "counts": dict(moment.counts),
        "waits_ms": {
            what: [round(1000 * one, 1) for one in pair] for what, pair in moment.waits.items()
        },
        "processors": moment.processor,
        "memory": moment.memory,
        "busy": moment.busy,
    }
