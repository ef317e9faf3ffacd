"""The export as an operator runs it: a process, its output, its rows."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def export(*arguments: str, dsn: str = "") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "sql.export", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": dsn},
        capture_output=True,
        timeout=300,  # only a program that hangs needs so long
        check=False,
    )


def rows(exported: subprocess.CompletedProcess[bytes]) -> list[dict[str, str]]:
    assert exported.returncode == 0, exported.stderr
    return list(csv.DictReader(io.StringIO(exported.stdout.decode(), newline=""), strict=True))
