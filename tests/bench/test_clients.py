"""The benchmarks' client, against a server of Python's `websockets`."""

from __future__ import annotations

import asyncio
import zlib

from websockets.asyncio.server import Server, ServerConnection, serve

from bench.support.clients import Client, connect

TEXT = "a bonus, a bonus, a bonus, a bonus"


async def test_a_ping_is_answered() -> None:
    answered = asyncio.Event()

    async def ping(connection: ServerConnection) -> None:
        await (await connection.ping("are you there?"))
        answered.set()

    async with serve(ping, "127.0.0.1", 0, ping_interval=None) as server:
        client = await connect(port_of(server), "/")
        async with asyncio.timeout(60):
            await answered.wait()
        client.transport.close()


async def test_a_compressed_message_is_handed_over_as_it_came() -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(connection: ServerConnection) -> None:
        await connection.send(TEXT)
        await connection.wait_closed()

    def hear(_: Client, payload: bytes) -> None:
        heard.put_nowait(payload)

    async with serve(send, "127.0.0.1", 0) as server:
        client = await connect(port_of(server), "/", hear, extensions="permessage-deflate")
        async with asyncio.timeout(60):
            payload = await heard.get()
        client.transport.close()
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    assert inflate.decompress(payload + b"\x00\x00\xff\xff") == TEXT.encode()


def port_of(server: Server) -> int:
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port
