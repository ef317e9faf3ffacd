"""The queue, the database or the gateway's @connections of a running system hangs, and goes on.

What each order has come to, and what all accounts say afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import sys
import urllib.error
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from bench.support.gateways import ROOT, command, gateway
from bench.support.ports import free_port
from bench.support.sweep import AGE
from tests.support.browser import Browser, ask, hear, hello, reply
from tests.support.line import Line
from tests.support.processes import descendants
from tests.support.silence import server_of, stopped
from tests.support.system import Headcount, running
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from websockets.asyncio.client import ClientConnection

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]
FOR_ALL = {"reward": {"n": 1}, "audience": {"kind": "everyone"}, "window_seconds": 600}


@pytest.fixture
async def own_headcount(tmp_path: Path) -> AsyncIterator[Headcount]:
    system = running(tmp_path)
    yield await asyncio.to_thread(system.__enter__)
    await asyncio.to_thread(system.__exit__, None, None, None)


@pytest.fixture
async def own(own_headcount: Headcount) -> AsyncIterator[Browser]:
    async with contextlib.AsyncExitStack() as stack:
        yield Browser(own_headcount, stack)


async def order(browser: Browser, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """The status, which may be a refusal's, and the answer."""
    try:
        return 200, await browser.api(method, path, body)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


async def claim(tab: ClientConnection, bonus_id: str) -> str:
    """The outcome; what is pushed meanwhile does not matter."""
    await tab.send(json.dumps({"action": "claim", "id": bonus_id, "bonus_id": bonus_id}))
    while (heard := await hear(tab))["type"] != "claim":
        pass
    return str(heard["outcome"])


def queue_server(headcount: Headcount) -> int:
    (found,) = [pid for pid in descendants(headcount.pid) if "queue_server" in command(pid)]
    return found


async def test_the_queue_hangs(own: Browser) -> None:
    tab = await own.tab()
    await hello(tab)
    mine = FOR_ALL | {"audience": {"kind": "users", "user_ids": [own.user_id]}}
    named: dict[str, Any] = FOR_ALL | {"bonus_id": str(uuid4())}
    with stopped(queue_server(own.headcount)):
        status, given = await order(own, "POST", "/bonuses", mine)
        offered = (await hear(tab))["event"]["body"]["bonus_id"]
        assert (status, offered) == (200, given["bonus_id"])
        assert await claim(tab, offered) == "claimed"

        status, refusal = await order(own, "POST", "/bonuses", FOR_ALL)
        assert (status, refusal["code"]) == (503, "unavailable")
        (cancelled,) = [
            one["bonus_id"]
            for one in (await own.api("GET", "/bonuses"))["items"]
            if one["state"] == "cancelled"
        ]
        assert await claim(tab, cancelled) == "cancelled"
        assert (await order(own, "POST", "/bonuses", named))[0] == 503

    assert (await order(own, "POST", "/bonuses", named))[0] == 200
    assert await claim(tab, named["bonus_id"]) == "claimed"
    assert await claim(tab, cancelled) == "cancelled"
    progress = f"/bonuses/{named['bonus_id']}"

    async def is_told() -> bool:
        return bool((await own.api("GET", progress))["broadcast"]["is_done"])

    await until_answered(is_told)
    grants = await own.rows("select bonus_id::text from claims order by claimed_at")
    assert [row["bonus_id"] for row in grants] == [offered, named["bonus_id"]]


async def test_the_database_hangs(own: Browser) -> None:
    tab = await own.tab()
    await hello(tab)
    act = {"action": "act", "id": "a1", "type": "like", "body": {}}
    with stopped(await server_of(own.headcount.database_url)):
        (reply, (status, refusal)) = await asyncio.gather(
            ask(tab, act), order(own, "POST", "/bonuses", FOR_ALL)
        )
        assert (reply["code"], reply["re"]) == ("unavailable", "a1")
        assert (status, refusal["code"]) == (503, "unavailable")
    assert (await ask(tab, act))["event"]["seq"] == 1
    (bonus_id,) = re.findall('"bonus_id": "(.+)"', refusal["detail"])
    assert (await order(own, "POST", "/bonuses", FOR_ALL | {"bonus_id": bonus_id}))[0] == 200
    assert await claim(tab, bonus_id) == "claimed"
    assert [one["bonus_id"] for one in (await own.api("GET", "/bonuses"))["items"]] == [bonus_id]
    ledger = await own.rows("select entry::text from ledger order by id")
    assert [row["entry"] for row in ledger] == ["created", "claimed"]
    events = await own.rows("select seq from user_events where user_id = $1", own.user_id)
    assert len(events) == len({row["seq"] for row in events}) == 2

    await until_answered(lambda: nothing_runs_on(own))
    (bounded,) = await own.rows("select current_setting('statement_timeout') as bound")
    assert bounded["bound"] == "15s"


async def nothing_runs_on(browser: Browser) -> bool:
    statements = await browser.rows(
        "select query from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and state <> 'idle'"
    )
    return statements == []


# ---- @connections, which functions reach by a line of their own


@contextlib.asynccontextmanager
async def behind_a_line(dsn: str, folder: Path) -> AsyncIterator[tuple[Browser, Line]]:
    """The whole system, whose pushes and questions about connections go through the line."""
    port, token = free_port(), secrets.token_urlsafe(32)
    line = Line("127.0.0.1", port)
    await line.join()
    address = f"127.0.0.1:{port}"
    parameters = {
        "DatabaseUrl": dsn,
        "PushEndpoint": f"http://127.0.0.1:{line.at}/live",
        "SocketUrl": f"ws://{address}/live",
    }
    running_gateway = gateway(
        *("--quiet", "--no-console"),
        *(part for one in parameters.items() for part in ("--parameter", "=".join(one))),
        template=ROOT / "template.yaml",
        environment={
            "WSGATE_PARAMETER_TicketSecret": secrets.token_urlsafe(32),
            "WSGATE_PARAMETER_ServiceToken": token,
        },
        log=folder / "log.txt",
        port=port,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(line.cut)
        process = await asyncio.to_thread(running_gateway.__enter__)
        stack.push_async_callback(asyncio.to_thread, running_gateway.__exit__, None, None, None)
        system = Headcount(f"http://{address}", f"ws://{address}/live", token, dsn, process.pid)
        yield Browser(system, stack), line


def act(name: str) -> dict[str, Any]:
    return {"action": "act", "id": name, "type": "like", "body": {"name": name}}


async def told(browser: Browser, bonus_id: str) -> dict[str, int]:
    """How the pushes of a bonus went, once all are done."""
    progress: dict[str, Any] = {}

    async def is_done() -> bool:
        nonlocal progress
        progress = (await browser.api("GET", f"/bonuses/{bonus_id}"))["broadcast"]
        return bool(progress["is_done"])

    await until_answered(is_done)
    return {name: progress[name] for name in ("sent", "gone", "undelivered", "dropped")}


UNDELIVERED = {"sent": 0, "gone": 0, "undelivered": 0, "dropped": 0}
HERE = """
select user_id, (select count(*) from connections(nodes)) as connections from watching_times
 where ended_at is null order by connections
"""


async def test_the_gateway_hangs(own_dsn: str, tmp_path: Path) -> None:
    """Ann has two tabs, Bob one. Each function ends by itself, before the gateway would end it."""
    async with behind_a_line(own_dsn, tmp_path) as (ann, line):
        bob = Browser(ann.headcount, ann.stack)
        mine, other, bobs = await ann.tab(), await ann.tab(), await bob.tab()
        for tab in (mine, other, bobs):
            await hello(tab)
        await ann.rows(AGE)
        to_ann = FOR_ALL | {"audience": {"kind": "users", "user_ids": [ann.user_id]}}
        here = [
            {"user_id": bob.user_id, "connections": 1},
            {"user_id": ann.user_id, "connections": 2},
        ]

        with line.held():
            assert (await reply(mine, act("a1")))["event"]["seq"] == 1
            offered = (await ann.api("POST", "/bonuses", to_ann))["bonus_id"]
            assert await told(ann, offered) == UNDELIVERED | {"undelivered": 2}
            assert await claim(mine, offered) == "claimed"
            for_all = (await ann.api("POST", "/bonuses", FOR_ALL))["bonus_id"]
            assert await told(ann, for_all) == UNDELIVERED | {"undelivered": 3}
            assert await claim(bobs, for_all) == "claimed"
            assert (await ann.invoke("SweepFunction"))["closed"] == 0
            assert await ann.rows("select node from unreachable_nodes") != []
            assert await ann.rows(HERE) == here

        assert (await ann.invoke("SweepFunction"))["closed"] == 0
        assert await ann.rows("select node from unreachable_nodes") == []
        assert await ann.rows(HERE) == here
        epoch = (await ann.rows("select epoch::text from stream_epoch"))[0]["epoch"]
        welcome = await reply(other, {"action": "hello", "id": "h2", "since": 0, "epoch": epoch})
        assert welcome["recovered"]
        events = [event["type"] for event in welcome["events"]]
        assert events == ["like", "bonus.offered", "bonus.claimed"]
        outcomes = {bonus["bonus_id"]: bonus["outcome"] for bonus in welcome["bonuses"]}
        assert outcomes == {offered: "claimed", for_all: None}
        grants = await ann.rows("select user_id, bonus_id::text from claims order by claimed_at")
        assert [tuple(row.values()) for row in grants] == [
            (ann.user_id, offered),
            (bob.user_id, for_all),
        ]
        assert (await reply(mine, act("a2")))["event"]["seq"] == 4
        while (heard := await hear(other)).get("event", {}).get("seq") != 4:
            assert heard["type"] in {"event", "bonus"}, "what was on its way comes late"
        await until_answered(lambda: nothing_runs_on(ann))
    log = (tmp_path / "log.txt").read_text()
    assert not re.search("Task timed out|Traceback", log), log
