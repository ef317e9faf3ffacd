"""tests/support/order.py: who gets which tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.order import dealt


@dataclass(frozen=True)
class Item:
    """What is asked of a pytest.Item."""

    name: str

    @property
    def path(self) -> str:
        return self.name[0].lower()

    def get_closest_marker(self, _: str) -> bool | None:
        return True if self.name.isupper() else None


@pytest.mark.parametrize(
    ("tests", "workers", "expected"),
    [
        ("a1 a2 b1 B2 c1 d1", 1, "b1 B2 a1 a2 c1 d1"),
        ("a1 a2 b1 b2 C1 D1", 2, "C1 a1 a2 D1 b1 b2"),
        ("a1 A2 b1 b2 b3 C1 D1", 3, "a1 A2 C1 b1 D1 b2 b3"),
        ("a1 A2 A3 A4 b1", 2, "a1 A2 A3 A4 b1"),
        ("a1 b1 c1", 2, "a1 b1 c1"),
        ("", 3, ""),
    ],
)
def test_each_worker_begins_with_modules_that_have_slow_tests(
    tests: str, workers: int, expected: str
) -> None:
    items: Any = [Item(name) for name in tests.split()]
    assert [test.name for test in dealt(items, workers)] == expected.split()
