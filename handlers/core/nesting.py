"""How deep JSON from outside may be nested.

Python's parser stops where the interpreter's stack ends: after some 985 levels in Python 3.11 and
8,100 in 3.13. A bound of our own is the same everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LEVELS = 500


def is_deeper(value: object, levels: int) -> bool:
    """Whether objects and arrays are nested deeper than that."""
    level = [value]
    for _ in range(levels + 1):
        if not (level := [one for one in level if isinstance(one, dict | list)]):
            return False
        level = [inner for outer in level for inner in _members(outer)]
    return True


def _members(outer: Any) -> Iterable[object]:
    return outer.values() if isinstance(outer, dict) else outer
