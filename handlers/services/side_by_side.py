"""The scheduled work of all apps, side by side in one run of a function."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from handlers.core.metrics import total

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)


class Run(Protocol):
    """One app's part."""

    @property
    def numbers(self) -> Mapping[str, float]: ...
    async def run(self) -> object: ...


async def run_all(runs: Mapping[str, Run]) -> dict[str, float]:
    """Do each app's part by itself: what goes wrong in one, or takes long, stops no other.

    Returns what was done in all; raises the first failure, after all parts.
    """
    results = await asyncio.gather(*(one.run() for one in runs.values()), return_exceptions=True)
    failures = []
    for app, result in zip(runs, results, strict=True):
        if isinstance(result, BaseException):
            log.error("app %s: %s", app, result)
            failures.append(result)
    if failures:
        raise failures[0]
    return total(one.numbers for one in runs.values())
