"""TLS on the port of plain http, with third-party clients."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import ssl
import stat
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateways import (
    PONG,
    Clock,
    Event,
    Functions,
    Running,
    function,
    plan,
    running,
    websocket_api,
)
from waiting import in_time, until
from wsgate.certificates import Certificates, make
from wsgate.model.limits import Limits, millis
from wsgate.serve import Addresses, Options, serve_at
from wsgate.transport.tls import TlsTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from types_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

QUICK = Limits(head=timedelta(milliseconds=50), tick=timedelta(milliseconds=10))
RECORD = b"\x16\x03\x01"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make(tmp_path_factory.mktemp("tls"), ["127.0.0.1"], {})


@pytest.fixture
def trusting(certificates: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates.authority)


def echo(event: Event) -> Event:
    return {"statusCode": 200, "body": event["body"]}


def node(
    certificates: Certificates, limits: Limits | None = None, clock: Clock | None = None
) -> contextlib.AbstractAsyncContextManager[Running]:
    api = websocket_api({"echo": function("echo"), "ping": PONG}, two_way={"echo", "ping"})
    functions = Functions(echo=echo, web=lambda event: {"path": event["rawPath"]})
    described = plan(api, {"$default": function("web")})
    server = certificates.server
    return running(described, functions, limits=limits, clock=clock, certificate=server)


def management(node: Running, bundle: Path) -> ApiGatewayManagementApiClient:
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"https://127.0.0.1:{node.port}/live",
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 not a secret
        verify=str(bundle),
        config=Config(retries={"total_max_attempts": 1}),
    )


@contextlib.asynccontextmanager
async def talk(
    at: Running, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", at.port, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


def wss(at: Running) -> str:
    return f"wss://127.0.0.1:{at.port}/live"


async def test_wss_and_ws_are_on_one_port(
    certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    async with node(certificates) as at:
        async with connect(wss(at), ssl=trusting) as one, connect(at.url) as other:
            for client in (one, other):
                await client.send('{"action":"echo","text":"hi"}')
                assert json.loads(await client.recv())["text"] == "hi"
        async with connect(f"wss://localhost:{at.port}/live", ssl=trusting) as client:
            await client.ping()


async def test_messages_of_every_size_come_whole_and_in_order(
    certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    async with node(certificates) as at, connect(wss(at), ssl=trusting, compression=None) as client:
        for size in (0, 1, 16_000, 16_384, 32_000):
            said = json.dumps({"action": "echo", "x": "é" * (size // 2)}, ensure_ascii=False)
            await client.send(said)
            assert await client.recv() == said
        for _ in range(200):
            await client.send('{"action":"ping"}')
        answers = [json.loads(await client.recv()) for _ in range(200)]
        assert {answer["type"] for answer in answers} == {"pong"}


async def test_closing_is_seen_as_such_on_both_sides(
    certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    async with node(certificates) as at:
        async with connect(wss(at), ssl=trusting) as client:
            await until(lambda: len(at.node) == 1)
            at.node.shut_down()
            with pytest.raises(ConnectionClosed) as caught:
                await client.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        await until(lambda: not len(at.node))


async def test_boto3_posts_gets_and_deletes_over_https(
    certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    async with node(certificates) as at, connect(wss(at), ssl=trusting) as client:
        await client.send("{}")
        connection_id = json.loads(await client.recv())["connectionId"]
        api = management(at, certificates.bundle)
        await asyncio.to_thread(api.post_to_connection, ConnectionId=connection_id, Data=b"pushed")
        assert await client.recv() == "pushed"
        found = await asyncio.to_thread(api.get_connection, ConnectionId=connection_id)
        assert found["Identity"]["SourceIp"] == "127.0.0.1"
        await asyncio.to_thread(api.delete_connection, ConnectionId=connection_id)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        with pytest.raises(ClientError):
            await asyncio.to_thread(api.get_connection, ConnectionId=connection_id)
        await asyncio.to_thread(api.close)


async def test_who_does_not_trust_us_is_not_served(certificates: Certificates) -> None:
    async with node(certificates) as at:
        stranger = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            async with talk(at, stranger):
                pass
        await until(lambda: not at.node.clients)


async def test_requests_follow_each_other_on_one_connection(
    certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    async with node(certificates) as at, talk(at, trusting) as (reader, writer):
        for path in ("/one", "/two"):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert json.loads(await reader.readuntil(b"}"))["path"] == path


@pytest.mark.parametrize("nonsense", [b"nonsense\r\n\r\n", RECORD + b"\x00\x01x"])
async def test_nonsense_inside_is_answered_and_ends(
    certificates: Certificates, trusting: ssl.SSLContext, nonsense: bytes
) -> None:
    """TLS in TLS is no more than that."""
    async with node(certificates) as at, talk(at, trusting) as (reader, writer):
        writer.write(nonsense)
        assert (await in_time(reader.read())).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "garbage", [RECORD + b"\x00\x05hello", RECORD + b"\xff\xff" + b"x" * 70_000, b"\x16GET / HTTP"]
)
async def test_garbage_after_the_first_bytes_is_dropped(
    certificates: Certificates, garbage: bytes
) -> None:
    async with node(certificates) as at:
        async with talk(at) as (reader, writer):
            writer.write(garbage)
            with contextlib.suppress(ConnectionError):
                assert b"HTTP" not in await in_time(reader.read())
        await until(lambda: not at.node.clients)


@pytest.mark.parametrize("part", [1, 3, 5, 100])
async def test_half_a_handshake_runs_out_of_time(
    certificates: Certificates, trusting: ssl.SSLContext, part: int
) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    assert len(hello) > part
    async with node(certificates, QUICK) as at:
        async with talk(at) as (reader, writer):
            writer.write(hello[:part])
            with contextlib.suppress(ConnectionError):
                assert await in_time(reader.read()) == b""
        assert not at.node.clients


async def test_a_handshake_in_single_bytes_is_a_handshake(
    certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(incoming, outgoing, server_hostname="localhost")
    async with node(certificates) as at, talk(at) as (reader, writer):
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    writer.write(bytes([byte]))
                    await writer.drain()
                incoming.write(await in_time(reader.read(65536)))
        client.write(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        writer.write(outgoing.read())
        incoming.write(await in_time(reader.read()))
        assert client.read().startswith(b"HTTP/1.1 200 ")


async def test_a_client_that_never_reads_is_429_and_then_dropped(
    certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    limits = Limits(
        buffer_bytes=64 * 1024,
        stuck=timedelta(milliseconds=200),
        tick=timedelta(milliseconds=10),
    )
    async with node(certificates, limits) as at:
        client = await connect(wss(at), ssl=trusting, compression=None, max_queue=1)
        await client.send("{}")
        connection_id = json.loads(await client.recv())["connectionId"]
        client.transport.pause_reading()
        api = management(at, certificates.bundle)
        with pytest.raises(ClientError) as caught:
            for _ in range(200):
                await asyncio.to_thread(
                    api.post_to_connection, ConnectionId=connection_id, Data=b"x" * 120_000
                )
        assert caught.value.response["Error"]["Code"] == "LimitExceededException"
        await until(lambda: not len(at.node))
        await asyncio.to_thread(api.close)
        client.transport.abort()


async def test_a_lost_client_is_noticed(
    certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    async with node(certificates) as at:
        client = await connect(wss(at), ssl=trusting)
        await until(lambda: len(at.node) == 1)
        client.transport.abort()
        await until(lambda: not len(at.node))


async def test_without_a_certificate_tls_is_not_http(certificates: Certificates) -> None:
    described = plan(websocket_api({}))
    async with running(described, Functions()) as at, talk(at) as (reader, writer):
        writer.write(RECORD + b"\x02\x00\x01")
        assert (await in_time(reader.read())).startswith(b"HTTP/1.1 400 ")


async def test_a_custom_domain_is_in_the_certificate(tmp_path: Path) -> None:
    made = make(tmp_path, ["ws.example.com", "a1b2.localhost", "not a name"], {})
    trusting = ssl.create_default_context(cafile=made.authority)
    async with node(made) as at:
        for name in ("ws.example.com", "a1b2.localhost", "127.0.0.1"):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", at.port, ssl=trusting, server_hostname=name
            )
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


def test_only_the_owner_can_read_the_key(certificates: Certificates) -> None:
    for path in (certificates.server, certificates.authority, certificates.bundle):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in certificates.authority.read_bytes()
    assert b"PRIVATE KEY" not in certificates.bundle.read_bytes()


def test_the_bundle_trusts_us_and_who_was_trusted_before(
    certificates: Certificates, tmp_path: Path
) -> None:
    own, all_ = (path.read_bytes() for path in (certificates.authority, certificates.bundle))
    assert all_.startswith(own)
    assert all_.count(b"BEGIN CERTIFICATE") > 50
    (tmp_path / "other").mkdir()
    other = make(tmp_path / "other", [], {"AWS_CA_BUNDLE": "none", "SSL_CERT_FILE": "none"})
    proxy = tmp_path / "proxy.pem"
    proxy.write_bytes(b"# A comment, and what a proxy has.\n" + own)
    variables = {"AWS_CA_BUNDLE": proxy, "SSL_CERT_FILE": proxy}
    variables["REQUESTS_CA_BUNDLE"] = other.authority
    (tmp_path / "made").mkdir()
    made = make(tmp_path / "made", [], {name: str(path) for name, path in variables.items()})
    expected = [path.read_bytes() for path in (made.authority, certificates.authority)]
    assert made.bundle.read_bytes() == b"".join((*expected, other.authority.read_bytes()))


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Socket:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: live
      RouteSelectionExpression: $request.body.action
      Routes:
        $connect: {FunctionArn: !GetAtt Full.Arn}
        push: {FunctionArn: !GetAtt Main.Arn}
        full: {FunctionArn: !GetAtt Full.Arn}
  Main:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.13, Timeout: 20}
  Full:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.13
      ReservedConcurrentExecutions: 0
      InlineCode: handler = print
"""
HANDLER = '''
import boto3


def handler(event, context):
    """Code written for AWS, which knows nothing of wsgate."""
    where = event["requestContext"]
    endpoint = f"https://{where['domainName']}/{where['stage']}"
    client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
    client.post_to_connection(ConnectionId=where["connectionId"], Data=b"pushed")
    return {"statusCode": 200}
'''


@contextlib.asynccontextmanager
async def serving(
    tmp_path: Path, template: str, nodes: int = 1
) -> AsyncIterator[tuple[Addresses, list[str]]]:
    (tmp_path / "template.yaml").write_text(template)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(HANDLER)
    log: list[str] = []
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    options = Options(
        tmp_path / "template.yaml",
        port=0,
        nodes=nodes,
        authority=tmp_path / "authority.pem",
        log=log.append,
    )
    task = asyncio.create_task(serve_at(options, ready.set_result))
    try:
        done, _ = await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED, timeout=20)
        if task in done:
            task.result()
        yield ready.result(), log
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await in_time(task)


@pytest.mark.parametrize("nodes", [1, 2])
async def test_an_unmodified_handler_pushes_to_its_caller(tmp_path: Path, nodes: int) -> None:
    template = TEMPLATE.replace("        $connect: {FunctionArn: !GetAtt Full.Arn}\n", "")
    async with serving(tmp_path, template, nodes) as (addresses, log):
        async with connect(addresses.websocket) as client:
            await client.send('{"action":"push"}')
            assert await in_time(client.recv()) == "pushed"
        assert not any("SSL" in line for line in log)
        trusting = ssl.create_default_context(cafile=tmp_path / "authority.pem")
        wss = addresses.websocket.replace("ws://", "wss://")
        async with connect(wss, ssl=trusting) as client:
            await client.send('{"action":"push"}')
            assert await in_time(client.recv()) == "pushed"


@pytest.mark.parametrize("nodes", [1, 2])
async def test_a_throttled_function_is_500_at_connect_and_an_error_frame_later(
    tmp_path: Path, nodes: int
) -> None:
    """docs/aws-behaviour.md §2.1, §6: the gateway says no more than that Lambda did not run it."""
    (tmp_path / "one").mkdir()
    async with serving(tmp_path / "one", TEMPLATE, nodes) as (addresses, log):
        with pytest.raises(Exception, match="HTTP 500"):
            async with connect(addresses.websocket):
                pass
        words = "TooManyRequestsException: Rate Exceeded."
        await until(lambda: any(words in line for line in log))
    (tmp_path / "two").mkdir()
    open_to_all = TEMPLATE.replace("        $connect: {FunctionArn: !GetAtt Full.Arn}\n", "")
    async with (
        serving(tmp_path / "two", open_to_all, nodes) as (addresses, _),
        connect(addresses.websocket) as client,
    ):
        await client.send('{"action":"full"}')
        assert json.loads(await client.recv())["message"] == "Internal server error"
        api = boto3.client(
            "lambda",
            endpoint_url=addresses.http,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 not a secret
            config=Config(retries={"total_max_attempts": 1}),
        )
        with pytest.raises(ClientError) as caught:
            await asyncio.to_thread(api.invoke, FunctionName="Full")
        response: Any = caught.value.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert response["Error"]["Code"] == "TooManyRequestsException"
        assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        await asyncio.to_thread(api.close)


async def test_boto3_without_the_bundle_refuses_us(certificates: Certificates) -> None:
    async with node(certificates) as at:
        api = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=f"https://127.0.0.1:{at.port}/live",
            region_name="eu-west-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 not a secret
            config=Config(retries={"total_max_attempts": 1}),
        )
        with pytest.raises(SSLError):
            await asyncio.to_thread(api.get_connection, ConnectionId="uV8iW0VYZSoCFaQ=")
        await asyncio.to_thread(api.close)


async def test_connections_that_end_leave_nothing_behind(
    certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    async with node(certificates) as at:
        for _ in range(5):
            async with connect(wss(at), ssl=trusting) as client:
                await client.send('{"action":"ping"}')
                await client.recv()
            async with talk(at, trusting) as (reader, writer):
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                await reader.read()
        await until(lambda: not len(at.node) and not at.node.clients)
        await asyncio.sleep(0)
        gc.collect()
        assert not [one for one in gc.get_objects() if type(one) is TlsTransport]


async def test_many_handshakes_that_go_nowhere_leave_nothing(certificates: Certificates) -> None:
    clock = Clock()
    async with node(certificates, QUICK, clock) as at:
        half = [socket.create_connection(("127.0.0.1", at.port)) for _ in range(50)]
        for one in half:
            one.sendall(RECORD + b"\x02\x00\x01\x00")
        # Each has begun: until its first bytes are read, it has the longer time between requests.
        due = clock.now + millis(QUICK.head)
        await until(lambda: [client.deadline for client in at.node.clients] == [due] * 50)
        clock.now = due
        await until(lambda: not at.node.clients)
        for one in half:
            one.close()
