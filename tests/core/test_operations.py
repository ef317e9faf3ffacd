"""From a row to a reply and its pushes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from msgspec import structs

from handlers.core.connection import Connection, read_connection
from handlers.core.message import (
    AckMessage,
    ActMessage,
    AnswerMessage,
    AudienceMessage,
    BonusesMessage,
    CampaignsMessage,
    ClaimMessage,
    HelloMessage,
    LedgerMessage,
    VisibilityMessage,
    WatchMessage,
)
from handlers.core.operation import Json, Limit, Rules
from handlers.core.operations import (
    ack,
    act,
    answer,
    audience,
    authorize,
    bonuses,
    campaigns,
    claim,
    connect,
    disconnect,
    hello,
    ledger,
    visibility,
    watch,
)
from handlers.core.operations.ack import AckRow
from handlers.core.operations.act import Act, ActRow
from handlers.core.operations.answer import AnswerRow
from handlers.core.operations.audience import Audience
from handlers.core.operations.bonuses import BonusesRow
from handlers.core.operations.campaigns import CampaignsRow
from handlers.core.operations.claim import ClaimRow
from handlers.core.operations.hello import HelloRow
from handlers.core.operations.ledger import LedgerRow
from handlers.core.operations.visibility import Visibility, VisibilityRow
from handlers.core.operations.watch import Watch, WatchRow
from handlers.core.rate_limit import over_limit
from handlers.core.ticket import Ticket

if TYPE_CHECKING:
    from handlers.core.connection import MayWatch
    from handlers.core.operation import Push

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
NODE = "gateway.example/live"
ANN = Connection("ann", "site", "t1", T0, NODE, "tab-1")
GRACE = timedelta(seconds=30)
LIMIT = Limit(timedelta(milliseconds=200), 50, timedelta(minutes=1))
RULES = Rules(LIMIT, GRACE)
ACT = ActMessage("a1", "like", {})
CLAIM = ClaimMessage("c1", UUID(int=7))
EVENT = Json('{"seq": 3, "type": "like", "body": {}, "at": 5, "id": "a1"}')
OTHERS = Json(json.dumps([[NODE, "tab-1"], [NODE, "tab-2"], ["other.example/live", "phone"]]))
EPOCH = UUID(int=1)
ACTED = ActRow("acted", 0, 9, EPOCH, EVENT, OTHERS)
CLAIMED = ClaimRow("claimed", 0, 9, EPOCH, EVENT, None, OTHERS, None, None)


def decoded(push: Push) -> tuple[str, str, Any]:
    return push.node, push.connection_id, json.loads(push.data)


def test_every_later_event_names_the_user_of_its_connection() -> None:
    request = {
        "authorizer": authorize.context(Ticket("t1", "ann", "site", T0)),
        "domainName": "gateway.example",
        "stage": "live",
        "connectionId": "tab-1",
    }
    assert read_connection(request) == ANN


@pytest.mark.parametrize("may_watch", [(), "*", ("one", "Zoë 🦊"), ("*", "one")])
def test_the_claims_of_a_ticket_come_back_from_the_gateway(may_watch: MayWatch) -> None:
    ticket = Ticket("t1", "ann", "site", T0, "phone", may_watch, may_list=bool(may_watch))
    context = authorize.context(ticket)
    assert all(type(value) is str for value in context.values())
    request = {"domainName": "g", "stage": "live", "connectionId": "c", "authorizer": context}
    connection = read_connection(request)
    assert (connection.device, connection.may_watch) == ("phone", may_watch)
    assert connection.may_list is bool(may_watch)


def test_an_action_is_answered_and_pushed_to_the_other_connections_only() -> None:
    outcome = act.outcome(ANN, ACT, ACTED)
    event = {"server_now": 9, "epoch": str(EPOCH), "event": json.loads(EVENT)}
    assert json.loads(outcome.reply) == {"type": "acted", "re": "a1", **event}
    push = {"type": "event", **event}
    assert [decoded(one) for one in outcome.pushes] == [
        (NODE, "tab-2", push),
        ("other.example/live", "phone", push),
    ]


def test_a_conflict_is_pushed_to_no_other_connection() -> None:
    for outcome in (
        act.outcome(ANN, ActMessage("a1", "like", {}), structs.replace(ACTED, outcome="conflict")),
        claim.outcome(ANN, CLAIM, structs.replace(CLAIMED, outcome="conflict")),
    ):
        assert json.loads(outcome.reply)["code"] == "conflict"
        assert outcome.pushes == ()


@pytest.mark.parametrize(
    ("others", "is_counted"),
    [
        (OTHERS, True),
        (Json(json.dumps([[NODE, "tab-2"]])), False),
        (Json(json.dumps([["other.example/live", "tab-1"]])), False),
        (Json("[]"), False),
        (None, True),
    ],
)
def test_a_connection_that_was_ended_by_mistake_learns_it_from_a_reply(
    others: Json | None, is_counted: bool
) -> None:
    for outcome in (
        act.outcome(ANN, ActMessage("a1", "like", {}), structs.replace(ACTED, others=others)),
        claim.outcome(ANN, CLAIM, structs.replace(CLAIMED, others=others)),
    ):
        assert json.loads(outcome.reply).get("is_counted", True) is is_counted


@pytest.mark.parametrize(
    ("may_watch", "resource", "allowed"),
    [
        ((), "site", True),
        ((), "stream", False),
        ((), "*", False),
        (("one", "two"), "site", True),
        (("one", "two"), "two", True),
        (("one", "two"), "three", False),
        (("*",), "one", False),
        ("*", "one", True),
    ],
)
def test_a_ticket_is_the_permission_to_watch(
    may_watch: MayWatch, resource: str, allowed: bool
) -> None:
    connection = replace(ANN, may_watch=may_watch)
    refusal = watch.refusal(connection, WatchMessage("w1", resource))
    assert (refusal is None) is allowed
    uncounted = audience.refusal(connection, AudienceMessage("n1", resource))
    assert (uncounted is None) is allowed


def test_a_move_is_answered_with_its_new_session() -> None:
    assert watch.statement(ANN, WatchMessage("w1", "stream"), RULES) == Watch(
        user_id="ann",
        node=NODE,
        connection_id="tab-1",
        resource="stream",
        grace=GRACE,
        gap=LIMIT.gap,
        burst=LIMIT.burst,
        keep_out=LIMIT.keep_out,
    )
    row = WatchRow(
        outcome="joined",
        wait_ms=0,
        server_now=9,
        joined_at=1,
        connections=2,
        watched_ms=8,
        visible_ms=6,
    )
    assert json.loads(watch.outcome(ANN, WatchMessage("w1", "stream"), row).reply) == {
        "type": "watching",
        "re": "w1",
        "server_now": 9,
        "resource": "stream",
        "is_counted": True,
        "session": {"joined_at": 1, "connections": 2},
        "watched_ms": 8,
        "visible_ms": 6,
    }
    nowhere = structs.replace(row, outcome="not_connected", joined_at=None, connections=0)
    reply = json.loads(watch.outcome(ANN, WatchMessage("w1", "stream"), nowhere).reply)
    assert (reply["is_counted"], reply["session"]["connections"]) == (False, 0)


def test_a_claim_that_failed_has_no_event_and_no_pushes() -> None:
    row = structs.replace(CLAIMED, outcome="expired", event=None, others=None)
    outcome = claim.outcome(ANN, CLAIM, row)
    assert json.loads(outcome.reply) == {
        "type": "claim",
        "re": "c1",
        "bonus_id": str(CLAIM.bonus_id),
        "outcome": "expired",
        "server_now": 9,
        "epoch": str(EPOCH),
        "event": None,
    }
    assert outcome.pushes == ()


def test_a_claim_that_comes_too_late_shows_sold_out_on_every_device() -> None:
    row = structs.replace(
        CLAIMED, outcome="sold_out", event=None, bonus=Json('{"outcome": "sold_out"}')
    )
    outcome = claim.outcome(ANN, CLAIM, row)
    assert json.loads(outcome.reply)["outcome"] == "sold_out"
    push = {
        "type": "bonus",
        "server_now": 9,
        "broadcast": None,
        "bonus": {"outcome": "sold_out"},
    }
    assert [decoded(one) for one in outcome.pushes] == [
        (NODE, "tab-2", push),
        ("other.example/live", "phone", push),
    ]


def test_a_refusal_says_how_much_watch_time_is_missing() -> None:
    lacks = '{"clock": "connected", "min_ms": 9, "watched_ms": 4, "reached_at": 9005}'
    row = structs.replace(
        CLAIMED, outcome="not_eligible", event=None, others=None, progress=Json(lacks)
    )
    reply = json.loads(claim.outcome(ANN, CLAIM, row).reply)
    assert (reply["outcome"], reply["progress"]) == ("not_eligible", json.loads(lacks))


def test_without_an_event_or_a_bonus_nothing_is_pushed() -> None:
    """The event of a claim is pruned some day; a bonus that is sold out comes only for others."""
    for outcome in ("claimed", "sold_out"):
        row = structs.replace(CLAIMED, outcome=outcome, event=None, bonus=None)
        assert claim.outcome(ANN, CLAIM, row).pushes == ()


@pytest.mark.parametrize(("user_id", "allowed"), [(None, True), ("ann", True), ("bob", False)])
def test_a_user_cannot_claim_for_another_user(user_id: str | None, allowed: bool) -> None:
    named = structs.replace(CLAIM, user_id=user_id)
    assert (claim.refusal(ANN, named) is None) is allowed
    assert claim.statement(ANN, named, RULES).user_id == "ann"


def test_a_user_over_the_limit_learns_how_long_to_wait() -> None:
    refused = over_limit("a1", AckRow("slow_down", 400))
    assert refused is not None
    assert json.loads(refused.reply) == {
        "type": "error",
        "re": "a1",
        "code": "slow_down",
        "reason": "this user sends too many messages: wait for retry_after_ms, then send it again",
        "retry_after_ms": 400,
    }
    assert (refused.kept_out_for, refused.pushes) == (None, ())


def test_a_user_who_is_kept_out_learns_it_without_a_message_of_theirs() -> None:
    refused = over_limit("a1", AckRow("kept_out", -60_000))
    assert refused is not None
    assert json.loads(refused.reply) == {
        "type": "error",
        "re": None,
        "code": "kept_out",
        "reason": "this user kept sending beyond the limit: wait for retry_after_ms, "
        "then connect again with a new ticket",
        "retry_after_ms": 60_000,
    }
    assert (refused.kept_out_for, refused.pushes) == (timedelta(minutes=1), ())


def test_a_message_within_the_limit_is_not_refused() -> None:
    assert over_limit("a1", AckRow("acked", 0)) is None


def test_a_page_of_bonuses_is_answered() -> None:
    row = BonusesRow("listed", 0, 9, Json('[{"bonus_id": "b"}]'), "5.b")
    assert json.loads(bonuses.outcome(ANN, BonusesMessage("b1"), row).reply) == {
        "type": "bonuses",
        "re": "b1",
        "server_now": 9,
        "bonuses": [{"bonus_id": "b"}],
        "next": "5.b",
    }


def test_a_page_of_campaigns_is_answered() -> None:
    row = CampaignsRow("listed", 0, 9, Json('[{"campaign_id": "c"}]'), UUID(int=7))
    assert json.loads(campaigns.outcome(ANN, CampaignsMessage("p1"), row).reply) == {
        "type": "campaigns",
        "re": "p1",
        "server_now": 9,
        "campaigns": [{"campaign_id": "c"}],
        "next": str(UUID(int=7)),
    }


def test_an_answer_is_told_to_the_users_other_connections() -> None:
    row = AnswerRow("answered", 0, 9, 1, EPOCH, EVENT, OTHERS)
    outcome = answer.outcome(ANN, AnswerMessage("q1", UUID(int=7), 1), row)
    reply = json.loads(outcome.reply)
    assert (reply["type"], reply["outcome"], reply["option"]) == ("answer", "answered", 1)
    assert {push.connection_id for push in outcome.pushes} == {"tab-2", "phone"}


def test_an_answer_that_does_not_count_is_told_to_its_connection_only() -> None:
    row = AnswerRow("closed", 0, 9, None, None, None, None)
    outcome = answer.outcome(ANN, AnswerMessage("q1", UUID(int=7), 1), row)
    assert json.loads(outcome.reply) == {
        **{"type": "answer", "re": "q1", "question_id": str(UUID(int=7)), "outcome": "closed"},
        **{"option": None, "server_now": 9, "epoch": None, "event": None},
    }
    assert outcome.pushes == ()


def test_an_acknowledgement_and_a_ledger_are_answered() -> None:
    assert json.loads(
        ack.outcome(ANN, AckMessage("k1", UUID(int=7)), AckRow("acked", 0)).reply
    ) == {"type": "acked", "re": "k1"}
    row = LedgerRow("listed", 0, 9, Json('[{"id": 3}]'), 3)
    assert json.loads(ledger.outcome(ANN, LedgerMessage("l1"), row).reply) == {
        "type": "ledger",
        "re": "l1",
        "server_now": 9,
        "entries": [{"id": 3}],
        "next": 3,
    }


def test_a_report_of_visibility_is_noted_unless_its_connection_is_gone() -> None:
    message = VisibilityMessage("v1", visible=False, change=2)
    assert visibility.statement(ANN, message, RULES) == Visibility(
        "ann", NODE, "tab-1", visible=False, change=2, gap=LIMIT.gap, burst=50, keep_out=LIMIT[2]
    )
    row = VisibilityRow(outcome="noted", wait_ms=0, server_now=9)
    noted = {"type": "noted", "re": "v1", "server_now": 9, "change": 2}
    assert json.loads(visibility.outcome(ANN, message, row).reply) == noted
    gone = structs.replace(row, outcome="not_connected")
    assert json.loads(visibility.outcome(ANN, message, gone).reply)["code"] == "not_connected"


@pytest.mark.parametrize("may_list", [True, False])
def test_the_ticket_and_not_the_message_says_whether_names_are_listed(may_list: bool) -> None:
    message = AudienceMessage("n1", "site")
    asked = audience.statement(replace(ANN, may_list=may_list), message, RULES)
    assert asked == Audience("ann", "site", may_list, LIMIT.gap, 50, LIMIT[2])


def test_a_hello_may_say_whether_it_is_visible() -> None:
    asked = hello.statement(ANN, HelloMessage("h1", visible=False, change=1), RULES)
    assert (asked.visible, asked.change) == (False, 1)
    asked = hello.statement(ANN, HelloMessage("h1"), RULES)
    assert (asked.visible, asked.change) == (None, None)


def test_welcome_has_everything_that_a_client_draws() -> None:
    row = HelloRow(
        outcome="welcome",
        wait_ms=0,
        server_now=9,
        resource="site",
        joined_at=1,
        connections=2,
        watched_ms=8,
        visible_ms=6,
        epoch=EPOCH,
        seq=3,
        recovered=True,
        events=Json(f"[{EVENT}]"),
        state=Json('{"likes": 3}'),
        bonuses=Json("[]"),
        broadcasts=Json('{"seq": 5, "recovered": true, "news": []}'),
        reconnect_within_ms=345_000,
        ping_every_ms=240_000,
        rotate_within_ms=6_900_000,
        has_more_bonuses=True,
    )
    welcome = json.loads(hello.outcome(ANN, HelloMessage("h1"), row).reply)
    assert welcome == {
        "type": "welcome",
        "re": "h1",
        "server_now": 9,
        "user_id": "ann",
        "resource": "site",
        "connection_id": "tab-1",
        "is_counted": True,
        "session": {"joined_at": 1, "connections": 2},
        "watched_ms": 8,
        "visible_ms": 6,
        "reconnect_within_ms": 345_000,
        "ping_every_ms": 240_000,
        "rotate_within_ms": 6_900_000,
        "has_more_bonuses": True,
        "epoch": str(EPOCH),
        "seq": 3,
        "recovered": True,
        "events": [json.loads(EVENT)],
        "state": {"likes": 3},
        "bonuses": [],
        "broadcasts": {"seq": 5, "recovered": True, "news": []},
    }


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("opened", 200),
        ("continued", 200),
        ("joined", 200),
        ("repeated", 200),
        ("refused", 401),
        ("too_many", 429),
        ("kept_out", 429),
    ],
)
def test_a_spent_ticket_or_one_connection_too_many_refuses_the_handshake(
    outcome: str, status: int
) -> None:
    assert connect.status(outcome) == status


@pytest.mark.parametrize(
    ("code", "reason", "minutes", "ended_by"),
    [
        (1001, "", 5, "client"),
        (1005, "Client-side close frame status not set", 5, "client"),
        (1006, "", 5, "lost"),
        (4000, "", 5, "lost"),
        (1000, "", 5, "client"),
        (1000, "Connection Closed Normally", 5, "kicked"),
        (1001, "Going away", 10, "idle"),
        (1001, "Going away", 118.9, "idle"),
        (1001, "Going away", 119, "expired"),
        (1001, "Going away", 120, "expired"),
    ],
)
def test_the_close_says_how_the_session_ended(
    code: int, reason: str, minutes: float, ended_by: str
) -> None:
    request = {
        "disconnectStatusCode": code,
        "disconnectReason": reason,
        "connectedAt": 1_000,
        "requestTimeEpoch": 1_000 + int(minutes * 60_000),
    }
    assert disconnect.ended_by(request) == ended_by


def test_an_action_that_grew_too_large_is_refused() -> None:
    for code in ("too_large", "state_too_large"):
        outcome = act.outcome(
            ANN, ActMessage("a1", "like", {}), structs.replace(ACTED, outcome=code)
        )
        assert json.loads(outcome.reply)["code"] == code
        assert outcome.pushes == ()


def test_a_patch_goes_with_its_action() -> None:
    message = ActMessage("a1", "like", {"x": 1}, {"likes": None})
    assert act.statement(ANN, message, RULES) == Act(
        user_id="ann",
        action_id="a1",
        type="like",
        body=Json('{"x":1}'),
        patch=Json('{"likes":null}'),
        gap=LIMIT.gap,
        burst=LIMIT.burst,
        keep_out=LIMIT.keep_out,
    )
