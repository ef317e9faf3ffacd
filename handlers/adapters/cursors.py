"""Where a page ends, as text that only the list it comes from understands."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING

from handlers.adapters.refusal import foreign_cursor

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 4_096
"""Two names of 128 characters fit, whatever is in them."""


class Cursor:
    """The cursors of one list with its filters: positions of the given types."""

    def __init__(self, name: str, filters: Sequence[object], *types: type) -> None:
        self._mark = hashlib.sha256(repr((name, filters)).encode()).hexdigest()[:12]
        self._types = types

    def write(self, position: Sequence[object]) -> str:
        """The cursor behind this position."""
        text = json.dumps([self._mark, *position], ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode()

    def read(self, after: str) -> list[object]:
        """The position that a cursor says. Raises Refused for one that is not of this list."""
        try:
            position: list[object]
            mark, *position = json.loads(base64.urlsafe_b64decode(after.encode()))
        except (ValueError, TypeError, RecursionError, binascii.Error) as error:
            raise foreign_cursor() from error
        if mark != self._mark or [type(part) for part in position] != list(self._types):
            raise foreign_cursor()
        return position
