"""Each fault of a real system rings its alarm and no other; ordinary traffic rings none.

The alarms are those of infra/alarms.yaml, judged by CloudWatch's rules (support/cloudwatch.py) with
what the system itself has counted (support/counted.py).
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import urllib.error
import urllib.request
import uuid
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bench.support.gateways import ROOT, gateway
from bench.support.ports import free_port
from bench.support.sweep import AGE
from handlers.core.ticket import Ticket, mint
from tests.support.browser import Browser, ask, hello
from tests.support.counted import Minutes, read
from tests.support.silence import server_of, stopped
from tests.support.system import Headcount
from tests.support.waiting import PATIENCE_SECONDS, until_answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]
FOR_ALL = {"reward": {"n": 1}, "audience": {"kind": "everyone"}, "window_seconds": 600}
# More than any alarm looks back.
HEALTHY_MINUTES = 14
AT_ONCE = 25


class World:
    """A system, a browser at it, and the minutes that it has seen."""

    def __init__(self, browser: Browser, secret: str, minutes: Minutes) -> None:
        self.browser, self.secret, self.minutes = browser, secret, minutes

    @property
    def base_url(self) -> str:
        return self.browser.headcount.base_url

    async def schedules(self) -> None:
        """What happens in every minute."""
        await self.browser.invoke("SweepFunction")
        await self.browser.invoke("AwardFunction")

    async def plays(
        self, what: Callable[[], Awaitable[object]], times: int = 3, scale: float = 1
    ) -> set[str]:
        """What rings after a healthy time and these minutes."""
        minutes = self.minutes.fork()
        await minutes.play(what, times, scale)
        return minutes.ringing()

    @asynccontextmanager
    async def fault(self, name: str, value: float = 1) -> AsyncIterator[None]:
        await asyncio.to_thread(self._set, name, value)
        try:
            yield
        finally:
            await asyncio.to_thread(self._set, name, 0)

    def _set(self, name: str, value: float) -> None:
        request = urllib.request.Request(  # noqa: S310  # our own gateway
            f"{self.base_url}/_wsgate/faults",
            json.dumps({"name": name, "value": value}).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=PATIENCE_SECONDS).close()  # noqa: S310

    def expired(self) -> str:
        return self.ticket(-1)

    def ticket(self, seconds: float = 60) -> str:
        """The URL of a connection that may be opened for so long."""
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        ticket = mint(Ticket(uuid.uuid4().hex, "ann", "site", until), self.secret)
        return f"{self.browser.headcount.websocket_url}?ticket={ticket}"

    async def status(self, path: str) -> int:
        """Of a request without a token."""
        try:
            await asyncio.to_thread(
                lambda: urllib.request.urlopen(self.base_url + path, timeout=60).close()  # noqa: S310
            )
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return refusal.code
        return 200


async def refusal(url: str) -> int:
    """The status of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, open_timeout=PATIENCE_SECONDS, proxy=None)
    return refused.value.response.status_code


async def together(calls: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """So many at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(call: Callable[[], Awaitable[Any]]) -> Any:
        async with turns:
            return await call()

    return await asyncio.gather(*map(one, calls))


@asynccontextmanager
async def running(
    dsn: str, folder: Path, *more: str
) -> AsyncIterator[tuple[Headcount, str, Minutes]]:
    port, token, secret = free_port(), secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    address = f"127.0.0.1:{port}"
    parameters = {
        "DatabaseUrl": dsn,
        "PushEndpoint": f"http://{address}/live",
        "SocketUrl": f"ws://{address}/live",
        "GraceSeconds": "0",
    }
    starting = gateway(
        *(part for one in parameters.items() for part in ("--parameter", "=".join(one))),
        *more,
        template=ROOT / "template.yaml",
        environment={
            "WSGATE_PARAMETER_TicketSecret": secret,
            "WSGATE_PARAMETER_ServiceToken": token,
        },
        log=folder / "log.txt",
        port=port,
    )
    process = await asyncio.to_thread(starting.__enter__)
    try:
        base_url = f"http://{address}"
        system = Headcount(base_url, f"ws://{address}/live", token, dsn, process.pid)
        yield system, secret, Minutes(base_url, await asyncio.to_thread(apis, base_url))
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)


def apis(base_url: str) -> dict[str, str]:
    """The ids of both APIs, which count from their first request on."""
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"{base_url}/health").close()  # noqa: S310
    with urllib.request.urlopen(f"{base_url}/_wsgate/look") as answer:  # noqa: S310
        socket = json.load(answer)["about"]["stages"][0]["api"]
    (web,) = [one for one in read(base_url) if one.startswith("aws_api_gateway_count_sum ")]
    return {"SocketApiId": socket, "WebApiId": web.split("'")[3]}


@pytest.fixture
async def world(own_dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running(own_dsn, tmp_path) as (system, secret, minutes), AsyncExitStack() as stack:
        world = World(Browser(system, stack), secret, minutes)
        tab = await world.browser.tab()
        await hello(tab)
        await minutes.play(world.schedules, HEALTHY_MINUTES)
        assert minutes.ringing() == set()
        yield world


async def test_faults_ring_their_alarms(world: World) -> None:
    """One system for all of them, since to start one takes longer than the faults."""
    await traffic_rings_none(world)
    await functions_that_cannot_be_called(world)
    await functions_that_fail(world)
    await the_queue(world)
    await schedules_that_do_not_run(world)
    await the_database_hangs(world)
    await no_way_to_the_gateway(world)


async def traffic_rings_none(world: World) -> None:
    """A thousand expired tickets in a minute, a scanner, a used ticket, and a storm."""
    browser = world.browser

    async def traffic() -> None:
        expired = [lambda: refusal(world.expired())] * 1_000
        assert set(await together(expired)) == {401}
        socket = browser.headcount.websocket_url
        assert await refusal(socket) == 401
        assert await refusal(f"{socket}?ticket=x") == 401
        assert await refusal(f"{socket}x?ticket=x") == 403
        paths = ["/wp-login.php", "/.env", "/grants", "/bonuses", "/admin"] * 10
        codes = await together([partial(world.status, path) for path in paths])
        assert set(codes) <= {401, 403, 404}
        url = await browser.ticket()
        await browser.tab(url)
        assert await refusal(url) == 401
        users = [Browser(browser.headcount, browser.stack) for _ in range(AT_ONCE)]
        tabs = await together([user.tab for user in users])
        for tab in tabs:
            tab.transport.abort()
        for tab in await together([user.tab for user in users]):
            await tab.close()
        await world.schedules()

    minutes = world.minutes.fork()
    await minutes.play(traffic, 5)
    assert minutes.sums("aws_lambda_errors") >= 1_000
    assert minutes.ringing() == set()


async def functions_that_cannot_be_called(world: World) -> None:
    async def handshakes() -> None:
        socket = f"{world.browser.headcount.websocket_url}?ticket=x"
        assert await together([lambda: refusal(socket)] * 10) == [500] * 10

    async def requests() -> None:
        assert await together([lambda: world.status("/health")] * 10) == [500] * 10

    async with world.fault("function_missing"):
        assert await world.plays(handshakes) == {"SocketErrors"}
        assert await world.plays(requests) == {"WebErrors"}
    async with world.fault("function_throttled"):
        assert await world.plays(handshakes) == {"FunctionThrottles"}
        assert await world.plays(requests) == {"FunctionThrottles"}


async def functions_that_fail(world: World) -> None:
    async def handshakes() -> None:
        assert await together([lambda: refusal(world.ticket())] * 10) == [500] * 10

    async def requests() -> None:
        await together([lambda: world.status("/health")] * 10)

    async with world.fault("function_crash"):
        assert await world.plays(handshakes) == {"FunctionErrors"}
        assert await world.plays(requests) == {"FunctionErrors"}


async def the_queue(world: World) -> None:
    """Half a second of the machine stands for half a minute."""
    name = "aws_sqs_approximate_age_of_oldest_message_last"

    async def is_old() -> bool:
        ages = await asyncio.to_thread(read, world.base_url)
        return max(age for one, age in ages.items() if one.startswith(f"{name} ")) > 0.6

    async def orders() -> None:
        await world.browser.api("POST", "/bonuses", FOR_ALL)
        await until_answered(is_old)

    async with world.fault("queue_stuck"):
        assert await world.plays(orders, 2, scale=60) == {"QueueAge"}


async def schedules_that_do_not_run(world: World) -> None:
    async def no_sweep() -> None:
        await world.browser.invoke("AwardFunction")

    async def no_award() -> None:
        await world.browser.invoke("SweepFunction")

    # The gateway's own schedule may come in between, in one of its minutes.
    found: set[str] = set()
    while not found:
        found = await world.plays(no_sweep, 10)
    assert found == {"SweepBehind"}
    found = set()
    while not found:
        found = await world.plays(no_award, 10)
    assert found == {"AwardsStopped"}


async def the_database_hangs(world: World) -> None:
    """Messages are answered all the same, and counted."""
    tab = await world.browser.tab()
    await hello(tab)

    def unanswered() -> float:
        counted = read(world.base_url).items()
        return sum(n for one, n in counted if one.startswith("headcount_database_unavailable_sum "))

    async def messages() -> None:
        before = await asyncio.to_thread(unanswered)
        while await asyncio.to_thread(unanswered) <= before + 5:
            await ask(tab, {"action": "act", "id": "a1", "type": "like", "body": {}})

    with stopped(await server_of(world.browser.headcount.database_url)):
        assert await world.plays(messages) == {"DatabaseUnavailable"}


async def no_way_to_the_gateway(world: World) -> None:
    await world.browser.rows(AGE)
    async with world.fault("management_latency", 60):
        assert await world.plays(world.schedules) == {"NodeUnreachable"}


async def test_the_gateway_s_own_429_rings(own_dsn: str, tmp_path: Path) -> None:
    """Lambda sees nothing of it, and ClientError counts it among the refusals of strangers."""
    quotas = ("--quotas", "connections=1")
    async with running(own_dsn, tmp_path, *quotas) as (system, _, minutes):

        async def handshakes() -> None:
            codes: list[int] = []
            while codes.count(429) <= 60:
                codes += await together([lambda: refusal(system.websocket_url)] * 100)

        await minutes.play(handshakes, 5)
        assert minutes.ringing() - {"SweepBehind", "AwardsStopped"} == {"ClientsThrottled"}
