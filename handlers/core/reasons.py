"""Why a message could not be read, in a client developer's words: what is wrong, and what to do.

The parser names its own types and regular expressions; its sentences do not reach clients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.core.names import MAX_NAME
from handlers.core.nesting import MAX_LEVELS

if TYPE_CHECKING:
    import msgspec

SEQ = "a whole number from 0 to 2^53, or leave it out"

EXPECTED = {
    "id": "1 to 64 letters, digits, - or _ as a string",
    "type": "a string of 1 to 64 characters: a-z first, then a-z, 0-9, - or _",
    "body": "an object",
    "patch": "an object, or leave it out",
    "bonus_id": "the bonus_id of the bonus, a UUID as a string",
    "question_id": "the question_id of the question, a UUID as a string",
    "option": "the number of the option, from 0 to 9",
    "user_id": "your own user's id as a string, or leave it out",
    "since": SEQ,
    "broadcasts_since": SEQ,
    "before": SEQ,
    "after": "the next of the page before, a string, or leave it out",
    "epoch": "the epoch of the last welcome, a string, or leave it out",
    "resource": f"a string of 1 to {MAX_NAME} characters without NUL",
    "visible": "true or false",
    "change": "a whole number from 1 to 2^53, one more for each change",
}
"""What to send in each field of a message."""

NOT_AN_OBJECT = "the message is not an object: send a JSON object with an action and an id"
NUMBER_OUT_OF_RANGE = "a number in this message is too large: send numbers below 1e308"
STRINGIFY = "send the output of JSON.stringify"
NESTED_TOO_DEEPLY = f"the message is nested deeper than {MAX_LEVELS} levels: flatten it"
UNREADABLE = "the message has a wrong field: compare it with the reference of the protocol"


def of_field(error: msgspec.ValidationError) -> str:
    """Which field is missing or wrong, and what to send in it.

    The parser quotes the field last: "missing required field `id`", "… - at `$.id`".
    """
    quoted = str(error).split("`")
    field = quoted[-2].removeprefix("$.") if len(quoted) > 1 else ""
    if field not in EXPECTED:
        return UNREADABLE
    fault = "missing" if "missing required field" in quoted[0] else "not valid"
    return f"{field} is {fault}: send {EXPECTED[field]}"


def of_json(error: Exception) -> str:
    """Where a message stops being JSON, if the parser knows it."""
    if isinstance(error, RecursionError):
        return NESTED_TOO_DEEPLY
    _, position, rest = str(error).rpartition(" (byte ")
    return f"the message is not valid JSON{position}{rest if position else ''}: {STRINGIFY}"
