"""Moments as requests write them: milliseconds since the epoch, or RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from handlers.services.presence import EPOCH

# The end of the year 9999: Python, JavaScript and PostgreSQL all know it.
MAX_MILLISECONDS = 253_402_300_799_999

CLOCK = r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?"
RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(\.\d{1,9})?"
    r"([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
WITHOUT_OFFSET = re.compile(CLOCK, re.ASCII)
WITH_LOST_PLUS = re.compile(rf"{CLOCK} \d\d:?\d\d", re.ASCII)
WHOLE = re.compile("-?(0|[1-9][0-9]*)")

FORMS = "send milliseconds since the epoch, or RFC 3339 such as 2026-03-01T18:30:00Z"


def read_moment(given: object) -> datetime:
    """Read a moment of a body, in UTC: a number of milliseconds or a text of RFC 3339.

    Raises ValueError with what to do.
    """
    if isinstance(given, str):
        return _read_text(given)
    if isinstance(given, int) and not isinstance(given, bool):
        return _read_number(given)
    raise ValueError(FORMS)


def read_moment_in_query(given: object) -> datetime:
    """The same for a query, where a number is text, too."""
    if isinstance(given, str) and WHOLE.fullmatch(given):
        return _read_number(int(given)) if len(given) <= len(str(MAX_MILLISECONDS)) else _refuse()
    return read_moment(given)


def _read_number(milliseconds: int) -> datetime:
    if not 0 <= milliseconds <= MAX_MILLISECONDS:
        _refuse()
    return EPOCH + timedelta(milliseconds=milliseconds)


def _read_text(text: str) -> datetime:
    match = RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError(_what_is_wrong(text))
    day, clock, fraction, offset = match.groups(default="")
    try:
        local = datetime.fromisoformat(f"{day}T{clock}{fraction}{offset.upper()}")
    except ValueError:
        raise ValueError("the calendar has no such day; check the month and the day") from None
    try:
        moment = local.astimezone(UTC)
    except OverflowError:
        _refuse()
    return moment if moment >= EPOCH else _refuse()


def _refuse() -> Any:
    raise ValueError("a moment lies from 1970 to the end of 9999 (UTC); is it in milliseconds?")


def _what_is_wrong(text: str) -> str:
    if WITHOUT_OFFSET.fullmatch(text):
        return (
            "a local time may not exist or exist twice, where clocks change; add its offset from "
            "UTC, Z or such as +01:00"
        )
    if WITH_LOST_PLUS.fullmatch(text):
        return "the + of an offset is written %2B in a query; a bare one is a space"
    return FORMS


_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": MAX_MILLISECONDS},
            {"type": "string", "format": "date-time"},
        ]
    }
)
Moment = Annotated[datetime, BeforeValidator(read_moment), _SCHEMA]
MomentInQuery = Annotated[datetime, BeforeValidator(read_moment_in_query), _SCHEMA]
