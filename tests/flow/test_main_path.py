"""The main path with code that is not ours: the `websockets` client, plain boto3, plain HTTP."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import boto3
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.browser import ask, hear, hello, reply

if TYPE_CHECKING:
    from tests.support.browser import Browser

# Any credentials do: nothing here is Amazon's.
LOCAL = boto3.Session(
    region_name="us-east-1",
    aws_access_key_id="local",
    aws_secret_access_key="local",  # noqa: S106
)


async def test_the_whole_story(browser: Browser) -> None:
    """Two tabs: online, an action, a bonus, a claim; both close, and the row is right."""
    one, two = await browser.tab(), await browser.tab()
    assert (await hello(one))["session"]["connections"] == 2
    welcome = await hello(two)
    assert welcome["user_id"] == browser.user_id

    acted = await ask(one, {"action": "act", "id": "a1", "type": "like", "body": {"n": 1}})
    told = await hear(two)
    assert (acted["type"], told["type"]) == ("acted", "event")
    assert told["event"] == acted["event"]

    order = {
        "reward": {"text": "5 coins"},
        "audience": {"kind": "users", "user_ids": [browser.user_id]},
        "window_seconds": 30,
        "stock": 3,
    }
    bonus = await browser.api("POST", "/bonuses", order)
    offers = [await hear(one), await hear(two)]
    assert [offer["event"]["type"] for offer in offers] == ["bonus.offered"] * 2
    assert offers[0]["event"]["body"]["bonus_id"] == bonus["bonus_id"]
    assert offers[0]["event"]["body"]["expires_at"] > offers[0]["server_now"]

    said = {"action": "claim", "id": "c1", "bonus_id": bonus["bonus_id"]}
    assert (await ask(one, said))["outcome"] == "claimed"
    assert (await hear(two))["event"]["type"] == "bonus.claimed"
    assert (await ask(two, {**said, "id": "c2"}))["outcome"] == "already_claimed"
    numbers = await browser.api("GET", f"/bonuses/{bonus['bonus_id']}")
    assert (numbers["claimed"], numbers["left"]) == (1, 2)

    online = await browser.api("GET", f"/sessions?user_id={browser.user_id}")
    assert online["online"] is True
    await one.close()
    await two.close()
    row = await browser.closed_session()
    assert (row["nodes"], row["ended_by"]) == ("{}", "client")
    # The tabs were open from before the first hello until after the last answer.
    watched = row["ended_at"] - row["joined_at"]
    heard_for = (await browser.api("GET", f"/sessions?user_id={browser.user_id}"))["watched_ms"]
    assert abs(watched.total_seconds() * 1000 - heard_for) < 2
    assert row["joined_at"].timestamp() * 1000 <= welcome["server_now"] + 1
    assert row["ended_at"].timestamp() * 1000 >= numbers["server_now"] - 1
    assert row["ended_at"] <= row["now"]


async def test_ping_costs_no_function(browser: Browser) -> None:
    tab = await browser.tab()
    pong = await ask(tab, {"action": "ping"})
    assert pong.keys() == {"type", "server_now"}
    assert abs(pong["server_now"] - (await hello(tab))["server_now"]) < 60_000


async def test_a_reload_continues_the_session(browser: Browser) -> None:
    await (await browser.tab()).close()
    before = await browser.closed_session()
    tab = await browser.tab()
    assert (await hello(tab))["session"]["joined_at"] == round(
        before["joined_at"].timestamp() * 1000
    )
    rows = await browser.rows("select * from watching_times where user_id = $1", browser.user_id)
    assert [(row["id"], row["ended_at"]) for row in rows] == [(before["id"], None)]


async def refused(browser: Browser, url: str) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await browser.tab(url)
    return caught.value.response.status_code


async def test_a_bad_ticket_is_refused_at_the_handshake(browser: Browser) -> None:
    address = browser.headcount.websocket_url
    good = await browser.ticket()
    assert await refused(browser, address) == 401
    assert await refused(browser, f"{address}?ticket=") == 401
    assert await refused(browser, f"{address}?ticket=nonsense") == 401
    assert await refused(browser, good[:-2] + ("AA" if good[-2:] != "AA" else "BB")) == 401
    await browser.tab(good)
    assert await refused(browser, good) == 401, "a ticket opens one connection"
    assert len(await browser.rows("select 1 from used_tickets where ticket_id = 'nonsense'")) == 0


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("{", "bad_json"),
        ("not json at all", "bad_json"),
        ({"action": "shout", "id": "s1"}, "unknown_action"),
        ({"action": "act", "id": 7, "type": "like", "body": {}}, "bad_request"),
        ({"action": "act", "id": "a1", "type": "like", "body": {"t": "x" * 20_000}}, "too_large"),
    ],
)
async def test_bad_input_gets_a_code_and_the_connection_stays(
    browser: Browser, said: object, code: str
) -> None:
    tab = await browser.tab()
    reply = await ask(tab, said)
    assert (reply["type"], reply["code"]) == ("error", code)
    assert (await hello(tab))["seq"] == 0


async def test_a_user_who_sends_on_beyond_the_limit_is_told_why_and_kept_out(
    browser: Browser,
) -> None:
    one, silent = await browser.tab(), await browser.tab()
    await hello(silent)
    # A burst of refused messages later. Sending them would take a machine that is fast enough.
    await browser.rows(
        "insert into user_limits (user_id, kind, counted_at, free_at, refused)"
        " values ($1, 'message', now(), now() + interval '1 hour', 50)"
        " on conflict (user_id, kind) do update set free_at = excluded.free_at, refused = 50",
        browser.user_id,
    )
    refused = await ask(one, "{")
    assert (refused["code"], refused["re"]) == ("kept_out", None)
    assert 3_500_000 < refused["retry_after_ms"] <= 3_600_000
    with pytest.raises(ConnectionClosed):
        while True:
            assert (await hear(one))["code"] == "kept_out"
    with pytest.raises(InvalidStatus) as handshake:
        await browser.tab()
    assert handshake.value.response.status_code == 429
    (still_open,) = await browser.rows(
        "select size(nodes) from watching_times where user_id = $1", browser.user_id
    )
    assert still_open["size"] >= 1, "the connection that said nothing"
    assert (await hello(silent))["code"] == "kept_out"
    with pytest.raises(ConnectionClosed):
        while True:
            await hear(silent)
    await browser.rows("delete from user_limits where user_id = $1", browser.user_id)
    await browser.tab()


async def test_plain_boto3_reaches_a_connection(browser: Browser) -> None:
    """POST, GET and DELETE of @connections, and 410 for who is gone."""
    tab = await browser.tab()
    connection_id = (await hello(tab))["connection_id"]
    gateway = LOCAL.client(
        "apigatewaymanagementapi",
        endpoint_url=browser.headcount.websocket_url.replace("ws://", "http://"),
    )
    await asyncio.to_thread(
        gateway.post_to_connection, ConnectionId=connection_id, Data=b'{"message":"so"}'
    )
    assert await hear(tab) == {"message": "so"}
    about = await asyncio.to_thread(gateway.get_connection, ConnectionId=connection_id)
    assert about["Identity"]["SourceIp"] == "127.0.0.1"
    await asyncio.to_thread(gateway.delete_connection, ConnectionId=connection_id)
    with pytest.raises(ConnectionClosed):
        await hear(tab)
    with pytest.raises(gateway.exceptions.GoneException):
        await asyncio.to_thread(
            gateway.post_to_connection, ConnectionId=connection_id, Data=b"late"
        )
    assert (await browser.closed_session())["ended_by"] == "kicked"


async def test_plain_boto3_invokes_a_function(browser: Browser) -> None:
    functions = LOCAL.client("lambda", endpoint_url=browser.headcount.base_url)
    answer = await asyncio.to_thread(functions.invoke, FunctionName="SweepFunction", Payload=b"{}")
    assert "FunctionError" not in answer
    assert json.load(answer["Payload"]).keys() >= {"asked", "gone", "closed"}
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        await asyncio.to_thread(functions.invoke, FunctionName="NoSuchFunction")


async def test_a_swept_session_ends_at_its_last_evidence(browser: Browser) -> None:
    """A connection that the gateway does not know: as after a $disconnect that never came."""
    node = browser.headcount.websocket_url.removeprefix("ws://")
    await browser.rows(
        "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
        " values ($1, 'site', now() - interval '1 hour', now() - interval '1 hour',"
        " with_connection('{}', $2, 'AAAAAAAAAAAAAAA=',"
        "  jsonb_build_object('at', extract(epoch from now() - interval '1 hour'))))",
        browser.user_id,
        node,
    )
    functions = LOCAL.client("lambda", endpoint_url=browser.headcount.base_url)
    await asyncio.to_thread(functions.invoke, FunctionName="SweepFunction", Payload=b"{}")
    (row,) = await browser.rows("select *, now() from sessions where user_id = $1", browser.user_id)
    assert row["ended_by"] == "swept"
    assert row["ended_at"] >= row["joined_at"]
    assert row["ended_at"] + row["ended_within"] <= row["now"]


async def test_the_web_api_refuses_a_wrong_token(browser: Browser) -> None:
    request = urllib.request.Request(  # noqa: S310
        browser.headcount.base_url + "/online", headers={"Authorization": "Bearer wrong"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        await asyncio.to_thread(urllib.request.urlopen, request)
    caught.value.close()
    assert caught.value.code == 401


async def test_a_question_is_asked_answered_and_its_tally_told(browser: Browser) -> None:
    resource = f"quiz-{browser.user_id}"
    tab = await browser.tab(await browser.ticket(resource=resource))
    await hello(tab)
    order = {
        "text": "Who scores?",
        "options": ["ann", "bob"],
        "audience": {"kind": "resource", "resource": resource},
        "window_seconds": 3600,
    }
    question = await browser.api("POST", "/questions", order)
    opened = (await hear(tab))["news"]
    assert (opened["type"], opened["body"]["text"]) == ("question.opened", "Who scores?")
    said = {"action": "answer", "id": "q1", "question_id": question["question_id"], "option": 1}
    assert (await reply(tab, said))["outcome"] == "answered"
    # Its hour has passed: the schedule finds what no queue could delay for so long.
    await browser.rows(
        "update questions set opens_at = now() - interval '1 hour', expires_at = now()"
        " - interval '1 second' where question_id = $1",
        question["question_id"],
    )
    await browser.rows(
        "update scheduled_broadcasts set due_at = now() where subject_id = $1",
        question["question_id"],
    )
    await browser.invoke("AwardFunction")
    closed = (await hear(tab))["news"]
    assert (closed["type"], closed["body"]["tally"]) == ("question.closed", [0, 1])
