"""The types of arguments and options."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import click

MAX_DAYS = 3_650
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)")
DURATION_FORM = "a number of seconds, or with a unit: 30s, 15m, 2h, 1d"
MOMENT_FORM = "2026-03-01, 2026-03-01T18:30Z or milliseconds since the epoch; UTC without an offset"


def duration(given: str) -> float:
    """In seconds."""
    if not (match := DURATION.fullmatch(given)):
        raise click.BadParameter(f"{given!r} is no length of time; give {DURATION_FORM}")
    seconds = float(match[1]) * SECONDS[match[2]]
    if seconds > MAX_DAYS * SECONDS["d"]:
        raise click.BadParameter(f"{given[:20]} is too long; {MAX_DAYS}d is the most")
    return seconds


def moment(given: str) -> int:
    """In milliseconds since the epoch."""
    try:
        if given.isascii() and given.isdigit():
            return int(given)
        parsed = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(f"{given[:100]!r} is no moment; give {MOMENT_FORM}") from None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return round(parsed.timestamp() * 1_000)


def json_object(given: str) -> dict[str, Any]:
    try:
        value = json.loads(given)
    except ValueError as error:
        raise click.BadParameter(f"this is no JSON: {error}") from None
    except RecursionError:
        raise click.BadParameter("this JSON is nested too deep; 500 levels are the most") from None
    if not isinstance(value, dict):
        raise click.BadParameter('give a JSON object, such as {"text": "5 coins"}')
    return value


def reward(given: str) -> dict[str, Any]:
    """A JSON object, or a text, which stands for {"text": …}."""
    return json_object(given) if given.lstrip().startswith("{") else {"text": given}


def iso(milliseconds: int) -> str:
    """For people."""
    return f"{datetime.fromtimestamp(milliseconds / 1_000, UTC):%Y-%m-%d %H:%M:%S}Z"
