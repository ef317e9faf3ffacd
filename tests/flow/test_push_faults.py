"""A bonus for everyone with faults on: it is on every screen, or the counters say why not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from bench.support.clients import Client, connect, text_frame
from bench.support.gateways import ROOT, Gateway, family, gateway
from bench.support.sweep import AGE
from handlers.adapters.statements import text
from handlers.core.ticket import Ticket, mint
from tests.support.waiting import PATIENCE_SECONDS, until, until_answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ONLINE = 300
# So few that a worker can be killed between two pages.
PER_SECOND = 100
# Longer than any machine takes: what is left at the end of a window is counted as dropped.
WINDOW_SECONDS = 600
MAX_TRIES = 5
FAULTS = {
    "management_throttled": 0.1,
    "management_gone": 0.02,
    "queue_twice": 1,
    "seed": 7,
}


@dataclass
class Screen:
    """A user with one connection, and how often each bonus came to it."""

    user_id: str
    bonuses: Counter[str] = field(default_factory=Counter)
    welcome: dict[str, Any] | None = None
    news: int = 0

    def hear(self, _client: Client, payload: bytes) -> None:
        message = json.loads(payload)
        if message["type"] == "bonus":
            self.bonuses[message["bonus"]["bonus_id"]] += 1
        elif message["type"] == "news":
            self.news += 1
        elif message["type"] == "welcome":
            self.welcome = message


class Show:
    """A system with faults on, and people who watch."""

    def __init__(self, running: Gateway, secret: str, token: str, dsn: str) -> None:
        self.running, self.dsn = running, dsn
        self._secret, self._token = secret, token
        self.clients: list[Client] = []

    async def come(self, screen: Screen) -> Client:
        """Connect as this user and say hello, as every client does first."""
        expires_at = datetime.now(UTC) + timedelta(minutes=1)
        ticket = Ticket(secrets.token_hex(8), screen.user_id, "site", expires_at)
        path = f"/live?ticket={mint(ticket, self._secret)}"
        client = await connect(self.running.port, path, screen.hear)
        self.clients.append(client)
        screen.welcome = None
        client.say(text_frame('{"action":"hello","id":"h1"}'))
        await until(lambda: screen.welcome is not None)
        return client

    async def press(self, audience: dict[str, Any]) -> str:
        order = {"reward": {"coins": 5}, "audience": audience, "window_seconds": WINDOW_SECONDS}
        return str((await asyncio.to_thread(self._post, "/bonuses", order))["bonus_id"])

    async def tell(self, audience: dict[str, Any]) -> str:
        order = {
            "type": "hint",
            "body": {},
            "audience": audience,
            "expires_in_seconds": WINDOW_SECONDS,
        }
        return str((await asyncio.to_thread(self._post, "/news", order))["news_id"])

    async def progress(self, broadcast_id: str) -> dict[str, Any]:
        """The counters of a broadcast as they are now."""
        db = await asyncpg.connect(self.dsn)
        try:
            return dict(await db.fetchrow(text("broadcast"), broadcast_id))
        finally:
            await db.close()

    async def final_progress(self, broadcast_id: str) -> dict[str, Any]:
        """The counters of a broadcast once it is done."""
        progress: dict[str, Any] = {}

        async def is_done() -> bool:
            nonlocal progress
            progress = await self.progress(broadcast_id)
            return bool(progress["is_done"])

        await until_answered(is_done)
        return progress

    async def age(self) -> None:
        """Everyone has been here for two minutes: a younger connection is not taken for gone."""
        db = await asyncpg.connect(self.dsn)
        await db.execute(AGE)
        await db.close()

    def kill_push_workers(self) -> int:
        """Those that run now; how many."""
        killed = 0
        for pid in family(self.running.pid):
            with contextlib.suppress(OSError):
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                if any(one.startswith(b"_HANDLER=handlers.broadcast") for one in environment):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
        return killed

    def _post(self, path: str, body: object) -> Any:
        request = urllib.request.Request(  # our own gateway
            f"http://127.0.0.1:{self.running.port}{path}",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return json.load(answer)


@contextlib.asynccontextmanager
async def show(dsn: str, folder: Path) -> AsyncIterator[Show]:
    secret, token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    parameters = {
        "DatabaseUrl": dsn,
        "PushEndpoint": "http://127.0.0.1:{port}/live",
        "PushesPerSecond": PER_SECOND,
    }
    arguments = ["--quiet", "--no-console"]
    for name, value in parameters.items():
        arguments += ["--parameter", f"{name}={value}"]
    for name, fault in FAULTS.items():
        arguments += ["--fault", f"{name}={fault}"]
    environment = {
        "WSGATE_PARAMETER_TicketSecret": secret,
        "WSGATE_PARAMETER_ServiceToken": token,
    }
    with gateway(
        *arguments,
        template=ROOT / "template.yaml",
        environment=environment,
        log=folder / "log.txt",
    ) as running:
        playing = Show(running, secret, token, dsn)
        yield playing
        for client in playing.clients:
            client.transport.abort()
        await until(lambda: all(client.is_closed for client in playing.clients))


@pytest.mark.slow
async def test_every_screen_has_the_bonus_or_the_counters_say_why_not(
    own_dsn: str, tmp_path: Path
) -> None:
    async with show(own_dsn, tmp_path) as playing:
        screens = [Screen(f"user-{n}") for n in range(ONLINE)]
        gate = asyncio.Semaphore(16)

        async def come(screen: Screen) -> None:
            async with gate:
                await playing.come(screen)

        await asyncio.gather(*map(come, screens))
        await playing.age()

        bonus_ids = await press_and_kill(playing, screens)
        progress = await playing.final_progress(bonus_ids[-1])
        counted = {name: progress[name] for name in ("sent", "gone", "undelivered", "dropped")}
        missing = [screen for screen in screens if not screen.bonuses[bonus_ids[-1]]]
        assert sum(counted.values()) == ONLINE, counted
        assert len(missing) <= ONLINE - counted["sent"], counted
        assert counted["gone"] > 0, "no fault was on"

        for screen in missing:
            await playing.come(screen)
            assert screen.welcome is not None
            offered = [bonus["bonus_id"] for bonus in screen.welcome["bonuses"]]
            assert sorted(offered) == sorted(bonus_ids)


async def press_and_kill(playing: Show, screens: list[Screen]) -> list[str]:
    """Kill the workers while the last of these bonuses is on some of the screens only."""
    bonus_ids: list[str] = []
    while len(bonus_ids) < MAX_TRIES:
        bonus_id = await playing.press({"kind": "everyone"})
        bonus_ids.append(bonus_id)
        await until(lambda: any(screen.bonuses[bonus_id] for screen in screens))  # noqa: B023
        killed = playing.kill_push_workers()
        if killed and not all(screen.bonuses[bonus_id] for screen in screens):
            return bonus_ids
        await playing.final_progress(bonus_id)
    raise AssertionError("every broadcast was over before its workers could be killed")


@pytest.mark.slow
async def test_news_come_by_their_own_queue(own_dsn: str, tmp_path: Path) -> None:
    """Twice from the queue, once on the screen."""
    async with show(own_dsn, tmp_path) as playing:
        screens = [Screen(f"user-{n}") for n in range(5)]
        for screen in screens:
            await playing.come(screen)
        news_id = await playing.tell({"kind": "everyone"})
        progress = await playing.final_progress(news_id)
        counted = {name: progress[name] for name in ("sent", "gone", "undelivered", "dropped")}
        assert sum(counted.values()) == len(screens)
        await until(lambda: sum(screen.news for screen in screens) == counted["sent"])


async def test_one_user_has_their_bonus_without_the_queue(own_dsn: str, tmp_path: Path) -> None:
    """It is done when the order is answered, not when the queue's first message is due."""
    async with show(own_dsn, tmp_path) as playing:
        heard: list[dict[str, Any]] = []

        class Listed(Screen):
            def hear(self, client: Client, payload: bytes) -> None:
                heard.append(json.loads(payload))
                super().hear(client, payload)

        screen = Listed("ann")
        await playing.come(screen)
        bonus_id = await playing.press({"kind": "users", "user_ids": ["ann", "offline"]})
        progress = await playing.progress(bonus_id)
        assert (progress["is_done"], progress["sent"]) == (True, 1)
        await until(lambda: heard[-1]["type"] == "event")
        event = heard[-1]["event"]
        assert (event["type"], event["body"]["bonus_id"]) == ("bonus.offered", bonus_id)
