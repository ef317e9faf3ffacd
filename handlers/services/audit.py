"""The audit: who ordered what, when and from where."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from handlers.core.operation import Statement


class AuditRow(msgspec.Struct, frozen=True):
    id: int
    at: int
    author: str
    source: str | None
    operation: str
    subject: str | None
    outcome: str | None
    reason: str | None


class ListAudit(Statement[AuditRow], frozen=True):
    """What was ordered, the newest first."""

    query: ClassVar[str] = "audit"
    before_id: int
    author: str | None
    operation: str | None
    subject: str | None
    begins: datetime
    ends: datetime
    limit: int
