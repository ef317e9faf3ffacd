"""The order of tests, for workers that share them."""

from __future__ import annotations

from collections import deque
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


def dealt(tests: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Deal the modules with slow tests to the workers, each of which begins with them.

    pytest-xdist cuts the list into one part for each worker. A worker that has done its part takes
    from the end of another's: by then only quick tests are there, and none ends long after others.
    """
    modules = [list(module) for _, module in groupby(tests, lambda test: test.path)]
    slow = [module for module in modules if any(map(is_slow, module))]
    quick = deque(test for module in modules if module not in slow for test in module)
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        size = (len(tests) - len(ordered)) // (workers - worker)
        part = [test for module in slow[worker::workers] for test in module]
        while quick and (len(part) < size or worker == workers - 1):
            part.append(quick.popleft())
        ordered += part
    return ordered


def is_slow(test: pytest.Item) -> bool:
    return test.get_closest_marker("slow") is not None
