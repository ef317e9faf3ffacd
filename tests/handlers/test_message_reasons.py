"""Every error that answers a message, as the developer of a client reads it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from handlers.adapters.database import Unavailable, Unstorable
from handlers.core.connection import Connection
from handlers.core.message import BadMessage, Message, parse
from handlers.core.operation import Limit, Rules
from handlers.core.operations import act
from handlers.core.reasons import EXPECTED, UNREADABLE
from handlers.services.message import Messages
from tests.support.words import DROPPED, INTERNAL

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "error-codes.md"
CONNECTION = Connection("ann", "site", "t1", datetime(2026, 1, 1, tzinfo=UTC), "g/live", "tab-1")
RULES = Rules(Limit(timedelta(milliseconds=200), 50), timedelta(seconds=30))
TO_DO = re.compile(r"(send|give|leave|remove|flatten|connect|wait|compare)\b")

ID, BONUS = "m1", "00000000-0000-0000-0000-000000000007"
GOOD: dict[str, dict[str, Any]] = {
    "hello": {},
    "act": {"type": "like", "body": {}},
    "claim": {"bonus_id": BONUS},
    "ack": {"bonus_id": BONUS},
    "watch": {"resource": "site"},
    "ledger": {},
}
OUT_OF_RANGE: tuple[object, ...] = (-1, 2**53 + 1, 2**70, 1.5, "1", True, [], {})
# Values that each field refuses. A field that may be left out may also be null.
BAD: dict[str, tuple[object, ...]] = {
    "id": (None, 7, "", "a b", "a" * 65),
    "type": (None, 7, "", "Like", "bonus.claimed", "a" * 65),
    "body": (None, 7, "x", []),
    "patch": (7, "x", []),
    "bonus_id": (None, 7, "7"),
    "user_id": (7, {}),
    "since": OUT_OF_RANGE,
    "broadcasts_since": OUT_OF_RANGE,
    "before": OUT_OF_RANGE,
    "epoch": (7, "x" * 65),
    "resource": (None, 7, "", "x" * 129, "a\0b"),
}
FIELDS = {str(kind.__struct_config__.tag): structs.fields(kind) for kind in get_args(Message)}


@dataclass(frozen=True)
class Row:
    outcome: str
    wait_ms: int = 200


class FakeDatabase:
    def __init__(self, answer: Row | Exception) -> None:
        self.answer = answer

    async def fetch_one(self, _statement: object, /) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Unused:
    """Errors push nothing, and only a user far over the limit is disconnected."""

    async def deliver(self, pushes: object, _within_seconds: float) -> None:
        assert pushes == ()

    async def close(self, _node: str, _connection_id: str) -> None: ...


def message(action: str, **fields: object) -> str:
    return json.dumps({"action": action, "id": ID, **GOOD.get(action, {}), **fields})


def without(action: str, field: str) -> str:
    fields = {"action": action, "id": ID, **GOOD[action]}
    del fields[field]
    return json.dumps(fields)


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels else {}


WRONG_FIELDS = [
    (field.name, message(action, **{field.name: value}))
    for action, fields in FIELDS.items()
    for field in fields
    for value in BAD[field.name]
]
MISSING_FIELDS = [
    (field.name, without(action, field.name))
    for action, fields in FIELDS.items()
    for field in fields
    if field.required
]
# What the client sends, what the database answers, and the code of the reply.
NOT_ASKED = AssertionError("the database is not asked")
ERRORS: list[tuple[str, Row | Exception, str]] = [
    *((body, NOT_ASKED, "bad_json") for body in ("", "{", '{"a":nul}', "{} x", "[" * 9_000)),
    *((body, NOT_ASKED, "bad_request") for body in ("[]", "7", "null", '{"a":1e999}')),
    *((body, NOT_ASKED, "bad_request") for _, body in (*WRONG_FIELDS, *MISSING_FIELDS)),
    (message("act", patch=nested(33)), NOT_ASKED, "bad_request"),
    (message("act", body=nested(65)), NOT_ASKED, "bad_request"),
    ("{}", NOT_ASKED, "unknown_action"),
    (message("dance"), NOT_ASKED, "unknown_action"),
    (message("act", body={"x": "y" * 17_000}), NOT_ASKED, "too_large"),
    (message("claim", user_id="bob"), NOT_ASKED, "not_allowed"),
    (message("watch", resource="another"), NOT_ASKED, "not_allowed"),
    (message("claim"), Row("conflict"), "conflict"),
    *((message("act"), Row(code), code) for code in act.REFUSALS),
    *((message(action), Row("slow_down"), "slow_down") for action in GOOD),
    *((message(action), Row("disconnect"), "slow_down") for action in GOOD),
    *((message(action), Unstorable("a NUL"), "bad_request") for action in GOOD),
    *((message(action), Unavailable("no route"), "unavailable") for action in GOOD),
]


async def reply_to(body: str, answer: Row | Exception) -> dict[str, Any]:
    messages = Messages(FakeDatabase(answer), Unused(), Unused(), RULES)
    reply: dict[str, Any] = json.loads(await messages.answer(CONNECTION, body))
    return reply


def is_helpful(reason: str) -> None:
    """It says what is wrong and then what to do, and shows nothing of the server's inside."""
    assert len(reason) <= 200
    assert not DROPPED.search(reason)
    assert not INTERNAL.search(reason)
    assert "`" not in reason, "the parser quotes its types so"
    assert not reason.endswith(".")
    wrong, to_do = reason.split(": ", 1)
    assert len(wrong.split()) >= 3
    assert TO_DO.match(to_do)


@pytest.mark.parametrize(("body", "answer", "code"), ERRORS, ids=lambda value: str(value)[:60])
async def test_an_error_says_what_is_wrong_and_what_to_do(
    body: str, answer: Row | Exception, code: str
) -> None:
    reply = await reply_to(body, answer)
    assert (reply["type"], reply["code"]) == ("error", code)
    is_helpful(reply["reason"])


@pytest.mark.parametrize(("field", "body"), WRONG_FIELDS, ids=lambda value: value[:60])
def test_the_reason_names_a_field_that_is_not_valid(field: str, body: str) -> None:
    with pytest.raises(BadMessage) as refused:
        parse(body)
    assert str(refused.value) == f"{field} is not valid: send {EXPECTED[field]}"


@pytest.mark.parametrize(("field", "body"), MISSING_FIELDS, ids=lambda value: value[:60])
def test_the_reason_names_a_field_that_is_missing(field: str, body: str) -> None:
    with pytest.raises(BadMessage) as refused:
        parse(body)
    assert str(refused.value) == f"{field} is missing: send {EXPECTED[field]}"


def test_every_field_says_what_to_send() -> None:
    assert {field.name for fields in FIELDS.values() for field in fields} == EXPECTED.keys()


def test_the_reference_lists_the_codes_that_messages_are_answered_with() -> None:
    section = PAGE.read_text().split("\n## WebSocket\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^### (\w+)", section, re.MULTILINE)) == {code for *_, code in ERRORS}


VALUES = st.none() | st.integers() | st.text() | st.lists(st.none())


@given(st.sampled_from(sorted(GOOD)), st.dictionaries(st.sampled_from(sorted(EXPECTED)), VALUES))
def test_no_combination_of_fields_has_a_reason_without_a_field(
    action: str, fields: dict[str, Any]
) -> None:
    try:
        parse(json.dumps({"action": action, **fields}))
    except BadMessage as bad:
        assert str(bad) != UNREADABLE
        is_helpful(str(bad))
