"""Every error that answers a message, as the developer of a client reads it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from handlers.adapters.database import MESSAGE_CALL_SECONDS, Unavailable, Unstorable
from handlers.adapters.gateway.errors import Gone, Unreachable
from handlers.core.connection import Connection
from handlers.core.message import MAX_MESSAGE_BYTES, BadMessage, Message, parse
from handlers.core.operation import DeliveryCounts, Limit, Rules
from handlers.core.operations import act
from handlers.core.operations.reject import Reject
from handlers.core.overload import MAX_WAIT
from handlers.core.rate_limit import KeptOut
from handlers.core.reasons import EXPECTED, UNREADABLE
from handlers.services.message import PUSH_TIMEOUT_SECONDS, Messages
from tests.support.words import DROPPED, INTERNAL
from tests.support.world import FakeQueue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.operation import Push

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "error-codes.md"
CONNECTION = Connection("ann", "site", "t1", datetime(2026, 1, 1, tzinfo=UTC), "g/live", "tab-1")
RULES = Rules(Limit(timedelta(milliseconds=200), 50, timedelta(minutes=1)), timedelta(seconds=30))
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT_ONCE, TOO_LATE = timedelta(0), timedelta(seconds=11)
TO_DO = re.compile(r"(send|give|leave|remove|flatten|connect|wait|compare)\b")

ID, BONUS = "m1", "00000000-0000-0000-0000-000000000007"
GOOD: dict[str, dict[str, Any]] = {
    "hello": {},
    "act": {"type": "like", "body": {}},
    "claim": {"bonus_id": BONUS},
    "ack": {"bonus_id": BONUS},
    "answer": {"question_id": BONUS, "option": 0},
    "watch": {"resource": "site"},
    "ledger": {},
    "bonuses": {},
    "campaigns": {},
    "visibility": {"visible": False, "change": 2},
    "audience": {"resource": "site"},
}
OUT_OF_RANGE: tuple[object, ...] = (-1, 2**53 + 1, 2**70, 1.5, "1", True, [], {})
# Values that each field refuses. A field that may be left out may also be null.
BAD: dict[str, tuple[object, ...]] = {
    "id": (None, 7, "", "a b", "a" * 65),
    "type": (None, 7, "", "Like", "bonus.claimed", "a" * 65),
    "body": (None, 7, "x", []),
    "patch": (7, "x", []),
    "bonus_id": (None, 7, "7"),
    "question_id": (None, 7, "7"),
    "option": (None, -1, 10, 1.5, "1", True),
    "user_id": (7, {}),
    "since": OUT_OF_RANGE,
    "broadcasts_since": OUT_OF_RANGE,
    "before": OUT_OF_RANGE,
    "after": (7, "", "7", f"7.{BONUS}x", f"-7.{BONUS}", f"{'7' * 17}.{BONUS}"),
    "epoch": (7, "x" * 65),
    "resource": (None, 7, "", "x" * 129, "a\0b"),
    "visible": (7, "true", {}),
    "change": (0, *OUT_OF_RANGE),
}
FIELDS = {str(kind.__struct_config__.tag): structs.fields(kind) for kind in get_args(Message)}


@dataclass(frozen=True)
class Row:
    outcome: str
    wait_ms: int = 200


class FakeDatabase:
    """Lets a message be counted that is refused for what it says, within the limit."""

    def __init__(self, answer: Row | Exception) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    async def fetch_one(self, statement: Any, /) -> Any:
        self.asked.append(statement)
        if isinstance(statement, Reject) and not isinstance(self.answer, Row | Unavailable):
            return Row("rejected")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class FakeGateway:
    """Remembers what reached the connection, in order."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure
        self.seen: list[str] = []

    async def deliver(self, pushes: Sequence[Push], _within_seconds: float) -> DeliveryCounts:
        assert {push.connection_id for push in pushes} <= {CONNECTION.connection_id}
        self.seen += [json.loads(push.data)["code"] for push in pushes]
        return DeliveryCounts(sent=len(pushes))

    async def post(self, push: Push) -> None:
        if self._failure is not None:
            raise self._failure
        await self.deliver([push], 0)

    async def close(self, node: str, connection_id: str) -> None:
        assert (node, connection_id) == (CONNECTION.node, CONNECTION.connection_id)
        self.seen.append("closed")


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
NOT_ASKED = AssertionError("the message was asked about, not only counted")
ERRORS: list[tuple[str, Row | Exception, str]] = [
    *((body, NOT_ASKED, "bad_json") for body in ("", "{", '{"a":nul}', "{} x", "[" * 9_000)),
    *((body, NOT_ASKED, "bad_request") for body in ("[]", "7", "null", '{"a":1e999}')),
    *((body, NOT_ASKED, "bad_request") for _, body in (*WRONG_FIELDS, *MISSING_FIELDS)),
    (message("act", patch=nested(33)), NOT_ASKED, "bad_request"),
    (message("act", body=nested(500)), NOT_ASKED, "bad_json"),
    (message("act", body={"x": "a\0b"}), NOT_ASKED, "bad_request"),
    (message("hello", visible=True), NOT_ASKED, "bad_request"),
    (message("hello", change=1), NOT_ASKED, "bad_request"),
    (message("visibility"), Row("not_connected"), "not_connected"),
    ("{}", NOT_ASKED, "unknown_action"),
    (message("dance"), NOT_ASKED, "unknown_action"),
    (message("act", body={"x": "y" * 17_000}), NOT_ASKED, "too_large"),
    (message("claim", user_id="bob"), NOT_ASKED, "not_allowed"),
    (message("watch", resource="another"), NOT_ASKED, "not_allowed"),
    (message("audience", resource="another"), NOT_ASKED, "not_allowed"),
    (message("claim"), Row("conflict"), "conflict"),
    *((message("act"), Row(code), code) for code in act.REFUSALS),
    *((message(action), Row("slow_down"), "slow_down") for action in GOOD),
    *((message(action), Row("kept_out", -60_000), "kept_out") for action in GOOD),
    *((message(action), Unstorable("a NUL"), "bad_request") for action in GOOD),
    *((message(action), Unavailable("no route"), "unavailable") for action in GOOD),
]


async def reply_to(body: str, answer: Row | Exception, age: timedelta = AT_ONCE) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads(
        await messages(FakeDatabase(answer)).answer(CONNECTION, body, age, NOW)
    )
    return reply


def messages(database: FakeDatabase, gateway: FakeGateway | None = None) -> Messages:
    gateway = gateway or FakeGateway()
    parts = (database, gateway, gateway, KeptOut(), RULES)
    return Messages(*parts, queue=FakeQueue(), draw=lambda: 0.5)


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


@pytest.mark.parametrize(("body", "answer", "code"), ERRORS, ids=lambda value: str(value)[:60])
async def test_every_message_is_counted_by_one_statement(
    body: str, answer: Row | Exception, code: str
) -> None:
    database = FakeDatabase(answer)
    await messages(database).answer(CONNECTION, body, AT_ONCE, NOW)
    # The statement of a value that cannot be stored is undone, and the count with it.
    assert len(database.asked) == 1 + isinstance(answer, Unstorable)
    assert all(statement.user_id == "ann" for statement in database.asked)
    if answer is NOT_ASKED:
        assert isinstance(database.asked[0], Reject)


@pytest.mark.parametrize(
    ("size", "units"), [(20, 1), (2 * MAX_MESSAGE_BYTES - 1, 1), (2 * MAX_MESSAGE_BYTES, 2)]
)
async def test_a_message_that_is_refused_costs_by_its_size(size: int, units: int) -> None:
    database = FakeDatabase(NOT_ASKED)
    await messages(database).answer(CONNECTION, "x" * size, AT_ONCE, NOW)
    assert database.asked == [Reject("ann", units, *RULES.limit)]


async def test_a_user_who_is_kept_out_is_told_why_before_the_connection_closes() -> None:
    database, gateway = FakeDatabase(Row("kept_out", -60_000)), FakeGateway()
    those = messages(database, gateway)
    for _ in range(100):
        reply = json.loads(await those.answer(CONNECTION, message("act"), AT_ONCE, NOW))
        assert (reply["code"], reply["retry_after_ms"]) == ("kept_out", 60_000)
    assert gateway.seen == ["kept_out", "closed"]
    assert len(database.asked) == 1, "the rest costs no statement"


@pytest.mark.parametrize("action", GOOD)
async def test_a_message_that_comes_too_late_costs_no_statement(action: str) -> None:
    """Its client would have the answer too late, or has sent it again."""
    database = FakeDatabase(NOT_ASKED)
    answer = await messages(database).answer(CONNECTION, message(action), TOO_LATE, NOW)
    reply = json.loads(answer)
    assert (reply["re"], reply["code"], reply["retry_after_ms"]) == (ID, "unavailable", 6_050)
    is_helpful(reply["reason"])
    assert database.asked == []


@pytest.mark.parametrize(("body", "re"), [("{", None), (message("dance"), ID)])
async def test_neither_does_a_bad_one(body: str, re: str | None) -> None:
    reply = await reply_to(body, NOT_ASKED, TOO_LATE)
    assert (reply["re"], reply["code"]) == (re, "unavailable")


async def test_a_user_who_is_kept_out_is_told_so_however_late_it_is() -> None:
    those = messages(FakeDatabase(Row("kept_out", -60_000)))
    for age in (AT_ONCE, TOO_LATE):
        reply = json.loads(await those.answer(CONNECTION, message("act"), age, NOW))
        assert reply["code"] == "kept_out"


async def test_without_the_database_the_client_is_told_when_to_come_again() -> None:
    """Later, if its message has waited before."""
    waits_ms = [
        (await reply_to(message("claim"), Unavailable("no route"), age))["retry_after_ms"]
        for age in (AT_ONCE, timedelta(seconds=4))
    ]
    assert waits_ms[0] < 2_200 <= waits_ms[1]


def test_an_answer_is_ready_before_the_gateway_and_the_client_give_up() -> None:
    """After half a minute: whatever a message has waited for, and with its pushes, or with saying
    why a connection is closed and closing it."""
    waits = MAX_WAIT.total_seconds(), MESSAGE_CALL_SECONDS, 2 * PUSH_TIMEOUT_SECONDS
    assert sum(waits) < 29


@pytest.mark.parametrize(
    ("failure", "seen"), [(Gone(), []), (Unreachable("silent"), ["closed"])], ids=repr
)
async def test_a_connection_that_another_process_has_closed_costs_one_request(
    failure: Exception, seen: list[str]
) -> None:
    """A crowd of waiting messages is spread over all processes, and each closes what it hears."""
    database, gateway = FakeDatabase(Row("kept_out", -60_000)), FakeGateway(failure)
    service = messages(database, gateway)
    for _ in range(3):
        assert json.loads(await service.answer(CONNECTION, message("act"), AT_ONCE, NOW))["code"]
    assert gateway.seen == seen
    assert len(database.asked) == 1


@pytest.mark.parametrize("answer", [Row("rejected"), Row("slow_down"), Row("kept_out")])
async def test_a_bad_message_is_refused_by_the_limit_like_a_good_one(answer: Row) -> None:
    reply = await reply_to("{", answer)
    assert reply["code"] == ("bad_json" if answer.outcome == "rejected" else answer.outcome)


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
    answered = set(re.findall(r"^### (\w+)", section, re.MULTILINE)) - {"kicked"}  # unasked
    assert answered == {code for *_, code in ERRORS}


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
