"""Bytes that two readers could cut into requests in two ways: each is refused, or cut in one way.

RFC 9112, sections 2.2, 3.2, 5, 6 and 7, over a raw socket. Behind each suspect request stands
another: it must not be answered, for nothing is known of where it begins.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tracemalloc
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gateways import Functions, function, plan, running, websocket_api
from waiting import pause
from wire import dialed
from wsgate.model.limits import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateways import Event, Running

KIB, MIB = 1024, 1024 * 1024
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HOST = b"Host: x\r\n"


class Node:
    """A gateway whose HTTP API tells what its function got."""

    def __init__(self, node: Running, functions: Functions) -> None:
        self.node, self._functions = node, functions

    @property
    def events(self) -> list[Event]:
        return self._functions.events("web")

    async def say(self, *pieces: bytes) -> bytes:
        """Send all of it, end, and return all that comes back."""
        async with dialed(self.node.port) as wire:
            wire.write(*pieces)
            wire.writer.write_eof()
            return await wire.end()


@contextlib.asynccontextmanager
async def serving(limits: Limits | None = None) -> AsyncIterator[Node]:
    functions = Functions(web=lambda event: {"path": event["rawPath"]})
    api = plan(websocket_api({}), {"$default": function("web")})
    async with running(api, functions, limits=limits) as node:
        yield Node(node, functions)


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return b"POST /a HTTP/1.1\r\n" + b"".join(lines) + b"\r\n" + body


LENGTHS = [
    post(HOST, b"Content-Length: 5\r\n", CHUNKED, body=b"0\r\n\r\n"),
    post(HOST, CHUNKED, b"Content-Length: 5\r\n", body=b"0\r\n\r\n"),
    post(HOST, b"Content-Length: 2\r\nContent-Length: 3\r\n", body=b"abc"),
    post(HOST, b"Content-Length: 2\r\nContent-Length: 2\r\n", body=b"ab"),
    post(HOST, b"Content-Length: 2, 2\r\n", body=b"ab"),
    *(
        post(HOST, b"Content-Length: %s\r\n" % value, body=b"ab")
        for value in (b"+2", b"-2", b"0x2", b"2.0", b"", b"2 2", b"two", b"9" * 30)
    ),
]
CODINGS = [
    post(HOST, b"Transfer-Encoding: %s\r\n" % value, body=b"0\r\n\r\n")
    for value in (b"xchunked", b"gzip, chunked", b"chunked, identity", b"chunked, chunked", b"gzip")
] + [
    post(HOST, CHUNKED, b"Transfer-Encoding: identity\r\n", body=b"0\r\n\r\n"),
    post(HOST, b"Transfer-Encoding: \x0bchunked\r\n", body=b"0\r\n\r\n"),
    post(HOST, CHUNKED, body=b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"),
]
CHUNKS = [
    post(HOST, CHUNKED, body=body)
    for body in (
        b"0x2\r\nhe\r\n0\r\n\r\n",
        b"-2\r\nhe\r\n0\r\n\r\n",
        b"+2\r\nhe\r\n0\r\n\r\n",
        b"2 \r\nhe\r\n0\r\n\r\n",
        b" 2\r\nhe\r\n0\r\n\r\n",
        b"\r\nhe\r\n0\r\n\r\n",
        b"2\nhe\n0\n\n",
        b"2\rhe\r0\r\r",
        b"2;x\nhe\r\n0\r\n\r\n",
        b"2\r\nhey\r\n0\r\n\r\n",
        b"2\r\nhe0\r\n\r\n",
        b"fffffffffffffffff\r\nhe\r\n0\r\n\r\n",
        b"2\r\nhe\r\n0\r\nno colon\r\n\r\n",
        b"2\r\nhe\r\n0\r\n folded: 1\r\n\r\n",
    )
]
LINES = [
    b"GET /a HTTP/1.1\r\n" + rest
    for rest in (
        b"Host: x\r\nX-A: 1\r\n folded\r\n\r\n",
        b" Host: x\r\n\r\n",
        b"Host: x\nX-A: 1\r\n\r\n",
        b"Host: x\r\nX-A: 1\rX-B: 2\r\n\r\n",
        b"Host: x\r\nX-A: 1\x00\r\n\r\n",
        b"Host: x\r\nX-A: 1\x01\r\n\r\n",
        b"Host: x\r\nX-A : 1\r\n\r\n",
        b"Host: x\r\n: 1\r\n\r\n",
        b"Host: x\r\nX\xe4: 1\r\n\r\n",
        b"Host: x\r\nX A: 1\r\n\r\n",
    )
]
STARTS = [
    b"GET /a HTTP/1.1\n" + HOST + b"\n",
    b"GET /a\r\n\r\n",
    b"GET /a HTTP/0.9\r\n\r\n",
    b"GET /a HTTP/1.2\r\n" + HOST + b"\r\n",
    b"GET /a HTTP/2.0\r\n" + HOST + b"\r\n",
    b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET\t/a\tHTTP/1.1\r\n" + HOST + b"\r\n",
    b"get /a HTTP/1.1\r\n" + HOST + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]
TARGETS = [
    b"%s HTTP/1.1\r\n" % start + HOST + b"\r\n"
    for start in (
        b"GET a",
        b"GET /a#b",
        b"GET http://y/a",
        b"GET http://x:80/a",
        b"GET http://u@x/a",
        b"GET ftp://x/a",
        b"OPTIONS *",
        b"CONNECT x:443",
        b"CONNECT /",
    )
]
HOSTS = [
    b"GET /a HTTP/1.1\r\n" + rest + b"\r\n"
    for rest in (
        b"",
        b"Host: x\r\nHost: x\r\n",
        b"Host: x\r\nHost: y\r\n",
        b"Host: x, y\r\n",
        b"Host: x y\r\n",
        b"Host: u@x\r\n",
        b"Host: x/a\r\n",
        b"Host: \xe4\r\n",
    )
]


@pytest.mark.parametrize(
    "suspect", LENGTHS + CODINGS + CHUNKS + LINES + STARTS + TARGETS + HOSTS, ids=repr
)
async def test_a_suspect_request_is_refused_and_nothing_behind_it_is_read(suspect: bytes) -> None:
    async with serving() as node:
        answer = await node.say(suspect, NEXT)
    assert answer[:13] in {b"HTTP/1.1 400 ", b"HTTP/1.1 501 "}
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in answer
    assert node.events == []


UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: cGxlYXNlIGludmVudCBvbg==\r\n\r\n"
)


@pytest.mark.parametrize(
    "suspect",
    [
        *HOSTS[1:],
        *TARGETS[2:5],
        b"GET /a HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n",
        b"GET /a HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n",
    ],
    ids=repr,
)
async def test_a_handshake_is_held_to_the_same_and_has_no_body(suspect: bytes) -> None:
    suspect = suspect.replace(b"/a HTTP", b"/live HTTP").removesuffix(b"\r\n") + UPGRADE
    async with serving() as node:
        assert (await node.say(suspect)).startswith(b"HTTP/1.1 400 ")
        assert len(node.node.node) == 0


@pytest.mark.parametrize(
    "good",
    [
        post(HOST, b"Content-Length: 2\r\n", body=b"ab"),
        post(HOST, b"Transfer-Encoding: Chunked\r\n", body=b"2\r\nab\r\n0\r\n\r\n"),
        post(HOST, CHUNKED, body=b"2;a=b\r\nab\r\n0;c\r\n\r\n"),
        post(b"Host: [::1]:8080\r\n", b"Content-Length: 2\r\n", body=b"ab"),
        post(b"Host: \r\n", b"Content-Length: 2\r\n", body=b"ab"),
        post(HOST, b"Content-Length: 2\r\n", body=b"ab").replace(b"/a ", b"http://X/a "),
        b"\r\n" + post(HOST, b"Content-Length: 2\r\n", body=b"ab"),
    ],
    ids=repr,
)
async def test_what_can_be_read_in_one_way_only_is_served_and_so_is_the_next(good: bytes) -> None:
    async with serving() as node:
        answer = await node.say(good, NEXT)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert [event["rawPath"] for event in node.events] == ["/a", "/smuggled"]


async def test_http_1_0_may_leave_the_host_out() -> None:
    async with serving() as node:
        assert (await node.say(b"GET /a HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_target_with_its_own_host_is_read_as_a_path_and_a_query() -> None:
    async with serving() as node:
        for target in (b"http://x/a?b=c", b"https://x?b=c"):
            await node.say(b"GET %s HTTP/1.1\r\n" % target + HOST + b"\r\n")
    seen = [(event["rawPath"], event["rawQueryString"]) for event in node.events]
    assert seen == [("/a", "b=c"), ("/", "b=c")]


class TestTrailers:
    """Fields after a chunked body: they come when all has been decided."""

    FIELDS = b"Authorization: Bearer stolen\r\nHost: evil\r\nCookie: a=b\r\nX-Role: admin\r\n"

    async def test_they_are_no_headers(self) -> None:
        async with serving() as node:
            body = b"2\r\nhe\r\n0\r\n" + self.FIELDS + b"\r\n"
            lines = (HOST, b"Trailer: X-Role\r\n", CHUNKED)
            answer = await node.say(post(*lines, body=body), NEXT)
        assert answer.count(b"HTTP/1.1 200 ") == 2
        event, _ = node.events
        assert event["headers"]["host"] == "x"
        assert not {"authorization", "x-role"} & event["headers"].keys()
        assert "cookies" not in event
        assert "stolen" not in json.dumps(event)

    async def test_none_of_them_makes_an_upgrade_or_another_length(self) -> None:
        asked = b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 30\r\n"
        async with serving() as node:
            answer = await node.say(post(HOST, CHUNKED, body=b"0\r\n" + asked + b"\r\n"), NEXT)
        assert answer.count(b"HTTP/1.1 200 ") in {0, 2}
        assert b"HTTP/1.1 101 " not in answer

    @pytest.mark.parametrize(
        ("begun", "piece"),
        [
            (b"0\r\n", b"X-A: 1\r\n" * 100),
            (b"0\r\nX-A: ", b"x" * 1000),
            (b"0\r\n", b"x" * 1000),
            (b"2;", b"x" * 1000),
            (b"2\r\nhe\r\n2;", b"x" * 1000),
        ],
        ids=["fields", "a value", "a name", "the first extension", "an extension"],
    )
    async def test_what_has_no_end_is_refused_and_costs_no_memory(
        self, begun: bytes, piece: bytes
    ) -> None:
        async with serving() as node:
            tracemalloc.start()
            try:
                answer = await flood(node, post(HOST, CHUNKED, body=begun), piece, 8 * MIB)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert answer[:13] in {b"HTTP/1.1 400 ", b"HTTP/1.1 431 ", b""}
        assert peak < 3 * MIB
        assert node.events == []

    async def test_a_long_body_in_small_chunks_is_no_flood(self) -> None:
        async with serving() as node:
            body = b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
            answer = await node.say(post(HOST, CHUNKED, b"Content-Type: text/plain\r\n", body=body))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert len(node.events[0]["body"]) == 20_000


async def flood(node: Node, begun: bytes, piece: bytes, at_most: int) -> bytes:
    """Send until the gateway answers or hangs up, and return its answer."""
    async with dialed(node.node.port) as wire:
        answer = asyncio.ensure_future(wire.end())
        wire.write(begun)
        for _ in range(at_most // len(piece)):
            if answer.done() or wire.writer.is_closing():
                break
            wire.write(piece)
            with contextlib.suppress(ConnectionError):
                await wire.writer.drain()
            await asyncio.sleep(0)
        with contextlib.suppress(OSError):
            wire.writer.write_eof()
        return await answer


@pytest.mark.parametrize("drop", [b"x", b"1\r\nx\r\n"], ids=["a length", "chunks"])
async def test_a_body_that_drips_has_an_end_in_time(drop: bytes) -> None:
    """The time counts from the head, however many bytes follow."""
    limits = Limits(request=timedelta(milliseconds=200), tick=timedelta(milliseconds=10))
    framing = b"Content-Length: 1000000\r\n" if drop == b"x" else CHUNKED
    async with serving(limits) as node, dialed(node.node.port) as wire:
        wire.write(post(HOST, framing))
        answer = asyncio.ensure_future(wire.end())
        while not answer.done():
            wire.write(drop)
            await pause()
        assert await answer == b""
        assert node.events == []
