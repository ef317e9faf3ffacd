"""A restore, rehearsed: the database of a running system goes back in time, and nothing else does.

The gateway and its connections stay. What came after the point of the backup is the lost future.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import urllib.error
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from bench.support.sweep import AGE
from tests.support.backups import Archiving
from tests.support.browser import Browser, hear, hello, reply
from tests.support.line import Line
from tests.support.modules import ROOT
from tests.support.system import Headcount, running
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from websockets.asyncio.client import ClientConnection

    from postgres import Postgres

pytestmark = pytest.mark.slow

PAYOUT = ROOT / "examples" / "payout-worker" / "payout.py"
TICKET_GRACE = timedelta(minutes=1)
"""For the handshake, after the five minutes at most (sql/functions/presence/tickets.sql)."""
# So that the transaction ids of the first cluster are those of no other.
MANY_TRANSACTIONS = """
do $$ begin for i in 1..20000 loop perform pg_current_xact_id(); commit; end loop; end $$
"""


class Show:
    """Users, a payout service and a reader of presence events, before and after the restore."""

    def __init__(self, headcount: Headcount, stack: AsyncExitStack, folder: Path) -> None:
        self.ann, self.bob, self.cy, self.eve = (Browser(headcount, stack) for _ in range(4))
        self.headcount, self.folder = headcount, folder
        self.tabs: dict[str, ClientConnection] = {}
        self.granted = self.lost = ""
        self.grants_cursor = self.events_cursor = ""
        self.welcome: dict[str, Any] = {}
        self.ended_by: dict[str, Any] = {}

    async def comes(self, browser: Browser, url: str | None = None) -> ClientConnection:
        self.tabs[browser.user_id] = tab = await browser.tab(url)
        await hello(tab)
        return tab

    async def says(self, browser: Browser, action: str, name: str, **more: object) -> Any:
        message = {"action": action, "id": name, **more}
        return await reply(self.tabs[browser.user_id], message)

    async def likes(self, name: str, likes: int) -> Any:
        return await self.says(self.ann, "act", name, type="like", body={}, patch={"likes": likes})

    async def drops(self, bonus_id: str, *to: Browser) -> None:
        """To some users, who claim it."""
        users = [one.user_id for one in to]
        order = {
            "bonus_id": bonus_id,
            "reward": {"coins": 5},
            "audience": {"kind": "users", "user_ids": users},
            "window_seconds": 600,
        }
        await self.ann.api("POST", "/bonuses", order)
        for one in to:
            said = await self.says(one, "claim", f"claim-{bonus_id}", bonus_id=bonus_id)
            assert said["outcome"] == "claimed"

    async def pays_out(self, *paid: tuple[str, Browser]) -> None:
        """The example of a payout service, until it has paid these."""
        made = [(bonus_id, browser.user_id) for bonus_id, browser in paid]

        async def are_paid() -> bool:
            await self.reads_grants()
            return self.payments() == made

        await until_answered(are_paid)

    async def reads_grants(self) -> None:
        command = [sys.executable, str(PAYOUT), str(self.folder / "payouts.db"), "--once"]
        paying = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ
            | {
                "HEADCOUNT_URL": self.headcount.base_url,
                "HEADCOUNT_TOKEN": self.headcount.service_token,
            },
        )
        assert await paying.wait() == 0

    def payments(self) -> list[tuple[str, str]]:
        """As they were made, by bonus and user."""
        database = sqlite3.connect(self.folder / "payouts.db")
        made = database.execute("select bonus_id, user_id from payments order by rowid").fetchall()
        database.close()
        return made

    async def refusal(self, path: str) -> str:
        with pytest.raises(urllib.error.HTTPError) as caught:
            await self.ann.api("GET", path)
        with caught.value as answer:
            return str(json.load(answer)["code"])

    # ---- the acts of the story

    async def before(self) -> None:
        """Ann, bob and cy are here, and the sweep has found them alive."""
        for browser in (self.ann, self.bob, self.cy):
            await self.comes(browser)
        await self.likes("a1", 1)
        self.granted, self.lost = str(uuid4()), str(uuid4())
        await self.drops(self.granted, self.ann, self.bob)
        await self.pays_out((self.granted, self.ann), (self.granted, self.bob))
        await self.ann.rows(AGE)
        for _ in range(2):
            await self.ann.invoke("SweepFunction")

    async def future(self) -> None:
        """What will be lost: an act, a bonus paid out, cy's end, and that eve has come."""
        await self.likes("a2", 2)
        await self.drops(self.lost, self.ann)
        await self.pays_out(*self.paid())
        self.welcome = await self.says(self.ann, "hello", "h2")
        assert self.welcome["state"] == {"likes": 2}
        await self.tabs[self.cy.user_id].close()
        self.ended_by = await self.cy.closed_session()
        await self.comes(self.eve)
        self.grants_cursor = (await self.ann.api("GET", "/grants"))["next"]
        self.events_cursor = (await self.ann.api("GET", "/presence-events"))["next"]

    async def outage(self) -> None:
        assert (await self.likes("a3", 3))["code"] == "unavailable"

    async def is_back(self) -> None:
        """The functions ask the database again after a pause."""

        async def answers() -> bool:
            said = await self.says(self.bob, "hello", uuid4().hex)
            return bool(said["type"] == "welcome")

        await until_answered(answers)

    async def begins_again(self) -> None:
        """The stream: nothing of the lost future, and what had no answer is sent again."""
        since = {"since": self.welcome["seq"], "epoch": self.welcome["epoch"]}
        welcome = await self.says(self.ann, "hello", "h3", **since)
        assert (welcome["recovered"], welcome["state"]) == (False, {"likes": 1})
        assert welcome["epoch"] != self.welcome["epoch"]
        ids = [event.get("id") for event in welcome["events"]]
        granted = (f"bonus.{self.granted}", f"claim-{self.granted}", f"payout.{self.granted}.1")
        assert ids == ["a1", *granted]
        assert (await self.likes("a3", 3))["event"]["seq"] == 5
        assert (await self.likes("a3", 3))["event"]["seq"] == 5
        await self.is_told_of_a_gap()

    async def is_told_of_a_gap(self) -> None:
        """Who says nothing: the next broadcast follows one that no client has."""
        news = {"type": "back", "body": {}, "audience": {"kind": "everyone"}}
        await self.ann.api("POST", "/news", news | {"expires_in_seconds": 60})
        while (heard := await hear(self.tabs[self.bob.user_id]))["type"] != "news":
            pass
        assert heard["broadcast"]["follows"] > self.welcome["broadcasts"]["seq"]

    def paid(self) -> list[tuple[str, Browser]]:
        """Once each, in all."""
        return [(self.granted, self.ann), (self.granted, self.bob), (self.lost, self.ann)]

    async def is_paid_once(self) -> None:
        assert await self.refusal(f"/grants?after={self.grants_cursor}") == "foreign_cursor"
        await self.reads_grants()
        await self.pays_out(*self.paid())
        listed = (await self.ann.api("GET", "/grants"))["items"]
        assert [one["bonus_id"] for one in listed] == [self.granted] * 2
        # The operator gives the lost bonus again, under its id.
        await self.drops(self.lost, self.ann)
        await self.reads_grants()
        await self.pays_out(*self.paid())
        assert len((await self.ann.api("GET", "/grants"))["items"]) == len(self.paid())

    async def is_present(self) -> None:
        """Who is still connected goes on; who is not has ended before the backup."""
        path = f"/presence-events?after={self.events_cursor}"
        assert await self.refusal(path) == "foreign_cursor"
        assert (await self.says(self.ann, "hello", "h4"))["is_counted"]
        assert not (await self.says(self.eve, "hello", "h5"))["is_counted"]
        await self.comes(self.eve)
        await self.ann.invoke("SweepFunction")
        (row,) = await self.cy.rows("select * from sessions where user_id = $1", self.cy.user_id)
        assert row["ended_by"] == "swept"
        assert row["joined_at"] < row["ended_at"] < self.ended_by["ended_at"]
        online = {one["user_id"] for one in (await self.ann.api("GET", "/online"))["items"]}
        assert online == {one.user_id for one in (self.ann, self.bob, self.eve)}

    async def opens_nothing(self) -> None:
        """A ticket that was used in the lost future lives shorter than a restore takes."""
        (row,) = await self.ann.rows(
            "select connect('eve', 'site', 'n/live', 'c1', 'lost', now() - $1::interval, '30 s')",
            TICKET_GRACE + timedelta(seconds=1),
        )
        assert row["connect"] == "refused"

    async def goes_on(self) -> None:
        await self.ann.invoke("AwardFunction")
        assert (await self.ann.invoke("SweepFunction"))["restores_noticed"] == 0
        # By the line, which is in this process.
        said = await asyncio.to_thread(run, "sql.restored", self.headcount.database_url)
        assert "nothing was changed" in said


def run(module: str, dsn: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": dsn},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


@asynccontextmanager
async def rehearsal(folder: Path) -> AsyncIterator[tuple[Show, Archiving, Line]]:
    """A running system with a line to its database, which has a backup."""
    first = Archiving(folder)
    address = urlsplit(await first.start())
    line = Line("127.0.0.1", address.port or 0)
    await line.join()
    netloc = address.netloc.replace(f":{address.port}", f":{line.at}")
    system = running(folder, DATABASE_URL=urlunsplit(address._replace(netloc=netloc)))
    async with AsyncExitStack() as stack:
        stack.callback(first.server.stop)
        headcount = await asyncio.to_thread(system.__enter__)
        stack.push_async_callback(asyncio.to_thread, system.__exit__, None, None, None)
        stack.push_async_callback(line.cut)
        yield Show(headcount, stack, folder), first, line


async def lose_the_future(show: Show, first: Archiving, line: Line) -> None:
    await show.ann.rows(MANY_TRANSACTIONS)
    await asyncio.to_thread(first.back_up)
    await show.before()
    await first.note_point()
    await show.future()
    await line.cut()
    await show.outage()
    first.server.stop()


@contextmanager
def in_place_of_the_first(line: Line, server: Postgres) -> Iterator[str]:
    """Where the line leads from its next join on; the database's address there."""
    with server as dsn:
        line.port = urlsplit(dsn).port or 0
        yield dsn


async def all_is_well(show: Show) -> None:
    await show.begins_again()
    await show.is_paid_once()
    await show.is_present()
    await show.opens_nothing()
    await show.goes_on()


async def test_recovery_to_a_point_in_time_is_noticed_by_the_sweep(tmp_path: Path) -> None:
    async with rehearsal(tmp_path) as (show, first, line):
        await lose_the_future(show, first, line)
        with in_place_of_the_first(line, first.recovered()):
            await line.join()
            await show.is_back()
            await show.ann.invoke("SweepFunction")
            await all_is_well(show)


async def test_a_dump_in_another_cluster_is_brought_up_by_the_command(tmp_path: Path) -> None:
    """Its transaction ids are smaller than those of the grants that came with the dump."""
    async with rehearsal(tmp_path) as (show, first, line):
        await lose_the_future(show, first, line)
        with in_place_of_the_first(line, await first.loaded()) as dsn:
            run("sql.migrate", dsn)
            said = run("sql.restored", dsn)
            assert "2 grants that came from another cluster were put in order" in said
            await line.join()
            await show.is_back()
            await all_is_well(show)
