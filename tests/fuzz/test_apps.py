"""Two apps in one deployment: with the keys and tickets of one, nothing of the other can be read
or changed.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import jwt
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from handlers.core.apps import database_of
from handlers.core.ticket import app_key
from handlers.web.scopes import SCOPES
from tests.support.browser import Browser, ask, hello
from tests.support.system import Headcount, running
from tests.support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

CALLS = max(300, int(os.environ.get("FUZZ_CASES") or 10_000))
APPS = ("main", "shop")
OTHER = {"main": "shop", "shop": "main"}
# What the schedules write on their own.
OF_SCHEDULES = {
    *("sweep_cursor", "line_limits", "rollup_state", "rollups", "presence_event_log", "grant_log"),
    *("push_budget", "audience_counts", "unreachable_nodes", "migrations", "stream_epoch"),
    *("sweep_pages", "rollups_due", "clock_watch", "broadcast_shards", "presence_outbox"),
    *("award_progress", "campaign_progress"),
}
USER = "ann"
"""The same id in both apps: two people."""


@dataclass
class Show:
    """One app, with a user who is online, what she was offered, and a key that may do all."""

    app: str
    key: dict[str, str]
    ticket_key: str
    url: str
    database_url: str
    marker: str = field(default_factory=lambda: f"secret {secrets.token_hex(8)}")
    ids: dict[str, str] = field(default_factory=dict)
    tab: ClientConnection | None = None

    @property
    def token(self) -> str:
        return self.key["token"]

    def ticket(self, **claims: object) -> str:
        """A ticket that this app's owner signs, whatever they write into it."""
        whole = {"aud": "headcount", "sub": USER, "jti": uuid4().hex, "exp": int(time.time()) + 60}
        own = {} if self.app == "main" else {"app": self.app}
        kept = {name: claim for name, claim in (whole | own | claims).items() if claim is not None}
        return f"{self.url}?ticket={jwt.encode(kept, self.ticket_key)}"

    async def state(self) -> dict[str, str]:
        """A digest of each table."""
        db = await asyncpg.connect(self.database_url)
        try:
            tables = await db.fetch(
                "select tablename as name from pg_tables where schemaname = 'public'"
            )
            names = {row["name"] for row in tables} - OF_SCHEDULES
            digest = (
                "select md5(coalesce(string_agg(row::text, '|' order by row::text), ''))"
                " from (select to_jsonb(t) - array['judged_at', 'judged_upto'] as row from {} t) t"
            )
            return {name: await db.fetchval(digest.format(name)) for name in sorted(names)}
        finally:
            await db.close()

    async def changes(self, before: dict[str, str]) -> list[str]:
        """The tables that are not as they were."""
        return [name for name, digest in (await self.state()).items() if digest != before[name]]


@dataclass
class Two:
    """Both apps of a system."""

    system: Headcount
    shows: dict[str, Show]
    dice: Random

    def call(
        self, method: str, path: str, body: object, token: str, app: str | None = None
    ) -> tuple[int, str]:
        """The status and the text of an answer."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if app is not None:
            headers["Headcount-App"] = app
        request = urllib.request.Request(  # noqa: S310  # our own gateway
            self.system.base_url + path,
            None if body is None else json.dumps(body).encode(),
            headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def request(self, victim: Show) -> tuple[str, str, object]:
        """A request about something of the victim: method, path, body."""
        ids, reward = victim.ids, {"text": "mine"}
        everyone = {"kind": "everyone"}
        return self.dice.choice(
            [
                ("GET", f"/bonuses/{ids['bonus']}", None),
                ("GET", f"/bonuses/{ids['bonus']}/claims", None),
                ("DELETE", f"/bonuses/{ids['bonus']}", None),
                ("DELETE", f"/news/{ids['news']}", None),
                ("GET", f"/news/{ids['news']}", None),
                ("GET", f"/campaigns/{ids['campaign']}", None),
                ("DELETE", f"/campaigns/{ids['campaign']}", None),
                ("POST", f"/campaigns/{ids['campaign']}/pause", None),
                ("POST", f"/keys/{victim.key['key_id']}/rotate", {"old_valid_seconds": 0}),
                ("DELETE", f"/keys/{victim.key['key_id']}", None),
                *(("GET", path, None) for path in ("/keys", "/keys/own", "/audit", "/online")),
                *(
                    ("GET", path, None)
                    for path in ("/grants", "/online/counts", "/bonuses", "/news")
                ),
                ("GET", f"/sessions?user_id={USER}", None),
                ("GET", f"/connections?user_id={USER}", None),
                ("POST", "/kick", {"user_id": USER, "reason": "not mine"}),
                ("POST", "/erasures", {"user_id": USER, "author": "not hers"}),
                ("POST", "/tickets", {"user_id": USER}),
                (
                    "POST",
                    "/bonuses",
                    {"bonus_id": ids["bonus"], "reward": reward, "audience": everyone}
                    | {"window_seconds": 30},
                ),
                ("POST", "/keys", {"name": "more", "scopes": ["read"]}),
            ]
        )


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    seed = os.environ.get("FUZZ_SEED") or secrets.token_hex(4)
    with running(tmp_path, APPS="shop") as system:
        secret = (tmp_path / "ticket-secret").read_text().strip()
        both = Two(system, {}, Random(f"apps {seed}"))  # noqa: S311  # no secret
        async with AsyncExitStack() as stack:
            for app in APPS:
                both.shows[app] = await opened(both, app, app_key(secret, app), stack)
            await Browser(system, stack).invoke("SweepFunction")
            yield both


async def opened(two: Two, app: str, ticket_key: str, stack: AsyncExitStack) -> Show:
    """A show that is under way."""

    def order(path: str, body: object) -> dict[str, Any]:
        status, text = two.call("POST", path, body, two.system.service_token, app)
        assert status == 201, text
        return dict(json.loads(text))

    key = order("/keys", {"name": "all", "scopes": list(SCOPES)})
    dsn = database_of(two.system.database_url, app)
    show = Show(app, key, ticket_key, two.system.websocket_url, dsn)
    # Its last use is noted by the hour: not again while it attacks.
    assert two.call("GET", "/keys/own", None, show.token)[0] == 200
    show.tab = await stack.enter_async_context(connect(show.ticket(), proxy=None))
    assert (await hello(show.tab))["user_id"] == USER
    reward, everyone = {"text": show.marker}, {"kind": "everyone"}
    window = {"audience": everyone, "window_seconds": 3_600, "stock": 3}
    milestone = {"reward": reward, "claim_within_seconds": 60, "watched_seconds": 86_400}
    news = {"type": "notice", "body": reward, "audience": everyone, "expires_in_seconds": 3_600}
    show.ids = {
        "bonus": order("/bonuses", {"reward": reward, **window})["bonus_id"],
        "news": order("/news", news)["news_id"],
        "campaign": order("/campaigns", {"milestones": [milestone]})["campaign_id"],
    }
    for _ in range(2):  # both are told before anything is compared
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert show.marker in str(await show.tab.recv())
    return show


async def test_the_keys_and_tickets_of_one_app_read_and_change_nothing_of_another(two: Two) -> None:
    before = {app: await show.state() for app, show in two.shows.items()}
    kinds: list[Callable[[Two, Show, Show], Any]] = [
        *(named_by_header, renamed, others_id_with_own_secret, misnamed) * 4,
        wrong_ticket,
    ]
    for _ in range(CALLS * 2 // 3):
        attacker = two.shows[two.dice.choice(APPS)]
        await two.dice.choice(kinds)(two, attacker, two.shows[OTHER[attacker.app]])
    for app, show in two.shows.items():
        assert await show.changes(before[app]) == []
    attacker = two.shows[two.dice.choice(APPS)]
    await in_its_own_app(two, attacker, two.shows[OTHER[attacker.app]])


async def refused(two: Two, victim: Show, token: str, app: str | None, expected: int) -> None:
    method, path, body = two.request(victim)
    status, text = await asyncio.to_thread(two.call, method, path, body, token, app)
    assert status == expected, (method, path, text)
    assert victim.marker not in text


async def named_by_header(two: Two, attacker: Show, victim: Show) -> None:
    await refused(two, victim, attacker.token, victim.app, 403)


async def misnamed(two: Two, attacker: Show, victim: Show) -> None:
    names = [victim.app.upper(), f"{attacker.app},{victim.app}", "", "quiz", "../shop", "x" * 2_000]
    await refused(two, victim, attacker.token, two.dice.choice(names), 403)
    await refused(two, victim, two.system.service_token, two.dice.choice(names), 403)


async def renamed(two: Two, attacker: Show, victim: Show) -> None:
    """Its own key, as one of the other app, or of one that there is not."""
    bare = attacker.token.replace(f"hk_{attacker.app}_", "hk_")
    app = two.dice.choice([victim.app, "quiz"])
    token = bare if app == "main" else bare.replace("hk_", f"hk_{app}_")
    await refused(two, victim, token, two.dice.choice([None, victim.app]), 401)


async def others_id_with_own_secret(two: Two, attacker: Show, victim: Show) -> None:
    head, secret = victim.token[:-43], attacker.token[-43:]
    await refused(two, victim, head + secret, two.dice.choice([None, victim.app]), 401)


async def wrong_ticket(two: Two, attacker: Show, victim: Show) -> None:
    """Signed with its own key, for the other app."""
    theirs = None if victim.app == "main" else victim.app
    url = attacker.ticket(app=two.dice.choice([theirs, "quiz", 7, [victim.app], ""]))
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(url, proxy=None):
            pass
    assert refusal.value.response.status_code == 401


async def in_its_own_app(two: Two, attacker: Show, victim: Show) -> None:
    """What it may do all the same, with the other's ids, happens in its own app alone."""
    before = await victim.state()
    for _ in range(CALLS // 10):
        method, path, body = two.request(victim)
        status, text = await asyncio.to_thread(
            two.call, method, path, body, attacker.token, two.dice.choice([None, attacker.app])
        )
        assert status < 500, (method, path, text)
        assert victim.marker not in text
    for _ in range(CALLS // 60):
        async with connect(attacker.ticket(), proxy=None) as tab:
            assert victim.marker not in json.dumps(await hello(tab))
            for action, name in (("claim", "bonus"), ("ack", "bonus")):
                message = {"action": action, "id": uuid4().hex, f"{name}_id": victim.ids[name]}
                assert victim.marker not in json.dumps(await ask(tab, message))
    assert await victim.changes(before) == []
    assert victim.tab is not None
    assert victim.marker in json.dumps(await hello(victim.tab)), "she is still there"
