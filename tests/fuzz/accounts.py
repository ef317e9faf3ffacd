"""What must be right after an attack: an honest user is served, and nothing of it is left over."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import asyncpg
from websockets.sync.client import connect

from tests.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

    from tests.fuzz.attack import Attack

# What no input may bring about. A line of the log ends in a status and how long it took. A database
# that a busy machine stops for a while is answered 503, and who is answered so asks again.
WRONG = re.compile(r"Traceback|Exception|never retrieved|Task timed out|\b5\d[0-24-9] \d+ ms\b")
# Each finds rows that contradict the rule.
CONTRADICTIONS = {
    "the events of a stream have no gap, and the last is its head": """
        select user_id from user_streams s left join user_events e using (user_id)
        group by user_id, s.seq
        having max(e.seq) <> s.seq or max(e.seq) - min(e.seq) >= count(*)""",
    "a bonus is claimed no more often than its stock allows": """
        select bonus_id from bonuses join claims using (bonus_id)
        group by bonus_id, stock having count(*) > stock""",
    "the ledger has every claim, once": """
        select bonus_id, user_id from claims c full join
            (select bonus_id, user_id, count(*) from ledger where entry = 'claimed' group by 1, 2) l
            using (bonus_id, user_id)
        where c.user_id is null or l.count is distinct from 1""",
    "sessions of one user and resource do not overlap": """
        select a.id from watching_times a
            join watching_times b using (user_id, resource)
        where a.id < b.id
            and tstzrange(a.joined_at, a.ended_at) && tstzrange(b.joined_at, b.ended_at)""",
}
# Each becomes empty, when the last $disconnect has been done.
LEFT_OVER = {
    "open sessions of attackers": """
        select user_id from watching_times
        where ended_at is null and not starts_with(user_id, 'honest')""",
    "transactions that were left open": """
        select pid from pg_stat_activity where state like 'idle in transaction%'""",
}
CLOSE_WAIT = "08"


@dataclass
class Neighbour:
    """An honest user, whose tab stays open meanwhile."""

    tab: ClientConnection
    turns: int = 0

    @classmethod
    @contextmanager
    def beside(cls, attack: Attack) -> Iterator[Neighbour]:
        path = attack.path(f"honest-{attack.dice.getrandbits(64):x}")
        url = attack.system.websocket_url.removesuffix("/live") + path
        with connect(url, proxy=None, open_timeout=PATIENCE_SECONDS) as tab:
            neighbour = cls(tab)
            neighbour.is_served()
            yield neighbour

    def is_served(self) -> None:
        """They see the state that they left, and it can be changed."""
        welcome = self._ask({"action": "hello"})
        assert welcome["type"] == "welcome", welcome
        assert welcome["state"].get("turns", 0) == self.turns
        self.turns += 1
        act = {"action": "act", "type": "turn", "body": {}, "patch": {"turns": self.turns}}
        acted = self._ask(act)
        assert acted["type"] == "acted", acted
        assert acted["event"]["seq"] == welcome["seq"] + 1

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        re = f"{message['action']}-{self.turns}"
        self.tab.send(json.dumps(message | {"id": re}))
        while True:  # what attackers create for everyone is pushed here, too
            answer: dict[str, Any] = json.loads(self.tab.recv(timeout=PATIENCE_SECONDS))
            if answer.get("re") == re or "type" not in answer:
                return answer


class Accounts:
    """What is looked at after an attack."""

    def __init__(self, attack: Attack, neighbour: Neighbour) -> None:
        self._attack, self._neighbour = attack, neighbour
        self._read = len(attack.log)

    def are_right(self) -> None:
        self._neighbour.is_served()
        wait_until(self._is_healthy, "healthy again")
        wrong = [line for line in self._said() if WRONG.search(line)]
        assert not wrong, "\n".join(wrong)
        found = self._found(CONTRADICTIONS)
        assert not found, found
        wait_until(lambda: not self._found(LEFT_OVER), f"one of {[*LEFT_OVER]}")
        wait_until(lambda: self._get("/_wsgate/look")["connections"]["total"] == 1, "connections")
        wait_until(lambda: not self._half_closed(), "sockets that the gateway has not closed")

    def _said(self) -> list[str]:
        """The lines of the log since the attack began."""
        return self._attack.log[self._read :].splitlines()

    def _is_healthy(self) -> bool:
        try:
            return bool(self._get("/health"))
        except HTTPError as error:
            assert error.code == HTTPStatus.SERVICE_UNAVAILABLE, error
            return False  # the database is slow on a busy machine

    def _get(self, path: str) -> Any:
        url = self._attack.system.base_url + path
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return json.load(answer)

    def _found(self, queries: dict[str, str]) -> dict[str, list[Any]]:
        """The rows of those that have any."""

        async def fetch() -> dict[str, list[Any]]:
            db = await asyncpg.connect(self._attack.system.database_url)
            try:
                rows = {name: await db.fetch(sql) for name, sql in queries.items()}
            finally:
                await db.close()
            return {name: found for name, found in rows.items() if found}

        return asyncio.run(fetch())

    def _half_closed(self) -> list[str]:
        """The gateway's sockets whose other end is closed: address and state, from /proc."""
        table = Path("/proc/net/tcp")
        if not table.exists():
            return []  # macOS
        ours = f":{self._attack.port:04X}"
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        return [row[2] for row in rows if row[1].endswith(ours) and row[3] == CLOSE_WAIT]
