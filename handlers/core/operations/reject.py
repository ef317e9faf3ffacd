"""reject: a message is refused for what it says. It counts like any other."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import msgspec

from handlers.core.operation import Statement


class RejectRow(msgspec.Struct, frozen=True):
    outcome: str
    wait_ms: int | None


class Reject(Statement[RejectRow], frozen=True):
    function: ClassVar[str] = "reject"
    user_id: str
    units: int
    gap: timedelta
    burst: int
    keep_out: timedelta
