"""Words that the texts of this project do not use."""

from __future__ import annotations

import re

DROPPED = re.compile(r"\b(whoever|nobody|whom|anew|in vain|minds|ours|somebody)\b", re.IGNORECASE)
INTERNAL = re.compile(
    r"Traceback|Exception|asyncpg|msgspec|pydantic|\bNone\b|<class|0x[0-9a-f]{6}"
    r"|Struct|\bregex\b|\$[.\[]|\b[A-Z][a-z]+[A-Z]\w+"
)
"""What a leaked internal looks like."""
