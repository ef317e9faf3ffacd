"""What a process can hold: connections up to a bound, and always a request, a function, a page."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import socket
import subprocess
import sys
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from command import ROOT, Command
from gateways import PONG, Functions, plan, websocket_api
from waiting import in_time, until
from wsgate import open_files
from wsgate.model.capacity import Capacity
from wsgate.node.node import Node
from wsgate.node.settings import Settings
from wsgate.transport.admission import Admission
from wsgate.transport.listening import listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from wsgate.logs import Line

    Start = Callable[..., AbstractAsyncContextManager[Command]]

SMALL = 96  # files
MINUTE = 60_000
REFUSED = "clients refused with 503"


# How much there is room for.


@pytest.mark.parametrize("environments", [0, 30, 100])
def test_everything_finds_a_place_below_the_limit(environments: int) -> None:
    room = open_files.capacity(4096, environments)
    others = environments * open_files.PER_ENVIRONMENT + open_files.OTHERS
    assert room.sockets + others < 4096
    assert room.connections > 4096 // 2


@pytest.mark.parametrize("limit", [64, SMALL, 256])
def test_below_a_low_limit_half_stays_for_what_is_no_connection(limit: int) -> None:
    room = open_files.capacity(limit, 1000)
    assert 0 < room.sockets <= limit / 2
    assert 0 < room.requests < room.connections


def test_the_limit_is_raised_as_far_as_this_process_may() -> None:
    assert limits_after_raising(100, 300) == [300, 300, 300]
    assert limits_after_raising(300, 300) == [300, 300, 300]


def limits_after_raising(soft: int, hard: int) -> list[int]:
    """What `raise_limit` says, and what the system says then."""
    code = (
        f"import resource as r; r.setrlimit(r.RLIMIT_NOFILE, ({soft}, {hard})); "
        "from wsgate.open_files import raise_limit; "
        "print(raise_limit(), *r.getrlimit(r.RLIMIT_NOFILE))"
    )
    command, path = [sys.executable, "-c", code], {"PYTHONPATH": str(ROOT / "src")}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=path)
    return [int(word) for word in said.stdout.split()]


# At the bound.


@pytest.mark.parametrize("nodes", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_connections_beyond_the_bound_get_503_and_all_else_goes_on(
    wsgate: Start, nodes: int
) -> None:
    async with (
        wsgate("--json", f"--nodes={nodes}", under=files(SMALL)) as command,
        AsyncExitStack() as stack,
    ):
        room = await stated(command)
        assert 0 < room < SMALL * nodes
        clients = await opened(command, room if nodes == 1 else SMALL * nodes, stack)
        assert len(clients) == room
        await refused(command)
        assert await status(command, "/rooms/1") == 200  # a function starts for it
        assert await status(command, "/_wsgate/") == 200
        await echo(clients[0])
        await clients.pop().close()
        clients += await opened(command, 20, stack)
        assert len(clients) == room
        for client in clients:
            await echo(client)
    warnings = [line for line in command.errors if REFUSED in line]
    assert 1 <= len(warnings) <= nodes  # each says it once
    assert f"may open {SMALL} files" in warnings[0]


async def test_sockets_that_ask_nothing_take_no_place_from_those_that_do(wsgate: Start) -> None:
    async with wsgate("--json", under=files(SMALL)) as command, AsyncExitStack() as stack:
        for _ in range(3 * SMALL):
            stack.enter_context(closing(socket.create_connection(place(command))))
        assert await status(command, "/rooms/1") == 200
        [client] = await opened(command, 1, stack)
        await echo(client)


async def test_a_soft_limit_is_no_bound(wsgate: Start) -> None:
    async with wsgate("--json", under=files(SMALL, "-Sn")) as command:
        assert await stated(command) > SMALL


def files(limit: int, kind: str = "-n") -> list[str]:
    """What a command is started with to have this limit; `-Sn` leaves it free to raise it."""
    return ["/bin/sh", "-c", f'ulimit {kind} {limit} && exec "$@"', "sh"]


async def stated(command: Command) -> int:
    """How many connections it says that it takes."""
    await until(lambda: command.errors)
    ready = json.loads(command.errors[0])
    assert ready["kind"] == "ready"
    return int(ready["connections"])


async def opened(command: Command, many: int, stack: AsyncExitStack) -> list[ClientConnection]:
    """Clients that got in, of so many."""
    clients = []
    for _ in range(many):
        client = connect(f"ws://{command.base}/dev?ticket=ann", compression=None)
        try:
            clients.append(await in_time(stack.enter_async_context(client)))
        except InvalidStatus as refusal:
            assert refusal.response.status_code == 503
    return clients


async def refused(command: Command) -> None:
    with pytest.raises(InvalidStatus, match="503"):
        await in_time(connect(f"ws://{command.base}/dev?ticket=ann"))


async def echo(client: ClientConnection) -> None:
    await client.send('{"action":"echo","text":"hi"}')
    assert json.loads(await in_time(client.recv()))["text"] == "hi"


async def status(command: Command, path: str) -> int:
    """Of a plain request, on a connection of its own."""
    reader, writer = await asyncio.open_connection(*place(command))
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {command.base}\r\nConnection: close\r\n\r\n".encode()
    )
    answer = await in_time(reader.read())
    writer.close()
    return int(answer.split()[1])


def place(command: Command) -> tuple[str, int]:
    host, _, port = command.base.partition(":")
    return host, int(port)


# Without a descriptor at all.


async def test_a_client_without_a_descriptor_is_refused_and_later_ones_are_served() -> None:
    log: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        api = plan(websocket_api({"ping": PONG}))
        node = Node(api, Functions(), Settings("127.0.0.1:80", log=log.append))
        async with listening(node, listener):
            loop = asyncio.get_running_loop()
            first, second, third = (socket.socket() for _ in range(3))
            for client in (first, second, third):
                client.setblocking(False)
            with first, second, third, no_more_files():
                for client in (first, second):
                    await in_time(loop.sock_connect(client, address))
                    answer = await in_time(loop.sock_recv(client, 4096))
                    assert answer.startswith(b"HTTP/1.1 503 ")
                first.close()
                await in_time(loop.sock_connect(third, address))
                await in_time(loop.sock_sendall(third, b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n"))
                answer = await in_time(loop.sock_recv(third, 4096))
                assert answer.startswith(b"HTTP/1.1 426 ")
    assert len(log) == 1
    assert REFUSED in log[0]
    assert "Too many open files" in log[0]


async def test_an_accepted_client_is_no_object_of_pythons_and_its_end_closes_its_descriptor() -> (
    None
):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        node = Node(plan(websocket_api({"ping": PONG})), Functions(), Settings("127.0.0.1:80"))
        async with listening(node, listener):
            before = kept_sockets()
            clients = [await asyncio.open_connection(*address) for _ in range(3)]
            for reader, writer in clients:
                writer.write(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
                assert (await in_time(reader.readline())).startswith(b"HTTP/1.1 426 ")
            assert kept_sockets() == before
            opened = descriptors()
            for _, writer in clients:
                writer.close()
            await until(lambda: descriptors() == opened - 2 * len(clients))


def kept_sockets() -> int:
    """Sockets that Python holds, but for those that it only lent to a client's transport."""
    gc.collect()
    return sum(isinstance(each, socket.socket) and each.fileno() >= 0 for each in gc.get_objects())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def no_more_files() -> Iterator[None]:
    """A limit of what is open now, so that each new file needs another to close."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with closing(socket.socket()) as lowest:
        free = lowest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# The log.


def test_refusals_are_told_once_a_minute_with_their_number() -> None:
    told: list[Line] = []
    now = [0]
    admission = Admission(Capacity(2, 1, SMALL), told.append, lambda: now[0])
    assert admission.admits_connection(1)
    assert not told
    for now[0] in (0, 1, MINUTE - 1, MINUTE, MINUTE + 1):
        assert not admission.admits_connection(2)
    assert [str(line).partition(",")[0] for line in told] == [
        f"warning: {REFUSED}: 1",
        f"warning: {REFUSED}: 3",
    ]


@pytest.mark.parametrize(("sockets", "is_admitted"), [(2, True), (3, False)])
def test_requests_have_places_beside_the_connections(sockets: int, *, is_admitted: bool) -> None:
    admission = Admission(Capacity(2, 1, SMALL), print, lambda: 0)
    assert admission.admits_socket(sockets) == is_admitted
