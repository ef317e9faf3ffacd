"""authorize, connect, disconnect, message: an event in, an answer out, rows in between."""

from __future__ import annotations

import json
import os
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from handlers import authorize, disconnect, message
from handlers.adapters.database import Database
from handlers.adapters.queue import NotQueued
from handlers.core.rate_limit import KeptOut
from handlers.core.ticket import Ticket, TicketTooLong, mint
from handlers.services import message as service
from sql.roles import FUNCTIONS
from tests.support.world import Context

if TYPE_CHECKING:
    from tests.support.world import World

ARN = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/live/$connect"


def send(world: World, connection_id: str, sent: object, user_id: str = "ann") -> dict[str, Any]:
    """Send a message over a connection, and read the reply."""
    body = sent if isinstance(sent, str) else json.dumps(sent)
    event = world.event("message", connection_id, user_id) | {"body": body}
    answer = message.handle(event, Context(), world.container)
    assert answer["statusCode"] == 200
    reply: dict[str, Any] = json.loads(answer["body"])
    return reply


def hello(world: World, connection_id: str, **more: object) -> dict[str, Any]:
    return send(world, connection_id, {"action": "hello", "id": "h1", **more})


def test_a_ticket_lets_its_owner_in(world: World) -> None:
    ticket = Ticket("t1", "Zoë 🦊", "site", datetime.now(UTC) + timedelta(seconds=30))
    text = mint(ticket, os.environ["TICKET_SECRET"])
    answer = authorize.handler({"queryStringParameters": {"ticket": text}, "methodArn": ARN}, None)
    assert answer["principalId"] == "Zoë 🦊"
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", ARN)
    assert all(type(value) is str for value in answer["context"].values())


def test_a_bad_ticket_is_unauthorized_and_not_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    late = Ticket("t1", "ann", "site", datetime.now(UTC) - timedelta(seconds=1))
    text = mint(late, os.environ["TICKET_SECRET"])
    with pytest.raises(authorize.Unauthorized, match=r"^Unauthorized$"):
        authorize.handler({"queryStringParameters": {"ticket": text}, "methodArn": ARN}, None)
    assert "expired" in caplog.text
    assert text not in caplog.text


@pytest.mark.parametrize("name", ["\ud800", "a\0", "", 7])
def test_a_ticket_of_your_backend_with_a_bad_name_is_unauthorized(
    world: World, name: object
) -> None:
    claims = {"aud": "headcount", "jti": "t", "sub": name, "exp": int(time.time()) + 30}
    text = jwt.encode(claims, os.environ["TICKET_SECRET"])
    with pytest.raises(authorize.Unauthorized, match=r"^Unauthorized$"):
        authorize.handler({"queryStringParameters": {"ticket": text}, "methodArn": ARN}, None)


@pytest.mark.parametrize("character", ["🦊", "\x01", '"', "\\"])
def test_what_the_authorizer_answers_is_small_enough(world: World, character: str) -> None:
    """API Gateway takes 8 KB, in UTF-8, as Lambda writes it from Python 3.12 on."""
    most, until = character * 128, datetime.now(UTC) + timedelta(seconds=30)
    for count in range(128, 0, -1):
        ticket = Ticket("t" * 128, most, most, until, most[:count], (character * count,))
        with suppress(TicketTooLong):
            text = mint(ticket, os.environ["TICKET_SECRET"])
            break
    event = {"queryStringParameters": {"ticket": text}, "methodArn": ARN}
    answer = authorize.handler(event, None)
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < 8_192


def test_a_spent_ticket_refuses_the_handshake(world: World) -> None:
    assert world.come("tab-1") == 200
    thief = world.event("connect", "thief")
    thief["requestContext"]["authorizer"]["ticketId"] = "ticket-tab-1"
    assert world.handshake(thief) == 401


def test_the_whole_of_a_session(world: World) -> None:
    assert world.come("tab-1") == 200
    assert hello(world, "tab-1")["session"]["connections"] == 1
    gone = world.event("disconnect", "tab-1", disconnectStatusCode=1001, disconnectReason="")
    disconnect.handle(gone, Context(), world.container)
    disconnect.handle(gone, Context(), world.container)
    (row,) = world.rows("select * from watching_times")
    assert (row["ended_by"], row["nodes"]) == ("client", "{}")
    assert row["ended_at"] >= row["joined_at"]


def test_an_action_reaches_the_other_tab_and_not_its_own(world: World) -> None:
    for tab in ("tab-1", "tab-2"):
        world.come(tab)
    world.come("stranger", "bob")
    sent = {"action": "act", "id": "a1", "type": "like", "body": {"text": "hé"}}
    reply = send(world, "tab-1", sent)
    assert (reply["type"], reply["re"], reply["event"]["seq"]) == ("acted", "a1", 1)
    assert world.connections.inbox == [
        (
            "tab-2",
            {
                "type": "event",
                "server_now": reply["server_now"],
                "epoch": reply["epoch"],
                "event": reply["event"],
            },
        )
    ]


def test_the_same_action_twice_is_one_event(world: World) -> None:
    world.come("tab-1")
    sent = {"action": "act", "id": "a1", "type": "like", "body": {}}
    assert send(world, "tab-1", sent)["event"] == send(world, "tab-1", sent)["event"]
    assert hello(world, "tab-1")["seq"] == 1


def test_a_push_that_meets_410_forgets_that_connection_and_no_other(world: World) -> None:
    for tab in ("tab-1", "tab-2", "tab-3"):
        world.come(tab)
    world.age(minutes=2)
    world.connections.gone = {"tab-2"}
    send(world, "tab-1", {"action": "act", "id": "a1", "type": "like", "body": {}})
    assert [tab for tab, _ in world.connections.inbox] == ["tab-3"]
    (row,) = world.rows("select nodes from watching_times")
    assert json.loads(row["nodes"])["gateway.example/live"].keys() == {"tab-1", "tab-3"}


def test_a_push_that_fails_stops_nothing_and_forgets_no_connection(world: World) -> None:
    for tab in ("tab-1", "tab-2", "tab-3"):
        world.come(tab)
    world.connections.broken = {"tab-2"}
    reply = send(world, "tab-1", {"action": "act", "id": "a1", "type": "like", "body": {}})
    assert reply["type"] == "acted"
    assert [tab for tab, _ in world.connections.inbox] == ["tab-3"]
    assert hello(world, "tab-1")["session"]["connections"] == 3


def test_a_gateway_that_never_answers_does_not_delay_the_reply(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PUSH_TIMEOUT_SECONDS", 0.05)
    for tab in ("tab-1", "tab-2", "tab-3"):
        world.come(tab)
    world.connections.stuck = {"tab-2"}
    reply = send(world, "tab-1", {"action": "act", "id": "a1", "type": "like", "body": {}})
    assert reply["type"] == "acted"
    assert [tab for tab, _ in world.connections.inbox] == ["tab-3"]


def test_missed_events_come_with_hello(world: World) -> None:
    world.come("tab-1")
    epoch = hello(world, "tab-1")["epoch"]
    for n in range(3):
        sent = {"action": "act", "id": f"a{n}", "type": "like", "body": {"n": n}}
        send(world, "tab-1", sent)
    welcome = hello(world, "tab-1", since=1, epoch=epoch)
    assert welcome["recovered"] is True
    assert [event["body"] for event in welcome["events"]] == [{"n": 1}, {"n": 2}]


def drop(world: World, stock: int | None = 1, users: tuple[str, ...] = ()) -> str:
    """A bonus for everyone, or for these users, which wants to be acknowledged then."""
    (bonus,) = world.rows(
        "with made as materialized (select gen_random_uuid() as id) select id, create_bonus(id,"
        " '{\"coins\": 5}', $1, null, $2, '0', '1 minute', $3, null, p_acknowledge => $4)"
        " from made",
        *("users" if users else "everyone", users, stock, bool(users)),
    )
    return str(bonus["id"])


def test_a_claim_is_pushed_to_every_device(world: World) -> None:
    for tab in ("tab-1", "phone"):
        world.come(tab)
    sent = {"action": "claim", "id": "c1", "bonus_id": drop(world)}
    reply = send(world, "tab-1", sent)
    assert (reply["outcome"], reply["event"]["type"]) == ("claimed", "bonus.claimed")
    ((tab, told),) = world.connections.inbox
    assert (tab, told["event"]) == ("phone", reply["event"])
    assert send(world, "phone", {**sent, "id": "c2"})["outcome"] == "already_claimed"


def test_sold_out_is_pushed_to_every_device(world: World) -> None:
    world.come("bob-1", "bob")
    for tab in ("tab-1", "phone"):
        world.come(tab)
    sent = {"action": "claim", "id": "c1", "bonus_id": drop(world)}
    send(world, "bob-1", sent, "bob")
    assert send(world, "tab-1", sent)["outcome"] == "sold_out"
    ((tab, told),) = world.connections.inbox
    assert (tab, told["bonus"]["outcome"]) == ("phone", "sold_out")
    assert hello(world, "phone")["bonuses"][0]["outcome"] == "sold_out"


def test_a_user_cannot_claim_for_another_user(world: World) -> None:
    world.come("tab-1")
    world.come("bob-1", "bob")
    sent = {"action": "claim", "id": "c1", "bonus_id": drop(world), "user_id": "bob"}
    assert send(world, "tab-1", sent)["code"] == "not_allowed"
    assert world.rows("select * from claims") == []
    assert send(world, "bob-1", sent, "bob")["outcome"] == "claimed"


def test_an_action_id_with_other_content_writes_nothing(world: World) -> None:
    world.come("tab-1")
    sent = {"action": "act", "id": "a1", "type": "like", "body": {}, "patch": {"likes": 1}}
    send(world, "tab-1", sent)
    for other in ({"body": {"x": 1}}, {"type": "love"}, {"patch": {"likes": 2}}, {"patch": None}):
        assert send(world, "tab-1", {**sent, **other})["code"] == "conflict"
    welcome = hello(world, "tab-1")
    assert (welcome["seq"], welcome["state"]) == (1, {"likes": 1})


def test_a_new_tab_draws_the_state_at_once(world: World) -> None:
    world.come("tab-1")
    world.come("tab-2")
    for n, patch in enumerate([{"a": {"b": 1, "c": 2}}, {"a": {"b": None}}]):
        sent = {"action": "act", "id": f"a{n}", "type": "set", "body": {}, "patch": patch}
        reply = send(world, "tab-1", sent)
        assert reply["event"]["patch"] == world.connections.inbox[-1][1]["event"]["patch"] == patch
    assert hello(world, "tab-2")["state"] == {"a": {"c": 2}}


@pytest.mark.parametrize(("size", "good"), [(15_000, True), (16_384, False)])
def test_a_state_has_a_largest_size(world: World, size: int, good: bool) -> None:
    world.come("tab-1")
    sent = {"action": "act", "id": "a1", "type": "set", "body": {}}
    send(world, "tab-1", {**sent, "patch": {"a": "x" * 1_000}})
    reply = send(world, "tab-1", {**sent, "id": "a2", "patch": {"b": "x" * (size - 1_000)}})
    assert reply.get("code") == (None if good else "state_too_large")
    assert hello(world, "tab-1")["seq"] == 1 + good


def test_an_acknowledgement_is_noted_once_and_only_where_it_is_wanted(world: World) -> None:
    world.come("tab-1")
    wanted = drop(world, users=("ann",))
    for bonus_id in (wanted, wanted, drop(world), str(uuid.UUID(int=1))):
        sent = {"action": "ack", "id": "k1", "bonus_id": bonus_id}
        assert send(world, "tab-1", sent) == {"type": "acked", "re": "k1"}
    (acked,) = world.rows("select bonus_id::text, user_id from acks")
    assert acked == {"bonus_id": wanted, "user_id": "ann"}


def test_a_user_reads_what_happened_to_their_bonuses(world: World) -> None:
    world.come("tab-1")
    mine = drop(world, users=("ann", "bob"))
    drop(world, users=("bob",))
    everyones = drop(world)
    send(world, "tab-1", {"action": "claim", "id": "c1", "bonus_id": mine})
    world.rows("select cancel_bonus($1, gen_random_uuid())", uuid.UUID(everyones))
    sent = {"action": "ledger", "id": "l1"}
    ledger = send(world, "tab-1", sent)
    assert [(one["entry"], one["bonus_id"]) for one in ledger["entries"]] == [
        ("cancelled", everyones),
        ("claimed", mine),
        ("created", everyones),
        ("offered", mine),
    ]
    assert (ledger["type"], ledger["re"], ledger["next"]) == ("ledger", "l1", None)
    assert ledger["entries"][0]["reward"] == {"coins": 5}
    before = ledger["entries"][1]["id"]
    rest = send(world, "tab-1", {**sent, "before": before})["entries"]
    assert [one["entry"] for one in rest] == ["created", "offered"]


def test_the_ledger_comes_in_pages(world: World) -> None:
    world.come("tab-1")
    bonuses = [drop(world, users=("ann",)) for _ in range(41)]
    sent, read = {"action": "ledger", "id": "l1"}, []
    page = send(world, "tab-1", sent)
    while page["next"]:
        read += page["entries"]
        page = send(world, "tab-1", {**sent, "before": page["next"]})
    read += page["entries"]
    assert [one["bonus_id"] for one in read] == bonuses[::-1]


EACH = [
    {"action": "hello", "id": "h1"},
    {"action": "act", "id": "a1", "type": "like", "body": {}},
    {"action": "claim", "id": "c1", "bonus_id": str(uuid.UUID(int=1))},
    {"action": "ack", "id": "k1", "bonus_id": str(uuid.UUID(int=1))},
    {"action": "watch", "id": "w1", "resource": "site"},
    {"action": "ledger", "id": "l1"},
    {"action": "bonuses", "id": "b1"},
    {"action": "visibility", "id": "v1", "visible": True, "change": 1},
    {"action": "audience", "id": "n1", "resource": "site"},
]


@pytest.mark.parametrize("sent", EACH, ids=lambda sent: sent["action"])
def test_a_user_over_the_limit_is_refused_and_then_kept_out(
    world: World, sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One limit for all devices and all messages. A refused message changes nothing."""
    monkeypatch.setenv("MESSAGES_PER_SECOND_AND_USER", "0.001")
    monkeypatch.setenv("MESSAGE_BURST", "2")
    for tab in ("tab-1", "phone"):
        world.come(tab)
    world.come("bob-1", "bob")
    assert "code" not in send(world, "tab-1", sent)
    assert "code" not in send(world, "phone", {**sent, "id": "x2"})
    seq = world.rows("select coalesce(max(seq), 0) as seq from user_events")
    for expected in (2_000_000, 3_000_000):
        reply = send(world, "tab-1", {**sent, "id": "x3"})
        assert (reply["re"], reply["code"]) == ("x3", "slow_down")
        assert expected - 60_000 < reply["retry_after_ms"] <= expected
    assert world.connections.gone == set()
    world.connections.inbox.clear()
    reply = send(world, "tab-1", {**sent, "id": "x3"})
    assert (reply["re"], reply["code"]) == (None, "kept_out")
    assert 3_900_000 < reply["retry_after_ms"] <= 4_000_000
    assert world.connections.inbox == [("tab-1", reply)], "it arrives before the close"
    assert world.connections.gone == {"tab-1"}, "only the connection that kept sending"
    assert send(world, "phone", {**sent, "id": "x4"})["code"] == "kept_out"
    assert world.connections.gone == {"tab-1", "phone"}
    assert world.come("tab-2") == 429
    assert world.rows("select coalesce(max(seq), 0) as seq from user_events") == seq
    assert "code" not in send(world, "bob-1", sent, "bob"), "the limit is per user"


def test_a_connection_that_cannot_be_closed_is_still_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGES_PER_SECOND_AND_USER", "0.001")
    monkeypatch.setenv("MESSAGE_BURST", "1")
    world.come("tab-1")
    world.connections.broken.add("tab-1")
    codes = [hello(world, "tab-1").get("code") for _ in range(4)]
    assert codes == [None, "slow_down", "kept_out", "kept_out"]


BAD = {
    "bad JSON": "{",
    "no action": {"action": "shout", "id": "x1"},
    "too large": {"action": "act", "id": "a1", "type": "x", "body": {"t": "x" * 17_000}},
    "a claim for another": {
        "action": "claim",
        "id": "c1",
        "bonus_id": str(uuid.UUID(int=1)),
        "user_id": "bob",
    },
    "a watch that the ticket forbids": {"action": "watch", "id": "w1", "resource": "secret"},
    "a NUL": {"action": "act", "id": "a1", "type": "x", "body": {"t": "a\0b"}},
}


@pytest.mark.parametrize("sent", BAD.values(), ids=BAD)
def test_a_message_that_is_refused_for_what_it_says_counts(
    world: World, sent: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an end it was answered, and slowed down the honest."""
    monkeypatch.setenv("MESSAGES_PER_SECOND_AND_USER", "0.001")
    monkeypatch.setenv("MESSAGE_BURST", "2")
    world.may_watch = ()
    world.come("tab-1")
    codes = [send(world, "tab-1", sent)["code"] for _ in range(7)]
    assert codes[0] == codes[1]
    assert codes[2:] == ["slow_down", "slow_down", "kept_out", "kept_out", "kept_out"]
    (limit,) = world.rows("select refused, is_kept_out from user_limits where user_id = 'ann'")
    assert limit == {"refused": 3, "is_kept_out": True}


def test_a_user_who_was_kept_out_is_welcome_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGES_PER_SECOND_AND_USER", "0.001")
    monkeypatch.setenv("MESSAGE_BURST", "1")
    world.come("tab-1")
    while hello(world, "tab-1").get("code") != "kept_out":
        pass
    assert world.come("tab-2") == 429
    assert world.come("bob-1", "bob") == 200
    world.rows(
        "update user_limits set free_at = free_at - interval '2000 seconds',"
        " counted_at = counted_at - interval '2000 seconds'"
    )
    assert world.come("tab-3") == 200
    vars(world.container)["kept_out"] = KeptOut()  # as another process, or this one a moment later
    assert hello(world, "tab-3")["type"] == "welcome"


def test_a_user_with_a_few_tabs_pays_one_unit_for_an_action_and_one_with_many_more(
    world: World,
) -> None:
    def costs(n: int) -> float:
        world.rows("delete from user_limits")
        send(world, "tab-1", {"action": "act", "id": f"a{n}", "type": "like", "body": {}})
        (limit,) = world.rows(
            "select extract(epoch from free_at - counted_at)::float8 as ahead from user_limits"
        )
        return round(float(limit["ahead"]) / 0.2, 3)

    found = {}
    for n in range(1, 11):
        world.come(f"tab-{n}")
        found[n] = costs(n)
    assert found == {**dict.fromkeys(range(1, 6), 1.0), 6: 1.2, 7: 1.4, 8: 1.6, 9: 1.8, 10: 2.0}


def test_a_rate_of_nothing_is_no_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGES_PER_SECOND_AND_USER", "0")
    monkeypatch.setenv("MESSAGE_BURST", "1")
    world.come("tab-1")
    assert all("code" not in hello(world, "tab-1") for _ in range(20))
    assert world.rows("select * from user_limits") == []


@pytest.mark.parametrize("is_queue_there", [True, False])
def test_the_claim_of_the_last_one_has_it_told(
    world: World, monkeypatch: pytest.MonkeyPatch, is_queue_there: bool
) -> None:
    """Without the queue the schedule does."""

    async def fail(*_: object) -> None:
        raise NotQueued("no answer in time")

    if not is_queue_there:
        monkeypatch.setattr(world.queue, "_send", fail)
    world.come("tab-1")
    bonus_id = str(uuid.uuid4())
    world.rows(
        "select create_bonus($1, '{}', 'everyone', null, '{}', '0', '1 minute', 1, null)", bonus_id
    )
    sent = {"action": "claim", "id": "c1", "bonus_id": bonus_id}
    assert send(world, "tab-1", sent)["outcome"] == "claimed"
    (made,) = world.rows("select broadcast_id::text from broadcasts where kind = 'stock'")
    told = [broadcast.broadcast_id for broadcast in world.queue.sent]
    assert told == ([made["broadcast_id"]] if is_queue_there else [])


def test_a_claim_of_an_unknown_bonus_is_answered(world: World) -> None:
    world.come("tab-1")
    sent = {"action": "claim", "id": "c1", "bonus_id": str(uuid.UUID(int=1))}
    assert send(world, "tab-1", sent)["outcome"] == "unknown_bonus"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", "bad_json"),
        ({"action": "shout"}, "unknown_action"),
        ({"action": "act", "id": "a1", "type": "x", "body": 7}, "bad_request"),
        ({"action": "act", "id": "a1", "type": "x", "body": {"t": "x" * 17_000}}, "too_large"),
        ({"action": "act", "id": "a1", "type": "x", "body": {"t": "a\0b"}}, "bad_request"),
        ({"action": "claim", "id": "c1", "bonus_id": "7"}, "bad_request"),
    ],
)
def test_bad_input_gets_a_code_and_writes_nothing(world: World, sent: object, code: str) -> None:
    world.come("tab-1")
    reply = send(world, "tab-1", sent)
    assert (reply["type"], reply["code"]) == ("error", code)
    assert 0 < len(reply["reason"]) < 200
    assert hello(world, "tab-1")["seq"] == 0


def test_a_body_that_is_missing_is_bad_json(world: World) -> None:
    world.come("tab-1")
    event = world.event("message", "tab-1")
    del event["body"]
    answer = message.handle(event, Context(), world.container)
    assert json.loads(answer["body"])["code"] == "bad_json"


def test_without_a_database_events_are_refused_and_work_again_when_it_is_back(
    world: World,
) -> None:
    world.come("tab-1")
    here = world.container.database
    world.lose_database()
    assert world.come("tab-2") == 503
    assert hello(world, "tab-1")["code"] == "unavailable"
    vars(world.container)["database"] = here
    assert world.come("tab-2") == 200
    assert hello(world, "tab-1")["session"]["connections"] == 2


def test_a_claim_that_came_too_late_changes_nothing_and_may_come_again(world: World) -> None:
    world.come("tab-1")
    sent = {"action": "claim", "id": "c1", "bonus_id": drop(world)}
    eleven_seconds_ago = int(time.time() * 1000) - 11_000
    late = world.event("message", "tab-1", requestTimeEpoch=eleven_seconds_ago)
    answer = message.handle(late | {"body": json.dumps(sent)}, Context(), world.container)
    reply = json.loads(answer["body"])
    assert (reply["re"], reply["code"]) == ("c1", "unavailable")
    assert reply["retry_after_ms"] >= 1_100
    assert world.rows("select * from user_limits") == world.rows("select * from claims") == []
    assert send(world, "tab-1", sent)["outcome"] == "claimed"


def test_a_replica_is_no_database_for_writes(world: World) -> None:
    """After a failover a kept connection may lead to a server that only reads."""
    world.come("tab-1")
    replica = Database(f"{world.dsn}?default_transaction_read_only=on", world.container.deadline)
    vars(world.container)["database"] = replica
    assert world.come("tab-2") == 503
    sent = {"action": "act", "id": "a1", "type": "like", "body": {}}
    assert send(world, "tab-1", sent)["code"] == "unavailable"
    world.run(replica.close())


def test_a_database_connection_that_died_is_replaced(world: World) -> None:
    """However much of the server's last word has arrived when the next event comes."""
    world.come("tab-1")
    for _ in range(30):
        (killed,) = world.rows(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where datname = current_database() and usename = $1",  # the tests have others
            FUNCTIONS,
        )
        assert killed["count"] == 1
        assert hello(world, "tab-1")["session"]["connections"] == 1


def watch(world: World, connection_id: str, resource: str, id_: str = "w1") -> dict[str, Any]:
    return send(world, connection_id, {"action": "watch", "id": id_, "resource": resource})


def end(world: World, connection_id: str) -> None:
    """The client closes."""
    gone = world.event("disconnect", connection_id, disconnectStatusCode=1001, disconnectReason="")
    disconnect.handle(gone, Context(), world.container)


def test_a_connection_says_that_it_is_hidden_and_shown(world: World) -> None:
    world.come("tab-1")
    for visible, change in ((False, 1), (True, 2), (False, 3)):
        said = {"action": "visibility", "id": "v1", "visible": visible, "change": change}
        assert send(world, "tab-1", said)["type"] == "noted"
        (row,) = world.rows("select upper_inf(visible) as is_visible from sessions")
        assert (row["is_visible"] or False) is visible
    send(world, "tab-1", {"action": "hello", "id": "h1", "visible": True, "change": 4})
    (row,) = world.rows("select upper_inf(visible) as is_visible from sessions")
    assert row["is_visible"] is True


def test_a_connection_that_is_gone_is_told_that_nothing_was_noted(world: World) -> None:
    world.come("tab-1")
    end(world, "tab-1")
    before = world.rows("select * from watching_times")
    said = {"action": "visibility", "id": "v1", "visible": False, "change": 1}
    reply = send(world, "tab-1", said)
    assert (reply["type"], reply["re"], reply["code"]) == ("error", "v1", "not_connected")
    assert world.rows("select * from watching_times") == before


def test_a_live_connection_moves_to_another_resource(world: World) -> None:
    for tab in ("tab-1", "tab-2"):
        world.come(tab)
    reply = watch(world, "tab-1", "stream")
    assert (reply["type"], reply["re"], reply["resource"]) == ("watching", "w1", "stream")
    assert (reply["is_counted"], reply["session"]["connections"]) == (True, 1)
    assert hello(world, "tab-1")["resource"] == "stream"
    assert hello(world, "tab-2")["session"]["connections"] == 1
    assert watch(world, "tab-2", "stream")["session"]["connections"] == 2
    (site,) = world.rows("select * from watching_times where resource = 'site'")
    assert (site["ended_by"], site["nodes"]) == ("moved", "{}")


def test_the_same_move_twice_is_one_move(world: World) -> None:
    world.come("tab-1")
    first, second = watch(world, "tab-1", "stream"), watch(world, "tab-1", "stream")
    assert first["session"] == second["session"]
    assert len(world.rows("select * from presence_outbox where type = 'online'")) == 2


def test_of_two_moves_the_later_one_counts_whatever_their_order(world: World) -> None:
    world.come("tab-1")
    watch(world, "tab-1", "two", "w2")
    watch(world, "tab-1", "one", "w1")
    assert hello(world, "tab-1")["resource"] == "one"
    (row,) = world.rows("select resource from watching_times where ended_at is null")
    assert row["resource"] == "one"


def test_a_move_after_the_end_has_no_effect(world: World) -> None:
    world.come("tab-1")
    end(world, "tab-1")
    reply = watch(world, "tab-1", "stream")
    assert (reply["is_counted"], reply["session"]["connections"]) == (False, 0)
    assert world.rows("select * from watching_times where ended_at is null") == []


def test_a_connection_moves_only_where_its_ticket_lets_it(world: World) -> None:
    world.may_watch = ("two",)
    world.come("tab-1")
    refused = watch(world, "tab-1", "three")
    assert (refused["type"], refused["code"], refused["re"]) == ("error", "not_allowed", "w1")
    assert hello(world, "tab-1")["resource"] == "site"
    assert watch(world, "tab-1", "two")["resource"] == "two"
    assert watch(world, "tab-1", "site")["resource"] == "site"
    world.may_watch = ()
    assert watch(world, "tab-1", "two")["code"] == "not_allowed"


def test_a_connection_ended_by_mistake_learns_it_from_the_next_reply(world: World) -> None:
    world.come("tab-1")
    sent = {"action": "act", "id": "a1", "type": "like", "body": {}}
    assert "is_counted" not in send(world, "tab-1", sent)
    end(world, "tab-1")
    reply = send(world, "tab-1", {**sent, "id": "a2"})
    assert (reply["type"], reply["is_counted"]) == ("acted", False)
    assert hello(world, "tab-1")["is_counted"] is False
