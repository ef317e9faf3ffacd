"""How long a draw takes, and checking it: `make bench NAME=draws`.

So many users have claimed a bonus whose window is over. Among their claims as many winners are
drawn as a draw may have; the candidates are exported by pages, as the HTTP API does it, and the
draw is done again by examples/verify-draw. Exit code 1 when a part takes longer than its bar.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg

from bench.support.figures import ROOT, Figures, add_write_option
from bench.support.interrupts import interrupt_on_signals
from handlers.adapters.statements import text
from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from uuid import UUID

BAR_SECONDS = 10.0
PAGE = 10_000
VERIFY = ROOT / "examples" / "verify-draw" / "verify_draw.py"
FILL = """
with bonus as (
    insert into bonuses (bonus_id, reward, audience, opens_at, expires_at, created_at)
        values ($1, '{}', 'everyone', now() - interval '1 hour', now() - interval '1 minute', now())
)
insert into claims (bonus_id, user_id, claim_id, claimed_at)
    select $1, 'user-' || n, 'claim', now() - interval '30 minutes'
      from generate_series(1, $2::integer) as n
"""


def main() -> int:
    """0 when a draw and checking it take no longer than they may, 1 otherwise."""
    interrupt_on_signals()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--claims", type=int, default=150_000, help="default: 150,000")
    parser.add_argument("--winners", type=int, default=10_000, help="default: 10,000")
    add_write_option(parser)
    given = parser.parse_args()
    figures = Figures("draws")
    try:
        is_met = asyncio.run(_bench(given, figures))
    except KeyboardInterrupt:
        print("interrupted; the database is ended and removed")
        return 130
    for what, measured in figures.rows:
        print(f"{what:44}{measured:>12}")
    if given.write:
        figures.write()
    return 0 if is_met else 1


async def _bench(given: argparse.Namespace, figures: Figures) -> bool:
    with tempfile.TemporaryDirectory(prefix="bench-draws-") as name:
        folder = Path(name)
        with Postgres(folder / "postgres") as dsn:
            await migrate(dsn)
            times = await _draw(dsn, given, folder)
        began = time.monotonic()
        await asyncio.to_thread(_verify, folder)
        times["doing it again from the export"] = time.monotonic() - began
    figures.add("candidates", f"{given.claims:,}")
    figures.add("winners", f"{given.winners:,}")
    for what, seconds in times.items():
        figures.add(what, f"{seconds:.2f} s")
    return max(times.values()) <= BAR_SECONDS


async def _draw(dsn: str, given: argparse.Namespace, folder: Path) -> dict[str, float]:
    db = await asyncpg.connect(dsn)
    claimed, drawn = uuid4(), uuid4()
    await db.execute(FILL, claimed, given.claims)
    await db.execute("analyze claims")
    began = time.monotonic()
    await db.execute(
        "select create_draw($1, '{}', null, $2, null, $3, '2 minutes')",
        *(drawn, claimed, given.winners),
        timeout=600,
    )
    drew = time.monotonic()
    await _export(db, drawn, folder)
    exported = time.monotonic()
    await db.close()
    return {
        "the draw, its winners offered": drew - began,
        "the export of its candidates, in pages": exported - drew,
    }


def _verify(folder: Path) -> None:
    files = [str(folder / "draw.json"), str(folder / "candidates.csv")]
    subprocess.run([sys.executable, str(VERIFY), *files], check=True)


async def _export(db: asyncpg.Connection, drawn: UUID, folder: Path) -> None:
    (row,) = await db.fetch(text("draw"), drawn)
    (folder / "draw.json").write_text(json.dumps(dict(row), default=str))
    with (folder / "candidates.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("user_id", "rank", "has_won"))
        after = ""
        while rows := await db.fetch(text("draw_candidates"), drawn, after, PAGE):
            writer.writerows(
                (one["user_id"], one["rank"], str(one["has_won"]).lower()) for one in rows
            )
            after = rows[-1]["rank"]


if __name__ == "__main__":
    sys.exit(main())
