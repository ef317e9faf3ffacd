"""The queue or the database of a running system hangs, and goes on: what each order has come to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import urllib.error
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.support.browser import Browser, ask, hear, hello
from tests.support.processes import descendants
from tests.support.silence import server_of, stopped
from tests.support.system import running
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

    from tests.support.system import Headcount

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
    (found,) = [
        pid
        for pid in descendants(headcount.pid)
        if b"queue_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
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

    async def nothing_runs_on() -> bool:
        return (
            await own.rows(
                "select query from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid() and state <> 'idle'"
            )
            == []
        )

    await until_answered(nothing_runs_on)
    (bounded,) = await own.rows("select current_setting('statement_timeout') as bound")
    assert bounded["bound"] == "15s"
