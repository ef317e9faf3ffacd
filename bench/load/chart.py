"""A line chart as SVG, with the stages of the run behind it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#475569")
WIDTH, HEIGHT = 920, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 26, 24
MAX_POINTS = 460
STEPS = 4


@dataclass(frozen=True)
class Series:
    """A value for each moment."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class Band:
    """A stage: from when to when, in seconds."""

    name: str
    began: float
    ended: float


@dataclass(frozen=True)
class Chart:
    """Series over the same moments."""

    title: str
    unit: str
    at: Sequence[float]
    series: Sequence[Series]
    bands: Sequence[Band]
    is_stacked: bool = False

    def svg(self) -> str:
        series = _stacked(self.series) if self.is_stacked else list(self.series)
        top = _round_up(max((max(one.values, default=0) for one in series), default=0))
        last = max([*self.at, *(band.ended for band in self.bands), 1.0])
        parts = [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">',
            *_bands(self.bands, last),
            *_scale(top, self.unit),
            *_times(last),
        ]
        named = list(zip(series, COLOURS, strict=False))
        # The last of a stack reaches highest, so it is drawn first.
        for one, colour in reversed(named) if self.is_stacked else named:
            parts.append(_path(self.at, one.values, last, top, colour, self.is_stacked))
        return "\n".join([*parts, "</svg>"])

    def html(self) -> str:
        """The chart under its title, with a legend."""
        legend = "".join(
            f'<span><i style="background:{colour}"></i>{escape(one.name)}</span>'
            for one, colour in zip(self.series, COLOURS, strict=False)
        )
        caption = f"<figcaption>{escape(self.title)} <small>{legend}</small></figcaption>"
        return f"<figure>{caption}{self.svg()}</figure>"


def _stacked(series: Sequence[Series]) -> list[Series]:
    sums: list[float] = []
    stacked = []
    for one in series:
        sums = [a + b for a, b in zip(sums or [0.0] * len(one.values), one.values, strict=True)]
        stacked.append(Series(one.name, sums))
    return stacked


def _x(at: float, last: float) -> float:
    return LEFT + at / last * (WIDTH - LEFT - RIGHT)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _bands(bands: Sequence[Band], last: float) -> list[str]:
    parts = []
    for number, band in enumerate(bands):
        left, right = _x(band.began, last), _x(band.ended, last)
        shade = "a" if number % 2 else "b"
        parts.append(
            f'<rect class="{shade}" x="{left:.1f}" y="{TOP}" width="{max(0.5, right - left):.1f}"'
            f' height="{HEIGHT - TOP - BOTTOM}"><title>{escape(band.name)}</title></rect>'
        )
        if right - left > 6 * len(band.name):
            middle = (left + right) / 2
            parts.append(
                f'<text class="s" x="{middle:.1f}" y="{TOP - 8}">{escape(band.name)}</text>'
            )
    return parts


def _scale(top: float, unit: str) -> list[str]:
    parts = []
    for step in range(STEPS + 1):
        value = top * step / STEPS
        y = _y(value, top)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="y" x="{LEFT - 6}" y="{y + 4:.1f}">{_number(value)}</text>')
    return [*parts, f'<text class="y" x="{LEFT - 6}" y="{TOP - 8}">{escape(unit)}</text>']


def _times(last: float) -> list[str]:
    """Not more than ten of them, at round seconds or minutes."""
    each = next(
        one for one in (1, 2, 5, 10, 30, 60, 120, 300, 600, 3600, math.inf) if last / one <= 10
    )
    if math.isinf(each):
        each = last / 10
    parts, at = [], 0.0
    while at <= last:
        said = f"{at:g} s" if each < 60 else f"{at / 60:g} min"
        parts.append(f'<text class="s" x="{_x(at, last):.1f}" y="{HEIGHT - 6}">{said}</text>')
        at += each
    return parts


def _path(  # noqa: PLR0913, PLR0917
    at: Sequence[float], values: Sequence[float], last: float, top: float, colour: str, fill: bool
) -> str:
    step = max(1, math.ceil(len(at) / MAX_POINTS))
    points = [
        # The highest of those that share a point: a peak must not be lost.
        f"{_x(at[index], last):.1f},{_y(max(values[index : index + step]), top):.1f}"
        for index in range(0, len(at), step)
    ]
    if not points:
        return ""
    if fill:
        first, end = points[0].partition(",")[0], points[-1].partition(",")[0]
        floor = f"{HEIGHT - BOTTOM}"
        return (
            f'<polygon fill="{colour}" points="{first},{floor} {" ".join(points)} {end},{floor}"/>'
        )
    return f'<polyline stroke="{colour}" points="{" ".join(points)}"/>'


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return float(next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= value))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"
