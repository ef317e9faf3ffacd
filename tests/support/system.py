"""The whole system, as `make run` starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Headcount:
    """The whole system, running: what `make run` writes to run.json."""

    base_url: str
    websocket_url: str
    service_token: str
    database_url: str
    pid: int
    page_key: str = ""
    """What the printed address gives to the demo page; there is one with `make run` only."""


@contextmanager
def running(folder: Path, root: Path = ROOT, **environment: str) -> Iterator[Headcount]:
    """What `make run` starts in a checkout, on a free port and in a folder of its own."""
    output = folder / "output.txt"
    command = [sys.executable, str(root / "localstack" / "run.py"), "--folder", str(folder)]
    with output.open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", str(free_port())],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _ready(folder / "run.json", process, output)
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(PATIENCE_SECONDS)
    assert code == 0, output.read_text()[-2_000:]


def _ready(run_json: Path, running: subprocess.Popen[bytes], output: Path) -> Headcount:
    def is_ready() -> bool:
        assert running.poll() is None, output.read_text()
        return run_json.exists()

    wait_until(is_ready, f"not ready in time: see {output}")
    return Headcount(**json.loads(run_json.read_text()))
