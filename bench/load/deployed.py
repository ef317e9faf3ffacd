"""A gateway that is deployed elsewhere: its door, its HTTP API, and what can be checked by that.

What only the database knows is not checked, and nothing is killed. No other users may come or go
meanwhile: what the API counts more than before the run is taken for the run's.
"""

from __future__ import annotations

import asyncio
import functools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import aiohttp

from bench.load.line import Line, opened
from bench.load.record import latencies
from bench.load.system import Down, ask, call
from bench.load.truth import Pushes, Watched, grants, judge_claims, judge_watched, settled, wrong
from bench.load.waiting import until_none
from bench.support.clients import Refused, handshake

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.load.company import Spell
    from bench.load.crowds import Crowds
    from bench.load.line import Owner
    from bench.load.options import Options
    from bench.load.tally import Wrong

ONLINE = "/online?limit=1"
SAMPLE = 50
"""Users whose sessions are read one by one."""


@dataclass(frozen=True)
class FarDoor:
    """A WebSocket URL, and the HTTP API that mints its tickets."""

    target: str
    api: str
    token: str = field(repr=False)

    async def open(self, user_id: str, owner: Owner, _source: str | None) -> Line:
        url = urlsplit(self.target)
        head = handshake(f"{url.path}?ticket={quote(await self._ticket(user_id))}", url.netloc)
        is_safe = url.scheme == "wss"
        port = url.port or (443 if is_safe else 80)
        return await opened(Line(head, owner), url.hostname or "", port, ssl=is_safe or None)

    async def _ticket(self, user_id: str) -> str:
        headers = {"Authorization": f"Bearer {self.token}"}
        order = {"user_id": user_id}
        try:
            async with _session().post(
                f"{self.api}/tickets", json=order, headers=headers
            ) as answer:
                if answer.status != 201:
                    raise Refused(f"POST /tickets {answer.status}")
                return str((await answer.json())["ticket"])
        except aiohttp.ClientError as error:
            raise Refused(f"POST /tickets {type(error).__name__}") from error


@functools.cache
def _session() -> aiohttp.ClientSession:
    """One for each process; it ends with it."""
    return aiohttp.ClientSession()


class Deployed:
    """The system behind a URL."""

    def __init__(self, options: Options) -> None:
        self.base_url, self._token = options.api, options.token
        self.failures: list[str] = []
        self.too_slow = 0
        self.door = FarDoor(options.target, options.api, options.token)
        self.before = (0, 0)
        """Users and connections that were online before the run."""

    async def start(self) -> None:
        """See that it answers. Raises Down."""
        try:
            counts = await asyncio.to_thread(call, self.base_url, self._token, "GET", ONLINE)
        except OSError as error:
            raise Down(f"{self.base_url} does not answer: {error}.") from error
        self.before = counts["users"], counts["connections"]

    async def close(self) -> None:
        """Leave it as it is."""

    def nodes(self) -> list[int]:
        return []

    def ended(self) -> str | None:
        return None

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer of the HTTP API. Raises OSError."""
        return await ask(self.base_url, self._token, method, path, body)

    async def online(self) -> tuple[int, int]:
        """Users and connections that are online."""
        counts = await self.ask("GET", ONLINE)
        return counts["users"], counts["connections"]


class FarTruth:
    """Asks clients and the API."""

    def __init__(self, system: Deployed, crowds: Crowds, grace: float) -> None:
        self._system, self._crowds, self._grace = system, crowds, grace
        self._left_at = 0.0
        self.pushes = Pushes(system, crowds)

    async def presence(self) -> list[Wrong]:
        """Sockets of the clients = what the API counts more than before."""
        return await settled(self._presence)

    async def _presence(self) -> list[Wrong]:
        lines: dict[str, str] = {}
        for each in await self._crowds.ask("lines"):
            lines |= each
        users, connections = await self._more()
        mine = (len(set(lines.values())), len(lines))
        said = (
            f"{users:,} users, {connections:,} connections; clients hold {mine[0]:,}, {mine[1]:,}"
        )
        return wrong("the API counts others", [said] if (users, connections) != mine else [])

    async def _more(self) -> tuple[int, int]:
        users, connections = await self._system.online()
        return users - self._system.before[0], connections - self._system.before[1]

    async def still_online(self) -> list[Wrong]:
        """Each user of a sample is online, in one session."""
        found = []
        for user_id in await self._sample():
            page = await self._system.ask("GET", f"/sessions?user_id={quote(user_id)}")
            if not page["online"] or len({one["session_id"] for one in page["items"]}) != 1:
                found.append(user_id)
        return wrong("the session of a user who stayed was ended", found)

    async def claims(self, bonus_id: str, stock: int, answers: Mapping[str, str]) -> list[Wrong]:
        """Answers = grants = what was taken from the stock."""
        users = sum(await self._crowds.ask("users"))

        async def look() -> list[Wrong]:
            granted = {"GET /grants": await grants(self._system, bonus_id)}
            bonus = await self._system.ask("GET", f"/bonuses/{bonus_id}")
            found = judge_claims(users, stock, answers, granted)
            if stock - bonus["left"] != bonus["claimed"]:
                said = f"taken {stock - bonus['left']:,}, claimed {bonus['claimed']:,}"
                found += wrong("stock and claims differ", [said])
            return found

        return await settled(look)

    async def all_have_left(self) -> None:
        """Wait until no connection is counted that was not before."""

        async def left() -> int:
            return sum(map(abs, await self._more()))

        await until_none(left, every=1.0)
        self._left_at = time.time()

    async def all_is_finalized(self, *, hasten: bool) -> list[Wrong]:
        """The stack does that when it is time; the sessions of a user say the same before."""
        return []

    async def watched(self) -> tuple[list[Wrong], dict[str, Any]]:
        """Watch time of a sample of users, once all have gone."""
        records: dict[str, Sequence[Spell]] = {}
        for each in await self._crowds.ask("records"):
            records |= each
        sample = {user_id: records[user_id] for user_id in await self._sample()}
        said = {}
        for user_id in sample:
            page = await self._system.ask("GET", f"/sessions?user_id={quote(user_id)}")
            within = sum(one["ended_within_ms"] or 0 for one in page["items"])
            said[user_id] = Watched(
                len({one["session_id"] for one in page["items"]}),
                sum(one["ended_at"] is None for one in page["items"]),
                page["watched_ms"] / 1000,
                within / 1000,
                # Its clock is not ours: the end was written before we saw it.
                self._left_at - sample[user_id][-1].ended_at,
            )
        found, errors = judge_watched(sample, said, self._grace)
        return found, {"difference_ms": latencies(errors)}

    async def nothing_left(self) -> list[Wrong]:
        """As many are online as before."""
        return await self._presence()

    async def _sample(self) -> list[str]:
        names = [name for names in await self._crowds.ask("names") for name in names]
        return names[:: max(1, len(names) // SAMPLE)]
