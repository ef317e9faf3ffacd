"""The cases: what API Gateway does, each with its source in the words of AWS.

A case is an `async` function that plays one API; what does not hold raises AssertionError, and what
never comes ends as a time-out. None looks at how fast a machine is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bench.league.api import BARE, GUARDED, OPEN, STAGE, THROTTLED
from bench.league.play import ask, closed, heard, silence, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.asyncio.client import ClientConnection

    from bench.league.api import Api
    from bench.league.play import Play

    Scenario = Callable[[Play], Awaitable[None]]

GUIDE = "https://docs.aws.amazon.com/apigateway/latest/developerguide/"
CONNECT = "apigateway-websocket-api-route-keys-connect-disconnect"
PROTOCOL = "websocket-connect-route-subprotocol"
AUTHORIZER = "apigateway-websocket-api-lambda-auth"
ROUTES = "websocket-api-develop-routes"
INTEGRATIONS = "apigateway-websocket-api-routes-integrations"
RESPONSE = "apigateway-websocket-api-route-response"
MAPPING = "apigateway-websocket-api-mapping-template-reference"
BINARY = "websocket-api-develop-binary-media-types"
CONNECTIONS = "apigateway-how-to-call-websocket-api-connections"
IAM = "apigateway-websocket-api-control-access-iam"
THROTTLING = "websocket-api-protect"
QUOTAS = "apigateway-execution-service-websocket-limits-table"

FRAME_BYTES, MESSAGE_BYTES = 32 * 1024, 128 * 1024
ID = re.compile(r"[A-Za-z0-9_-]{15}=")
MEETING_SECONDS = 25
GET_MEMBERS = {"ConnectedAt", "Identity", "LastActiveAt"}
IDLE_SECONDS, IDLE_PATIENCE_SECONDS = 600, 60


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    title: str
    api: Api
    source: str
    """A page of AWS's guide."""
    section: str
    """Of docs/aws-behaviour.md, which has every source."""
    scenario: Scenario
    is_long: bool = False
    """It takes ten minutes."""


CASES: list[Case] = []


def case(
    title: str, api: Api, source: str, section: str, *, is_long: bool = False
) -> Callable[[Scenario], Scenario]:
    def add(scenario: Scenario) -> Scenario:
        CASES.append(Case(title, api, source, section, scenario, is_long))
        return scenario

    return add


# The handshake.


@case("`$connect` answers 200, and the connection opens", OPEN, CONNECT, "2.1")
async def opens(play: Play) -> None:
    async with play.connected():
        await play.told("CONNECT")


@case("`$connect` answers 401, and so does the handshake", OPEN, CONNECT, "2.1")
async def refuses(play: Play) -> None:
    same(await play.refused("status=401"), 401)


@case("`$connect` raises, and the handshake fails with 502", OPEN, CONNECT, "2.1")
async def fails(play: Play) -> None:
    same(await play.refused("fail=yes"), 502)


@case("without a `$connect` route every handshake succeeds", BARE, CONNECT, "2.7")
async def opens_without_a_route(play: Play) -> None:
    async with play.connected():
        pass


@case("another stage than the deployed one is 403", OPEN, ROUTES, "1.4")
async def unknown_stage(play: Play) -> None:
    base, _, _ = play.place.url.rpartition("/")
    same(await play.refused(url=f"{base}/other"), 403)


@case("the subprotocol is what `$connect` answers", OPEN, PROTOCOL, "2.4")
async def subprotocol(play: Play) -> None:
    offered = [Subprotocol("one"), Subprotocol("two")]
    async with play.connected("protocol=two", subprotocols=offered) as client:
        same(client.subprotocol, "two")
    async with play.connected(subprotocols=offered) as client:
        same(client.subprotocol, None)


# The authorizer.


@case("an authorizer's context is in CONNECT, MESSAGE and DISCONNECT", GUARDED, AUTHORIZER, "3.10")
async def context(play: Play) -> None:
    async with play.connected("token=allow") as client:
        message = await ask(client, "event")
    where = message["requestContext"]
    found = [
        await play.told(kind, connectionId=where["connectionId"])
        for kind in ("CONNECT", "DISCONNECT")
    ]
    for event in (message, *found):
        known = event["requestContext"].get("authorizer", {})
        same((known.get("principalId"), known.get("name")), ("ann", "Ann"))


@case(
    "a missing identity source is 401, and the authorizer is not called", GUARDED, AUTHORIZER, "3.4"
)
async def no_identity(play: Play) -> None:
    before = len(play.events("REQUEST"))
    same(await play.refused(), 401)
    same(len(play.events("REQUEST")), before)


@case("an authorizer that denies is 403", GUARDED, AUTHORIZER, "3.5")
async def denied(play: Play) -> None:
    same(await play.refused("token=deny"), 403)


@case('an authorizer that raises "Unauthorized" is 401', GUARDED, AUTHORIZER, "3.5")
async def unauthorized(play: Play) -> None:
    same(await play.refused("token=unauthorized"), 401)


@case("an authorizer that raises anything else is 500", GUARDED, AUTHORIZER, "3.5")
async def broken(play: Play) -> None:
    same(await play.refused("token=broken"), 500)


# Routes, and what they answer.


@case("the selection expression chooses the route, and RouteResponse answers", OPEN, ROUTES, "5.3")
async def selects(play: Play) -> None:
    async with play.connected() as client:
        same((await ask(client, "event"))["requestContext"]["routeKey"], "event")


@case("no such route, no JSON, or no such member: `$default`", OPEN, ROUTES, "5.4")
async def default(play: Play) -> None:
    async with play.connected() as client:
        for text in ('{"action": "unknown"}', "no JSON", '{"other": 1}', "[1]"):
            await client.send(text)
            event = await heard(client)
            same(event["requestContext"]["routeKey"], "$default")
            same(event["body"], text)


@case("neither route nor `$default`: a frame says Forbidden", BARE, INTEGRATIONS, "6")
async def forbidden(play: Play) -> None:
    async with play.connected() as client:
        said = await ask(client, "unknown")
        is_error(said, "Forbidden")


@case("without a RouteResponse nothing is answered", OPEN, RESPONSE, "7.1")
async def one_way(play: Play) -> None:
    async with play.connected() as client:
        await client.send('{"action": "silent"}')
        await play.told("MESSAGE", routeKey="silent")
        await silence(client)


@case("a MOCK integration answers without a function", OPEN, RESPONSE, "7.1")
async def mock(play: Play) -> None:
    async with play.connected() as client:
        same(await ask(client, "ping"), {"type": "pong"})


@case("a function that raises: a frame says Internal server error", OPEN, INTEGRATIONS, "6")
async def raises(play: Play) -> None:
    async with play.connected() as client:
        is_error(await ask(client, "fail"), "Internal server error")
        same((await ask(client, "event"))["requestContext"]["routeKey"], "event")


@case("an integration's time-out: a frame says Endpoint request timed out", OPEN, QUOTAS, "6")
async def times_out(play: Play) -> None:
    async with play.connected() as client:
        is_error(await ask(client, "slow"), "Endpoint request timed out")


@case("messages of one connection run at the same time", OPEN, INTEGRATIONS, "8.3")
async def concurrent(play: Play) -> None:
    async with play.connected() as client:
        for _ in range(2):
            await client.send(json.dumps({"action": "meet", "seconds": MEETING_SECONDS}))
        same([await heard(client), await heard(client)], ["met", "met"])


# The events.


@case("CONNECT has headers and the query, and no body", OPEN, MAPPING, "4.2")
async def connect_event(play: Play) -> None:
    async with play.connected("status=200&a=1&a=2") as client:
        where = (await ask(client, "event"))["requestContext"]
    event = await play.told("CONNECT", connectionId=where["connectionId"])
    same(event.get("body"), None)
    same(event.get("isBase64Encoded"), False)
    same((event.get("multiValueQueryStringParameters") or {}).get("a"), ["1", "2"])
    same(event["headers"].get("Sec-WebSocket-Version"), "13")
    has_context(event, "$connect")


@case("MESSAGE has ids of API Gateway's form, and times", OPEN, MAPPING, "4.2")
async def message_event(play: Play) -> None:
    async with play.connected() as client:
        first, second = await ask(client, "event"), await ask(client, "event")
    where = first["requestContext"]
    has_context(first, "event")
    is_id(where["connectionId"])
    is_id(where["messageId"])
    same(where["requestId"], where["extendedRequestId"])
    same(second["requestContext"]["connectedAt"], where["connectedAt"])


@case("DISCONNECT has the client's code and reason", OPEN, CONNECT, "10.3")
async def disconnect_event(play: Play) -> None:
    async with play.connected() as client:
        where = (await ask(client, "event"))["requestContext"]
        await client.close(4001, "bye")
    event = await play.told("DISCONNECT", connectionId=where["connectionId"])
    has_context(event, "$disconnect")
    ending = event["requestContext"]
    same((ending.get("disconnectStatusCode"), ending.get("disconnectReason")), (4001, "bye"))


# @connections.


@case("@connections: POST sends", OPEN, CONNECTIONS, "11.4")
async def post(play: Play) -> None:
    async with play.connected() as client:
        connection_id = await id_of(client)
        status, _ = await play.managed(
            "post_to_connection", ConnectionId=connection_id, Data=b"hello"
        )
        same(status, 200)
        same(await heard(client), "hello")


@case("@connections: GET says since when, from where, and when it was last active", OPEN,
      CONNECTIONS, "11.4")  # fmt: skip
async def get(play: Play) -> None:
    async with play.connected() as client:
        _, answer = await play.managed("get_connection", ConnectionId=await id_of(client))
    same(set(answer) & GET_MEMBERS, GET_MEMBERS)


@case("@connections: DELETE closes with 1000, and `$disconnect` runs", OPEN, CONNECTIONS, "11.9")
async def delete(play: Play) -> None:
    async with play.connected() as client:
        connection_id = await id_of(client)
        status, _ = await play.managed("delete_connection", ConnectionId=connection_id)
        same(status, 204)
        same((await closed(client))[0], 1000)
    await play.told("DISCONNECT", connectionId=connection_id)


@case("@connections: a connection that is gone is 410", OPEN, CONNECTIONS, "11.5")
async def gone(play: Play) -> None:
    async with play.connected() as client:
        connection_id = await id_of(client)
    await play.told("DISCONNECT", connectionId=connection_id)
    answer = await play.managed("post_to_connection", ConnectionId=connection_id, Data=b"x")
    same(answer, (410, "GoneException"))


@case("@connections: 128 KB are sent, and one byte more is 413", OPEN, CONNECTIONS, "11.5")
async def large_post(play: Play) -> None:
    async with play.connected() as client:
        connection_id, largest = await id_of(client), b"x" * MESSAGE_BYTES
        first = await play.managed("post_to_connection", ConnectionId=connection_id, Data=largest)
        same(first[0], 200)
        assert await heard(client) == largest.decode(), "it came in another form"
        more = await play.managed(
            "post_to_connection", ConnectionId=connection_id, Data=largest + b"x"
        )
        same(more[0], 413)


@case("@connections: a connection within its own `$connect` is 410", OPEN, CONNECTIONS, "11.5")
async def too_early(play: Play) -> None:
    def held() -> list[str]:
        return [
            event["requestContext"]["connectionId"]
            for event in play.events("CONNECT")
            if "hold" in (event.get("queryStringParameters") or {})
        ]

    opening = asyncio.create_task(play.open("hold=posted"))
    try:
        await until(lambda: bool(held()))
        [connection_id] = held()
        answer = await play.managed("post_to_connection", ConnectionId=connection_id, Data=b"x")
        same(answer, (410, "GoneException"))
    finally:
        (play.folder / "posted").touch()
        await (await opening).close()


@case("@connections: a call without a signature is 403", OPEN, IAM, "11.5")
async def unsigned(play: Play) -> None:
    async with play.connected() as client:
        same(await play.unsigned(await id_of(client)), 403)


@case("a function pushes to `https://{domainName}/{stage}` of its event", OPEN, CONNECTIONS, "11.1")
async def pushes(play: Play) -> None:
    async with play.connected() as client:
        same(await ask(client, "push"), "pushed")


# Limits.


@case("a frame of more than 32 KB closes with 1009", OPEN, QUOTAS, "9.1")
async def large_frame(play: Play) -> None:
    async with play.connected() as client:
        await client.send("x" * (FRAME_BYTES + 1))
        same((await closed(client))[0], 1009)


@case("a message of 128 KB in frames of 32 KB is one event", OPEN, QUOTAS, "9.1")
async def large_message(play: Play) -> None:
    async with play.connected() as client:
        connection_id = await id_of(client)
        text = '{"action": "silent", "x": "'.ljust(MESSAGE_BYTES - 2, "x") + '"}'
        await client.send([text[at : at + FRAME_BYTES] for at in range(0, len(text), FRAME_BYTES)])
        event = await play.told("MESSAGE", routeKey="silent", connectionId=connection_id)
        same(event["body"], text)


@case("a message of more than 128 KB closes with 1009", OPEN, QUOTAS, "9.1")
async def too_large_message(play: Play) -> None:
    async with play.connected() as client:
        await client.send([*(["x" * FRAME_BYTES] * (MESSAGE_BYTES // FRAME_BYTES)), "x"])
        same((await closed(client))[0], 1009)


@case("a binary frame closes with 1003", OPEN, BINARY, "9.3")
async def binary(play: Play) -> None:
    async with play.connected() as client:
        await client.send(b"binary")
        same((await closed(client))[0], 1003)


@case("a stage's throttling of `$connect` refuses with 429", THROTTLED, THROTTLING, "12.2")
async def throttled(play: Play) -> None:
    statuses = await asyncio.gather(*(play.refused() for _ in range(5)))
    assert 429 in statuses, f"{statuses}"


@case("an idle connection closes after ten minutes, with 1001", OPEN, QUOTAS, "9.6", is_long=True)
async def idle(play: Play) -> None:
    async with play.connected() as client:
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(IDLE_SECONDS + IDLE_PATIENCE_SECONDS):
                await client.recv()
        same(client.close_code, 1001)


def same(found: object, wanted: object) -> None:
    assert found == wanted, f"{str(found)[:60]}, not {str(wanted)[:60]}"


def is_id(text: object) -> None:
    assert ID.fullmatch(str(text)), f"{text} is no id of API Gateway"


def is_error(frame: Any, message: str) -> None:
    assert isinstance(frame, dict), f"no error but {frame}"
    same((frame.get("message"), set(frame)), (message, {"message", "connectionId", "requestId"}))
    is_id(frame["connectionId"])
    is_id(frame["requestId"])


def has_context(event: dict[str, Any], route: str) -> None:
    """What each event's requestContext has."""
    where = event["requestContext"]
    same((where["routeKey"], where["stage"]), (route, STAGE))
    same(where.get("messageDirection"), "IN")
    same(where.get("identity", {}).get("sourceIp"), "127.0.0.1")
    missing = {"apiId", "domainName", "connectedAt", "requestTime", "requestTimeEpoch"} - set(where)
    assert not missing, f"without {', '.join(sorted(missing))}"


async def id_of(client: ClientConnection) -> str:
    return str((await ask(client, "event"))["requestContext"]["connectionId"])
