"""People through the real gateway: they move, are listed, are kicked, and may be too many."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from tests.support.browser import ask, hear, hello
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from tests.support.browser import Browser

MAX_CONNECTIONS = 50
SESSIONS = "select * from sessions where user_id = $1 order by id"


def watch(resource: str) -> dict[str, str]:
    return {"action": "watch", "id": f"w-{resource}", "resource": resource}


async def facts(browser: Browser) -> list[tuple[str, str]]:
    """What happened to the user and is settled, and will be once it is due."""
    rows = await browser.rows(
        "select type::text, resource, at from presence_outbox where user_id = $1"
        " union all select type::text, resource, at from presence_events where user_id = $1"
        " order by at, type",
        browser.user_id,
    )
    return [(row["type"], row["resource"]) for row in rows]


async def test_a_live_connection_moves_and_stays_there(browser: Browser) -> None:
    tab = await browser.tab(await browser.ticket(may_watch=["stream-2"]))
    await hello(tab)
    moved = await ask(tab, watch("stream-2"))
    assert (moved["type"], moved["resource"]) == ("watching", "stream-2")
    times = {"server_now": 0, "watched_ms": 0, "visible_ms": 0}
    assert await ask(tab, watch("stream-2")) | times == moved | times
    assert (await hello(tab))["resource"] == "stream-2"
    refused = await ask(tab, watch("stream-3"))
    assert (refused["type"], refused["code"]) == ("error", "not_allowed")
    site, stream = await browser.rows(SESSIONS, browser.user_id)
    assert (site["ended_by"], site["ended_at"]) == ("moved", stream["joined_at"])
    assert stream["ended_at"] is None
    assert await facts(browser) == [
        ("online", "site"),
        ("offline", "site"),
        ("online", "stream-2"),
    ]


async def test_a_ticket_alone_moves_no_connection(browser: Browser) -> None:
    tab = await browser.tab()
    assert (await ask(tab, watch("stream-2")))["code"] == "not_allowed"
    assert (await hello(tab))["resource"] == "site"


async def test_devices_are_listed_as_their_tickets_call_them(browser: Browser) -> None:
    phone = await browser.tab(await browser.ticket(device="Zoë's phone"))
    laptop = await browser.tab(await browser.ticket(resource="stream"))
    connected = [(await hello(tab))["connection_id"] for tab in (phone, laptop)]
    answer = await browser.api("GET", f"/connections?user_id={browser.user_id}")
    assert [one["connection_id"] for one in answer["items"]] == connected
    assert [(one["device"], one["resource"]) for one in answer["items"]] == [
        ("Zoë's phone", "site"),
        (None, "stream"),
    ]
    await phone.close()
    await laptop.close()

    async def all_are_gone() -> bool:
        return not (await browser.api("GET", f"/connections?user_id={browser.user_id}"))["items"]

    await until_answered(all_are_gone)


async def test_a_kicked_user_is_out_and_comes_back_as_somebody_new(browser: Browser) -> None:
    tabs = [await browser.tab(), await browser.tab(), await browser.tab()]
    await asyncio.gather(*(hello(tab) for tab in tabs))
    kicked = await browser.api("POST", "/kick", {"user_id": browser.user_id})
    assert kicked == {"closed": 3, "gone": 0, "unreachable": 0}
    for tab in tabs:
        assert (await hear(tab))["code"] == "kicked"
        with pytest.raises(ConnectionClosedOK):
            await hear(tab)
    (session,) = await browser.rows(SESSIONS, browser.user_id)
    assert session["ended_by"] == "kicked"
    again = await browser.api("POST", "/kick", {"user_id": browser.user_id})
    assert again == {"closed": 0, "gone": 0, "unreachable": 0}

    assert (await hello(await browser.tab()))["session"]["connections"] == 1
    old, new = await browser.rows(SESSIONS, browser.user_id)
    assert (old["id"], old["ended_by"]) == (session["id"], "kicked")
    assert new["joined_at"] >= old["ended_at"]


async def test_one_session_is_ended_beside_another(browser: Browser) -> None:
    site = await browser.tab()
    stream = await browser.tab(await browser.ticket(resource="stream"))
    await hello(site)
    sessions = (await browser.api("GET", f"/connections?user_id={browser.user_id}"))["items"]
    (ending,) = (one["session_id"] for one in sessions if one["resource"] == "site")
    order = {"user_id": browser.user_id}
    assert (await browser.api("POST", f"/sessions/{ending}/end", order))["closed"] == 1
    assert (await hear(site))["code"] == "kicked"
    with pytest.raises(ConnectionClosedOK):
        await hear(site)
    assert (await hello(stream))["session"]["connections"] == 1


async def test_one_connection_too_many_is_refused_at_the_handshake(browser: Browser) -> None:
    async def come(_: int) -> Any:
        return await browser.tab()

    await asyncio.gather(*map(come, range(MAX_CONNECTIONS)))
    with pytest.raises(InvalidStatus) as caught:
        await browser.tab()
    assert caught.value.response.status_code == 429
    kicked = await browser.api("POST", "/kick", {"user_id": browser.user_id})
    assert kicked["closed"] == MAX_CONNECTIONS
    await browser.tab()
