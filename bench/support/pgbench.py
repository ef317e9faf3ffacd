"""PostgreSQL's own load generator: find it, run a script for a while, read what it says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from postgres import find_binaries

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Load:
    """What one run of pgbench did."""

    times: int
    """How often the whole script ran, by all clients together."""
    per_second: float
    mean_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Pgbench:
    """pgbench, and the database that it loads."""

    program: str
    dsn: str
    clients: int

    async def run(
        self, script: str, seconds: float, given: Mapping[str, str], settings: str = ""
    ) -> Load:
        """Run a script over and over, as prepared statements.

        `given`: the script's variables. `settings`: of its sessions, as `-c name=value`.
        """
        return await self._run(script, f"--time={max(1, round(seconds))}", given, settings)

    async def run_times(self, script: str, times: int, given: Mapping[str, str]) -> Load:
        """Run a script so often, by each client."""
        return await self._run(script, f"--transactions={times}", given)

    async def _run(
        self, script: str, until: str, given: Mapping[str, str], settings: str = ""
    ) -> Load:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "script.sql").write_text(script)
            command = [self.program, "--no-vacuum", "--protocol=prepared", "--file=script.sql"]
            command += [f"--client={self.clients}", until, "--log"]
            command += [f"--define={name}={value}" for name, value in given.items()]
            said = await _output(command, folder, _environment(self.dsn, settings))
            return _load(said, Path(folder))


def find_pgbench() -> str:
    """On the path, or beside PostgreSQL's programs. Ends the benchmark where it is missing."""
    binaries = find_binaries().folder
    found = shutil.which("pgbench") or shutil.which("pgbench", path=binaries)
    if found is None:
        raise SystemExit(
            f"There is no pgbench on the PATH or in {binaries}: the wheel does not bring it.\n"
            "Debian, Ubuntu: `apt install postgresql`; macOS: `brew install postgresql`.\n"
            "One of another version will do; or name a folder that has it in POSTGRES_BIN."
        )
    return found


def _environment(dsn: str, settings: str) -> dict[str, str]:
    """The address in variables, not arguments: others can read a command line."""
    url = urlsplit(dsn)
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
        "PGHOST": url.hostname or "",
        "PGPORT": str(url.port),
        "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "",
        "PGDATABASE": url.path.removeprefix("/"),
        "PGOPTIONS": settings,
    }


async def _output(command: list[str], folder: str, environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to pass on
    )
    try:
        said, complained = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.returncode or b"aborted" in complained:
        raise SystemExit(f"pgbench failed: {complained.decode()}")
    return said.decode()


def _load(said: str, folder: Path) -> Load:
    waits = sorted(
        int(line.split()[2])  # "client_id transaction_no time …", time in µs
        for log in folder.glob("pgbench_log.*")
        for line in log.read_text().splitlines()
    )
    return Load(
        times=int(_said(said, r"transactions actually processed: (\d+)")),
        per_second=float(_said(said, r"tps = ([\d.]+)")),
        mean_ms=float(_said(said, r"latency average = ([\d.]+) ms")),
        p50_ms=waits[len(waits) // 2] / 1000,
        p99_ms=waits[len(waits) * 99 // 100] / 1000,
        max_ms=waits[-1] / 1000,
    )


def _said(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"pgbench said nothing of {pattern!r}: {text}")
    return found[1]
