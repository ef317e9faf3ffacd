"""Real sockets, with third-party clients: the `websockets` library and boto3."""

from __future__ import annotations

import asyncio
import json
import select
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from gateways import (
    MINUTE,
    PONG,
    Clock,
    Event,
    Functions,
    allow,
    function,
    plan,
    running,
    websocket_api,
)
from socket_clients import (
    closed,
    echo,
    functions_client,
    gated,
    gateway,
    get,
    id_of,
    management,
    ok,
    refused,
)
from waiting import in_time, until
from wire import upgrade
from wsgate.apis.pages import Pages
from wsgate.model.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from wsgate.model.plan import Integration


class TestHandshake:
    async def test_101_waits_for_connect(self) -> None:
        gate, slow = gated(lambda _: {"statusCode": 200})
        start, functions = gateway(connect=slow)
        async with start as node:
            opening = asyncio.ensure_future(connect(node.url).__aenter__())
            await until(lambda: functions.events("connect"))
            assert not opening.done()
            gate.set()
            await (await opening).close()

    async def test_many_connect_at_once_and_none_is_forgotten(self) -> None:
        start, functions = gateway()
        async with start as node:
            many = [asyncio.ensure_future(connect(node.url).__aenter__()) for _ in range(200)]
            clients = await in_time(asyncio.gather(*many))
            assert len(node.node) == 200
            for client in clients:
                client.transport.abort()
            await until(lambda: len(functions.events("disconnect")) == 200)
            assert (len(node.node), len(node.node.gateway)) == (0, 0)

    async def test_clients_that_give_up_during_connect_leave_nothing_behind(self) -> None:
        gate, slow = gated(lambda _: {"statusCode": 200})
        start, functions = gateway(connect=slow)
        async with start as node:
            opening = [asyncio.ensure_future(connect(node.url).__aenter__()) for _ in range(50)]
            await until(lambda: len(functions.events("connect")) == 50)
            for each in opening:
                each.cancel()
            await until(lambda: len(node.node) == 0)
            gate.set()
            await until(lambda: len(node.node.invocations) == 0)
            assert len(functions.events("disconnect")) == 50

    @pytest.mark.parametrize("status", [301, 401, 403, 501])
    async def test_a_status_of_connect_is_the_handshakes(self, status: int) -> None:
        start, functions = gateway(connect=lambda _: {"statusCode": status})
        async with start as node:
            # By default the client would follow a redirect.
            assert await refused(node.url, process_exception=lambda error: error) == status
        assert functions.events("disconnect") == []

    async def test_a_deny_is_403_and_a_missing_ticket_401(self) -> None:
        denied = allow()
        denied["policyDocument"]["Statement"][0]["Effect"] = "Deny"
        api = websocket_api({}, sources=("route.request.querystring.ticket",))
        async with running(plan(api), Functions(authorize=lambda _: denied)) as node:
            assert await refused(f"{node.url}?ticket=t") == 403
            assert await refused(node.url) == 401

    async def test_another_stage_is_403(self) -> None:
        start, _ = gateway()
        async with start as node:
            assert await refused(f"ws://127.0.0.1:{node.port}/nope") == 403

    async def test_a_trailing_slash_is_accepted(self) -> None:
        start, _ = gateway()
        async with start as node, connect(f"{node.url}/") as client:
            assert await id_of(client)

    async def test_a_subprotocol_is_not_echoed_by_itself(self) -> None:
        start, functions = gateway()
        async with start as node, connect(node.url, subprotocols=["chat"]) as client:  # type: ignore[list-item]
            assert client.subprotocol is None
        [event] = functions.events("connect")
        assert event["headers"]["Sec-WebSocket-Protocol"] == "chat"

    async def test_a_subprotocol_of_connects_answer_is_sent(self) -> None:
        answer = {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "chat"}}
        start, _ = gateway(connect=lambda _: answer)
        async with start as node, connect(node.url, subprotocols=["chat"]) as client:  # type: ignore[list-item]
            assert client.subprotocol == "chat"

    async def test_permessage_deflate_is_negotiated(self) -> None:
        start, _ = gateway()
        async with start as node, connect(node.url) as client:
            assert client.response is not None
            assert client.response.headers["Sec-WebSocket-Extensions"] == (
                "permessage-deflate; server_max_window_bits=12"
            )
            text = json.dumps({"action": "echo", "text": "x" * 5000})
            await client.send(text)
            assert await client.recv() == text

    async def test_a_wrong_version_is_refused_before_a_function_runs(self) -> None:
        start, functions = gateway()
        async with start as node:
            headers = {"Sec-WebSocket-Version": "8"}
            assert await refused(node.url, additional_headers=headers) == 426
        assert functions.calls == []

    @pytest.mark.skipif(not hasattr(select, "POLLRDHUP"), reason="only Linux tells in time")
    async def test_a_client_that_gave_up_before_it_was_accepted_costs_no_function(self) -> None:
        """It waited in the backlog; what it sent, and that it left, are read together."""
        start, functions = gateway()
        async with start as node:
            with socket.create_connection(("127.0.0.1", node.port)) as client:
                client.sendall(upgrade("/live"))
            async with connect(node.url):  # which is accepted after it
                pass
            await until(lambda: functions.events("disconnect"))
        assert [name for name, _ in functions.calls] == ["connect", "disconnect"]

    async def test_the_query_is_never_in_the_log(self) -> None:
        start, _ = gateway()
        async with start as node:
            async with connect(f"{node.url}?ticket=secret") as client:
                await id_of(client)
            await until(lambda: any("$disconnect" in line for line in node.log))
        assert "secret" not in "\n".join(node.log)

    async def test_a_client_that_gives_up_was_connected_and_lost(self) -> None:
        gate, slow = gated(lambda _: {"statusCode": 200})
        start, functions = gateway(connect=slow)
        async with start as node:
            opening = asyncio.ensure_future(connect(node.url).__aenter__())
            await until(lambda: functions.events("connect"))
            opening.cancel()
            await until(lambda: len(node.node) == 0)
            gate.set()
            await until(lambda: functions.events("disconnect"))
        [event] = functions.events("disconnect")
        assert event["requestContext"]["disconnectStatusCode"] == 1006


class TestMessages:
    async def test_a_two_way_route_answers(self) -> None:
        start, _ = gateway()
        async with start as node, connect(node.url) as client:
            await client.send('{"action":"echo","text":"häh"}')
            assert await client.recv() == '{"action":"echo","text":"häh"}'

    async def test_five_messages_run_at_once(self) -> None:
        all_here = asyncio.Barrier(5)

        async def together(event: Event) -> Event:
            await all_here.wait()
            return echo(event)

        start, _ = gateway(echo=together)
        async with start as node, connect(node.url) as client:
            for number in range(5):
                await client.send(json.dumps({"action": "echo", "n": number}))
            replies = [json.loads(await in_time(client.recv()))["n"] for _ in range(5)]
        assert sorted(replies) == [0, 1, 2, 3, 4]

    async def test_an_integration_time_out_is_a_frame_and_the_late_reply_is_dropped(self) -> None:
        gate, slow = gated(lambda _: {"statusCode": 200, "body": "late"})
        routes: dict[str, Integration] = {
            "slow": function("slow", timedelta(milliseconds=50)),
            "ping": PONG,
        }
        api = websocket_api(routes, two_way={"slow", "ping"})
        async with running(plan(api), Functions(slow=slow)) as node, connect(node.url) as client:
            await client.send('{"action":"slow"}')
            assert json.loads(await client.recv())["message"] == "Endpoint request timed out"
            gate.set()
            await until(lambda: len(node.node.invocations) == 0)
            await client.send('{"action":"ping"}')
            assert json.loads(await client.recv())["type"] == "pong"

    async def test_a_connection_with_much_under_way_is_read_no_further(self) -> None:
        gate, slow = gated(echo)
        start, functions = gateway(Limits(in_flight=3), echo=slow)
        async with start as node, connect(node.url) as client:
            await client.send('{"action":"echo","n":0}')
            await client.send('{"action":"echo","n":1}')
            await client.send('{"action":"echo","n":2}')
            await until(lambda: len(functions.events("echo")) == 3)
            await client.send('{"action":"echo","n":3}')
            await client.send('{"action":"ping"}')
            assert len(functions.events("echo")) == 3
            gate.set()
            replies = [await client.recv() for _ in range(5)]
        assert len(replies) == 5

    async def test_calls_are_those_of_the_user_that_the_authorizer_names(self) -> None:
        """Users take turns where calls wait, not their connections."""
        api = websocket_api(
            {"$connect": function("open"), "echo": function("echo")}, two_way={"echo"}, sources=()
        )
        functions = Functions(authorize=lambda _: allow(), open=ok, echo=echo)
        async with running(plan(api), functions) as node, connect(node.url) as client:
            await client.send('{"action":"echo"}')
            await client.recv()
        (_, first), *others = functions.callers[:3]
        assert first not in {"ann", None}
        assert others == [("open", "ann"), ("echo", "ann")]

    async def test_without_an_authorizer_each_connection_is_its_own_caller(self) -> None:
        start, functions = gateway()
        async with start as node, connect(node.url) as one, connect(node.url) as other:
            for client in (one, other):
                await client.send('{"action":"echo"}')
                await client.recv()
        assert len({caller for name, caller in functions.callers if name == "echo"}) == 2

    async def test_a_connection_with_many_bytes_under_way_is_read_no_further(self) -> None:
        gate, slow = gated(echo)
        start, functions = gateway(Limits(in_flight_bytes=30_000), echo=slow)
        large = json.dumps({"action": "echo", "text": "x" * 20_000})
        async with start as node, connect(node.url) as client, connect(node.url) as other:
            for _ in range(3):
                await client.send(large)
            await until(lambda: len(functions.events("echo")) == 2)
            await other.send('{"action":"ping"}')
            assert json.loads(await other.recv())["type"] == "pong"
            assert len(functions.events("echo")) == 2
            gate.set()
            assert [await client.recv() for _ in range(3)] == [large] * 3

    async def test_what_comes_in_one_piece_is_taken_bit_by_bit(self) -> None:
        gate, slow = gated(echo)
        start, functions = gateway(Limits(in_flight=3), echo=slow)
        frame = Frame(Opcode.TEXT, b'{"action":"echo"}').serialize(mask=True)
        async with start as node, connect(node.url) as client, connect(node.url) as other:
            client.transport.write(frame * 1000)
            await until(lambda: functions.events("echo"))
            await other.send('{"action":"ping"}')
            assert json.loads(await other.recv())["type"] == "pong"
            assert len(functions.events("echo")) == 3
            gate.set()
            for _ in range(1000):
                assert await in_time(client.recv()) == '{"action":"echo"}'


class TestFrames:
    async def raw(self, client: ClientConnection, *frames: Frame) -> None:
        for frame in frames:
            client.transport.write(frame.serialize(mask=True))

    async def test_a_frame_of_32_kb_is_the_largest(self) -> None:
        start, functions = gateway()
        async with start as node, connect(node.url, compression=None) as client:
            await client.send("x" * 32_768)
            assert json.loads(await client.recv())["message"] == "Forbidden"
            await client.send("x" * 32_769)
            assert (await closed(client))[0] == 1009
        await until(lambda: functions.events("disconnect"))
        [event] = functions.events("disconnect")
        assert event["requestContext"]["disconnectStatusCode"] == 1009

    async def test_four_frames_of_32_kb_are_a_message(self) -> None:
        start, functions = gateway()
        filler = 131_072 - len('{"action":"echo","x":""}')
        text = json.dumps({"action": "echo", "x": "x" * filler}, separators=(",", ":"))
        async with start as node, connect(node.url, compression=None) as client:
            await client.send(text[at : at + 32_768] for at in range(0, len(text), 32_768))
            assert await client.recv() == text
        assert len(functions.events("echo")) == 1

    async def test_a_message_of_more_than_128_kb_closes_with_1009(self) -> None:
        start, _ = gateway()
        async with start as node, connect(node.url, compression=None) as client:
            await client.send(["x" * 32_768] * 4 + ["x"])
            assert (await closed(client))[0] == 1009

    async def test_what_inflates_to_more_than_a_frame_closes_with_1009(self) -> None:
        start, _ = gateway()
        async with start as node, connect(node.url) as client:
            await client.send("x" * 32_769)
            assert (await closed(client))[0] == 1009

    async def test_a_binary_frame_closes_with_1003_and_runs_nothing(self) -> None:
        start, functions = gateway()
        async with start as node, connect(node.url) as client:
            await client.send(b'{"action":"echo"}')
            assert (await closed(client))[0] == 1003
        await until(lambda: functions.events("disconnect"))
        assert functions.events("echo") == []

    async def test_text_that_is_not_utf8_closes_with_1007(self) -> None:
        start, _ = gateway()
        async with start as node, connect(node.url, compression=None) as client:
            await self.raw(client, Frame(Opcode.TEXT, b"\xff"))
            assert (await closed(client))[0] == 1007

    async def test_a_character_may_be_cut_by_a_fragment(self) -> None:
        start, _ = gateway()
        async with start as node, connect(node.url, compression=None) as client:
            first, rest = b'{"action":"echo","x":"' + b"\xc3", b'\xa9"}'
            await self.raw(client, Frame(Opcode.TEXT, first, fin=False), Frame(Opcode.CONT, rest))
            assert json.loads(await client.recv())["x"] == "é"

    async def test_empty_fragments_cost_nothing(self) -> None:
        start, _ = gateway()
        async with start as node, connect(node.url, compression=None) as client:
            empty = [Frame(Opcode.CONT, b"", fin=False)] * 1000
            first = Frame(Opcode.TEXT, b'{"action":"ping"', fin=False)
            await self.raw(client, first, *empty, Frame(Opcode.CONT, b"}"))
            assert json.loads(await client.recv())["type"] == "pong"

    @pytest.mark.parametrize(
        "garbage",
        [
            pytest.param(b"\x81\x02{}", id="not masked"),
            pytest.param(b"\x83\x80" + bytes(4), id="an opcode that is none"),
            pytest.param(b"\xf1\x80" + bytes(4), id="reserved bits that were not negotiated"),
            pytest.param(b"\x80\x80" + bytes(4), id="a rest without a beginning"),
            pytest.param(b"\x09\x80" + bytes(4), id="a ping in fragments"),
            pytest.param(b"\x89\xfe\x00\x7e" + bytes(4 + 126), id="a ping of 126 bytes"),
            pytest.param(b"\x88\x81" + bytes(4 + 1), id="a close of one byte"),
            pytest.param(b"\x88\x82" + bytes(4 + 2), id="a close code that is none"),
            pytest.param(b"GET / HTTP/1.1\r\n\r\n" * 3, id="HTTP"),
        ],
    )
    async def test_garbage_closes_its_own_connection_with_1002(self, garbage: bytes) -> None:
        start, functions = gateway()
        async with start as node, connect(node.url, compression=None) as other:
            async with connect(node.url, compression=None) as client:
                client.transport.write(garbage)
                assert (await closed(client))[0] == 1002
            await until(lambda: functions.events("disconnect"))
            await other.send('{"action":"ping"}')
            assert json.loads(await other.recv())["type"] == "pong"

    async def test_an_impossible_length_closes_with_1009(self) -> None:
        start, _ = gateway()
        async with start as node, connect(node.url, compression=None) as client:
            client.transport.write(b"\x81\xff\x7f" + b"\xff" * 7 + b"\x00" * 4)
            assert (await closed(client))[0] == 1009

    async def test_a_protocol_ping_is_answered(self) -> None:
        start, _ = gateway()
        async with start as node, connect(node.url) as client:
            await in_time(await client.ping())


class TestEnds:
    @pytest.mark.parametrize(
        ("code", "reason", "told"),
        [
            (1000, "", (1000, "")),
            (1001, "", (1001, "")),
            (4001, "bye", (4001, "bye")),
        ],
    )
    async def test_the_clients_close_is_told_to_disconnect(
        self, code: int, reason: str, told: tuple[int, str]
    ) -> None:
        assert await self.told(lambda client: client.close(code, reason)) == told

    async def test_a_close_without_a_code_is_1005(self) -> None:
        async def close(client: ClientConnection) -> None:
            client.transport.write(Frame(Opcode.CLOSE, b"").serialize(mask=True))

        assert await self.told(close) == (1005, "Client-side close frame status not set")

    async def test_a_lost_connection_is_1006(self) -> None:
        async def lose(client: ClientConnection) -> None:
            client.transport.abort()

        assert await self.told(lose) == (1006, "")

    async def told(self, leave: Any) -> tuple[int, str]:
        start, functions = gateway()
        async with start as node:
            client = await connect(node.url)
            await leave(client)
            await until(lambda: functions.events("disconnect"))
            await client.close()
        [event] = functions.events("disconnect")
        context = event["requestContext"]
        return context["disconnectStatusCode"], context["disconnectReason"]

    async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(self) -> None:
        clock = Clock()
        start, _ = gateway(Limits(tick=timedelta(milliseconds=10)), clock=clock)
        async with start as node, connect(node.url) as idle, connect(node.url) as busy:
            for _ in range(3):
                clock.now += 4 * MINUTE
                await busy.send('{"action":"ping"}')
                await in_time(busy.recv())
            assert await closed(idle) == (1001, "Going away")
            await busy.send('{"action":"ping"}')
            await in_time(busy.recv())

    async def test_protocol_pings_do_not_keep_a_connection(self) -> None:
        limits = Limits(idle=timedelta(milliseconds=200), tick=timedelta(milliseconds=10))
        start, _ = gateway(limits)
        async with start as node, connect(node.url, ping_interval=0.02) as client:
            assert await closed(client) == (1001, "Going away")

    async def test_the_end_of_life_closes_a_busy_connection(self) -> None:
        limits = Limits(life=timedelta(milliseconds=200), tick=timedelta(milliseconds=10))
        start, _ = gateway(limits)
        async with start as node, connect(node.url) as client:
            with pytest.raises(ConnectionClosed) as caught:
                while True:
                    await client.send('{"action":"ping"}')
                    await client.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001

    async def test_a_client_that_never_reads_is_429_and_then_dropped(self) -> None:
        limits = Limits(
            buffer_bytes=64 * 1024,
            stuck=timedelta(milliseconds=100),
            tick=timedelta(milliseconds=10),
        )
        start, functions = gateway(limits)
        async with start as node, connect(node.url, compression=None) as client:
            connection_id = await id_of(client)
            client.transport.pause_reading()
            api, data = management(node), b"x" * 100_000
            with pytest.raises(api.exceptions.LimitExceededException):
                for _ in range(300):
                    await asyncio.to_thread(
                        api.post_to_connection, ConnectionId=connection_id, Data=data
                    )
            await until(lambda: len(node.node) == 0)
            await until(lambda: functions.events("disconnect"))
            client.transport.abort()


class TestManagement:
    async def test_boto3_posts_looks_and_deletes(self) -> None:
        start, functions = gateway()
        async with start as node, connect(node.url) as client:
            connection_id, api = await id_of(client), management(node)
            posted = await asyncio.to_thread(
                api.post_to_connection, ConnectionId=connection_id, Data="häh".encode()
            )
            assert posted["ResponseMetadata"]["HTTPStatusCode"] == 200
            assert await client.recv() == "häh"
            found = await asyncio.to_thread(api.get_connection, ConnectionId=connection_id)
            assert found["Identity"]["SourceIp"] == "127.0.0.1"
            assert found["ConnectedAt"] <= found["LastActiveAt"]
            deleted = await asyncio.to_thread(api.delete_connection, ConnectionId=connection_id)
            assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
            assert await closed(client) == (1000, "Connection Closed Normally")
            with pytest.raises(api.exceptions.GoneException):
                await asyncio.to_thread(
                    api.post_to_connection, ConnectionId=connection_id, Data=b""
                )
            await until(lambda: functions.events("disconnect"))
        [event] = functions.events("disconnect")
        assert event["requestContext"]["disconnectReason"] == "Connection Closed Normally"

    async def test_inside_its_own_connect_boto3_meets_gone(self) -> None:
        met: list[str] = []

        async def greet(event: Event) -> Event:
            api = management(node)
            connection_id = event["requestContext"]["connectionId"]
            try:
                await asyncio.to_thread(
                    api.post_to_connection, ConnectionId=connection_id, Data=b"hi"
                )
            except api.exceptions.GoneException:
                met.append("gone")
            return {"statusCode": 200}

        start, _ = gateway(connect=greet)
        async with start as node, connect(node.url):
            assert met == ["gone"]

    @pytest.mark.parametrize(("size", "is_too_large"), [(131_072, False), (131_073, True)])
    async def test_a_post_has_the_size_of_a_message_at_most(
        self, size: int, is_too_large: bool
    ) -> None:
        start, _ = gateway()
        async with start as node, connect(node.url, compression=None) as client:
            connection_id, api = await id_of(client), management(node)
            posting = asyncio.to_thread(
                api.post_to_connection, ConnectionId=connection_id, Data=b"x" * size
            )
            if is_too_large:
                with pytest.raises(api.exceptions.PayloadTooLargeException):
                    await posting
            else:
                await posting
                assert await client.recv() == "x" * size

    async def test_a_malformed_id_and_a_wrong_stage(self) -> None:
        start, _ = gateway()
        async with start as node:
            api = management(node)
            with pytest.raises(api.exceptions.ClientError) as caught:
                await asyncio.to_thread(api.get_connection, ConnectionId="nope")
            assert caught.value.response["Error"]["Code"] == "BadRequestException"
            elsewhere = management(node, "nope")
            with pytest.raises(elsewhere.exceptions.ForbiddenException):
                await asyncio.to_thread(elsewhere.get_connection, ConnectionId="nope")


class TestLambda:
    async def test_boto3_invokes(self) -> None:
        start, _ = gateway(double=lambda event: event["n"] * 2)
        async with start as node:
            answer = await asyncio.to_thread(
                functions_client(node).invoke, FunctionName="double", Payload=b'{"n": 21}'
            )
            assert (answer["StatusCode"], answer["Payload"].read()) == (200, b"42")
            assert "FunctionError" not in answer

    async def test_a_function_that_raises_has_an_error(self) -> None:
        def boom(event: Event) -> None:
            raise AssertionError("boom")

        start, _ = gateway(boom=boom)
        async with start as node:
            answer = await asyncio.to_thread(functions_client(node).invoke, FunctionName="boom")
            assert answer["FunctionError"] == "Unhandled"
            assert json.loads(answer["Payload"].read())["errorMessage"] == "boom"

    async def test_an_event_is_accepted_and_runs(self) -> None:
        start, functions = gateway(note=ok)
        async with start as node:
            answer = await asyncio.to_thread(
                functions_client(node).invoke, FunctionName="note", InvocationType="Event"
            )
            assert answer["StatusCode"] == 202
            await until(lambda: functions.events("note"))

    async def test_an_unknown_function_is_not_found(self) -> None:
        start, _ = gateway()
        async with start as node:
            client = functions_client(node)
            with pytest.raises(client.exceptions.ResourceNotFoundException):
                await asyncio.to_thread(client.invoke, FunctionName="nope")

    async def test_a_dry_run_runs_nothing(self) -> None:
        start, functions = gateway()
        async with start as node:
            answer = await asyncio.to_thread(
                functions_client(node).invoke, FunctionName="echo", InvocationType="DryRun"
            )
            assert answer["StatusCode"] == 204
        assert functions.calls == []


async def test_pages_and_the_http_api_share_the_port(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("page")
    api = plan(websocket_api({}), {"$default": function("web")})
    functions = Functions(web=lambda event: {"path": event["rawPath"]})
    async with running(api, functions, pages=Pages({"/": tmp_path})) as node:
        assert await get(node, "/") == b"page"
        assert json.loads(await get(node, "/users?x=y")) == {"path": "/users"}
