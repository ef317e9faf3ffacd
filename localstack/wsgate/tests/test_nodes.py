"""Several gateway nodes on one port, in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from command import Command, spawn
from node_processes import MANY, clients, nodes
from waiting import in_time, until
from wsgate.model.ids import node_of
from wsgate.node.process import NICE

MAX_NICENESS = 19
"""setpriority(2)."""
Start = "Callable[..., AbstractAsyncContextManager[Command]]"


def management(command: Command) -> Any:
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"http://{command.base}/dev",
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 not a secret
        config=Config(retries={"total_max_attempts": 1}),
    )


async def test_each_node_takes_a_share_of_the_connections(wsgate: Any) -> None:
    async with wsgate("--nodes", "3") as command, clients(command, 60) as found:
        shares = Counter(map(node_of, found))
        assert set(shares) == {0, 1, 2}


async def test_the_functions_go_before_what_the_nodes_take_in(wsgate: Any) -> None:
    """Otherwise, ten busy nodes leave one process, which starts all functions, hardly any time."""
    async with wsgate("--nodes", "2") as command:
        functions = os.getpriority(os.PRIO_PROCESS, command.process.pid)
        for node in nodes(command):
            assert os.getpriority(os.PRIO_PROCESS, node) == min(functions + NICE, MAX_NICENESS)


async def test_a_post_to_any_node_reaches_the_connection(wsgate: Any) -> None:
    async with wsgate("--nodes", "2") as command, clients(command) as found:
        for number, (connection_id, client) in enumerate(found.items()):
            # A new SDK client is a new TCP connection, so either node may be asked.
            post = management(command).post_to_connection
            await asyncio.to_thread(post, ConnectionId=connection_id, Data=str(number))
            assert await in_time(client.recv()) == str(number)


async def test_get_and_delete_reach_it_too(wsgate: Any) -> None:
    async with wsgate("--nodes", "2") as command, clients(command, 8) as found:
        for connection_id, client in found.items():
            sdk = management(command)
            seen = await asyncio.to_thread(sdk.get_connection, ConnectionId=connection_id)
            assert seen["Identity"]["SourceIp"] == "127.0.0.1"
            await asyncio.to_thread(sdk.delete_connection, ConnectionId=connection_id)
            with pytest.raises(ConnectionClosed) as closed:
                await in_time(client.recv())
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1000


async def test_a_connection_that_no_node_has_is_gone(wsgate: Any) -> None:
    async with wsgate("--nodes", "2") as command:
        for made_up in ("uV8iW0VYZSoC__w=", "uV8iW0VYZSoCAAA=", "uV8iW0VYZSoCBAA="):
            sdk = management(command)
            with pytest.raises(sdk.exceptions.GoneException):
                await asyncio.to_thread(sdk.post_to_connection, ConnectionId=made_up, Data="x")


@pytest.mark.slow
async def test_a_killed_node_takes_only_its_own_connections_and_comes_back(wsgate: Any) -> None:
    async with wsgate("--nodes", "2") as command, clients(command) as found:
        victim = nodes(command)[0]
        os.kill(victim, signal.SIGKILL)
        await until(lambda: any("started again" in line for line in command.errors))
        lost = {each for each, client in found.items() if not await answers(client)}
        assert {node_of(each) for each in lost} == {0}
        assert {node_of(each) for each in found if each not in lost} == {1}
        for connection_id in lost:
            sdk = management(command)
            with pytest.raises(sdk.exceptions.GoneException):
                await asyncio.to_thread(sdk.post_to_connection, ConnectionId=connection_id, Data="")
        async with clients(command, 40) as later:
            assert {node_of(each) for each in later} == {0, 1}


async def answers(client: ClientConnection) -> bool:
    try:
        await client.send('{"action":"ping"}')
        await in_time(client.recv())
    except ConnectionClosed:
        return False
    return True


async def test_functions_run_for_every_node_and_disconnect_is_told(wsgate: Any) -> None:
    async with wsgate("--nodes", "2") as command:
        async with clients(command) as found:
            for client in found.values():
                await client.send('{"action":"echo","text":"hi"}')
                assert json.loads(await client.recv())["text"] == "hi"
        await until(lambda: "\n".join(command.errors).count("DISCONNECT of ann") == MANY)


async def set_fault(command: Command, name: str, value: float) -> int:
    """Tell whichever node answers; return its status."""
    body = json.dumps({"name": name, "value": value})
    host, port = command.base.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"Host: {command.base}\r\nContent-Type: application/json\r\nConnection: close"
    length = f"Content-Length: {len(body)}"
    writer.write(f"POST /_wsgate/faults HTTP/1.1\r\n{head}\r\n{length}\r\n\r\n{body}".encode())
    status = int((await reader.read()).split()[1])
    writer.close()
    await writer.wait_closed()
    return status


async def test_every_node_hears_of_a_fault_and_so_do_the_functions(wsgate: Any) -> None:
    async with wsgate("--nodes", "3") as command:
        async with clients(command) as found:
            assert await set_fault(command, "disconnect_lost", 1) == 200
            assert await set_fault(command, "function_crash", 1) == 200
            first, answer = next(iter(found.values())), {}
            while "message" not in answer:  # it goes through the parent
                await first.send('{"action":"echo","text":"hi"}')
                answer = json.loads(await first.recv())
            assert answer["message"] == "Internal server error"
        lost = "fault: disconnect_lost"
        await until(lambda: sum(lost in line for line in command.errors) == MANY)
        assert not any("DISCONNECT of" in line for line in command.errors)


async def test_a_fault_takes_one_node_and_its_successor_has_the_faults(wsgate: Any) -> None:
    async with wsgate("--nodes", "2") as command, clients(command) as found:
        assert await set_fault(command, "disconnect_lost", 1) == 200
        assert await set_fault(command, "node_kill", 1) == 200
        await until(lambda: any("started again" in line for line in command.errors))
        [said] = [line for line in command.errors if "fault: node_kill ends node" in line]
        victim = int(said[-1])
        lost = {each for each, client in found.items() if not await answers(client)}
        assert {node_of(each) for each in lost} == {victim}
        async with clients(command, 40) as later:
            taken = sum(node_of(each) == victim for each in later)
            assert taken
        mark = "fault: disconnect_lost"
        await until(lambda: sum(mark in line for line in command.errors) >= 40)


async def test_each_node_has_its_share_of_the_quotas(wsgate: Any) -> None:
    """A burst that is never refilled: how long the handshakes take does not matter."""
    async with wsgate("--nodes", "2", "--quotas", "requests=0,burst=20") as command:
        async with contextlib.AsyncExitStack() as stack:
            url, statuses = f"ws://{command.base}/dev?ticket=ann", Counter[int]()
            for _ in range(60):
                try:
                    await stack.enter_async_context(connect(url))
                    statuses[101] += 1
                except InvalidStatus as refusal:
                    statuses[refusal.response.status_code] += 1
            assert set(statuses) == {101, 429}
            assert statuses[101] <= 20
        assert any(
            line == "quotas: connections=500 requests=0 burst=20 concurrency=1000"
            for line in command.errors
        )


async def test_an_asynchronous_event_outlives_the_node_that_took_it(wsgate: Any) -> None:
    async with wsgate("--nodes", "2") as command:
        sdk = boto3.client(
            "lambda",
            endpoint_url=f"http://{command.base}",
            region_name="eu-west-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 not a secret
        )
        await asyncio.to_thread(
            sdk.invoke, FunctionName="WebFunction", InvocationType="Event", Payload=b'"no event"'
        )
        for pid in nodes(command):
            os.kill(pid, signal.SIGKILL)
        again = "WebFunction | asynchronous event: again in 60 s"
        await until(lambda: again in command.errors)
    assert "asynchronous events that were to be tried again: 1" in command.errors


def are_there(pids: list[int]) -> bool:
    return any(Path(f"/proc/{pid}").exists() for pid in pids)


async def test_the_end_is_told_to_every_connection_and_leaves_no_process(wsgate: Any) -> None:
    async with wsgate("--nodes", "2") as command, clients(command, 8) as found:
        running = nodes(command)
        command.process.terminate()
        for client in found.values():
            with pytest.raises(ConnectionClosed) as closed:
                await in_time(client.recv())
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        assert await in_time(command.process.wait()) == 0
        assert not are_there(running)


@pytest.mark.slow
async def test_a_parent_that_is_killed_takes_its_nodes_along(wsgate: Any, tmp_path: Path) -> None:
    # What it keeps in a temporary folder stays behind then.
    async with wsgate("--nodes", "2", TMPDIR=str(tmp_path)) as command:
        running = nodes(command)
        command.process.kill()
        await until(lambda: not are_there(running))


async def test_a_second_gateway_does_not_share_the_port(wsgate: Any) -> None:
    async with wsgate("--nodes", "2") as command:
        port = command.base.rpartition(":")[2]
        template = str(Path(__file__).parent / "samples_gateway" / "template.yaml")
        second = await spawn("--template", template, "--port", port, "--nodes", "2")
        _, errors = await in_time(second.communicate())
        assert second.returncode == 2
        assert "Address already in use" in errors.decode()
