"""The built-in runner of functions, with real processes, for the tests that call one."""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waiting import until
from wsgate.functions.environments import Environments
from wsgate.model.plan import Function

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wsgate.model.invoke import Invocation

APP = Path(__file__).parent / "samples" / "app"
LONG, SHORT = timedelta(seconds=20), timedelta(seconds=1)


def function(handler: str, **changes: Any) -> Function:
    """One function; its name is its callable's."""
    name = handler.rpartition(".")[2]
    return replace(Function(name, APP, handler, LONG, 256, {}), **changes)


class Runner:
    """Environments for one function, and what it wrote."""

    def __init__(self, environments: Environments, name: str, lines: list[str]) -> None:
        self.environments, self.name, self.lines = environments, name, lines

    async def invoke(self, **event: Any) -> Invocation:
        return await self.environments.invoke(self.name, json.dumps(event).encode())

    async def call(self, **event: Any) -> Any:
        return json.loads((await self.invoke(**event)).payload)

    async def wrote(self, *lines: str) -> None:
        await until(lambda: set(lines) <= set(self.lines))


@asynccontextmanager
async def running(
    handler: str, concurrency: int = 10, account_concurrency: int | None = None, **changes: Any
) -> AsyncIterator[Runner]:
    one, lines = function(f"functions.{handler}", **changes), []
    if "." in handler:
        one = function(handler, **changes)
    environments = Environments(
        {one.name: one},
        log=lambda _, line: lines.append(line),
        variables={"AWS_ENDPOINT_URL_SQS": "http://queue", "SHARED": "all", "BOTH": "all"},
        concurrency=concurrency,
        account_concurrency=account_concurrency,
    )
    try:
        yield Runner(environments, one.name, lines)
    finally:
        await environments.close()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A zombie has ended, too; its exit code was not collected yet.
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
