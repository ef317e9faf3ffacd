"""How figures grow with the number of users, as one SVG of small charts. Pure.

Both scales are logarithmic: what grows with the users is a line of one slope, drawn dashed, and
what grows faster bends away from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from bench.growth.point import database, percent_at_rest, reports, seconds_to_all
from bench.load.room import GIB

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.growth.point import Point

COLOURS = (
    *("#2563eb", "#dc2626", "#059669", "#d97706"),
    *("#7c3aed", "#475569", "#db2777", "#0891b2"),
)
COLUMNS = 3
WIDTH, HEIGHT = 320, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 30, 28
LEGEND_LEFT, LEGEND_LINE = 24, 13
PER_LINE = 2
"""Names of a legend beside each other."""
FEW_DECADES = 1.7
"""Scales that are shorter have a line at 2 and 5 as well."""

STYLE = """
text { font: 11px system-ui, sans-serif; fill: #334155 }
.t { font-weight: 600; font-size: 13px } .x { text-anchor: middle } .y { text-anchor: end }
.g { stroke: #e2e8f0 } .p { stroke: #94a3b8; stroke-dasharray: 4 4 }
polyline { fill: none; stroke-width: 1.8 }
"""


@dataclass(frozen=True)
class Panel:
    """A chart: for each series a value a size, None where there is none."""

    title: str
    series: Mapping[str, Sequence[float | None]]


def panels(points: Sequence[Point]) -> list[Panel]:
    """What is drawn of the sizes."""

    def memory(kind: str) -> list[float | None]:
        found = [one.figure("hold", "memory_mib", kind) for one in points]
        return [None if size is None else size / 1024 for size in found]

    def report(name: str) -> list[float | None]:
        found = [one.figure("reports", "report_ms", name) for one in points]
        return [None if isinstance(took, str) else took for took in found]

    kinds = ("machine", "nodes", "clients", "functions", "postgres")
    return [
        Panel("Memory, GiB", {kind: memory(kind) for kind in kinds}),
        Panel("At rest, % of the machine", {"all": [percent_at_rest(one) for one in points]}),
        Panel(
            "A connect beside them, ms",
            {
                name: [one.wait("churn", "connect", which) for one in points]
                for name, which in (("half", "p50"), ("99 %", "p99"))
            },
        ),
        Panel(
            "A bonus to all, s",
            {
                name: [seconds_to_all(one, which) for one in points]
                for name, which in (("half have it", "p50"), ("the last has it", "max"))
            },
        ),
        Panel("Database, GiB", {"all tables": [database(one, GIB) for one in points]}),
        Panel("Reports, ms", {name: report(name) for name in reports(points)}),
    ]


def svg(points: Sequence[Point]) -> str:
    """The picture: sizes from left to right."""
    drawn = panels(points)
    legends = max((math.ceil(len(one.series) / PER_LINE) for one in drawn), default=0)
    height = HEIGHT + LEGEND_LINE * legends
    lines = math.ceil(len(drawn) / COLUMNS)
    whole = f"{COLUMNS * WIDTH} {lines * height}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole}" role="img"'
        ' aria-label="How figures grow with the number of users">',
        f"<style>{STYLE}</style>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    sizes = [one.users for one in points]
    for number, panel in enumerate(drawn):
        x, y = number % COLUMNS * WIDTH, number // COLUMNS * height
        parts += [f'<g transform="translate({x} {y})">', *_panel(panel, sizes), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True)
class _Scale:
    """A logarithmic scale, from its first to its last value, over some pixels."""

    first: float
    last: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        share = math.log(value / self.first) / math.log(self.last / self.first)
        return self.begin + share * (self.end - self.begin)

    def marks(self) -> list[float]:
        """Round values within it."""
        few = math.log10(self.last / self.first) < FEW_DECADES
        steps = (1, 2, 5) if few else (1,)
        lowest, highest = math.floor(math.log10(self.first)), math.ceil(math.log10(self.last))
        found = [step * 10.0**power for power in range(lowest, highest + 1) for step in steps]
        return [value for value in found if self.first <= value <= self.last]


def _panel(panel: Panel, sizes: Sequence[int]) -> list[str]:
    parts = [f'<text class="t" x="{LEFT}" y="18">{escape(panel.title)}</text>', *_legend(panel)]
    values = [value for each in panel.series.values() for value in each if value and value > 0]
    if not values:
        return [*parts, f'<text x="{LEFT}" y="{HEIGHT / 2}">not measured</text>']
    across = _Scale(0.8 * min(sizes), 1.25 * max(sizes), LEFT, WIDTH - RIGHT)
    up = _Scale(min(values) / 1.5, 1.5 * max(values), HEIGHT - BOTTOM, TOP)
    parts += _grid(across, up, sizes)
    for (name, each), colour in zip(panel.series.items(), COLOURS, strict=False):
        dots = [
            (across.at(size), up.at(value))
            for size, value in zip(sizes, each, strict=True)
            if value and value > 0
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
        parts.append(f'<polyline stroke="{colour}" points="{line}"/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}">'
            f"<title>{escape(name)}</title></circle>"
            for x, y in dots
        ]
    return [*parts, *_proportional(panel, sizes, across, up)]


def _grid(across: _Scale, up: _Scale, sizes: Sequence[int]) -> list[str]:
    parts = []
    for value in up.marks():
        y = up.at(value)
        parts.append(
            f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="y" x="{LEFT - 6}" y="{y + 4:.1f}">{_number(value)}</text>'
        )
    for size in sizes:
        x = across.at(size)
        parts.append(
            f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
            f'<text class="x" x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}">{_short(size)}</text>'
        )
    return parts


def _proportional(panel: Panel, sizes: Sequence[int], across: _Scale, up: _Scale) -> list[str]:
    """What grows as the users do, down from the highest value of the largest size."""
    known = [
        (size, value)
        for each in panel.series.values()
        for size, value in zip(sizes, each, strict=True)
        if value and value > 0
    ]
    size, value = max(known)
    # As far down as the chart reaches.
    lowest = max(across.first, size * up.first / value)
    ends = [(lowest, value * lowest / size), (size, value)]
    (x1, y1), (x2, y2) = ((across.at(x), up.at(y)) for x, y in ends)
    return [f'<line class="p" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>']


def _legend(panel: Panel) -> list[str]:
    parts = []
    for number, (name, colour) in enumerate(zip(panel.series, COLOURS, strict=False)):
        x = LEGEND_LEFT + number % PER_LINE * (WIDTH - LEGEND_LEFT) / PER_LINE
        y = HEIGHT + 6 + number // PER_LINE * LEGEND_LINE
        parts.append(
            f'<circle cx="{x + 3}" cy="{y - 4}" r="3" fill="{colour}"/>'
            f'<text x="{x + 10}" y="{y}">{escape(name)}</text>'
        )
    return parts


def _short(size: int) -> str:
    return f"{size / 1000:g}k" if size >= 1000 else str(size)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
