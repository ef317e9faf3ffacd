"""A system that a test can harm, and the minutes it has seen, from which follows what rings."""

from __future__ import annotations

import asyncio
import json
import secrets
import urllib.error
import urllib.request
import uuid
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import boto3
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bench.support.gateways import ROOT, command, family, gateway
from bench.support.ports import free_port
from handlers.core.ticket import Ticket, mint
from tests.support.browser import Browser, hello
from tests.support.counted import Minutes, read
from tests.support.line import Line
from tests.support.system import Headcount
from tests.support.waiting import PATIENCE_SECONDS, until_answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from tests.support.counted import Scale

FOR_ALL = {"reward": {"n": 1}, "audience": {"kind": "everyone"}, "window_seconds": 600}
# More than any alarm looks back.
HEALTHY_MINUTES = 14
# Each call that finds none idle starts a copy of its function, which takes a second of a processor.
AT_ONCE = 4
# Sessions whose connections the gateway does not know. Once they are older than a minute the sweep
# asks for them.
CROWD = """
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select 'crowd-' || n, 'site', at, at, jsonb_build_object(
               (select jsonb_object_keys(nodes) from watching_times where nodes <> '{}' limit 1),
               jsonb_build_object(lpad(n::text, 14, '_') || 'A=',
                                  jsonb_build_object('at', extract(epoch from at))))
      from generate_series(1, $1::integer) n,
           (select clock_timestamp() - $2::interval) as began (at)
    on conflict do nothing
"""


class World:
    """A system, a browser at it, and the minutes that it has seen."""

    def __init__(self, browser: Browser, secret: str, minutes: Minutes, line: Line) -> None:
        """`line` is the functions' way to the database."""
        self.browser, self.secret, self.minutes, self.line = browser, secret, minutes, line
        self._functions = boto3.Session("local", "local", region_name="us-east-1").client(
            "lambda", endpoint_url=self.base_url
        )

    @property
    def base_url(self) -> str:
        return self.browser.headcount.base_url

    @property
    def queue_server(self) -> int:
        """The process that stands for SQS."""
        running = family(self.browser.headcount.pid)
        (pid,) = [one for one in running if "wsgate.triggers.queue_server" in command(one)]
        return pid

    async def warm_up(self) -> None:
        """Order a bonus. The first one may fail: its function imports what reaches the queue, and
        does not wait for a busy machine.
        """

        async def is_ordered() -> bool:
            with suppress(urllib.error.HTTPError):
                await self.order()
                return True
            return False

        await until_answered(is_ordered)

    async def order(self) -> None:
        """Order a bonus, and wait for both of its messages: the second one comes seven seconds
        later, and a fault that it met would have it wait in the queue for six minutes.
        """
        worked = ("aws_lambda_invocations_sum", "BroadcastFunction")
        before = await self.counted(*worked)
        await self.browser.api("POST", "/bonuses", FOR_ALL | {"acknowledge": False})
        await self.until_counted(worked[0], before + 1, worked[1])

    async def schedules(self, but: str = "") -> None:
        """What happens in every minute, whether it fails or not."""
        for name in ("SweepFunction", "AwardFunction", "WebhookFunction"):
            if name != but:
                await self.runs(name)

    async def runs(self, name: str) -> None:
        await asyncio.to_thread(self._functions.invoke, FunctionName=name, Payload=b"{}")

    async def plays(
        self, what: Callable[[], Awaitable[object]], times: int = 3, scale: Scale | None = None
    ) -> set[str]:
        """What rings after a healthy time and these minutes."""
        minutes = self.minutes.fork()
        await minutes.play(what, times, scale)
        return minutes.ringing()

    async def plays_until_it_rings(
        self, what: Callable[[], Awaitable[object]], times: int, scale: Scale | None = None
    ) -> set[str]:
        """Again, if the gateway's own schedule came in between."""
        found: set[str] = set()
        while not found:
            found = await self.plays(what, times, scale)
        return found

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

    @asynccontextmanager
    async def without(self, function: str) -> AsyncIterator[None]:
        """The database lacks one of its functions, so the step that calls it fails each time."""
        await self.browser.rows(f"alter function {function} rename to away")
        try:
            yield
        finally:
            await self.browser.rows(f"alter function away rename to {function}")

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
        except urllib.error.HTTPError as refused:
            refused.close()
            return refused.code
        return 200

    async def counted(self, name: str, of: str = "") -> float:
        """The sum of a metric's series, or of those that have this in a label."""
        now = await asyncio.to_thread(read, self.base_url)
        return sum(n for one, n in now.items() if one.startswith(f"{name} ") and of in one)

    async def until_counted(self, name: str, more_than: float, of: str = "") -> None:
        async def is_so() -> bool:
            return await self.counted(name, of) > more_than

        await until_answered(is_so, f"{name} does not grow")


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


def impatient(folder: Path) -> Path:
    """The template, but what fails to work on a message gets it again after a second.

    In a new folder: functions start again when a file beside their template changes.
    """
    folder.mkdir()
    for name in ("handlers", "infra", "sql"):
        (folder / name).symlink_to(ROOT / name)
    text = (ROOT / "template.yaml").read_text()
    assert text.count("VisibilityTimeout: 360") == 2
    copy = folder / "template.yaml"
    copy.write_text(text.replace("VisibilityTimeout: 360", "VisibilityTimeout: 1"))
    return copy


@asynccontextmanager
async def healthy_world(
    dsn: str, folder: Path, *more: str, template: Path = ROOT / "template.yaml"
) -> AsyncIterator[World]:
    """A system that has been well for longer than any alarm looks back; `more` is wsgate's."""
    address = urlsplit(dsn)
    line = Line(address.hostname or "", address.port or 0)
    await line.join()
    through = address._replace(netloc=address.netloc.replace(f":{address.port}", f":{line.at}"))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(line.cut)
        base_url, pid, secret, token = await stack.enter_async_context(
            _running(urlunsplit(through), folder, template, *more)
        )
        socket_url = f"{base_url.replace('http', 'ws')}/live"
        browser = Browser(Headcount(base_url, socket_url, token, dsn, pid), stack)
        minutes = Minutes(base_url, await asyncio.to_thread(_apis, base_url))
        world = World(browser, secret, minutes, line)
        await hello(await browser.tab())
        await world.warm_up()
        await minutes.play(world.schedules, HEALTHY_MINUTES)
        assert minutes.ringing() == set()
        yield world


@asynccontextmanager
async def _running(
    dsn: str, folder: Path, template: Path, *more: str
) -> AsyncIterator[tuple[str, int, str, str]]:
    port, token, secret = free_port(), secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    address = f"127.0.0.1:{port}"
    parameters = {
        "DatabaseUrl": dsn,
        "PushEndpoint": f"http://{address}/live",
        "SocketUrl": f"ws://{address}/live",
        "GraceSeconds": "0",
        # So that a few connections keep a run busy for seconds.
        "SweepRequestsPerSecond": "10",
    }
    starting = gateway(
        *(part for one in parameters.items() for part in ("--parameter", "=".join(one))),
        *more,
        template=template,
        environment={
            "WSGATE_PARAMETER_TicketSecret": secret,
            "WSGATE_PARAMETER_ServiceToken": token,
        },
        log=folder / "log.txt",
        port=port,
    )
    process = await asyncio.to_thread(starting.__enter__)
    try:
        yield f"http://{address}", process.pid, secret, token
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)


def _apis(base_url: str) -> dict[str, str]:
    """The ids of both APIs, which count from their first request on."""
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"{base_url}/health").close()  # noqa: S310
    with urllib.request.urlopen(f"{base_url}/_wsgate/look") as answer:  # noqa: S310
        socket = json.load(answer)["about"]["stages"][0]["api"]
    (web,) = [one for one in read(base_url) if one.startswith("aws_api_gateway_count_sum ")]
    return {"SocketApiId": socket, "WebApiId": web.split("'")[3]}
