"""Which messages a client may send, and how others are refused."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.core.message import (
    MAX_MESSAGE_BYTES,
    AckMessage,
    ActMessage,
    AnswerMessage,
    AudienceMessage,
    BadMessage,
    BonusesMessage,
    CampaignsMessage,
    ClaimMessage,
    HelloMessage,
    LedgerMessage,
    VisibilityMessage,
    WatchMessage,
    parse,
)
from handlers.core.message_id import find_id


def refusal(body: str) -> tuple[str, str | None]:
    with pytest.raises(BadMessage) as caught:
        parse(body)
    assert str(caught.value)
    return caught.value.code, caught.value.re


def test_each_message_is_read() -> None:
    bonus_id = UUID(int=7)
    assert parse('{"action":"hello","id":"h1"}') == HelloMessage("h1")
    assert parse('{"action":"hello","id":"h1","since":3,"epoch":"e"}') == HelloMessage("h1", 3, "e")
    assert parse('{"action":"act","id":"a1","type":"like","body":{"x":1}}') == (
        ActMessage("a1", "like", {"x": 1})
    )
    assert parse(json.dumps({"action": "claim", "id": "c1", "bonus_id": str(bonus_id)})) == (
        ClaimMessage("c1", bonus_id)
    )
    assert parse('{"action":"watch","id":"w1","resource":"stream"}') == WatchMessage("w1", "stream")
    assert parse(json.dumps({"action": "ack", "id": "k1", "bonus_id": str(bonus_id)})) == (
        AckMessage("k1", bonus_id)
    )
    body = json.dumps({"action": "answer", "id": "q1", "question_id": str(bonus_id), "option": 9})
    assert parse(body) == AnswerMessage("q1", bonus_id, 9)
    assert parse('{"action":"ledger","id":"l1","before":9}') == LedgerMessage("l1", 9)
    cursor = f"1772928000123456.{UUID(int=7)}"
    body = json.dumps({"action": "bonuses", "id": "b1", "after": cursor})
    assert parse(body) == BonusesMessage("b1", cursor)
    assert parse('{"action":"campaigns","id":"p1"}') == CampaignsMessage("p1")
    body = json.dumps({"action": "campaigns", "id": "p1", "after": str(bonus_id)})
    assert parse(body) == CampaignsMessage("p1", bonus_id)
    assert parse('{"action":"hello","id":"h1","broadcasts_since":5}') == (
        HelloMessage("h1", broadcasts_since=5)
    )
    assert parse('{"action":"hello","id":"h1","visible":false,"change":1}') == (
        HelloMessage("h1", visible=False, change=1)
    )
    assert parse('{"action":"visibility","id":"v1","visible":true,"change":2}') == (
        VisibilityMessage("v1", visible=True, change=2)
    )
    assert parse('{"action":"audience","id":"n1","resource":"stream","list":true}') == (
        AudienceMessage("n1", "stream")
    )


def test_unknown_fields_of_a_newer_client_are_ignored() -> None:
    assert parse('{"action":"hello","id":"h1","mood":"good"}') == HelloMessage("h1")


@pytest.mark.parametrize("body", ["", "{", "nonsense", "[" * 9_000, '{"a":"\\ud800"}', "\ufeff{}"])
def test_a_message_that_is_not_json_is_refused(body: str) -> None:
    assert refusal(body) == ("bad_json", None)


@pytest.mark.parametrize("body", ["[]", "7", '"hello"', "null", '{"a":1e999}'])
def test_a_message_is_an_object(body: str) -> None:
    assert refusal(body) == ("bad_request", None)


@pytest.mark.parametrize("action", ["shout", "$connect", "", 7, None, ["hello"]])
def test_an_unknown_action_has_a_code_of_its_own(action: Any) -> None:
    assert refusal(json.dumps({"action": action, "id": "x1"})) == ("unknown_action", "x1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "a" * 65},
        {"id": "a b"},
        {"id": "a\n"},
        {"id": 7},
        {"type": "bonus.claimed"},
        {"type": "Like"},
        {"type": "like\n"},
        {"type": "a" * 65},
        {"body": []},
        {"body": None},
    ],
)
def test_a_wrong_field_is_refused_with_its_name(wrong: dict[str, Any]) -> None:
    sent = {"action": "act", "id": "a1", "type": "like", "body": {}, **wrong}
    with pytest.raises(BadMessage, match=next(iter(wrong))) as caught:
        parse(json.dumps(sent))
    assert caught.value.code == "bad_request"


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels else {}


@pytest.mark.parametrize(("levels", "good"), [(0, True), (31, True), (32, False), (300, False)])
def test_a_patch_has_a_depth(levels: int, good: bool) -> None:
    sent = {"action": "act", "id": "a1", "type": "x", "body": {}, "patch": nested(levels)}
    if good:
        assert parse(json.dumps(sent)) == ActMessage("a1", "x", {}, nested(levels))
    else:
        assert refusal(json.dumps(sent)) == ("bad_request", "a1")


@pytest.mark.parametrize("patch", [[], 7, "x", True])
def test_a_patch_is_an_object(patch: Any) -> None:
    sent = {"action": "act", "id": "a1", "type": "x", "body": {}, "patch": patch}
    assert refusal(json.dumps(sent)) == ("bad_request", "a1")


@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
@pytest.mark.parametrize(("levels", "good"), [(498, True), (499, False), (2_500, False)])
def test_a_message_has_a_depth(brackets: str, levels: int, good: bool) -> None:
    """Message, body, and so many below it: the same on every version of Python."""
    inner = (
        brackets[:-1] * (levels - 1) + brackets.replace('"a":', "") + brackets[-1] * (levels - 1)
    )
    sent = f'{{"action":"act","id":"a1","type":"x","body":{{"b":{inner}}}}}'
    if good:
        assert isinstance(parse(sent), ActMessage)
    else:
        assert refusal(sent) == ("bad_json", "a1")


UNREADABLE = [
    '{"action":"act","id":"a1","type":"x","body":{"text":"hello \\ud83d"}}',
    '{"action":"act","id":"a1","body":{"text":"hello \ud83d"}}',
    '{"action" : "act" , "id" : "a1", "body":' + "[" * 9_000,
    '{"body":{"id":"b1","x":["id"]},"id":"a1",}',
    '{"id":"a1","body":1e999}',
    '{"id":"a1"} and more',
    '{"x":"\\"id\\":","id":"a1"',
    '{"id":"a1","body":{"id":"b1"',
    '{"id":"a1","body":"' + "x" * 20_000 + '"}',
]


@pytest.mark.parametrize("body", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_message_that_cannot_be_read_is_refused_by_its_id(body: str) -> None:
    assert refusal(body)[1] == "a1"


@pytest.mark.parametrize(
    "body",
    ['{"id":', '{"id":7', '{"id":"no id"', '["id":"a1"', '{"x":{"id":"a1"', '{"y":"id","a1":"a1"'],
)
def test_what_is_no_id_of_the_message_is_not_taken_for_one(body: str) -> None:
    assert refusal(body) == ("bad_json", None)


@given(st.text(alphabet='{}[]:,"\\id1 \ud800', max_size=40))
def test_any_text_is_looked_through(text: str) -> None:
    assert find_id(text) is None or f'"{find_id(text)}"' in text


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("\\u0000", False),
        ("\\\\\\u0000", False),
        ("\\\\u0000", True),
        ("\\\\\\\\u0000", True),
        ("u0000", True),
        ("\\u0001", True),
    ],
)
@pytest.mark.parametrize(
    "place", ['"body":{"t":"?"}', '"body":{"?":1}', '"body":{},"patch":{"t":["?"]}']
)
def test_a_nul_character_is_refused_and_its_spelling_is_not(
    text: str, good: bool, place: str
) -> None:
    sent = f'{{"action":"act","id":"a1","type":"x",{place.replace("?", text)}}}'
    if good:
        assert isinstance(parse(sent), ActMessage)
    else:
        assert refusal(sent) == ("bad_request", "a1")


def test_a_list_does_not_count_as_a_level_of_a_patch() -> None:
    """A list replaces the old value whole."""
    sent = {"action": "act", "id": "a1", "type": "x", "body": {}, "patch": {"a": [nested(50)]}}
    assert isinstance(parse(json.dumps(sent)), ActMessage)


@pytest.mark.parametrize("since", [-1, 2**53 + 1, 1.5, "1", True])
def test_since_is_a_sequence_number(since: Any) -> None:
    assert refusal(json.dumps({"action": "hello", "id": "h", "since": since})) == (
        "bad_request",
        "h",
    )


@pytest.mark.parametrize(
    "resource", ["x", "x" * 128, "🦊" * 128, "a\nb", " ", "100%/?#&", "\ufeff"]
)
def test_a_resource_may_have_any_name(resource: str) -> None:
    sent = {"action": "watch", "id": "w1", "resource": resource}
    assert parse(json.dumps(sent)) == WatchMessage("w1", resource)


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("", "bad_request"),
        ("x" * 129, "bad_request"),
        ("🦊" * 129, "bad_request"),
        ("a\0b", "bad_request"),
        (7, "bad_request"),
        (None, "bad_request"),
        (["x"], "bad_request"),
        ("\ud800", "bad_json"),
    ],
)
def test_a_resource_that_cannot_be_stored_is_refused(resource: Any, code: str) -> None:
    sent = {"action": "watch", "id": "w1", "resource": resource}
    assert refusal(json.dumps(sent))[0] == code


@pytest.mark.parametrize(("size", "good"), [(-1, True), (0, True), (1, False)])
def test_a_message_has_a_largest_size(size: int, good: bool) -> None:
    head, tail = '{"action":"act","id":"a","type":"x","body":{"t":"', '"}}'
    room = MAX_MESSAGE_BYTES - len(head) - len(tail) + size
    # Two bytes each: it is bytes that count.
    body = head + "é" * (room // 2) + "x" * (room % 2) + tail
    if good:
        assert isinstance(parse(body), ActMessage)
    else:
        assert refusal(body) == ("too_large", "a")


@given(st.text())
def test_any_text_is_refused_by_bad_message_alone(body: str) -> None:
    refusal(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["id", "type", "body", "since", "bonus_id", "epoch", "resource"]), JSON
    )
)
def test_an_object_is_understood_or_refused(sent: dict[str, Any]) -> None:
    for action in ("hello", "act", "claim", "watch"):
        try:
            parse(json.dumps({**sent, "action": action}))
        except BadMessage as bad:
            assert bad.code in ("bad_json", "bad_request", "too_large")


def test_an_id_that_is_no_string_is_not_the_next_string() -> None:
    assert find_id('{"action":"claim","id":true,"bonus_id":"b",') is None
    assert find_id('{"id":7,"other":{"id":"x"},') is None
    assert find_id('{"other":{"id":"x"},"id":"y",') == "y"
