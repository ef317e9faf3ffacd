"""How deep JSON from outside may be nested.

Python's parser stops where the interpreter's stack ends: after some 985 levels in Python 3.11 and
8,100 in 3.13. A bound of our own is the same everywhere, and below that of every reader behind us.
"""

from __future__ import annotations

MAX_LEVELS = 64


def is_deeper(value: object, levels: int = MAX_LEVELS) -> bool:
    """Whether objects and arrays are nested deeper than that."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(is_deeper(one, levels - 1) for one in inner)
