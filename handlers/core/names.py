"""What a name may be, wherever one comes from: a ticket, a message, a request, a query.

User ids, resources, devices, ticket ids. PostgreSQL stores UTF-8 without NUL; half a surrogate pair
is valid in JSON and in a Python string, but not in UTF-8. So a name has at most 512 bytes.
"""

from __future__ import annotations

MAX_NAME = 128
"""In characters (code points), as PostgreSQL counts."""

NAME_PATTERN = r"^[^\x00]+\Z"
"""For a parser that refuses half a surrogate pair by itself."""


def is_name(value: object) -> bool:
    """Whether this is a string that every part of the service can keep as a name."""
    return isinstance(value, str) and 1 <= len(value) <= MAX_NAME and is_storable(value)


def is_storable(text: str) -> bool:
    """Whether a string has neither NUL nor half a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
