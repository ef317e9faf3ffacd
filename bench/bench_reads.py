"""What a user's messages cost when the tables are full: `make bench-reads`.

The handlers of messages and handshakes run in this process, on three databases of one PostgreSQL:
one with empty tables, one as `bench/reads/full.sql` fills it, and one with what a welcome shows of
that and nothing else (`bench/reads/shown.sql`). The calls alternate between them, and between
user-0, who has most of the rows, and 200 others. A p99 is that of a hundred calls, and of those
the lower quartile. Exit code 1 when the p99 of an operation with full tables is more than 1.5 times
that with empty ones; the third tells what of it is due to their size.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from bench.support.figures import Figures, add_write_option
from bench.support.interrupts import interrupt_on_signals
from handlers import connect, disconnect, message
from handlers.adapters.database import Database
from handlers.container import Container
from handlers.core.operations import authorize
from handlers.core.ticket import Ticket
from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable

BAR_RATIO = 1.5
USERS = 200
WARM_UP = USERS  # each user has asked once: what is theirs is made, and the plans are
REPLIES = {
    "hello": "welcome",
    "ledger": "ledger",
    "ack": "acked",
    "claim": "claim",
    "watch": "watching",
    "audience": "audience",
}
READS = Path(__file__).parent / "reads"
FILLED = {"empty": "", "shown": "shown.sql", "full": "full.sql"}
"""With which file each database is filled."""
# Those who ask: an hour here, each on one connection.
ASKING = """
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select 'user-' || n, 'site', now() - interval '1 hour', now(),
           jsonb_build_object('gateway/live', jsonb_build_object('tab-' || n, jsonb_build_object(
               'at', extract(epoch from now()))))
      from generate_series(0, $1::integer) as n
"""
# A bonus that the asking user can claim, or acknowledge, and that looks at their watch time.
DROP = """
select create_bonus($1, '{"text": "5 coins"}', 'everyone', null, '{}', '0', '1 hour', null,
                    '1 minute', p_acknowledge => true)
"""


class Context:
    """Lambda's context: there is time."""

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@dataclass
class Side:
    """One database, and the handlers on it."""

    dsn: str
    container: Container
    db: asyncpg.Connection
    waits_ms: dict[str, list[float]] = field(default_factory=dict)

    def run(self, sql: str, *args: object) -> None:
        self.container.runner.run(self.db.execute(sql, *args))

    def says(self, what: str, user: int, **words: object) -> None:
        event = _event(user, f"tab-{user}", {"action": what, "id": uuid4().hex, **words})
        answer = self._measure(what, lambda: message.handle(event, Context(), self.container))
        reply = json.loads(answer["body"])
        if reply["type"] != REPLIES[what] or reply.get("outcome", "claimed") != "claimed":
            raise SystemExit(f"{what} was answered {reply}")

    def connects(self, user: int) -> None:
        event = _event(user, "another tab")
        answer = self._measure("connect", lambda: connect.handle(event, Context(), self.container))
        if answer["statusCode"] != 200:
            raise SystemExit(f"connect was answered {answer}")
        disconnect.handle(event, Context(), self.container)

    def _measure(self, what: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        begin = time.perf_counter()
        answer = call()
        self.waits_ms.setdefault(what, []).append((time.perf_counter() - begin) * 1_000)
        return answer

    def p50(self, what: str) -> float:
        """Of the calls behind the first ones."""
        return statistics.median(self.waits_ms[what][WARM_UP:])

    def p99(self, what: str) -> float:
        """Of each hundred calls, and of those the lower quartile: the machine's pauses only add."""
        waits = self.waits_ms[what][WARM_UP:]
        hundreds = (sorted(waits[n : n + 100]) for n in range(0, len(waits), 100))
        p99s = sorted(one[len(one) * 99 // 100] for one in hundreds)
        return p99s[len(p99s) // 4]


def hello(side: Side, user: int) -> None:
    side.says("hello", user)


def ledger(side: Side, user: int) -> None:
    side.says("ledger", user)


def ack(side: Side, user: int) -> None:
    bonus_id = uuid4()
    side.run(DROP, bonus_id)
    side.says("ack", user, bonus_id=str(bonus_id))


def claim(side: Side, user: int) -> None:
    bonus_id = uuid4()
    side.run(DROP, bonus_id)
    side.says("claim", user, bonus_id=str(bonus_id))


def watch(side: Side, user: int) -> None:
    """Away, and back: the user's first session ends and is finalized."""
    side.says("watch", user, resource="stream-1")
    side.says("watch", user, resource="site")


def audience(side: Side, user: int) -> None:
    side.says("audience", user, resource="site")


OPERATIONS: tuple[Callable[[Side, int], None], ...] = (
    hello,
    ledger,
    Side.connects,
    ack,
    claim,
    watch,
    audience,
)


def main() -> int:
    """Run all of it; 1 when the bar is missed."""
    interrupt_on_signals()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000, help="of each operation on each side")
    add_write_option(parser)
    given = parser.parse_args()
    # Counted as always, and never refused.
    os.environ["MESSAGES_PER_SECOND_AND_USER"] = "1000000"
    figures = Figures("reads")
    try:
        is_met = _bench(given.calls, figures)
    except KeyboardInterrupt:
        print("interrupted; the databases are ended and removed")
        return 130
    if given.write:
        figures.write()
    return 0 if is_met else 1


def _bench(calls: int, figures: Figures) -> bool:
    with (
        tempfile.TemporaryDirectory(prefix="bench-reads-") as folder,
        Postgres(Path(folder)) as dsn,
    ):
        say("filling the tables, which takes a minute")
        sides = {name: _side(dsn, name) for name in FILLED}
        for operation in OPERATIONS:
            for n in range(WARM_UP + calls):
                for side in _from(n, [*sides.values()]):
                    operation(side, n % USERS if n % 4 < 2 else 0)
        ratios = [_compare(what, sides, figures) for what in sides["empty"].waits_ms]
        for side in sides.values():
            side.container.runner.run(side.db.close())
    is_met = max(ratios) <= BAR_RATIO
    say(f"\n{'met' if is_met else 'NOT MET':8}p99 full / empty: {max(ratios):.2f}, bar {BAR_RATIO}")
    return is_met


def _from(turn: int, sides: list[Side]) -> list[Side]:
    """All of them, another one first each time."""
    first = turn % len(sides)
    return sides[first:] + sides[:first]


def _side(dsn: str, name: str) -> Side:
    """A database with the users who ask, and with what the file of this name puts into it."""
    own = urlunsplit(urlsplit(dsn)._replace(path=f"/tables_{name}"))
    container = Container()

    async def create() -> asyncpg.Connection:
        admin = await asyncpg.connect(dsn)
        await admin.execute(f"create database tables_{name}")
        await admin.close()
        await migrate(own)
        db = await asyncpg.connect(own)
        await db.execute("set statement_timeout = 0")  # the tables are filled in one statement each
        await db.execute(ASKING, USERS - 1)
        if FILLED[name]:
            await db.execute((READS / FILLED[name]).read_text("utf-8"))
        await db.execute("vacuum analyze")
        return db

    vars(container)["database"] = Database(own, container.deadline)
    return Side(own, container, container.runner.run(create()))


def _compare(what: str, sides: dict[str, Side], figures: Figures) -> float:
    p99 = {name: side.p99(what) for name, side in sides.items()}
    measured = "; ".join(
        f"{name}: p50 {side.p50(what):.2f} ms, p99 {p99[name]:.2f} ms"
        for name, side in sides.items()
    )
    ratio, of_size = p99["full"] / p99["empty"], p99["full"] / p99["shown"]
    say(f"   {what:8} {measured}; p99 full / empty: {ratio:.2f}, full / shown: {of_size:.2f}")
    figures.add(
        what,
        f"{measured}; p99 full / empty: {ratio:.2f} (bar: {BAR_RATIO}), / shown: {of_size:.2f}",
    )
    return ratio


def _event(user: int, tab: str, body: object = None) -> dict[str, Any]:
    expires_at = datetime.now(UTC) + timedelta(minutes=1)
    ticket = Ticket(uuid4().hex, f"user-{user}", "site", expires_at, may_watch="*", may_list=True)
    request = {
        "authorizer": authorize.context(ticket),
        "domainName": "gateway",
        "stage": "live",
        "connectionId": tab,
        "requestTimeEpoch": 0,
        "connectedAt": 0,
        "disconnectStatusCode": 1000,
    }
    return {"requestContext": request, "body": json.dumps(body)}


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
