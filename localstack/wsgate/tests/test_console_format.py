"""How the console's page formats what it shows: `console.test.mjs`, run by node."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from waiting import in_time

TESTS = Path(__file__).parent / "console.test.mjs"
FIRST_WITH_A_RUNNER = 20


async def output(*command: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    text, _ = await in_time(process.communicate())
    return process.returncode, text.decode()


async def test_the_format_of_the_console() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    _, version = await output(node, "--version")
    if int(version.removeprefix("v").partition(".")[0]) < FIRST_WITH_A_RUNNER:
        pytest.skip(f"node {version.strip()} is too old")
    code, text = await output(node, "--test", str(TESTS))
    assert code == 0, text
