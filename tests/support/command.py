"""What came of the command `headcount`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Done:
    """Its exit code, and what it printed."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """The one that --json prints."""
        (line,) = self.out.splitlines()
        printed: dict[str, Any] = json.loads(line)
        return printed
