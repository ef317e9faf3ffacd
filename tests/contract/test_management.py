"""The real client against servers that misbehave, and what it sends to those that do not."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import sys
from contextlib import aclosing
from pathlib import Path

import boto3
import pytest
import trustme

from handlers.adapters.concurrency import gather_within
from handlers.adapters.gateway import connection_pool
from handlers.adapters.gateway.api import (
    MAX_ATTEMPTS,
    MAX_ATTEMPTS_WHEN_SILENT,
    MAX_CONCURRENT_CALLS,
    GatewayApi,
    backoff_seconds,
    max_attempts,
)
from handlers.adapters.gateway.errors import GatewayRejected, Gone, Undelivered, Unreachable
from handlers.core.operation import Push
from tests.contract.servers import HANG_UP, OK, Server, answering, saying
from tests.support.world import ample

ROOT = Path(__file__).parents[2]
PUSH = Push("ann", "gateway.example/live", "AAAAAAAAAgAAAAA=", b'{"text":"h\xc3\xa9"}')


class Naps:
    """Takes no time, and remembers."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def post(server: Server, naps: Naps | None = None) -> None:
    async with aclosing(GatewayApi(ample(), server.endpoint, sleep=naps or Naps())) as client:
        await client.post(PUSH)


# ---- what is asked again


@pytest.mark.parametrize("status", [302, 400, 403, 404, 413])
async def test_a_final_answer_is_not_retried(status: int) -> None:
    async with answering(saying(status)) as server:
        with pytest.raises(GatewayRejected) as caught:
            await post(server)
        assert (caught.value.status, len(server.heads)) == (status, 1)


async def test_410_means_gone_with_or_without_a_body() -> None:
    for answer in (saying(410, ""), saying(410, "", "x-amzn-ErrorType: GoneException")):
        async with answering(answer) as server:
            with pytest.raises(Gone):
                await post(server)
            assert len(server.heads) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_temporary_failure_is_retried_a_few_times(status: int) -> None:
    async with answering(saying(status)) as server:
        with pytest.raises(GatewayRejected) as caught:
            await post(server)
        assert (caught.value.status, len(server.heads)) == (status, MAX_ATTEMPTS)


@pytest.mark.parametrize("failure", [saying(429), saying(503), HANG_UP])
async def test_a_retry_that_succeeds_is_delivered(failure: bytes) -> None:
    async with answering(failure, failure, OK) as server:
        await post(server)
        assert server.bodies == [PUSH.data] * 3


async def test_the_waits_between_are_random_and_grow() -> None:
    naps, dice = Naps(), iter([1.0, 0.5, 0.0])
    async with answering(saying(429), saying(429), saying(429), OK) as server:
        client = GatewayApi(ample(), server.endpoint, random=lambda: next(dice), sleep=naps)
        async with aclosing(client):
            await client.post(PUSH)
    assert naps.seconds == [0.05, 0.5 * 0.1, 0.0]


def test_a_wait_is_bounded() -> None:
    most = [backoff_seconds(attempt, lambda: 1.0) for attempt in (1, 2, 3, 4, 5, 6, 60)]
    assert most == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert backoff_seconds(60, lambda: 0.0) == 0


async def test_an_error_quotes_the_gateway() -> None:
    said = saying(403, '{"message":"User is not authorized"}', "x-amzn-ErrorType: AccessDenied")
    async with answering(said) as server:
        with pytest.raises(GatewayRejected, match=r"403 AccessDenied .*User is not authorized"):
            await post(server)


# ---- no answer


async def test_a_gateway_that_never_answers_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_pool, "SILENT_SECONDS", 0.05)
    async with answering(None) as server:
        with pytest.raises(Unreachable):
            await post(server)
        await server.until_asked(MAX_ATTEMPTS_WHEN_SILENT)


def test_a_call_has_a_timeout() -> None:
    assert (connection_pool.CONNECT_SECONDS, connection_pool.SILENT_SECONDS) == (1, 3)


@pytest.mark.parametrize(
    "answer",
    [
        HANG_UP,
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 410 Gone\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 yes OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
    ],
)
async def test_a_broken_http_answer_means_unreachable(answer: bytes) -> None:
    async with answering(answer) as server:
        with pytest.raises(Unreachable):
            await post(server)
        assert len(server.heads) == MAX_ATTEMPTS


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    ],
)
async def test_an_answer_ends_where_http_says(answer: bytes) -> None:
    async with answering(answer) as server:
        await post(server)
        await post(server)
        assert server.bodies == [PUSH.data] * 2


@pytest.mark.parametrize("more", [OK, saying(410), saying(410)[:20], b"x"])
async def test_what_comes_behind_an_answer_is_not_the_next_one(more: bytes) -> None:
    naps = Naps()
    async with (
        answering(saying(410, "{}") + more, OK) as server,
        aclosing(GatewayApi(ample(), server.endpoint, sleep=naps)) as client,
    ):
        with pytest.raises(Gone):
            await client.post(PUSH)
        await client.post(PUSH)
        assert (len(server.heads), naps.seconds) == (2, [])


async def test_an_answer_that_comes_late_is_not_the_next_one() -> None:
    """The call that it was for has been given up."""
    async with (
        answering(None, OK) as server,
        aclosing(GatewayApi(ample(), server.endpoint)) as client,
    ):
        post = asyncio.ensure_future(client.post(PUSH))
        await server.until_asked(1)
        late = next(iter(server.connections))
        post.cancel()
        await asyncio.wait([post])
        late.write(saying(410))
        await client.post(PUSH)
        assert server.bodies == [PUSH.data] * 2


async def test_a_server_without_a_trusted_certificate_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    async with answering(OK, context=context) as server:
        push = Push("ann", server.node, PUSH.connection_id, PUSH.data)
        async with aclosing(GatewayApi(ample(), sleep=Naps())) as stranger:
            with pytest.raises(Unreachable, match="certificate"):
                await stranger.post(push)
        assert server.heads == []
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "authority.pem"))
        async with aclosing(GatewayApi(ample())) as friend:
            await friend.post(push)
        assert server.bodies == [PUSH.data]


@pytest.mark.parametrize(
    "node",
    [
        "",
        "a b",
        "[::1",
        "host:port/live",
        "no\r\nhost",
        "a/b\r\nX: y",
        "a/b c",
        "ann@a/b",
        "a/b?c",
        "a/b#c",
        "é/b",
        "a" * 64 + "/b",
    ],
)
async def test_a_malformed_node_is_not_called(node: str) -> None:
    async with aclosing(GatewayApi(ample(), sleep=Naps())) as client:
        with pytest.raises(Undelivered):
            await client.is_open(node, "AAAAAAAAAgAAAAA=")


# ---- connections that are kept


async def test_a_connection_is_kept_and_used_again() -> None:
    async with answering(OK) as server, aclosing(GatewayApi(ample(), server.endpoint)) as client:
        for _ in range(3):
            await client.post(PUSH)
        assert (len(server.heads), server.most_connections) == (3, 1)
        assert len(server.connections) == 1


async def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing() -> None:
    naps = Naps()
    async with (
        answering(OK) as server,
        aclosing(GatewayApi(ample(), server.endpoint, sleep=naps)) as client,
    ):
        await client.post(PUSH)
        for writer in server.connections:
            writer.close()
        await server.until_connected(0)
        await client.post(PUSH)
        assert (server.bodies, naps.seconds) == ([PUSH.data] * 2, [])


async def test_a_kept_connection_that_closes_as_it_is_used_is_replaced() -> None:
    async with answering(OK, HANG_UP, OK) as server:
        async with aclosing(GatewayApi(ample(), server.endpoint, sleep=Naps())) as client:
            await client.post(PUSH)
            await client.post(PUSH)
        assert server.bodies == [PUSH.data] * 3


def host_of(server: Server) -> connection_pool.Host:
    return connection_pool.Host("127.0.0.1", server.port, is_tls=False)


async def test_a_kept_connection_is_closed_when_it_was_idle_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also the one to a host that is not asked any more."""
    async with answering(OK) as server, answering(OK) as other:
        pool = connection_pool.ConnectionPool(1, ssl.create_default_context)
        ask = b"GET / HTTP/1.1\r\n\r\n"
        await pool.call(host_of(server), ask)
        await server.until_connected(1)
        monkeypatch.setattr(connection_pool, "KEEP_SECONDS", 0.0)
        await pool.call(host_of(other), ask)
        await server.until_connected(0)
        pool.close()


async def test_an_error_leaves_the_connection_as_it_is() -> None:
    async with answering(saying(410), saying(403), OK) as server:
        async with aclosing(GatewayApi(ample(), server.endpoint)) as client:
            with pytest.raises(Gone):
                await client.post(PUSH)
            with pytest.raises(GatewayRejected):
                await client.post(PUSH)
            await client.post(PUSH)
        assert server.most_connections == 1


async def test_calls_above_the_maximum_wait() -> None:
    async with answering(None) as server, aclosing(GatewayApi(ample(), server.endpoint)) as client:
        posts = [asyncio.ensure_future(client.post(PUSH)) for _ in range(MAX_CONCURRENT_CALLS + 10)]
        await server.until_asked(MAX_CONCURRENT_CALLS)
        assert server.most_connections == MAX_CONCURRENT_CALLS
        server.answers = [OK]
        for one in posts[:MAX_CONCURRENT_CALLS]:
            one.cancel()
        await asyncio.gather(*posts[MAX_CONCURRENT_CALLS:])
        assert len(server.heads) == MAX_CONCURRENT_CALLS + 10


async def test_a_cancelled_post_leaves_nothing_behind() -> None:
    async with answering(None) as server, aclosing(GatewayApi(ample(), server.endpoint)) as client:
        posts = [asyncio.ensure_future(client.post(PUSH)) for _ in range(MAX_CONCURRENT_CALLS + 10)]
        await server.until_connected(MAX_CONCURRENT_CALLS)
        for one in posts:
            one.cancel()
        await asyncio.wait(posts)
        await server.until_connected(0)
        await gather_within([client.post(PUSH) for _ in range(3)], within_seconds=0)
        server.answers = [OK]
        await client.post(PUSH)


async def test_the_timeout_of_all_calls_ends_those_that_wait_for_a_retry() -> None:
    naps = 0

    async def nap(_: float) -> None:
        nonlocal naps
        naps += 1
        await asyncio.Event().wait()

    async with (
        answering(saying(429)) as server,
        aclosing(GatewayApi(ample(), server.endpoint, sleep=nap)) as client,
    ):
        for within_seconds in (0.05, 1, 30):  # until the first answer is in time
            await gather_within([client.post(PUSH)], within_seconds)
            if naps:
                break
        assert naps == 1
        assert len(server.heads) <= 3


async def test_closing_twice_or_unused_has_no_effect_and_a_later_call_works() -> None:
    async with answering(OK) as server:
        client = GatewayApi(ample(), server.endpoint)
        await client.aclose()
        await client.post(PUSH)
        await client.aclose()
        await client.aclose()
        await server.until_connected(0)
        await client.post(PUSH)
        await client.aclose()
        assert len(server.heads) == 2


ENDS_BY_ITSELF = """
from handlers.container import Container
from handlers.core.operation import Push

class Context:
    def get_remaining_time_in_millis(self):
        return 30_000

container = Container()
push = Push("ann", "nowhere", "AAAAAAAAAgAAAAA=", b"{}")
print(container.run(container.delivery.deliver([push] * 3, within_seconds=60), Context()))
"""


async def test_a_process_that_ends_leaves_no_socket_and_prints_nothing() -> None:
    async with answering(OK) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ENDS_BY_ITSELF),
            cwd=ROOT,
            env=os.environ
            | {"PUSH_ENDPOINT": server.endpoint, "DATABASE_URL": "postgresql://unused"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert await process.communicate() == (b"3 sent, 0 gone, 0 undelivered\n", b"")
        await server.until_connected(0)


# ---- what is sent


async def test_it_sends_what_boto3_sends() -> None:
    """But for what says which SDK it is, and its own tries."""
    own = {"user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "accept-encoding"}
    async with answering(OK) as server:
        await post(server)
        client = boto3.client("apigatewaymanagementapi", endpoint_url=server.endpoint)
        await asyncio.to_thread(
            client.post_to_connection, ConnectionId=PUSH.connection_id, Data=PUSH.data
        )
        client.close()
        ours, boto = map(_parsed, server.heads)
        assert ours[0] == "POST /live/@connections/AAAAAAAAAgAAAAA%3D HTTP/1.1"
        assert boto[0] == ours[0]
        assert ours[1].keys() == boto[1].keys() - own
        assert _signed(ours) == _signed(boto) == "host;x-amz-date"
        assert server.bodies == [PUSH.data] * 2


@pytest.mark.parametrize("endpoint", ["", "/", "/live", "/live/"])
async def test_an_endpoint_is_a_host_with_or_without_a_path(endpoint: str) -> None:
    async with answering(OK) as server:
        async with aclosing(
            GatewayApi(ample(), f"http://127.0.0.1:{server.port}{endpoint}")
        ) as client:
            await client.close("nowhere", "a/b?c=")
        path = endpoint.rstrip("/")
        assert server.heads[0].startswith(f"DELETE {path}/@connections/a%2Fb%3Fc%3D HTTP/1.1\r\n")


async def test_a_session_token_goes_along_and_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    async with answering(OK) as server:
        await post(server)
        sent = _parsed(server.heads[0])
        assert sent[1]["x-amz-security-token"] == "token"
        assert _signed(sent) == "host;x-amz-date;x-amz-security-token"


async def test_without_a_region_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    async with answering(OK) as server:
        with pytest.raises(Undelivered, match="region"):
            await post(server)
        assert server.heads == []


def _parsed(head: str) -> tuple[str, dict[str, str]]:
    first, *lines = head.strip().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return first, {name.lower(): value for name, value in pairs}


def _signed(sent: tuple[str, dict[str, str]]) -> str:
    found = re.search(r"SignedHeaders=([^,]+),", sent[1]["authorization"])
    assert found
    return found[1]


def test_which_failures_are_retried() -> None:
    assert max_attempts(Undelivered("no credentials")) == 1
    assert max_attempts(Unreachable("no way")) == MAX_ATTEMPTS
