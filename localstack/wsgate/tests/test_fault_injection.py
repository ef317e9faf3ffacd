"""Faults and quotas over real sockets: each does what it says, and only that."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage

from gateways import Event, Functions, Running, function, plan, running, websocket_api
from socket_clients import (
    FUNCTION_ROUTES,
    closed,
    echo,
    functions_client,
    get,
    id_of,
    management,
    ok,
    refused,
)
from waiting import in_time, until
from wsgate.core.faults import Faults
from wsgate.core.quotas import Quotas
from wsgate.functions.fault_injection import FaultyInvoker, FaultyQueue
from wsgate.model.invoke import InvokeError
from wsgate.model.limits import Limits
from wsgate.model.plan import Throttle, Throttles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUICK = Limits(tick=timedelta(milliseconds=10))


@asynccontextmanager
async def faulty(
    limits: Limits = QUICK,
    throttles: Throttles | None = None,
    quotas: Quotas | None = None,
    **faults: float,
) -> AsyncIterator[tuple[Running, Functions]]:
    """A node with $connect, $disconnect, echo and ping, and these faults from the beginning."""
    functions = Functions(
        connect=ok, disconnect=ok, echo=echo, web=lambda event: event["rawPath"], double=double
    )
    api = websocket_api(FUNCTION_ROUTES, two_way={"echo", "ping"})
    api = replace(api, throttles=throttles or Throttles())
    chosen = Faults(7, faults)
    said: list[str] = []
    invoker = FaultyInvoker(functions, chosen, lambda *line: said.append(" | ".join(line)))
    start = running(
        plan(api, {"$default": function("web")}),
        invoker,
        limits=limits,
        faults=chosen,
        quotas=quotas,
    )
    async with start as node:
        yield node, functions
        node.log.extend(said)


def double(event: Event) -> int:
    value: int = event["n"] * 2
    return value


def faults_of(node: Running) -> list[str]:
    """Return the injected faults in the log, without their time."""
    lines = [line for line in node.log if "fault: " in line]
    return [line.partition("fault: ")[2].removesuffix(" 0 ms") for line in lines]


async def said(client: ClientConnection, **message: Any) -> Any:
    await client.send(json.dumps(message))
    return json.loads(await in_time(client.recv()))


def seconds_since(started: float) -> float:
    return monotonic() - started


class TestOff:
    async def test_nothing_changes(self) -> None:
        async with faulty() as (node, functions):
            async with connect(node.url) as client:
                connection_id = await id_of(client)
                assert await said(client, action="echo", n=1) == {"action": "echo", "n": 1}
                await post(node, connection_id)
                assert await client.recv() == "hi"
            await until(lambda: functions.events("disconnect"))
            assert [name for name, _ in functions.calls] == ["connect", "echo", "disconnect"]
            assert faults_of(node) == []
            assert len(node.node._fault_injection) == 0

    async def test_it_can_be_turned_on_and_off_while_it_runs(self) -> None:
        async with faulty() as (node, functions):
            async with connect(node.url) as client:
                node.node.faults.set("disconnect_lost", 1)
            await until(lambda: faults_of(node))
            node.node.faults.set("disconnect_lost", 0)
            async with connect(node.url) as client:
                kept = await id_of(client)
            await until(lambda: functions.events("disconnect"))
            [event] = functions.events("disconnect")
            assert event["requestContext"]["connectionId"] == kept


class TestDisconnect:
    async def test_lost(self) -> None:
        async with faulty(disconnect_lost=1) as (node, functions):
            async with connect(node.url):
                pass
            await until(lambda: faults_of(node) == ["disconnect_lost"])
            assert len(node.node) == 0
        assert functions.events("disconnect") == []

    async def test_twice_and_the_same(self) -> None:
        async with faulty(disconnect_twice=1) as (node, functions):
            async with connect(node.url):
                pass
            await until(lambda: len(functions.events("disconnect")) == 2)
            first, second = functions.events("disconnect")
            assert first == second
            assert faults_of(node) == ["disconnect_twice"]

    async def test_late_and_the_next_connection_overtakes_it(self) -> None:
        async with faulty(disconnect_late=900) as (node, functions):
            async with connect(node.url):
                pass
            await until(lambda: len(node.node._fault_injection) == 1)
            async with connect(node.url):
                node.node._fault_injection.hurry()
                await until(lambda: functions.events("disconnect"))
            assert [name for name, _ in functions.calls[:3]] == ["connect", "connect", "disconnect"]
            assert faults_of(node)[0] == "disconnect_late 900 s"

    async def test_late_means_when_its_time_is_up(self) -> None:
        async with faulty(disconnect_late=0.3) as (node, functions):
            started = monotonic()
            async with connect(node.url):
                pass
            await until(lambda: functions.events("disconnect"))
            assert seconds_since(started) >= 0.3
            assert faults_of(node) == ["disconnect_late 0.3 s"]

    async def test_the_end_of_the_gateway_does_not_lose_what_is_late(self) -> None:
        async with faulty(disconnect_late=900) as (node, functions):
            async with connect(node.url):
                pass
            await until(lambda: len(node.node._fault_injection) == 1)
            assert functions.events("disconnect") == []
            open_till_the_end = await connect(node.url)
        assert len(functions.events("disconnect")) == 2
        assert len(node.node._fault_injection) == 0
        await open_till_the_end.close()

    async def test_what_waits_is_bounded(self) -> None:
        limits = replace(QUICK, late=2)
        async with faulty(limits, disconnect_late=900) as (node, functions):
            for _ in range(5):
                async with connect(node.url):
                    pass
            await until(lambda: len(functions.events("disconnect")) == 3)
            assert len(node.node._fault_injection) == 2


class TestMessages:
    async def test_a_late_one_is_overtaken(self) -> None:
        async with (
            faulty(message_late=1, message_late_seconds=900) as (node, _),
            connect(node.url) as client,
        ):
            await client.send('{"action":"echo","n":1}')
            await until(lambda: faults_of(node) == ["message_late 900 s"])
            node.node.faults.set("message_late", 0)
            assert await said(client, action="echo", n=2) == {"action": "echo", "n": 2}
            node.node._fault_injection.hurry()
            assert json.loads(await in_time(client.recv()))["n"] == 1

    async def test_one_client_cannot_make_more_wait_than_it_may_have_in_flight(self) -> None:
        limits = replace(QUICK, in_flight=4)
        async with (
            faulty(limits, message_late=1, message_late_seconds=900) as (node, _),
            connect(node.url) as flood,
            connect(node.url) as other,
        ):
            for n in range(50):
                await flood.send(f'{{"action":"echo","n":{n}}}')
            await until(lambda: len(node.node._fault_injection) == 4)
            assert (await said(other, action="ping"))["type"] == "pong"
            assert len(node.node._fault_injection) == 4
            flood.transport.abort()  # its close frame is never read


class TestConnect:
    async def test_the_client_is_lost_after_connect_succeeded(self) -> None:
        async with faulty(connect_lost=1) as (node, functions):
            with pytest.raises((InvalidMessage, ConnectionError, EOFError)):
                await connect(node.url)
            await until(lambda: functions.events("disconnect"))
            [event] = functions.events("disconnect")
            assert event["requestContext"]["disconnectStatusCode"] == 1006
            assert (len(node.node), len(node.node.gateway)) == (0, 0)
            assert faults_of(node) == ["connect_lost"]


async def post(node: Running, connection_id: str) -> None:
    client = management(node)
    await asyncio.to_thread(client.post_to_connection, ConnectionId=connection_id, Data=b"hi")


class TestManagement:
    @pytest.mark.parametrize(
        ("fault", "error", "status"),
        [
            ("management_gone", "GoneException", 410),
            ("management_throttled", "LimitExceededException", 429),
            ("management_failed", "InternalServerErrorException", 500),
        ],
    )
    async def test_boto3_hears_it_and_the_client_nothing(
        self, fault: str, error: str, status: int
    ) -> None:
        async with faulty() as (node, _), connect(node.url) as client:
            connection_id = await id_of(client)
            node.node.faults.set(fault, 1)
            with pytest.raises(management(node).exceptions.ClientError) as caught:
                await post(node, connection_id)
            response = caught.value.response
            assert response["Error"]["Code"] == error
            assert response["ResponseMetadata"]["HTTPStatusCode"] == status
            assert any(f" POST {connection_id} fault: {fault}" in line for line in node.log)
            node.node.faults.set(fault, 0)
            await post(node, connection_id)
            assert await client.recv() == "hi"

    async def test_late(self) -> None:
        async with faulty() as (node, _), connect(node.url) as client:
            connection_id = await id_of(client)
            node.node.faults.set("management_latency", 0.3)
            started = monotonic()
            await post(node, connection_id)
            assert seconds_since(started) >= 0.3
            assert await client.recv() == "hi"
            assert faults_of(node) == ["management_latency 0.300 s"]


class TestIntegrations:
    async def test_each_is_reached_late(self) -> None:
        async with faulty(integration_latency=0.2) as (node, _):
            started = monotonic()
            async with connect(node.url) as client:
                assert seconds_since(started) >= 0.2
                await said(client, action="echo")
                assert seconds_since(started) >= 0.4
                assert await get(node, "/hi") == b"/hi"
                assert seconds_since(started) >= 0.6

    async def test_their_time_counts_it(self) -> None:
        async with faulty() as (_, functions):
            short = websocket_api({"echo": function("echo", timedelta(milliseconds=100))})
            slow = Faults(7, {"integration_latency": 0.2})
            async with (
                running(plan(short), functions, faults=slow) as other,
                connect(other.url) as client,
            ):
                frame = await said(client, action="echo")
                assert frame["message"] == "Endpoint request timed out"

    async def test_a_mock_has_no_function_to_wait_for(self) -> None:
        async with faulty() as (node, _), connect(node.url) as client:
            node.node.faults.set("integration_latency", 60)
            assert (await said(client, action="ping"))["type"] == "pong"
            node.node.faults.set("integration_latency", 0)


class TestFunctions:
    async def test_one_that_is_slow_elsewhere(self) -> None:
        async with faulty() as (node, _), connect(node.url) as client:
            node.node.faults.set("function_slow", 1)
            node.node.faults.set("function_slow_seconds", 0.2)
            started = monotonic()
            await said(client, action="echo")
            assert seconds_since(started) >= 0.2
            node.node.faults.set("function_slow", 0)
        assert "echo | fault: function_slow 0.2 s" in node.log

    async def test_one_that_crashes_elsewhere_has_run(self) -> None:
        async with faulty() as (node, functions), connect(node.url) as client:
            node.node.faults.set("function_crash", 1)
            frame = await said(client, action="echo")
            assert frame["message"] == "Internal server error"
            assert functions.events("echo")
            node.node.faults.set("function_crash", 0)

    async def test_boto3s_invoke_hears_of_the_crash(self) -> None:
        async with faulty(function_crash=1) as (node, _):
            answer = await asyncio.to_thread(
                functions_client(node).invoke, FunctionName="double", Payload=b'{"n": 21}'
            )
            assert answer["FunctionError"] == "Unhandled"
            assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.ExitError"


class TestConnections:
    async def test_one_breaks_off(self) -> None:
        async with faulty() as (node, functions):
            client = await connect(node.url)
            node.node.faults.set("connection_lost", 1)
            with pytest.raises(ConnectionClosed) as caught:
                await in_time(client.recv())
            assert caught.value.rcvd is None
            await until(lambda: functions.events("disconnect"))
            context = functions.events("disconnect")[0]["requestContext"]
            assert context["disconnectStatusCode"] == 1006
            assert faults_of(node) == ["connection_lost"]

    async def test_one_is_sent_away(self) -> None:
        async with faulty() as (node, functions):
            client = await connect(node.url)
            node.node.faults.set("connection_sent_away", 1)
            assert await closed(client) == (1001, "Going away")
            await until(lambda: functions.events("disconnect"))
            context = functions.events("disconnect")[0]["requestContext"]
            assert context["disconnectStatusCode"] == 1001

    async def test_a_killed_node_drops_every_connection_without_disconnect(self) -> None:
        gate = asyncio.Event()

        async def slow(event: Event) -> Event:
            await gate.wait()
            return {"statusCode": 200}

        functions = Functions(connect=ok, disconnect=ok, echo=slow, late=slow)
        api = websocket_api({**FUNCTION_ROUTES})
        deadly = Faults(7)
        async with running(plan(api), functions, limits=QUICK, faults=deadly) as node:
            clients = [await connect(node.url) for _ in range(3)]
            await clients[0].send('{"action":"echo"}')
            functions._functions["connect"] = slow
            opening = asyncio.ensure_future(connect(node.url).__aenter__())
            await until(lambda: len(functions.calls) == 5)
            deadly.set("node_kill", 1)
            for client in clients:
                with pytest.raises(ConnectionClosed):
                    await in_time(client.recv())
            with pytest.raises((InvalidMessage, ConnectionError, EOFError)):
                await opening
            gate.set()
            functions._functions["connect"] = ok
            async with connect(node.url) as client:  # it is there again
                await id_of(client)
                assert (len(node.node), len(node.node.gateway)) == (1, 1)
            await until(lambda: functions.events("disconnect"))
        assert len(functions.events("disconnect")) == 1
        assert sum("fault: node_kill takes 4 connections" in line for line in node.log) == 1


class TestQuotas:
    async def test_a_connection_too_many_is_429(self) -> None:
        async with faulty(quotas=Quotas(connections=1)) as (node, functions):
            async with connect(node.url):
                assert await refused(node.url) == 429
            assert len(functions.events("connect")) == 1

    async def test_a_message_too_many_is_a_frame(self) -> None:
        throttles = Throttles(None, {"ping": Throttle(0.001, 1)})
        async with (
            faulty(quotas=Quotas(), throttles=throttles) as (node, _),
            connect(node.url) as client,
        ):
            assert (await said(client, action="ping"))["type"] == "pong"
            assert (await said(client, action="ping"))["message"] == "Too Many Requests"
            assert (await said(client, action="echo")) == {"action": "echo"}
            assert any(" ping " in line and "Too Many Requests" in line for line in node.log)

    async def test_everything_else_is_429_when_the_account_has_used_it_up(self) -> None:
        async with (
            faulty(quotas=Quotas(requests=0, burst=3)) as (node, _),
            connect(node.url) as client,
        ):
            connection_id = await id_of(client)
            assert await get(node, "/hi") == b"/hi"
            assert await get(node, "/hi") == b'{"message":"Too Many Requests"}'
            with pytest.raises(management(node).exceptions.LimitExceededException):
                await post(node, connection_id)
            assert await refused(node.url) == 429

    async def test_what_the_gateway_says_by_itself_costs_nothing(self) -> None:
        async with faulty(quotas=Quotas(requests=0, burst=2)) as (node, functions):
            async with connect(node.url) as client:
                assert await said(client, action="echo") == {"action": "echo"}
            await until(lambda: functions.events("disconnect"))


def local(node: Running) -> str:
    return f"127.0.0.1:{node.port}"


async def ask(node: Running, method: str, body: str = "", **headers: str) -> tuple[int, Any]:
    fields = {"Host": local(node), "Content-Length": str(len(body)), "Connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(f"{method} /_wsgate/faults HTTP/1.1\r\n{head}\r\n{body}".encode())
    status, _, rest = (await reader.read()).partition(b"\r\n")
    writer.close()
    await writer.wait_closed()
    return int(status.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2] or "null")


JSON = {"Content_Type": "application/json"}
CHANGE = '{"name":"disconnect_late","value":2.5}'


class TestEndpoint:
    async def test_it_describes_and_changes(self) -> None:
        async with faulty() as (node, _):
            status, before = await ask(node, "GET")
            assert (status, before["disconnect_late"]["value"]) == (200, 0)
            status, after = await ask(node, "POST", CHANGE, **JSON)
            assert (status, after["disconnect_late"]["value"]) == (200, 2.5)
            assert after == (await ask(node, "GET"))[1] == node.node.faults.describe()
            assert node.node.faults.is_on

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ('{"name":"nope","value":1}', "is not the name of a fault"),
            ('{"name":"disconnect_late","value":901}', "must be from 0 to 900"),
            ('{"name":"disconnect_late","value":NaN}', "must be from 0 to 900"),
            ('{"name":"disconnect_late"}', "Send"),
            ('{"name":1,"value":1}', "Send"),
            ("[" * 100_000, "Send"),
            ("", "Send"),
            ("[]", "Send"),
        ],
    )
    async def test_a_mistake_is_a_sentence_and_changes_nothing(self, body: str, words: str) -> None:
        async with faulty() as (node, _):
            status, answer = await ask(node, "POST", body, **JSON)
            assert status == 400
            assert words in answer["message"]
            assert not node.node.faults.is_on

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({"Content_Type": "application/json; charset=utf-8"}, 200),
            ({"Content_Type": "text/plain"}, 415),
            ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
            ({}, 415),
            ({**JSON, "Origin": "https://example.org"}, 403),
            ({**JSON, "Origin": "null"}, 403),
            ({**JSON, "Host": "rebound.example.org"}, 403),
            ({**JSON, "Sec-Fetch-Site": "cross-site"}, 403),
            (
                {**JSON, "Host": "rebound.example.org:80", "Origin": "http://rebound.example.org"},
                403,
            ),
            ({**JSON, "Host": "localhost:8080", "Origin": "http://localhost:8080"}, 200),
            ({**JSON, "Host": "[::1]:8080"}, 200),
            ({**JSON, "Host": "[::1]"}, 200),
            ({**JSON, "Host": "localhost"}, 200),
        ],
    )
    async def test_pages_of_others_are_kept_out(
        self, headers: dict[str, str], expected: int
    ) -> None:
        async with faulty() as (node, _):
            status, _answer = await ask(node, "POST", CHANGE, **headers)
            assert status == expected
            assert node.node.faults.is_on is (expected == 200)

    async def test_other_methods_are_not_allowed(self) -> None:
        async with faulty() as (node, _):
            assert (await ask(node, "DELETE"))[0] == 405


class TestQueues:
    @pytest.mark.parametrize(("rate", "times"), [(0, 1), (1, 2)])
    async def test_a_batch_comes_twice_and_is_answered_once(self, rate: float, times: int) -> None:
        functions, lines = Functions(double=double), list[str]()
        chosen = Faults(7, {"queue_twice": rate})
        invoker = FaultyQueue(functions, chosen, lambda *line: lines.append(" | ".join(line)))
        answer = await invoker.invoke("double", b'{"n": 4}')
        assert answer.payload == b"8"
        assert [name for name, _ in functions.calls] == ["double"] * times
        assert lines == ["double | fault: queue_twice"] * (times - 1)

    async def test_a_batch_is_held_back_until_the_queue_is_no_longer_stuck(self) -> None:
        functions = Functions(double=double)
        chosen = Faults(7, {"queue_stuck": 1})
        invoker = FaultyQueue(functions, chosen, lambda *_: None)
        batch = asyncio.ensure_future(invoker.invoke("double", b'{"n": 4}'))
        await asyncio.sleep(0)
        assert functions.calls == []
        chosen.set("queue_stuck", 0)
        assert (await batch).payload == b"8"


class TestInvoke:
    @pytest.mark.parametrize(
        ("fault", "status"), [("function_missing", 404), ("function_throttled", 429)]
    )
    async def test_lambda_refuses_to_run_a_function(self, fault: str, status: int) -> None:
        functions = Functions(double=double)
        invoker = FaultyInvoker(functions, Faults(7, {fault: 1}), lambda *_: None)
        with pytest.raises(InvokeError) as refused:
            await invoker.invoke("double", b"{}")
        assert refused.value.status == status
        assert functions.calls == []
