"""What one hostile user can do to the others, and can have: `make bench-hostile`.

The whole system as `make run` starts it. 1,000 honest users act every four seconds each, in a
process of their own; first alone, then beside one user with 50 connections, in another process, who
sends 2,000 messages a second of one kind and connects again, with a new ticket, once a second for
each connection that was lost. Each kind of attack has a user of its own.

The bars: the honest users' p99 beside `everything` is at most twice the quiet one, and each hostile
user has at most what docs/explanation/security.md says: so many pushes, bytes and rows. Exit code 1
when one is missed.

Clients, gateway, functions and database share this machine's processors.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from bench.hostile.attack import MIXES, TABS
from bench.support.figures import Figures, add_write_option
from bench.support.gateways import ROOT
from bench.support.ports import free_port
from handlers.adapters.settings import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BAR_RATIO = 2.0
START_SECONDS, STOP_SECONDS = 300, 60
SETTLE_SECONDS = 3
WORST = "everything"
UNIT_BYTES, UNIT_TOLD = 16_384, 5

Took = list[tuple[float, float]]
"""When each act was due, and how many seconds its answer took."""

ROWS = """
select (select count(*) from user_events where user_id = $1)
     + (select count(*) from past_sessions where user_id = $1)
     + (select count(*) from presence_events where user_id = $1)
     + (select count(*) from watching_times where user_id = $1)
"""


@dataclass(frozen=True)
class Phase:
    """A kind of attack, or none, and when it was."""

    mix: str | None
    began: float
    ended: float
    had: dict[str, int]
    """What the hostile user had: messages sent, pushes, bytes, rows."""

    def p(self, took: Took, percentile: int) -> float:
        """Of the acts that were due meanwhile, in milliseconds."""
        seconds = sorted(wait for due, wait in took if self.began <= due < self.ended)
        return seconds[min(len(seconds) - 1, len(seconds) * percentile // 100)] * 1000


def units(seconds: float) -> float:
    """How many one user can have in so many seconds: docs/explanation/security.md."""
    limit = rules().limit
    dearest = TABS * (UNIT_BYTES + 300) / UNIT_BYTES
    return limit.burst + seconds / limit.gap.total_seconds() + dearest


def main() -> int:
    """Print a line per attack and the verdict; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--honest", type=int, default=1000, help="how many users")
    parser.add_argument("--every", type=float, default=4, help="seconds between a user's acts")
    parser.add_argument("--seconds", type=float, default=60, help="of each attack, and of quiet")
    parser.add_argument("--rate", type=float, default=2000, help="hostile messages per second")
    parser.add_argument("--mix", choices=MIXES, action="append", help="only these")
    add_write_option(parser)
    given, figures = parser.parse_args(), Figures("hostile")
    with system() as folder:
        phases, took = asyncio.run(play(folder, given))
    is_met = judge(phases, took, given, figures)
    if given.write:
        figures.write()
    return 0 if is_met else 1


@contextlib.contextmanager
def system() -> Iterator[Path]:
    """What `make run` starts, on a free port and in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-hostile-") as name:
        folder = Path(name)
        command = [sys.executable, str(ROOT / "localstack" / "run.py"), "--folder", name]
        with (folder / "output.txt").open("w") as log:
            process = subprocess.Popen(
                [*command, "--port", str(free_port())], stdout=log, stderr=subprocess.STDOUT
            )
        try:
            ends = time.monotonic() + START_SECONDS
            while not (folder / "run.json").exists():
                if process.poll() is not None or time.monotonic() > ends:
                    raise SystemExit((folder / "output.txt").read_text()[-2_000:])
                time.sleep(0.1)
            yield folder
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()
            process.wait()


async def play(folder: Path, given: argparse.Namespace) -> tuple[list[Phase], Took]:
    """Quiet, then each attack, then quiet again."""
    honest = await start(
        "honest", folder, "--users", str(given.honest), "--every", str(given.every)
    )
    assert honest.stdout
    assert (await honest.stdout.readline()).strip() == b"ready"
    await asyncio.sleep(2 * given.every)  # every function and each part of the gateway has run
    mixes: Sequence[str] = given.mix or list(MIXES)
    phases = []
    for mix in (None, *mixes, None):
        phases.append(await attack(folder, mix, given))
        await asyncio.sleep(SETTLE_SECONDS)
    took, _ = await honest.communicate(b"")  # None would leave its input open on 3.11
    return phases, json.loads(took)


async def attack(folder: Path, mix: str | None, given: argparse.Namespace) -> Phase:
    began = time.time()
    if mix is None:
        await asyncio.sleep(given.seconds)
        return Phase(None, began, time.time(), {})
    user = f"hostile-{secrets.token_hex(4)}"
    sizes = ("--user", user, "--seconds", str(given.seconds), "--rate", str(given.rate))
    attacking = await start("attack", folder, mix, *sizes)
    came, _ = await attacking.communicate()
    had = json.loads(came)
    ended = time.time()
    about = json.loads((folder / "run.json").read_text())
    db = await asyncpg.connect(about["database_url"])
    had["rows"] = await db.fetchval(ROWS, user)
    await db.close()
    print(f"{mix}: {json.dumps(had)}", flush=True)
    return Phase(mix, began, ended, had)


async def start(module: str, folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"bench.hostile.{module}", str(folder), *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ,
        limit=64 * 1024 * 1024,
    )


def judge(phases: Sequence[Phase], took: Took, given: argparse.Namespace, figures: Figures) -> bool:
    """Say how it went, attack by attack, and whether every bar is met."""
    quiet = [phase for phase in phases if phase.mix is None]
    # Before and after: what else the machine does goes up and down.
    usual = max(phase.p(took, 99) for phase in quiet)
    crowd = f"{given.honest:,} users, an act every {given.every:g} s each"
    figures.add(
        f"{crowd}: quiet, before and after",
        "; ".join(f"p50 {one.p(took, 50):.0f} ms, p99 {one.p(took, 99):.0f} ms" for one in quiet),
    )
    met = []
    for phase in phases:
        if phase.mix is None:
            continue
        ratio = phase.p(took, 99) / usual
        bar = f" (bar: {BAR_RATIO:g} times)" if phase.mix == WORST else ""
        met.append(phase.mix != WORST or ratio <= BAR_RATIO)
        figures.add(
            f"beside {TABS} connections of one user, {given.rate:,.0f}/s: {phase.mix}{bar}",
            f"p50 {phase.p(took, 50):.0f} ms, p99 {phase.p(took, 99):.0f} ms,"
            f" {ratio:.1f} times the quiet one",
        )
    most = units(given.seconds)
    bars = {"pushes": UNIT_TOLD * most, "bytes": UNIT_BYTES * most, "rows": most + TABS}
    for what, bar_ in bars.items():
        found = {phase.mix: phase.had[what] for phase in phases if phase.mix}
        mix = max(found, key=lambda name: found[name])
        met.append(found[mix] <= bar_)
        figures.add(
            f"{what} of a hostile user in {given.seconds:g} s (bar: {bar_:,.0f})",
            f"at most {found[mix]:,}, by {mix}",
        )
    for what, measured in figures.rows:
        print(f"{what}: {measured}")
    print("met" if all(met) else "NOT MET", flush=True)
    return all(met)


if __name__ == "__main__":
    sys.exit(main())
