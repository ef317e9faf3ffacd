"""The second clock in a browser: what the user sees is visible, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support.waiting import until_answered

if TYPE_CHECKING:
    import asyncpg

    from tests.browser.windows import Window
    from tests.support.system import Headcount

# Each starts a browser of its own.
pytestmark = pytest.mark.slow

# Open connections, how many of them are visible, and whether the user is.
STATE = """
select count(c.value) as connections,
       count(c.value) filter (where not c.value ? 'hidden') as visible,
       bool_or(s.visible is null or upper_inf(s.visible)) as is_visible
  from watching_times w
       join sessions s using (id)
       left join jsonb_each(w.nodes) as n on true left join jsonb_each(n.value) as c on true
 where w.user_id = $1 and w.ended_at is null
"""
LENGTHS = """
select coalesce(sum(milliseconds(visible_length(visible, joined_at, coalesce(ended_at, now())))), 0)
  from sessions where user_id = $1
"""
# A video of a drawing, which plays in picture-in-picture.
PICTURE = """(async () => {
    const canvas = document.createElement("canvas");
    canvas.getContext("2d").fillRect(0, 0, 9, 9);
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = canvas.captureStream();
    document.body.append(video);
    await video.play();
    await video.requestPictureInPicture();
})()"""


def page(headcount: Headcount, user: str) -> str:
    return f"{headcount.base_url}/?user={quote(user)}#token={headcount.page_key}"


async def comes_to(
    rows: asyncpg.Connection, user: str, connections: int, visible: int | None = None
) -> None:
    """Wait until so many connections of the user are open, and so many of them visible."""
    expected = (connections, connections if visible is None else visible)
    found: tuple[int, int] = (-1, -1)

    async def has_come() -> bool:
        nonlocal found
        row = await rows.fetchrow(STATE, user)
        assert row is not None
        found = (row["connections"], row["visible"])
        return found == expected and (not found[0] or row["is_visible"] is (found[1] > 0))

    try:
        await until_answered(has_come)
    except AssertionError:
        raise AssertionError(f"{user} has {found}, not {expected}") from None


async def test_a_tab_that_is_opened_behind_another_was_never_visible(
    headcount: Headcount, window: Window, rows: asyncpg.Connection
) -> None:
    await window.tab("about:blank")
    tab = await window.tab("about:blank", is_behind=True)
    await until_answered(
        tab.is_hidden
    )  # Chromium may be slow to hide it, and the page quick to load
    await tab.goes_to(page(headcount, "Una"))
    await comes_to(rows, "Una", 1, visible=0)
    assert await rows.fetchval(LENGTHS, "Una") == 0
    await tab.comes_to_the_front()
    await comes_to(rows, "Una", 1)


async def test_their_one_connection_is_visible_while_one_of_two_tabs_is_in_front(
    headcount: Headcount, window: Window, rows: asyncpg.Connection
) -> None:
    first = await window.tab(page(headcount, "Vic"))
    await comes_to(rows, "Vic", 1)
    await window.tab(page(headcount, "Vic"))
    await comes_to(rows, "Vic", 1)
    blank = await window.tab("about:blank")
    await comes_to(rows, "Vic", 1, visible=0)
    shown = await rows.fetchval(LENGTHS, "Vic")
    await first.comes_to_the_front()
    await comes_to(rows, "Vic", 1)
    await blank.comes_to_the_front()
    await comes_to(rows, "Vic", 1, visible=0)
    assert await rows.fetchval(LENGTHS, "Vic") > shown


async def test_a_phone_that_sleeps_is_not_visible(
    headcount: Headcount, window: Window, rows: asyncpg.Connection
) -> None:
    """The screen goes dark: the page is hidden first, and then runs nothing."""
    tab = await window.tab(page(headcount, "Wes"))
    await comes_to(rows, "Wes", 1)
    await window.tab("about:blank")
    await comes_to(rows, "Wes", 1, visible=0)
    await tab.falls_asleep()
    shown = await rows.fetchval(LENGTHS, "Wes")
    await tab.wakes_up()
    assert await rows.fetchval(LENGTHS, "Wes") == shown
    await tab.comes_to_the_front()
    await comes_to(rows, "Wes", 1)


async def test_a_page_that_is_stored_to_go_back_to_is_not_there(
    headcount: Headcount, window: Window, rows: asyncpg.Connection
) -> None:
    tab = await window.tab(page(headcount, "Xia"))
    await comes_to(rows, "Xia", 1)
    await tab.runs("window.isTheSame = true")
    await tab.goes_to(f"{headcount.base_url}/client/src/headcount.js")
    await comes_to(rows, "Xia", 0)
    ended = "select ended_by::text from watching_times where user_id = 'Xia'"
    assert await rows.fetchval(ended) == "client"
    await tab.goes_back()
    await comes_to(rows, "Xia", 1)
    assert await tab.runs("window.isTheSame") is True, "it was not loaded again"


async def test_a_video_in_picture_in_picture_is_visible(
    headcount: Headcount, window: Window, rows: asyncpg.Connection
) -> None:
    tab = await window.tab(page(headcount, "Yan"))
    await comes_to(rows, "Yan", 1)
    await tab.runs(PICTURE)
    blank = await window.tab("about:blank")
    await until_answered(tab.is_hidden)
    shown = await rows.fetchval(LENGTHS, "Yan")

    async def goes_on() -> bool:
        return bool(await rows.fetchval(LENGTHS, "Yan") > shown + 500)

    await until_answered(goes_on)
    await tab.runs("document.exitPictureInPicture()")
    await comes_to(rows, "Yan", 1, visible=0)
    await tab.comes_to_the_front()
    await comes_to(rows, "Yan", 1)
    await blank.comes_to_the_front()
    await comes_to(rows, "Yan", 1, visible=0)
