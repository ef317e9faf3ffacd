"""Presence with faults on, with thousands of connections: `make bench NAME=sweep`.

See bench/support/sweep.py for what is played and what must be true at its end.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from bench.support.figures import Figures, add_write_option
from bench.support.sweep import ROUNDING, Report, Sizes, story
from postgres import Postgres
from sql.migrate import migrate
from wsgate.open_files import raise_limit


def main() -> int:
    """1 when something is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dead", type=int, default=5_000, help="connections of the dying gateway")
    parser.add_argument("--stay", type=int, default=2_000, help="of the other, that stay")
    parser.add_argument("--leave", type=int, default=2_000, help="of the other, that leave")
    add_write_option(parser)
    given = parser.parse_args()
    raise_limit()
    sizes = Sizes(given.stay, given.leave, given.dead, timedelta(seconds=10))
    with (
        tempfile.TemporaryDirectory() as folder,
        Postgres(Path(folder) / "postgres", durable=False) as dsn,
    ):
        asyncio.run(migrate(dsn))
        report = story(dsn, Path(folder), sizes, is_patient=True)
    show(report)
    if given.write:
        write(report, sizes)
    return 1 if report.wrong else 0


def write(report: Report, sizes: Sizes) -> None:
    """A row for each way in which connections ended."""
    figures = Figures("sweep")
    for kind, many in sorted(Counter(end.ended_by for end in report.ends).items()):
        ends = [end for end in report.ends if end.ended_by == kind]
        figures.add(
            f"ended as `{kind}`",
            f"{many:,}; at most {max(end.early for end in ends):.1f} s before the true end,"
            f" stated bound at most {max(end.within for end in ends):.1f} s",
        )
    everyone = sizes.stay + sizes.leave + sizes.dead
    figures.add(f"of {everyone:,} connections, not as they must be", f"{len(report.wrong)}")
    figures.write()


def show(report: Report) -> None:
    """The table."""
    print(
        f"\n{'ended_by':<10}{'rows':>7}   seconds before the true end       stated bound      off"
    )
    print(f"{'':17}{'min':>10}{'p50':>8}{'p99':>8}{'max':>8}{'p50':>10}{'max':>8}{'rows':>9}")
    for kind in sorted({end.ended_by for end in report.ends}):
        ends = [end for end in report.ends if end.ended_by == kind]
        early, within = sorted(end.early for end in ends), sorted(end.within for end in ends)
        off = sum(end.missed > ROUNDING for end in ends)
        print(
            f"{kind:<10}{len(ends):>7}{early[0]:>10.3f}{_at(early, 50):>8.3f}{_at(early, 99):>8.3f}"
            f"{early[-1]:>8.3f}{_at(within, 50):>10.3f}{within[-1]:>8.3f}{off:>9}"
        )
    for what, times in Counter(report.wrong).most_common(10):
        print(f"NOT SO ({times} times): {what}")
    print("\nall as it must be" if not report.wrong else f"\n{len(report.wrong)} things are not so")


def _at(ordered: list[float], percentile: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percentile // 100)]


if __name__ == "__main__":
    sys.exit(main())
