"""HTTP/1.1 on a raw socket: order, bounds, time-outs, and what an attacker would send."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from gateways import Event, Functions, Running, function, plan, running, websocket_api
from waiting import in_time, until
from wsgate.model.limits import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUICK = timedelta(milliseconds=10)
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: cGxlYXNlIGludmVudCBvbg==\r\n"
)
PING = b"\x81\x82\x00\x00\x00\x00{}"  # a masked text frame


def node(
    web: Any = lambda event: {"path": event["rawPath"]}, limits: Limits | None = None
) -> contextlib.AbstractAsyncContextManager[Running]:
    api = plan(websocket_api({}), {"$default": function("web")})
    return running(api, Functions(web=web), limits=limits)


@contextlib.asynccontextmanager
async def talk(at: Running) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def get(path: str, *lines: str, method: str = "GET") -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"{method} {path} HTTP/1.1", "Host: x", *lines))
    return f"{head}\r\n".encode()


async def response(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = await in_time(reader.readuntil(b"\r\n\r\n"))
    start, *lines = head.decode().split("\r\n")[:-2]
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(start.split()[1]), headers, body


async def everything(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionError):
        return await in_time(reader.read())
    return b""


async def test_requests_on_one_connection_are_answered_in_order() -> None:
    async def web(event: Event) -> Event:
        if event["rawPath"] == "/slow":
            for _ in range(20):
                await asyncio.sleep(0)
        return {"path": event["rawPath"]}

    async with node(web) as at, talk(at) as (reader, writer):
        writer.write(get("/slow") + get("/quick") + get("/live") + get("/last"))
        answers = [await response(reader) for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 426, 200]
    paths = [json.loads(body).get("path") for _, _, body in answers]
    assert paths == ["/slow", "/quick", None, "/last"]


async def test_a_request_in_single_bytes_is_a_request() -> None:
    async with node() as at, talk(at) as (reader, writer):
        for byte in get("/a"):
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await response(reader))[0] == 200


async def test_connection_close_is_honoured() -> None:
    async with node() as at, talk(at) as (reader, writer):
        writer.write(get("/a", "Connection: close"))
        assert (await everything(reader)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_head_has_a_length_and_no_body() -> None:
    async with node() as at, talk(at) as (reader, writer):
        writer.write(get("/a", "Connection: close", method="HEAD"))
        answer = await everything(reader)
    assert b"Content-Length: 14\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_a_status_without_a_body_never_has_one() -> None:
    async with node(lambda _: {"statusCode": 204, "body": "x"}) as at, talk(at) as (reader, writer):
        writer.write(get("/a") + get("/b"))
        assert [(await response(reader))[0] for _ in "12"] == [204, 204]


async def test_a_chunked_body_arrives_whole() -> None:
    async with (
        node(lambda event: {"body": event["body"]}) as at,
        talk(at) as (reader, writer),
    ):
        lines = ("Transfer-Encoding: chunked", "Content-Type: text/plain")
        writer.write(get("/a", *lines, method="POST") + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
        _, _, body = await response(reader)
    assert json.loads(body) == {"body": "hello"}


async def test_a_client_that_asks_first_is_told_to_continue() -> None:
    async with node() as at, talk(at) as (reader, writer):
        writer.write(get("/a", "Expect: 100-continue", "Content-Length: 2", method="POST"))
        assert (await response(reader))[0] == 100
        writer.write(b"{}")
        assert (await response(reader))[0] == 200


@pytest.mark.parametrize(
    "request_line",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x00",
        b"GET /\x9b31m HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_400(request_line: bytes) -> None:
    async with node() as at, talk(at) as (reader, writer):
        writer.write(request_line)
        assert (await everything(reader)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("head", [get("/" + "x" * 20_000), get("/", "X-A: " + "x" * 20_000)])
async def test_a_head_too_large_is_431(head: bytes) -> None:
    async with node() as at, talk(at) as (reader, writer):
        writer.write(head)
        assert (await everything(reader)).startswith(b"HTTP/1.1 431 ")


async def test_a_head_that_never_ends_is_431() -> None:
    async with node() as at, talk(at) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        for _ in range(2000):
            writer.write(b"X-A: " + b"x" * 100 + b"\r\n")
            await asyncio.sleep(0)
        assert (await everything(reader)).startswith(b"HTTP/1.1 431 ")


async def test_a_body_announced_too_large_is_413_before_it_is_sent() -> None:
    async with node() as at, talk(at) as (reader, writer):
        writer.write(get("/a", "Content-Length: 10485761", method="POST"))
        assert (await response(reader))[0] == 413


async def test_a_chunked_body_too_large_is_413() -> None:
    async with node(limits=Limits(http_body_bytes=1000)) as at, talk(at) as (reader, writer):
        writer.write(get("/a", "Transfer-Encoding: chunked", method="POST"))
        writer.write((b"100\r\n" + b"x" * 256 + b"\r\n") * 5)
        assert (await response(reader))[0] == 413


async def test_what_follows_a_refusal_is_not_answered() -> None:
    async with node() as at, talk(at) as (reader, writer):
        writer.write(get("/a") + b"nonsense\r\n\r\n" + get("/b"))
        answer = await everything(reader)
    assert answer.count(b"HTTP/1.1 ") == 2


async def test_a_head_that_dawdles_is_dropped() -> None:
    limits = Limits(head=timedelta(milliseconds=50), tick=QUICK)
    async with node(limits=limits) as at, talk(at) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        assert await everything(reader) == b""


async def test_a_body_that_dawdles_is_dropped() -> None:
    limits = Limits(request=timedelta(milliseconds=50), tick=QUICK)
    async with node(limits=limits) as at, talk(at) as (reader, writer):
        writer.write(get("/a", "Content-Length: 5", method="POST"))
        assert await everything(reader) == b""


async def test_a_connection_that_says_nothing_is_dropped() -> None:
    limits = Limits(keep_alive=timedelta(milliseconds=50), tick=QUICK)
    async with node(limits=limits) as at, talk(at) as (reader, _):
        assert await everything(reader) == b""
        assert not at.node.clients


async def test_a_slow_function_is_no_dawdling_client() -> None:
    async def web(event: Event) -> Event:
        begun = event["requestContext"]["timeEpoch"]
        await until(lambda: at.node.now() > begun + 150)
        return {}

    limits = Limits(
        head=timedelta(milliseconds=50),
        request=timedelta(milliseconds=50),
        keep_alive=timedelta(milliseconds=50),
        tick=QUICK,
    )
    async with node(web, limits) as at, talk(at) as (reader, writer):
        writer.write(get("/a"))
        assert (await response(reader))[0] == 200


async def test_a_client_that_reads_no_answers_is_asked_no_more_and_dropped() -> None:
    served = 0

    def web(event: Event) -> Event:
        nonlocal served
        served += 1
        return {"statusCode": 200, "body": "x" * 1_000_000}

    limits = Limits(keep_alive=timedelta(milliseconds=200), tick=QUICK)
    async with node(web, limits) as at, talk(at) as (_, writer):
        cast("asyncio.Transport", writer.transport).pause_reading()
        writer.write(get("/a") * 1000)
        await until(lambda: not at.node.clients)
        writer.transport.abort()
    assert served < 50


async def test_a_client_that_left_is_not_missed() -> None:
    gate = asyncio.Event()

    async def web(event: Event) -> Event:
        await gate.wait()
        return {}

    async with node(web) as at:
        async with talk(at) as (_, writer):
            writer.write(get("/a"))
            await until(lambda: len(at.node.invocations))
        gate.set()
        await until(lambda: not at.node.clients)


async def test_a_client_that_only_stopped_talking_hears_the_answer() -> None:
    async with node() as at, talk(at) as (reader, writer):
        writer.write(get("/a") + get("/b"))
        writer.write_eof()
        assert [(await response(reader))[0] for _ in "12"] == [200, 200]
        assert await everything(reader) == b""


async def test_a_function_that_times_out_is_503_and_an_unknown_one_500() -> None:
    gate = asyncio.Event()

    async def slow(event: Event) -> None:
        await gate.wait()

    routes = {"GET /slow": function("slow", timedelta(milliseconds=20)), "$default": function("x")}
    api = plan(websocket_api({}), routes)
    async with running(api, Functions(slow=slow)) as at, talk(at) as (reader, writer):
        writer.write(get("/slow") + get("/other"))
        assert [(await response(reader))[0] for _ in "12"] == [503, 500]
        gate.set()


async def test_without_an_http_api_there_is_nothing_to_find() -> None:
    async with running(plan(websocket_api({})), Functions()) as at, talk(at) as (reader, writer):
        writer.write(get("/a"))
        status, _, body = await response(reader)
    assert (status, body) == (404, b'{"message":"Not Found"}')


@pytest.mark.parametrize(
    "path", ["/2015-03-31/functions/web/invocations", "/live/@connections/AAAAAAAAtjMCAAA%3D"]
)
async def test_a_web_page_reaches_no_api_of_aws(path: str) -> None:
    async with node() as at, talk(at) as (reader, writer):
        writer.write(get(path, "Origin: http://127.0.0.1", "Content-Length: 0", method="POST"))
        assert (await response(reader))[0] == 403


class TestUpgrade:
    async def test_another_protocol_is_answered_as_plain_http(self) -> None:
        async with node() as at, talk(at) as (reader, writer):
            lines = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA")
            writer.write(get("/a", *lines))
            assert (await everything(reader)).startswith(b"HTTP/1.1 200 ")

    async def test_an_upgrade_may_follow_requests(self) -> None:
        async with node() as at, talk(at) as (reader, writer):
            writer.write(get("/a") + get("/live", UPGRADE.rstrip()))
            assert (await response(reader))[0] == 200
            assert (await response(reader))[0] == 101

    async def test_what_is_said_too_early_is_heard_after_101(self) -> None:
        async with node() as at, talk(at) as (reader, writer):
            writer.write(get("/live", UPGRADE.rstrip()) + PING)
            assert (await response(reader))[0] == 101
            assert b"Forbidden" in await in_time(reader.readuntil(b"}"))

    async def test_too_much_said_too_early_is_the_end(self) -> None:
        gate = asyncio.Event()

        async def connect(event: Event) -> Event:
            await gate.wait()
            return {"statusCode": 200}

        api = plan(websocket_api({"$connect": function("connect")}))
        functions = Functions(connect=connect)
        async with running(api, functions) as at, talk(at) as (reader, writer):
            writer.write(get("/live", UPGRADE.rstrip()))
            await until(lambda: functions.calls)
            writer.write(PING * 4000)
            assert await everything(reader) == b""
            gate.set()

    @pytest.mark.parametrize(
        ("path", "headers", "status"),
        [
            ("/nope", UPGRADE, 403),
            ("/live", UPGRADE.replace("13", "8"), 426),
            ("/live", UPGRADE.replace("cGxl", "x"), 400),
        ],
    )
    async def test_a_handshake_that_is_refused_at_once(
        self, path: str, headers: str, status: int
    ) -> None:
        async with node() as at, talk(at) as (reader, writer):
            writer.write(get(path, headers.rstrip()))
            assert (await everything(reader)).startswith(f"HTTP/1.1 {status} ".encode())
