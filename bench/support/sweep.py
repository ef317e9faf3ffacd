"""Presence with faults on: what the table says against what really happened.

Two gateways with the project's own functions, one database. Clients know when each connection was
really lost. The one gateway loses 10 % of $disconnects, and one of its two node processes is
killed; the other gateway dies as a machine that loses its power. Then the scheduled sweep, started
here rather than each minute, must close all connections that are gone within the bound, and none
that is open.

The bound: an end without its $disconnect is found by the first cycle of the sweep that begins when
the connection is a minute old and gone; a dead gateway's by the first run when it has been out of
reach for the grace. So each is closed by the end of the first cycle after its bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import boto3
import uvloop
from botocore.config import Config

from bench.support.clients import CLOSE_FRAME, Client, connect
from bench.support.gateways import ROOT, Gateway, gateway
from handlers.core.ticket import Ticket, mint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

AT_ONCE = 32
LOST = 0.1
# Both sides read one clock; the table keeps milliseconds.
ROUNDING = 0.002
# A $disconnect that waits behind thousands of others comes late, and its session ends late.
TOLD_TIMEOUT = 30.0
WITHIN_SECONDS = 60
KEYS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
}
# Every open connection is two minutes older: for a run that cannot wait.
AGE = """
update watching_times set joined_at = joined_at - interval '2 minutes',
       seen_at = seen_at - interval '2 minutes',
       nodes = (select jsonb_object_agg(node, connections) from
                  (select node, jsonb_object_agg(connection_id, jsonb_build_object(
                       'at', extract(epoch from opened_at - interval '2 minutes'))) as connections
                     from connections(nodes) group by node) as by_node)
"""


@dataclass(frozen=True)
class Sizes:
    """How many connections stay or leave on the one gateway, and are on the one that dies."""

    stay: int
    leave: int
    dead: int
    grace: timedelta


@dataclass
class Guest:
    """A user with one connection, and the truth about it."""

    user_id: str
    client: Client
    left_at: float | None = None
    """When the client said goodbye, if it did."""

    @property
    def ended(self) -> tuple[float, float] | None:
        """Between which two moments the connection ended; None while it is open."""
        if not self.client.is_closed:
            return None
        return self.left_at or self.client.closed_at, self.client.closed_at


@dataclass(frozen=True)
class End:
    """What the table says of a user who is gone, against the truth, in seconds."""

    ended_by: str
    early: float
    """How much before the true end the row ends; below zero: after it."""
    within: float
    """How much later than the row says the true end may be, as the row says."""
    missed: float
    """How much later than that it was."""


@dataclass
class Report:
    """What was found; `wrong` is empty when all is as it must be."""

    ends: list[End] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Do a step, and say how long it took."""
        began = time.perf_counter()
        yield
        print(f"{time.perf_counter() - began:8.1f} s  {name}", flush=True)

    def expect(self, what: str, is_so: bool) -> None:
        if not is_so:
            self.wrong.append(what)


def story(dsn: str, folder: Path, sizes: Sizes, *, is_patient: bool) -> Report:
    """Play it all. `is_patient`: wait until connections are a minute old, rather than say so."""
    secret = secrets.token_urlsafe(32)
    given = ["--no-console", "--parameter", f"DatabaseUrl={dsn}"]
    given += ["--parameter", f"GraceSeconds={sizes.grace.total_seconds():g}"]
    template = ROOT / "template.yaml"
    authority, log = folder / "authority.pem", folder / "log.txt"
    environment = {
        "WSGATE_PARAMETER_TicketSecret": secret,
        "WSGATE_PARAMETER_ServiceToken": secrets.token_urlsafe(32),
    }
    with (
        gateway(
            *(*given, "--quiet", "--authority", str(authority)),
            template=template,
            environment=environment,
            log=log,
        ) as dying,
        gateway(
            *(*given, "--nodes", "2", "--fault", f"disconnect_lost={LOST}", "--fault", "seed=7"),
            # Its log says which $disconnects are lost; thousands of lines would cost the benchmark.
            *(["--quiet"] if is_patient else []),
            template=template,
            # Its functions trust both gateways, as they trust all of AWS.
            environment=environment | {"AWS_CA_BUNDLE": str(authority)},
            log=log,
        ) as living,
    ):
        player = Story(dsn, secret, sizes, dying, living, log)
        return uvloop.run(player.play(is_patient=is_patient))


class Story:
    """The run of it; each step leaves its time in the report."""

    def __init__(  # noqa: PLR0913, PLR0917
        self, dsn: str, secret: str, sizes: Sizes, dying: Gateway, living: Gateway, log: Path
    ) -> None:
        self._dsn, self._secret, self._sizes, self._log = dsn, secret, sizes, log
        self._dying, self._living = dying, living
        self._functions = boto3.client(
            "lambda",
            endpoint_url=f"http://127.0.0.1:{living.port}",
            region_name=KEYS["AWS_DEFAULT_REGION"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(read_timeout=WITHIN_SECONDS, retries={"total_max_attempts": 1}),
        )
        self.report = Report()

    async def play(self, *, is_patient: bool) -> Report:
        self._db = await asyncpg.connect(self._dsn)
        try:
            await self._play(is_patient)
        finally:
            await self._db.close()
        return self.report

    async def _play(self, is_patient: bool) -> None:
        report, sizes = self.report, self._sizes
        with report.step("all connect"):
            staying = await self._arrive("stay", self._living, sizes.stay)
            leaving = await self._arrive("leave", self._living, sizes.leave)
            dying = await self._arrive("dead", self._dying, sizes.dead)
        guests = [*staying, *leaving, *dying]
        with report.step("they are a minute old"):
            await (asyncio.sleep(61) if is_patient else self._db.execute(AGE))
        with report.step("two cycles of the sweep"):
            await self._cycle()
            await self._cycle()
        report.expect("none is closed while all are open", await self._is_so(guests))

        with report.step("some leave, and one in ten $disconnects is lost"):
            await self._leave(leaving)
            wait = self._are_told if is_patient else self._all_but_the_lost_are_told
            await wait(leaving)
        with report.step("a node process is killed, and a gateway dies"):
            await self._kill_node(staying)
            self._dying.kill()
            await until(lambda: all(guest.client.is_closed for guest in dying))
        with report.step("a cycle closes the ends without a $disconnect"):
            await self._cycle()
        report.expect(
            "a cycle closes all ends without a $disconnect",
            await self._is_so([*staying, *leaving]),
        )
        with report.step("the dead gateway is out of reach for the grace"):
            await self._out_of_reach()
        with report.step("a cycle: all its connections are closed"):
            await self._cycle()
        report.expect(
            "a cycle behind the grace closes the dead gateway's", await self._is_so(dying)
        )
        report.expect("all others are as they were", await self._is_so(guests))
        await self._judge(guests)
        await self._close(staying)

    # What happens.

    async def _arrive(self, kind: str, where: Gateway, many: int) -> list[Guest]:
        async def come(number: int) -> Guest:
            # Those of all kinds are mixed in the order of the sweep.
            user_id = f"{number * 7919 % 10_007:05d}-{kind}-{number}"
            ticket = Ticket(
                secrets.token_hex(8), user_id, "site", datetime.now(UTC) + timedelta(minutes=1)
            )
            path = f"/live?ticket={mint(ticket, self._secret)}"
            return Guest(user_id, await connect(where.port, path))

        return await gather([lambda n=n: come(n) for n in range(many)])  # type: ignore[misc]

    async def _leave(self, guests: list[Guest]) -> None:
        for guest in guests:
            guest.left_at = time.time()
            guest.client.say(CLOSE_FRAME)
            await asyncio.sleep(0)
        await until(lambda: all(guest.client.is_closed for guest in guests))

    async def _kill_node(self, guests: list[Guest]) -> None:
        """One of the two, whichever: its connections go, and @connections answers 410 for them."""
        url = f"http://127.0.0.1:{self._living.port}/_wsgate/faults"
        body = json.dumps({"name": "node_kill", "value": 1}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        await asyncio.to_thread(urllib.request.urlopen, request)
        await until(lambda: any(guest.client.is_closed for guest in guests))

    async def _all_but_the_lost_are_told(self, guests: list[Guest]) -> None:
        """Wait for each $disconnect but those that the gateway's log calls lost."""

        async def is_so() -> bool:
            lost = self._log.read_text().count("fault: disconnect_lost")
            return len(await self._open(guests)) == lost

        async with asyncio.timeout(WITHIN_SECONDS):
            while not await is_so():  # noqa: ASYNC110  # a database and a file
                await asyncio.sleep(0.05)

    async def _are_told(self, guests: list[Guest]) -> None:
        """Wait until the $disconnects that were not lost have been heard."""
        before = -1
        while (now := len(await self._open(guests))) != before or now > len(guests) / 2:
            before = now
            await asyncio.sleep(0.5)

    async def _cycle(self) -> None:
        """Runs of the sweep, as many as it takes to the end of a cycle."""
        is_over = False
        while not is_over:
            answer = await asyncio.to_thread(
                self._functions.invoke, FunctionName="SweepFunction", Payload=b"{}"
            )
            numbers = json.load(answer["Payload"])
            if "FunctionError" in answer:
                raise SystemExit(f"the sweep failed: {numbers}")
            asked, seconds = int(numbers["asked"]), numbers["duration_ms"] / 1000
            print(f"{'':12}a run: {asked} asked, {int(numbers['closed'])} closed, {seconds:.1f} s")
            is_over = await self._db.fetchval("select is_listed from sweep_cursor")

    async def _out_of_reach(self) -> None:
        """Until the grace is over; no row: a run of the gateway's own schedule came first."""
        sql = "select bool_and(clock_timestamp() - since >= $1) is not false from unreachable_nodes"
        async with asyncio.timeout(WITHIN_SECONDS):
            while not await self._db.fetchval(sql, self._sizes.grace):  # noqa: ASYNC110  # a database
                await asyncio.sleep(0.1)

    async def _close(self, guests: list[Guest]) -> None:
        for guest in guests:
            guest.client.transport.abort()
        await until(lambda: all(guest.client.is_closed for guest in guests))

    # What the table says.

    async def _open(self, guests: list[Guest]) -> set[str]:
        rows = await self._db.fetch(
            "select user_id from watching_times where ended_at is null and user_id = any ($1)",
            [guest.user_id for guest in guests],
        )
        return {row["user_id"] for row in rows}

    async def _is_so(self, guests: list[Guest]) -> bool:
        """The users with an open connection are online, and no others."""
        here = {guest.user_id for guest in guests if not guest.client.is_closed}
        return await self._open(guests) == here

    async def _judge(self, guests: list[Guest]) -> None:
        rows: dict[str, list[Any]] = {guest.user_id: [] for guest in guests}
        for row in await self._db.fetch("select * from sessions"):
            rows[row["user_id"]].append(row)
        self.report.expect(
            "each user has one session", all(len(sessions) == 1 for sessions in rows.values())
        )
        for guest in guests:
            if guest.ended is not None:
                self._compare(guest.ended, rows[guest.user_id][0])

    def _compare(self, ended: tuple[float, float], row: Any) -> None:
        if row["ended_at"] is None:
            return
        said, within = row["ended_at"].timestamp(), row["ended_within"].total_seconds()
        end = End(row["ended_by"], ended[1] - said, within, ended[0] - said - within)
        self.report.ends.append(end)
        # $disconnect writes the time at which it runs, which is a while after the end.
        late = TOLD_TIMEOUT if end.ended_by == "client" else 0
        self.report.expect(f"a row ends after the truth: {end}", end.early >= -late - ROUNDING)
        self.report.expect(f"a row's bound is below the truth: {end}", end.missed <= ROUNDING)


async def gather(calls: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """So many at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(call: Callable[[], Awaitable[Any]]) -> Any:
        async with gate:
            return await call()

    return await asyncio.gather(*(one(call) for call in calls))


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while not is_so():  # noqa: ASYNC110  # thousands of clients, and no event for all of them
            await asyncio.sleep(0.02)
