"""The port of the queues: for functions of this run; what else reaches it changes nothing."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from queue_plans import (
    ACCOUNT,
    REGION,
    TOKEN,
    FakeInvoker,
    listen,
    plan,
    port_of,
    queue,
    trigger,
)
from waiting import in_time, until
from wsgate.transport.responses import Request
from wsgate.triggers import queue_guard
from wsgate.triggers.queue_guard import MAX_BYTES, OPERATIONS, Refused
from wsgate.triggers.queues import Queues

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from types_boto3_sqs import SQSClient

FORM = "application/x-www-form-urlencoded"
SCOPE = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{}/aws4_request, SignedHeaders=host"
OF_SQS = {"Authorization": SCOPE.format("sqs"), "Content-Type": FORM}


class Server:
    """The real server with one queue, whose messages run a function."""

    def __init__(self) -> None:
        self.listener, self.invoker = listen(), FakeInvoker()
        self.port = port_of(self.listener)
        self.url = f"http://127.0.0.1:{self.port}/{ACCOUNT}/Jobs"
        jobs, kept = queue("Jobs", self.port), queue("Kept", self.port)
        self.queues = Queues(
            plan([jobs, kept], [trigger("Jobs", "F")]),
            self.invoker,
            listener=self.listener,
            token=TOKEN,
            log=lambda *_: None,
        )

    def client(self, token: str | None) -> SQSClient:
        return boto3.client(
            "sqs",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 not a secret
            aws_session_token=token,
        )

    def names(self) -> list[str]:
        urls = self.client(TOKEN).list_queues().get("QueueUrls", [])
        return sorted(url.rpartition("/")[2] for url in urls)

    async def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        """A request as a browser or a program would send it, with these headers only."""
        lines = [
            f"{method} {path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return await self.raw("\r\n".join((*lines, "", "")).encode() + body)

    async def raw(self, data: bytes) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            answer = await in_time(reader.read())
        finally:
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"access-control-allow-origin" not in head.lower()
        return int(head.split()[1]), body

    def own(self, **more: str) -> dict[str, str]:
        """The headers of a function's call, and others."""
        ours = {"Host": f"127.0.0.1:{self.port}", "X-Amz-Security-Token": TOKEN, **OF_SQS}
        return ours | {name.replace("_", "-"): value for name, value in more.items()}


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    await server.queues.start()
    try:
        yield server
    finally:
        await server.queues.close()
        server.listener.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving() as served:
        yield served


in_one_loop = pytest.mark.asyncio(loop_scope="module")


def sized(headers: dict[str, str], body: bytes) -> dict[str, str]:
    return {"Content-Length": str(len(body)), **headers}


def is_recorded() -> bool:
    """Whether moto wrote its recording into the folder that it was started in."""
    return Path("moto_recording").exists()


async def changes_nothing(
    server: Server, headers: dict[str, str], method: str = "POST", path: str = "/"
) -> set[int]:
    """Try all that a stranger could do, and return how it is answered."""
    statuses = set[int]()
    to = f"QueueUrl=http://127.0.0.1:{server.port}/{ACCOUNT}/"
    for action in (
        "Action=CreateQueue&QueueName=Made",
        f"Action=DeleteQueue&{to}Kept",
        f"Action=PurgeQueue&{to}Kept",
        f"Action=SendMessage&{to}Jobs&MessageBody=run",
        "Action=ListQueues",
    ):
        body = action.encode()
        status, answer = await server.ask(method, path, sized(headers, body), body)
        statuses.add(status)
        assert b"Kept" not in answer
    assert await asyncio.to_thread(server.names) == ["Jobs", "Kept"]
    assert server.invoker.bodies("F") == []
    return statuses


@in_one_loop
@pytest.mark.parametrize(
    "change",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"X-Amz-Security-Token": ""},
        {"X-Amz-Security-Token": "another"},
        {"X-Amz-Security-Token": TOKEN[:-1]},
    ],
    ids=str,
)
async def test_a_page_or_another_account_changes_nothing(
    server: Server, change: dict[str, str]
) -> None:
    change = {name: value.format(port=server.port) for name, value in change.items()}
    assert await changes_nothing(server, server.own() | change) == {403}


@in_one_loop
async def test_a_form_of_a_site_that_was_rebound_to_this_machine_changes_nothing(
    server: Server,
) -> None:
    """What a browser sends to `http://evil.example:PORT`, whose name now leads here."""
    headers = {"Host": f"evil.example:{server.port}", "Origin": "http://evil.example", **OF_SQS}
    assert await changes_nothing(server, headers) == {403}


@in_one_loop
async def test_two_hosts_are_refused(server: Server) -> None:
    port = server.port
    lines = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}\r\n"
    lines += f"X-Amz-Security-Token: {TOKEN}\r\nContent-Length: 0\r\n\r\n"
    assert (await server.raw(lines.encode()))[0] == 403


@in_one_loop
@pytest.mark.parametrize(
    "path",
    [
        "/moto-api/reset",
        "/moto-api/recorder/start-recording",
        "/moto-api/recorder/replay-recording",
        "/moto-api/proxy/passthrough",
        "/moto-api/config",
        "/moto-api/data.json",
    ],
)
async def test_motos_own_addresses_are_not_served(server: Server, path: str) -> None:
    """Not even to a function: they reset, record into a file, and call elsewhere."""
    body = b'{"urls": ["http://127.0.0.1"]}'
    for headers in (server.own(), server.own(Content_Type="application/json")):
        assert (await server.ask("POST", path, sized(headers, body), body))[0] == 400
    assert (await server.ask("GET", path, sized(server.own(), b"")))[0] == 405
    assert not is_recorded()
    assert await asyncio.to_thread(server.names) == ["Jobs", "Kept"]


@in_one_loop
@pytest.mark.parametrize(
    ("service", "target", "body"),
    [
        ("sns", None, b"Action=Publish&TopicArn=a&Message=m"),
        ("s3", None, b""),
        ("lambda", None, b"{}"),
        ("dynamodb", "DynamoDB_20120810.ListTables", b"{}"),
        ("sqs", "DynamoDB_20120810.ListTables", b"{}"),
        ("sqs", "AmazonSQS.", b"{}"),
        ("sqs", "AmazonSQS.Dispatch", b"{}"),
        ("sqs", "AmazonSQS.ListQueues.x", b"{}"),
        ("sqs", None, b"Action=CallAction"),
        ("sqs", None, b"Action=ListQueues&Action=Publish"),
        ("sqs", None, b"\xff"),
        ("sqs", None, b""),
        ("sqs", None, b"Version=2012-11-05"),
    ],
)
async def test_only_operations_of_sqs_are_served(
    server: Server, service: str, target: str | None, body: bytes
) -> None:
    headers = server.own(Authorization=SCOPE.format(service))
    if target is not None:
        headers |= {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
    status, answer = await server.ask("POST", "/", sized(headers, body), body)
    assert (status, b"InvalidAction" in answer) == (400, True)


@in_one_loop
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 411),
        ({"Content-Length": "-1"}, 411),
        ({"Content-Length": "+1"}, 411),
        ({"Content-Length": "1, 1"}, 411),
        ({"Content-Length": str(MAX_BYTES + 1)}, 413),
        ({"Content-Length": "9" * 5000}, 413),
        ({"Content-Length": "5", "Transfer-Encoding": "chunked"}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
async def test_a_body_has_a_length_and_a_bound(
    server: Server, changes: dict[str, str], status: int
) -> None:
    """It is answered before the body comes, and the connection ends."""
    assert (await server.ask("POST", "/", server.own() | changes))[0] == status


@in_one_loop
async def test_a_function_is_answered_in_each_protocol(server: Server) -> None:
    body = b"Action=ListQueues&Version=2012-11-05"
    status, answer = await server.ask("POST", "/", sized(server.own(), body), body)
    assert (status, b"/Kept</QueueUrl>" in answer) == (HTTPStatus.OK, True)
    path = "/?Action=ListQueues&Version=2012-11-05"  # as an integration of API Gateway asks
    status, answer = await server.ask("POST", path, sized(server.own(), b""))
    assert (status, b"/Kept</QueueUrl>" in answer) == (HTTPStatus.OK, True)
    assert (await server.ask("POST", path, sized(server.own(), body), body))[0] == 400
    assert await asyncio.to_thread(server.names) == ["Jobs", "Kept"]


@in_one_loop
async def test_an_sdk_without_the_token_is_told_as_by_aws(server: Server) -> None:
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(server.client(None).list_queues)
    assert caught.value.response["Error"] == {
        "Code": "UnrecognizedClientException",
        "Message": "The security token included in the request is invalid.",
    }


async def test_a_message_of_a_function_runs_the_queues_function() -> None:
    async with serving() as server:
        client = server.client(TOKEN)
        await asyncio.to_thread(client.send_message, QueueUrl=server.url, MessageBody="run")
        await until(lambda: server.invoker.bodies("F") == [["run"]])


async def test_another_program_cannot_take_the_port_while_the_server_starts_again() -> None:
    async with serving() as server:
        process = server.queues._server._process
        assert process is not None
        process.kill()
        with pytest.raises(OSError, match="in use"):
            await asyncio.start_server(lambda *_: None, "127.0.0.1", server.port)
        await until(lambda: not server.queues._server.up.is_set())
        await until(server.queues._server.up.is_set)
        assert await asyncio.to_thread(server.names) == ["Jobs", "Kept"]


async def test_the_token_is_in_no_command_line() -> None:
    async with serving() as server:
        process = server.queues._server._process
        assert process is not None
        assert os.fsencode(TOKEN) not in command_line(process.pid)


def command_line(pid: int) -> bytes:
    path = Path(f"/proc/{pid}/cmdline")
    if not path.exists():
        pytest.skip("no /proc")
    return path.read_bytes()


def test_the_operations_are_those_of_the_sdk() -> None:
    session = boto3.Session("a", "b", region_name=REGION)
    assert set(session.client("sqs").meta.service_model.operation_names) == OPERATIONS


def test_a_body_of_many_fields_is_no_operation() -> None:
    body = b"Action=ListQueues" + b"&x=1" * 20_000
    request = Request("POST", "/", "", (("Content-Type", FORM),), body, "127.0.0.1")
    with pytest.raises(Refused, match="no operation"):
        queue_guard.check_operation(request)
