"""Two stacks as one: examples/cells, which docs/explanation/cells.md explains."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect

from tests.support.browser import hear
from tests.support.system import ROOT, running
from tests.support.waiting import PATIENCE_SECONDS, until_answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from websockets.asyncio.client import ClientConnection


def example() -> Any:
    spec = importlib.util.spec_from_file_location("cells", ROOT / "examples/cells/cells.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["cells"] = module
    spec.loader.exec_module(module)
    return module


cells = example()
TWO = [cells.Cell("a", "http://a.example", "token"), cells.Cell("b", "http://b.example", "token")]
PEOPLE = [f"user-{n}" for n in range(10_000)]


def test_each_cell_has_its_share_of_the_users() -> None:
    counts = Counter(cells.Cells(TWO).of(user).name for user in PEOPLE)
    assert all(4_800 < count < 5_200 for count in counts.values())


def test_another_cell_takes_its_share_and_no_other_user_moves() -> None:
    before, after = cells.Cells(TWO), cells.Cells([*TWO, cells.Cell("c", "", "")])
    moved = [user for user in PEOPLE if before.of(user) != after.of(user)]
    assert {after.of(user).name for user in moved} == {"c"}
    assert 3_100 < len(moved) < 3_600


@pytest.mark.parametrize(("stock", "shares"), [(5, [3, 2]), (2, [1, 1]), (1, [1, 0])])
def test_a_stock_is_cut_and_never_grows(stock: int, shares: list[int]) -> None:
    order = {"audience": {"kind": "everyone"}, "stock": stock}
    assert [part["stock"] for part in cells.Cells(TWO).parts(order).values()] == shares


# ---- two stacks


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Any]:
    """Two stacks, each with its own database, gateway and queue."""
    async with AsyncExitStack() as stack:
        started = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            system = running(tmp_path / name)
            one = await asyncio.to_thread(system.__enter__)
            stack.push_async_callback(asyncio.to_thread, system.__exit__, None, None, None)
            started.append(cells.Cell(name, one.base_url, one.service_token))
        yield cells.Cells(started)


async def come(both: Any, stack: AsyncExitStack, user_id: str) -> ClientConnection:
    ticket = await asyncio.to_thread(both.ticket, user_id)
    url = f"{ticket['url']}?ticket={ticket['ticket']}"
    connecting = connect(url, open_timeout=PATIENCE_SECONDS, proxy=None)
    return await stack.enter_async_context(connecting)


async def bonus_of(tab: ClientConnection) -> str:
    while (heard := await hear(tab))["type"] not in {"bonus", "event"}:
        pass
    if heard["type"] == "event":
        return str(heard["event"]["body"]["bonus_id"])
    return str(heard["bonus"]["bonus_id"])


async def claim(tab: ClientConnection, bonus_id: str) -> str:
    await tab.send(json.dumps({"action": "claim", "id": bonus_id, "bonus_id": bonus_id}))
    while (heard := await hear(tab))["type"] != "claim":
        pass
    return str(heard["outcome"])


@pytest.mark.slow
async def test_two_stacks_are_one(both: Any) -> None:
    """A bonus for all has one id, its stock is never oversold, and numbers add up."""
    by_cell: dict[str, list[str]] = {"a": [], "b": []}
    for user in PEOPLE:
        by_cell[both.of(user).name].append(user)
    people = by_cell["a"][:3] + by_cell["b"][:3]
    async with AsyncExitStack() as stack:
        tabs = {user: await come(both, stack, user) for user in people}

        async def all_are_online() -> bool:
            return bool(await asyncio.to_thread(both.online) == 6)

        await until_answered(all_are_online)

        order: dict[str, Any] = {
            "bonus_id": str(uuid4()),
            "reward": {"text": "5 coins"},
            "audience": {"kind": "everyone"},
            "window_seconds": 600,
            "stock": 4,
        }
        made = await asyncio.to_thread(both.offer, order)
        assert {name: bonus["stock"] for name, bonus in made.items()} == {"a": 2, "b": 2}
        told = [await bonus_of(tab) for tab in tabs.values()]
        assert set(told) == {order["bonus_id"]}
        again = await asyncio.to_thread(both.offer, order)
        assert [bonus["created_at"] for bonus in again.values()] == [
            bonus["created_at"] for bonus in made.values()
        ]
        outcomes = Counter([await claim(tab, order["bonus_id"]) for tab in tabs.values()])
        assert outcomes == {"claimed": 4, "sold_out": 2}

        listed = order | {
            "bonus_id": str(uuid4()),
            "audience": {"kind": "users", "user_ids": [people[0], people[3]]},
            "stock": None,
        }
        await asyncio.to_thread(both.offer, listed)
        for user in (people[0], people[3]):
            while await bonus_of(tabs[user]) != listed["bonus_id"]:
                pass

        cursors: dict[str, str | None] = {}
        granted: set[tuple[str, str]] = set()

        async def all_are_granted() -> bool:
            for grant in await asyncio.to_thread(lambda: list(both.grants(cursors))):
                one = (grant["bonus_id"], grant["user_id"])
                assert one not in granted
                granted.add(one)
            return len(granted) == 4

        await until_answered(all_are_granted)
        now = int(made["a"]["server_now"])
        total = await asyncio.to_thread(both.watched_ms, now - 3_600_000, now + 3_600_000)
        assert total > 0
