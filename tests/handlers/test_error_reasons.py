"""Every error reason, of HTTP and of the WebSocket, as a developer reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handlers.core.message import BadMessage, parse
from handlers.core.operations import act, claim, watch
from handlers.core.rate_limit import over_limit
from handlers.services import message
from handlers.web.errors import ERROR_CODES, ErrorCode
from tests.support.words import DROPPED, INTERNAL

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "error-codes.md"


class OverLimit:
    outcome = "slow_down"
    wait_ms = 200


def slow_down() -> str:
    refused = over_limit("m1", OverLimit())
    assert refused is not None
    return str(json.loads(refused.reply)["reason"])


def refusal_of(body: str) -> tuple[str, str]:
    with pytest.raises(BadMessage) as refused:
        parse(body)
    return refused.value.code, str(refused.value)


# What is sent, and the code that answers it.
BAD_MESSAGES = [
    ("{", "bad_json"),
    ("[" * 9_000, "bad_json"),
    ("[]", "bad_request"),
    ("{}", "unknown_action"),
    ('{"action": "dance", "id": "m1"}', "unknown_action"),
    ('{"action": "act"}', "bad_request"),
    ('{"action": "act", "id": 7}', "bad_request"),
    ('{"action": "act", "id": "m1", "type": "A.b", "body": {}}', "bad_request"),
    ('{"action": "claim", "id": "m1", "bonus_id": "7"}', "bad_request"),
    ('{"action": "watch", "id": "m1", "resource": ""}', "bad_request"),
    ("x" * 16_385, "too_large"),
]
DEEP = '{"x": ' * 40 + "null" + "}" * 40
BAD_MESSAGES.append(
    (f'{{"action": "act", "id": "m1", "type": "a", "body": {{}}, "patch": {DEEP}}}', "bad_request")
)

# What is wrong, and what to do about it.
REASONS = [
    *((f"HTTP {error.status} {error.code}", error.reason) for error in ERROR_CODES),
    *((f"act {code}", reason) for code, reason in act.REFUSALS.items()),
    ("claim conflict", claim.CONFLICT),
    ("claim not_allowed", claim.ANOTHER_USER),
    ("watch not_allowed", watch.NOT_ALLOWED),
    ("message bad_request", message.UNSTORABLE),
    ("message unavailable", message.UNAVAILABLE),
    ("message slow_down", slow_down()),
]


@pytest.mark.parametrize("reason", [one for _, one in REASONS], ids=[name for name, _ in REASONS])
def test_a_reason_says_what_is_wrong_and_what_to_do(reason: str) -> None:
    is_in_plain_words(reason)
    wrong, to_do = reason.replace(": ", "; ", 1).split("; ", 1)
    assert len(wrong.split()) >= 3
    assert len(to_do.split()) >= 2


@pytest.mark.parametrize(("body", "code"), BAD_MESSAGES, ids=lambda value: value[:40])
def test_a_bad_message_is_told_what_is_wrong(body: str, code: str) -> None:
    found, reason = refusal_of(body)
    assert found == code
    is_in_plain_words(reason)


def is_in_plain_words(reason: str) -> None:
    assert 15 <= len(reason) <= 250
    assert not DROPPED.search(reason)
    assert not INTERNAL.search(reason)
    assert not reason.endswith(".")


@pytest.mark.parametrize("error", ERROR_CODES, ids=lambda error: f"{error.status}-{error.code}")
def test_a_code_has_its_heading_in_the_reference(error: ErrorCode) -> None:
    assert f"\n### {error.code}" in PAGE.read_text()


@pytest.mark.parametrize("error", ERROR_CODES, ids=lambda error: f"{error.status}-{error.code}")
def test_a_meaning_is_in_plain_words(error: ErrorCode) -> None:
    assert error.meaning.endswith(".")
    assert not DROPPED.search(error.meaning)
