"""How long a connect takes, by our client and by Artillery, on the same server."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.contenders import NODE_MODULES, SOURCES, Contender, node
from bench.peers.crowd import Crowd
from bench.peers.listeners import KINDS
from bench.peers.measure import PROCESSES
from bench.peers.servers import ServerFailed, serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

STAY_SECONDS = 1.0
EXTRA_SECONDS = 60
"""For Artillery to start and to end, beside the time that it connects."""
GUARDED = Contender("wsgate", "wsgate", kind="wsgate", has_authorizer=True)


@dataclass(frozen=True)
class Latencies:
    """Of one client's connects."""

    client: str
    connects: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


def compare(per_second: int, seconds: int) -> list[Latencies]:
    """Let both connect at the same rate, ours before and after.

    Raises NotInstalled, ServerFailed or ListenersFailed.
    """
    command = [node("artillery"), str(NODE_MODULES / "artillery" / "bin" / "run")]
    with serving(GUARDED) as server, Crowd(server.port, GUARDED.kind, PROCESSES) as crowd:
        crowd.open_at(per_second, 2, STAY_SECONDS)  # all functions have run
        before = _ours(crowd, per_second, seconds)
        theirs = _theirs(command, server.port, per_second, seconds)
        return [before, theirs, _ours(crowd, per_second, seconds)]


def _ours(crowd: Crowd, per_second: int, seconds: int) -> Latencies:
    opened = crowd.open_at(per_second, seconds, STAY_SECONDS)
    if opened.refused:
        raise ServerFailed(f"{opened.refused:,} connects of our client failed")
    per_cent = statistics.quantiles(opened.latencies_ms, n=100)
    found = (per_cent[percent - 1] for percent in (50, 95, 99))
    return Latencies("our client", len(opened.latencies_ms), *found)


def _theirs(command: list[str], port: int, per_second: int, seconds: int) -> Latencies:
    phases = [{"duration": seconds, "arrivalRate": per_second}]
    target = f"ws://127.0.0.1:{port}{KINDS[GUARDED.kind].path}"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ("--quiet", "--target", target, "--output", str(report))
        overrides = ("--overrides", json.dumps({"config": {"phases": phases}}))
        done = subprocess.run(
            [*command, "run", *options, *overrides, str(SOURCES / "artillery.yml")],
            env=os.environ | {"ARTILLERY_DISABLE_TELEMETRY": "true"},
            capture_output=True,
            text=True,
            timeout=seconds + EXTRA_SECONDS,
            check=False,
        )
        if done.returncode or not report.exists():
            raise ServerFailed(f"Artillery ended with {done.returncode}: {done.stderr[-500:]}")
        return read_report(json.loads(report.read_text()))


def read_report(report: Mapping[str, Any]) -> Latencies:
    """What Artillery's report says of the connects."""
    found = report["aggregate"]["summaries"]["connect_ms"]
    return Latencies("Artillery", found["count"], found["median"], found["p95"], found["p99"])
