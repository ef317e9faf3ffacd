"""The results side by side, as ratios to the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.peers.measure import Result
    from bench.peers.second_opinion import Latencies

_KIB = 1024
COLUMNS: tuple[tuple[str, Callable[[Result], float], str], ...] = (
    ("KiB/connection", lambda result: result.memory_bytes / _KIB, "7.1f"),
    ("connects/s", lambda result: result.connects_per_second, "7,.0f"),
    ("CPU ms/connect", lambda result: result.connect_cpu_ms, "7.3f"),
    ("to all, s", lambda result: result.to_all_seconds, "7.2f"),
    ("CPU ms/message", lambda result: result.send_cpu_ms, "7.3f"),
)
_TITLE_WIDTH, _COLUMN_WIDTH = 32, 15


def table(results: Mapping[str, Result]) -> list[str]:
    """A line for each result: the number, and how many times that of the first it is."""
    lines = ["".ljust(_TITLE_WIDTH) + "".join(name.rjust(_COLUMN_WIDTH) for name, _, _ in COLUMNS)]
    rows = list(results.items())
    for title, result in rows:
        _, first = rows[0]
        cells = [
            f"{format(value(result), shape)} {_ratio(value(result), value(first)):>6}"
            for _, value, shape in COLUMNS
        ]
        lines.append(
            title.ljust(_TITLE_WIDTH) + "".join(each.rjust(_COLUMN_WIDTH) for each in cells)
        )
    return lines


def latencies(found: Sequence[Latencies]) -> list[str]:
    """A line for each client."""
    return [
        f"{each.client:12}{each.connects:8,} connects"
        f"   p50 {each.p50_ms:6.1f} ms   p95 {each.p95_ms:6.1f} ms   p99 {each.p99_ms:6.1f} ms"
        for each in found
    ]


def _ratio(value: float, first: float) -> str:
    return f"{value / first:.2g}x" if first else ""
