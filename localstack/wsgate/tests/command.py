"""The command `wsgate` in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping, Sequence

SAMPLE = Path(__file__).parent / "samples_gateway" / "template.yaml"
ROOT = Path(__file__).parent.parent


@dataclass
class Command:
    """A running `wsgate`."""

    process: Process
    base: str
    errors: list[str] = field(default_factory=list)


async def spawn(*arguments: str, **environment: str) -> Process:
    """`python -m wsgate …`, with a clean environment and only these variables."""
    return await spawn_under((), arguments, environment)


async def spawn_under(
    command: Sequence[str],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
) -> Process:
    """The same, started by another command, such as a shell that sets a limit, or in a folder."""
    path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
    return await asyncio.create_subprocess_exec(
        *command,
        sys.executable,
        "-m",
        "wsgate",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**path, **environment},
        cwd=folder,
    )
