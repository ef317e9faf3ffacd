"""Two apps in one deployment, from the page that says how, to a bonus that only one of them has."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.docs.markdown import run_by
from tests.docs.shell import Shell, steps
from tests.support.browser import Browser, ask, hear, hello
from tests.support.system import Headcount, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN, *BLOCKS = run_by("docs/how-to/run-several-shows.md", __file__)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shows(checkout: Path) -> Iterator[Headcount]:
    """What the page's first command starts."""
    apps, _, command = RUN.text.strip().partition(" ")
    assert command == "make run"
    with running(checkout / ".headcount", APPS=apps.removeprefix("APPS=")) as system:
        yield system


def test_the_commands_of_the_page_run(checkout: Path, shows: Headcount) -> None:
    host = shows.base_url.removeprefix("http://")
    shell = Shell(checkout, {"127.0.0.1:8080": host})
    try:
        for block in BLOCKS:
            for step in steps(block):
                shell.play(step)
    finally:
        shell.close()


async def test_two_shows_with_a_user_of_the_same_name(shows: Headcount) -> None:
    """From $connect to the queue, the schedules and $disconnect, each in its own database."""
    async with AsyncExitStack() as stack:
        main, shop = Browser(shows, stack), Browser(shows, stack)
        shop.app, shop.user_id = "shop", main.user_id
        here, there = await main.tab(), await shop.tab()
        assert (await hello(here))["session"]["connections"] == 1
        assert (await hello(there))["session"]["connections"] == 1

        order = {"reward": {"n": 1}, "audience": {"kind": "everyone"}, "window_seconds": 60}
        bonus = await shop.api("POST", "/bonuses", order)
        assert (await hear(there))["bonus"]["bonus_id"] == bonus["bonus_id"]
        claim = {"action": "claim", "id": "c1", "bonus_id": bonus["bonus_id"]}
        assert (await ask(here, claim)).get("outcome") != "claimed"
        assert (await ask(there, claim))["outcome"] == "claimed"
        granted = (await shop.api("GET", "/grants"))["items"][-1]
        assert granted["bonus_id"] == bonus["bonus_id"]
        others = (await main.api("GET", "/grants"))["items"]
        assert bonus["bonus_id"] not in [one["bonus_id"] for one in others]

        for function in ("SweepFunction", "AwardFunction"):
            await shop.invoke(function)
        await there.close()
        query = f"/connections?user_id={shop.user_id}"
        assert len((await main.api("GET", query))["items"]) == 1
        health = await main.api("GET", "/health")
        assert health["status"] == "ok"
