"""Tabs of one user in a real browser, which share a connection."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.waiting import until_answered

if TYPE_CHECKING:
    import asyncpg

    from tests.browser.windows import Window, WindowTab
    from tests.support.system import Headcount

# Open connections of the user.
OPEN = """
select count(c.value)
  from watching_times w
       cross join jsonb_each(w.nodes) as n cross join jsonb_each(n.value) as c
 where w.user_id = $1 and w.ended_at is null
"""
LOADED = "location.protocol === 'http:' && document.readyState === 'complete'"
# A page that counts what it is told, and knows whether it has a WebSocket of its own.
PAGE = """(async ([user, token, via]) => {
    const { Headcount } = await import("/client/src/headcount.js");
    const post = (path, order) => fetch(path, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(order),
    }).then((response) => response.json());
    const sockets = [];
    class Counted extends WebSocket {
        constructor(url) {
            super(url);
            sockets.push(this);
        }
    }
    const ticket = async () => {
        const { url, ticket } = await post("/tickets", { user_id: user });
        return { url: via ?? url, ticket };
    };
    const headcount = new Headcount({ ticket, WebSocket: Counted });
    const told = { statuses: [], snapshots: [], seqs: [], bonuses: [] };
    headcount.on("status", ({ status }) => told.statuses.push(status));
    headcount.on("snapshot", ({ seq }) => told.snapshots.push(seq));
    headcount.on("event", ({ seq }) => told.seqs.push(seq));
    headcount.on("bonus", ({ bonus_id, outcome }) => {
        if (outcome === null) told.bonuses.push(bonus_id);
    });
    const leads = () => sockets.some(({ readyState }) => readyState === WebSocket.OPEN);
    Object.assign(window, { headcount, post, told, leads });
    if (headcount.status.status === "online") return;
    await new Promise((resolve) => headcount.on("welcome", resolve));
})"""


@dataclass
class Tabs:
    """Tabs of one user in one window, all of them hidden."""

    window: Window
    headcount: Headcount
    user: str
    # The address of the gateway, if it is not the ticket's.
    via: str | None = None
    running: list[WindowTab] = field(default_factory=list)
    frozen: list[WindowTab] = field(default_factory=list)

    async def open(self) -> WindowTab:
        tab = await self.window.tab(
            f"{self.headcount.base_url}/client/src/headcount.js", is_behind=True
        )

        async def is_loaded() -> bool:
            return bool(await tab.runs(LOADED))

        await until_answered(is_loaded)
        await tab.runs(f"{PAGE}({json.dumps([self.user, self.headcount.service_token, self.via])})")
        self.running.append(tab)
        return tab

    async def leader(self) -> WindowTab:
        found: list[WindowTab] = []

        async def is_there() -> bool:
            found[:] = [tab for tab in self.running if await tab.runs("leads()")]
            return len(found) == 1

        await until_answered(is_there)
        return found[0]

    async def ends(self, tab: WindowTab, how: str) -> None:
        self.running.remove(tab)
        if how == "closes":
            await tab.closes()
        elif how == "crashes":
            await tab.crashes()
        else:
            await tab.falls_asleep()
            self.frozen.append(tab)

    async def thaw(self) -> None:
        for tab in self.frozen:
            await tab.wakes_up()
        self.running += self.frozen
        self.frozen.clear()

    async def told(self) -> list[dict[str, Any]]:
        return [await tab.runs("told") for tab in self.running]


async def has_one_connection(rows: asyncpg.Connection, user: str) -> None:
    async def is_one() -> bool:
        return bool(await rows.fetchval(OPEN, user) == 1)

    await until_answered(is_one)


async def have_all(tabs: Tabs, seq: int) -> None:
    """Each tab was told each event up to this one, once and in order."""

    async def have() -> bool:
        return all((told["snapshots"] + told["seqs"])[-1] == seq for told in await tabs.told())

    await until_answered(have)
    for told in await tabs.told():
        assert len(told["snapshots"]) == 1
        assert told["seqs"] == list(range(told["snapshots"][0] + 1, seq + 1))
