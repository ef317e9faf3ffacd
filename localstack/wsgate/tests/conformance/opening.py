"""docs/aws-behaviour.md §1 to §4: URLs, the handshake, the authorizer, and the events."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from conformance.vocabulary import (
    OK,
    ONLY_SOCKETS,
    ROUTES,
    Event,
    Raise,
    Setup,
    Table,
    World,
    seconds,
)
from gateways import ARN, TIMEOUT, allow
from wire import ACCEPT, upgrade
from wsgate.model.plan import IntegrationResponse, MockIntegration

if TYPE_CHECKING:
    from wsgate.model.plan import Integration

CASES = Table()
case = CASES.case

GUARDED = Setup(sources=("route.request.querystring.ticket",))
SHORT = timedelta(milliseconds=60)
CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{14}[AQgw]=")
TRACE = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}")


def without(*keys: str) -> dict[str, Integration]:
    return {key: value for key, value in ROUTES.items() if key not in keys}


# §1, §2: the handshake.


@case("C1", "§2.1 rows 1-2")
async def statuses_of_connect(world: World) -> None:
    """A 2xx of $connect is 101; every other status is the handshake's own."""
    for status in (200, 201, 204, 299):
        world.answers("connect", {"statusCode": status})
        await (await world.connect()).lose()
    for status in (301, 400, 401, 403, 404, 429, 500, 501, 503):
        world.answers("connect", {"statusCode": status})
        assert await world.refused() == status


@case("C1-raise", "§2.1 rows 3-4")
async def failures_of_connect(world: World) -> None:
    """A $connect that raises, or whose answer is no proxy response, is 502."""
    answers: list[Any] = [Raise("boom"), None, {}, "ok", {"statusCode": "no"}, {"statusCode": 101}]
    for answer in answers:
        world.answers("connect", answer)
        assert await world.refused() == 502


@case("C1-silent", "§2.1, last lines")
async def a_refused_handshake_never_was(world: World) -> None:
    """After a refused handshake no $disconnect comes."""
    world.answers("connect", {"statusCode": 403})
    assert await world.refused() == 403
    world.answers("connect", OK)
    client = await world.connect()
    await client.close(1000)
    await world.called("disconnect")
    assert world.event("disconnect")["requestContext"]["connectionId"] == client.id


@case("C1-time-out", "§2.1 row 6", Setup(timeout=SHORT))
async def a_connect_that_takes_too_long(world: World) -> None:
    """A $connect that does not answer in the integration's time is 504."""
    world.hold("connect")
    attempt = await world.dial()
    await world.called("connect")
    await world.advance(SHORT)
    assert await attempt.refused() == 504
    await world.release("connect")


@case("C2", "§2.7", Setup(routes=without("$connect", "$disconnect")))
async def without_a_connect_route(world: World) -> None:
    """Without a $connect route every upgrade is accepted."""
    client = await world.connect("any=thing")
    await client.say('{"action":"echo"}')
    assert await client.hear() == '{"action":"echo"}'
    assert [name for name, _ in world.calls] == ["echo"]


@case("C3", "§2.1, §8.4")
async def connect_is_waited_for(world: World) -> None:
    """101 is sent when $connect has answered, and not before."""
    world.hold("connect")
    attempt = await world.dial()
    await world.called("connect")
    assert not attempt.is_answered
    await world.advance(seconds(28))
    assert not attempt.is_answered
    await world.release("connect")
    client = await attempt.opened()
    await client.say('{"action":"echo"}')
    assert await client.hear() == '{"action":"echo"}'


@case("C3-authorizer", "§2.1", GUARDED)
async def the_authorizer_is_waited_for(world: World) -> None:
    """101 waits for the authorizer too, and $connect for the authorizer."""
    world.answers("authorize", allow())
    world.hold("authorize")
    attempt = await world.dial("ticket=t")
    await world.called("authorize")
    assert not attempt.is_answered
    assert world.events("connect") == []
    await world.release("authorize")
    await attempt.opened()


@case("C4", "§2.4, §2.5, §2.6")
async def subprotocols(world: World) -> None:
    """A subprotocol is sent only if $connect's answer has the header; $connect sees the offer."""
    chosen = {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "two", "X-Other": "no"}}
    world.answers("connect", chosen)
    client = await world.connect(subprotocols=("one", "two"))
    assert client.subprotocol == "two"
    [event] = world.events("connect")
    offer = event["headers"]["Sec-WebSocket-Protocol"]
    assert [name.strip() for name in offer.split(",")] == ["one", "two"]
    assert event["multiValueHeaders"]["Sec-WebSocket-Protocol"] == [offer]


@case("C4-many", "§2.6: the form with many values is a GUESS")
async def a_subprotocol_among_many_values(world: World) -> None:
    """`multiValueHeaders` names the subprotocol as well, and upper and lower case do not matter."""
    for headers in (
        {"multiValueHeaders": {"sec-websocket-protocol": ["two"]}},
        {"headers": {"SEC-WEBSOCKET-PROTOCOL": "two"}},
    ):
        world.answers("connect", {"statusCode": 200, **headers})
        assert (await world.connect(subprotocols=("one", "two"))).subprotocol == "two"


@case("C4-none", "§2.4")
async def no_subprotocol_by_itself(world: World) -> None:
    """A client that offers none gets none, and the connection still opens."""
    assert (await world.connect()).subprotocol is None


@case("C1-bytes", "§2.1, last lines; §2.6", levels=ONLY_SOCKETS)
async def bytes_of_a_refusal(world: World) -> None:
    """A refusal has a status and nothing else: neither headers nor a body of $connect's answer."""
    answer = {"statusCode": 403, "headers": {"X-Own": "1"}, "body": "secret"}
    world.answers("connect", answer)
    reply = await world.raw(upgrade())
    assert (reply.status, reply.body) == (403, b"")
    assert {name for name, _ in reply.headers} == {"Date", "Content-Length", "Connection"}
    assert (reply["Content-Length"], reply["Connection"]) == ("0", "close")


@case("C3-bytes", "§2.2, §2.3, §2.6", levels=ONLY_SOCKETS)
async def bytes_of_101(world: World) -> None:
    """101 has the four headers that were seen, the extension when offered, and no others."""
    world.answers("connect", {"statusCode": 200, "headers": {"X-Own": "1"}, "body": "unheard"})
    four = {"date", "upgrade", "connection", "sec-websocket-accept"}
    reply = await world.raw(upgrade())
    assert (reply.status, reply["Sec-WebSocket-Accept"]) == (101, ACCEPT)
    assert {name.lower() for name, _ in reply.headers} == four
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    reply = await world.raw(upgrade("/live", offer))
    assert {name.lower() for name, _ in reply.headers} == four | {"sec-websocket-extensions"}
    agreed = reply["Sec-WebSocket-Extensions"] or ""
    assert agreed.replace(" ", "") == "permessage-deflate;server_max_window_bits=12"


@case("C5-bytes", "§2.1, §3.5", GUARDED, levels=ONLY_SOCKETS)
async def bytes_of_a_denial(world: World) -> None:
    """An authorizer's refusal looks as $connect's does."""
    for path, status in (("/live", 401), ("/live?ticket=t", 500)):
        world.answers("authorize", Raise("boom"))
        reply = await world.raw(upgrade(path))
        assert (reply.status, reply.body, reply["Content-Length"]) == (status, b"", "0")


# §3: the authorizer.


@case("C5", "§3.4, §3.5", GUARDED)
async def verdicts(world: World) -> None:
    """A source missing is 401 uncalled; "Unauthorized" 401; a Deny 403; anything else 500."""
    for query in ("", "ticket=", "other=1"):
        assert await world.refused(query) == 401
    assert world.events("authorize") == []
    deny = allow()
    deny["policyDocument"]["Statement"][0]["Effect"] = "Deny"
    for answer, status in (
        (Raise("Unauthorized"), 401),
        (deny, 403),
        (allow(resource=ARN.replace("/live/", "/other/")), 403),
        ({"principalId": "ann", "policyDocument": {"Statement": []}}, 403),
        (Raise("unauthorized"), 500),
        (Raise("Unauthorized: no"), 500),
        (None, 500),
        ("allow", 500),
        ({"isAuthorized": True}, 500),
    ):
        world.answers("authorize", answer)
        assert await world.refused("ticket=t") == status, answer
    assert world.events("connect") == []


@case("C5-both", "§3.5: a Deny outweighs an Allow", GUARDED)
async def a_deny_beside_an_allow(world: World) -> None:
    """One Deny that matches is enough."""
    answer = allow()
    denial = {"Action": "execute-api:*", "Effect": "Deny", "Resource": "*"}
    answer["policyDocument"]["Statement"].append(denial)
    world.answers("authorize", answer)
    assert await world.refused("ticket=t") == 403


@case("C5-wildcards", "§3.7", GUARDED)
async def wildcards(world: World) -> None:
    """Stars and question marks in a resource are wildcards, also across slashes."""
    for resource in ("*", ARN.replace("a1b2c3d4e5/live", "*"), ARN.replace("live", "l?ve")):
        world.answers("authorize", allow(resource=resource))
        await (await world.connect("ticket=t")).lose()
    world.answers("authorize", allow(resource=ARN.replace("live", "li?ve")))
    assert await world.refused("ticket=t") == 403


@case("C5-later", "§3.8", GUARDED)
async def denials_of_other_routes(world: World) -> None:
    """The decision is made once: a Deny of another route has no effect on messages."""
    answer = allow()
    resource = ARN.replace("$connect", "echo")
    answer["policyDocument"]["Statement"].append(
        {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": resource}
    )
    world.answers("authorize", answer)
    client = await world.connect("ticket=t")
    await client.say('{"action":"echo"}')
    assert await client.hear() == '{"action":"echo"}'
    assert len(world.events("authorize")) == 1


@case("C5-context", "§3.12", GUARDED)
async def contexts_that_cannot_be(world: World) -> None:
    """A context value that is an object or a list is 500."""
    for value in ({"a": 1}, [1], None):
        world.answers("authorize", allow({"key": value}))
        assert await world.refused("ticket=t") == 500


@case("C5-principal", "§3.6: 500 is a GUESS", GUARDED)
async def no_principal(world: World) -> None:
    """An answer without a principalId is 500."""
    answer = allow()
    del answer["principalId"]
    world.answers("authorize", answer)
    assert await world.refused("ticket=t") == 500


@case("C5-size", "§3.13: 8 KB", GUARDED)
async def an_answer_too_large(world: World) -> None:
    """An authorizer's answer of more than 8 KB is 500."""
    spare = 8192 - len(json.dumps(allow({"key": ""})))
    world.answers("authorize", allow({"key": "x" * spare}))
    await (await world.connect("ticket=t")).lose()
    world.answers("authorize", allow({"key": "x" * (spare + 1)}))
    assert await world.refused("ticket=t") == 500


@case(
    "C5-sources",
    "§3.3, §3.4",
    Setup(
        sources=(
            "route.request.header.X-Ticket",
            "route.request.querystring.ticket",
            "stageVariables.key",
            "context.stage",
        ),
        stage_variables={"key": "k"},
    ),
)
async def kinds_of_sources(world: World) -> None:
    """Every kind of source counts, all are needed, and a header's case does not matter."""
    world.answers("authorize", allow())
    await (await world.connect("ticket=t", {"x-ticket": "t"})).lose()
    assert await world.refused("ticket=t") == 401
    assert await world.refused("", {"x-ticket": "t"}) == 401
    assert await world.refused("ticket=t", {"x-ticket": ""}) == 401


@case("C5-no-source", "§3.3: sources may be omitted", Setup(sources=()))
async def no_source(world: World) -> None:
    """Without identity sources the authorizer is always asked."""
    world.answers("authorize", allow())
    await world.connect()
    assert len(world.events("authorize")) == 1


@case("C6", "§3.1, §4.2", GUARDED)
async def what_the_authorizer_sees(world: World) -> None:
    """The authorizer sees the hop headers and empty maps; CONNECT has neither."""
    world.answers("authorize", allow())
    await world.connect("ticket=t", {"X-Own": "1"})
    event, connected = world.event("authorize"), world.event("connect")
    assert list(event) == AUTHORIZER_KEYS
    assert (event["type"], event["methodArn"]) == ("REQUEST", ARN)
    hops = {"Connection": "upgrade", "content-length": "0", "Upgrade": "websocket"}
    assert hops.items() <= event["headers"].items()
    assert not {name.lower() for name in connected["headers"]} & {name.lower() for name in hops}
    assert event["stageVariables"] == {}
    assert "stageVariables" not in connected
    assert list(event["requestContext"]) == context_keys("CONNECT")
    assert event["requestContext"]["connectionId"] == connected["requestContext"]["connectionId"]
    rest = event["headers"].keys() - hops.keys()
    assert {name: event["headers"][name] for name in rest} == connected["headers"]


@case("C6-empty", "§3.1", Setup(sources=()))
async def the_authorizers_empty_maps(world: World) -> None:
    """Without a query the authorizer's maps are `{}`, and CONNECT has none."""
    world.answers("authorize", allow())
    await world.connect()
    event, connected = world.event("authorize"), world.event("connect")
    maps = ("queryStringParameters", "multiValueQueryStringParameters")
    assert [event[name] for name in maps] == [{}, {}]
    assert not connected.keys() & set(maps)


@case("C7", "§3.10, §3.11, §3.12", GUARDED)
async def the_context_goes_along(world: World) -> None:
    """The context is in every event, as text; its latency, a number, ends CONNECT's alone."""
    world.answers("authorize", allow({"b": "x", "age": 7, "part": 1.5, "staff": True}))
    client = await world.connect("ticket=t")
    await client.say('{"action":"echo"}')
    await client.hear()
    await client.close(1000)
    await world.called("disconnect")
    context = {"b": "x", "age": "7", "part": "1.5", "staff": "true", "principalId": "ann"}
    seen = [
        world.event(name)["requestContext"]["authorizer"]
        for name in ("connect", "echo", "disconnect")
    ]
    latency = seen[0].pop("integrationLatency")
    assert isinstance(latency, int)
    assert seen == [context, context, context]
    assert [list(each) for each in seen] == [list(context)] * 3
    assert len(world.events("authorize")) == 1


# §4: events.

AUTHORIZER_KEYS = [
    "type",
    "methodArn",
    "headers",
    "multiValueHeaders",
    "queryStringParameters",
    "multiValueQueryStringParameters",
    "stageVariables",
    "requestContext",
]
_REST = [
    "stage",
    "connectedAt",
    "requestTimeEpoch",
    "identity",
    "requestId",
    "domainName",
    "connectionId",
    "apiId",
]


def context_keys(kind: str, *, authorizer: bool = False) -> list[str]:
    """The keys of a request context in AWS's order (docs/aws-behaviour.md §4.1)."""
    middle = {"CONNECT": [], "MESSAGE": ["messageId"], "DISCONNECT": []}[kind]
    lead = ["disconnectStatusCode"] if kind == "DISCONNECT" else []
    tail = ["disconnectReason"] if kind == "DISCONNECT" else []
    return [
        "routeKey",
        *lead,
        *(["authorizer"] if authorizer else []),
        *middle,
        "eventType",
        "extendedRequestId",
        "requestTime",
        "messageDirection",
        *tail,
        *_REST,
    ]


async def three_events(world: World, query: str = "") -> tuple[Event, Event, Event]:
    client = await world.connect(query, {"User-Agent": "example/1.0"})
    await client.say('{"action":"echo"}')
    await client.hear()
    await client.close(1000, "bye")
    await world.called("disconnect")
    return world.event("connect"), world.event("echo"), world.event("disconnect")


@case("C8", "§4.1, §4.2")
async def keys_of_the_events(world: World) -> None:
    """The keys of the three events are AWS's, in its order, and no others."""
    connected, said, disconnected = await three_events(world)
    headers = ["headers", "multiValueHeaders"]
    assert list(connected) == [*headers, "requestContext", "isBase64Encoded"]
    assert list(said) == ["requestContext", "body", "isBase64Encoded"]
    assert list(disconnected) == [*headers, "requestContext", "isBase64Encoded"]
    for event, kind in ((connected, "CONNECT"), (said, "MESSAGE"), (disconnected, "DISCONNECT")):
        context = event["requestContext"]
        assert list(context) == context_keys(kind)
        assert list(context["identity"]) == ["userAgent", "sourceIp"]
        assert (context["eventType"], context["messageDirection"]) == (kind, "IN")
        assert event["isBase64Encoded"] is False


@case("C8-guarded", "§4.1, §4.2", replace(GUARDED, stage_variables={"x": "y"}))
async def keys_with_everything(world: World) -> None:
    """With an authorizer, a query and stage variables each has its place."""
    world.answers("authorize", allow({"a": "b"}))
    connected, said, disconnected = await three_events(world, "ticket=t&list=1&list=2")
    assert list(connected) == [
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "stageVariables",
        "requestContext",
        "isBase64Encoded",
    ]
    assert connected["queryStringParameters"] == {"ticket": "t", "list": "2"}
    assert connected["multiValueQueryStringParameters"] == {"ticket": ["t"], "list": ["1", "2"]}
    for event, kind in ((connected, "CONNECT"), (said, "MESSAGE"), (disconnected, "DISCONNECT")):
        assert list(event["requestContext"]) == context_keys(kind, authorizer=True)
        assert event["stageVariables"] == {"x": "y"}


@case("C8-headers", "§4.2: header names")
async def headers_of_connect(world: World) -> None:
    """CONNECT has the client's headers as sent, what the edge adds, sorted without case."""
    await world.connect("", {"x-api-KEY": "k", "Zoo": "z"})
    event = world.event("connect")
    headers = event["headers"]
    assert list(headers) == sorted(headers, key=str.lower)
    assert {"x-api-KEY": "k", "Zoo": "z"}.items() <= headers.items()
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert (headers["X-Forwarded-Port"], headers["X-Forwarded-Proto"]) == ("443", "https")
    assert TRACE.fullmatch(headers["X-Amzn-Trace-Id"])
    assert {"Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version"} <= headers.keys()
    assert event["multiValueHeaders"] == {name: [value] for name, value in headers.items()}


@case("C8-disconnect", "§4.1: the four headers of DISCONNECT")
async def headers_of_disconnect(world: World) -> None:
    """DISCONNECT has four headers, whatever the client sent."""
    connected, _, disconnected = await three_events(world)
    host = connected["requestContext"]["domainName"]
    fixed = {"Host": host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    assert list(disconnected["headers"].items()) == list(fixed.items())
    assert disconnected["multiValueHeaders"] == {name: [value] for name, value in fixed.items()}


@case("C8-identity", "§4.2: identity")
async def identity_without_an_agent(world: World) -> None:
    """Without a User-Agent the identity is the address alone, and later events remember it."""
    client = await world.connect()
    await client.say('{"action":"echo"}')
    await client.hear()
    for name in ("connect", "echo"):
        assert world.event(name)["requestContext"]["identity"] == {"sourceIp": "127.0.0.1"}


@case("C8-query", "§4.2: queries are decoded, the single map has the last")
async def queries(world: World) -> None:
    """Queries are decoded, in the order sent; a name alone has an empty value."""
    await world.connect("b=%C3%A9+%2B&a=1&b=2&c")
    event = world.event("connect")
    assert list(event["queryStringParameters"].items()) == [("b", "2"), ("a", "1"), ("c", "")]
    assert event["multiValueQueryStringParameters"]["b"] == ["é +", "2"]


@case("C8-times", "§4.2: connectedAt, requestTimeEpoch, requestTime")
async def times(world: World) -> None:
    """connectedAt stays; requestTimeEpoch is the event's own time, and requestTime its text."""
    client = await world.connect()
    at = world.now
    await world.advance(seconds(61.5))
    await client.say('{"action":"echo"}')
    await client.hear()
    connected, said = (world.event(name)["requestContext"] for name in ("connect", "echo"))
    assert (connected["connectedAt"], connected["requestTimeEpoch"]) == (at, at)
    assert (said["connectedAt"], said["requestTimeEpoch"]) == (at, at + 61_500)
    assert connected["requestTime"] == "30/Apr/2024:13:44:01 +0000"
    assert said["requestTime"] == "30/Apr/2024:13:45:02 +0000"


@case("C8-body", "§4.2: body")
async def bodies(world: World) -> None:
    """A body is the message's text, not a byte changed."""
    client = await world.connect()
    for text in (
        '{\r\n\t"action": "echo",\r\n "text": "h\u00e4h \u20ac \U0001f600"}',
        '{"action":"echo","a":"\\u0000\\ud83d"}',
        ' {"action":"echo"} ',
    ):
        await client.say(text)
        assert await client.hear() == text
        assert world.events("echo")[-1]["body"] == text


@case("C9", "§4.2: ids")
async def ids(world: World) -> None:
    """Ids have AWS's shape; both request ids are one; a message's ends as its connection's."""
    client = await world.connect()
    for _ in range(3):
        await client.say('{"action":"echo"}')
        await client.hear()
    contexts = [event["requestContext"] for _, event in world.calls]
    for context in contexts:
        assert CONNECTION_ID.fullmatch(context["connectionId"])
        assert CONNECTION_ID.fullmatch(context["requestId"])
        assert context["requestId"] == context["extendedRequestId"]
    messages = [context["messageId"] for context in contexts[1:]]
    assert len(set(messages)) == 3
    for message in messages:
        assert CONNECTION_ID.fullmatch(message)
        assert message[-4:] == contexts[0]["connectionId"][-4:]
    assert len({context["requestId"] for context in contexts}) == 4


@case("C9-many", "§4.2: no two connections are alike")
async def ids_of_many(world: World) -> None:
    """Every connection has an id of its own, and keeps it."""
    clients = [await world.connect() for _ in range(20)]
    assert len({client.id for client in clients}) == 20
    await clients[3].say('{"action":"echo"}')
    await clients[3].hear()
    assert world.event("echo")["requestContext"]["connectionId"] == clients[3].id


# §7.1: a $connect without a function.


def mock(status: int) -> MockIntegration:
    responses = (IntegrationResponse("$default", None, {}),)
    return MockIntegration(None, {"$default": f'{{"statusCode":{status}}}'}, responses, TIMEOUT)


@case("C2-mock", "§7.1: MOCK as $connect", Setup(routes={"$connect": mock(200)}))
async def a_mock_accepts(world: World) -> None:
    """A MOCK $connect with status 200 accepts."""
    await world.connect()


@case("C2-mock-403", "§7.1: another status is a GUESS", Setup(routes={"$connect": mock(403)}))
async def a_mock_refuses(world: World) -> None:
    """A MOCK $connect with another status refuses with it."""
    assert await world.refused() == 403


# §1: paths, on the wire only.


@case("C24", "§1.1, §1.4, §1.5, §11.5 (wrong stage)", levels=ONLY_SOCKETS)
async def paths(world: World) -> None:
    """A wrong stage is 403, a plain request 426, a management path of another stage 403."""
    client = await world.connect()
    for path, status in (("/live", 426), ("/live/", 426)):
        assert (await world.manage("GET", "", path=path)).status == status
    wrong = await world.manage("POST", "", b"x", f"/nope/@connections/{client.id}")
    assert (wrong.status, wrong.kind) == (403, "ForbiddenException")
    assert wrong.body == b'{"message":"Forbidden"}'
    assert (await world.manage("POST", client.id, b"x")).status == 200
    assert await client.hear() == "x"


@case("C24-stage", "§1.1, §1.2, §1.4", levels=ONLY_SOCKETS)
async def stages(world: World) -> None:
    """A handshake at another path than the stage's is 403 unasked; a trailing slash is none."""
    for path in ("/", "/nope", "/Live", "/live/more", "/live/@connections", "/$default"):
        assert await world.refused(path=path) == 403
    assert world.calls == []
    await (await world.dial("a=1", path="/live/")).opened()
    assert world.event("connect")["queryStringParameters"] == {"a": "1"}


@case("C24-length", "§1.3: 414 is a GUESS", levels=ONLY_SOCKETS)
async def long_urls(world: World) -> None:
    """A URL of 4096 characters is taken, a longer one refused unasked."""
    await world.connect()
    host = world.event("connect")["requestContext"]["domainName"]
    room = 4096 - len(f"wss://{host}/live?a=")
    assert await world.refused("a=" + "x" * (room + 1)) == 414
    assert len(world.calls) == 1
    await world.connect("a=" + "x" * room)


@case("C25", "§11.1", levels=ONLY_SOCKETS)
async def escapes(world: World) -> None:
    """`=` and `@` of a management path may be percent-encoded, or not."""
    client = await world.connect()
    escaped = client.id.replace("=", "%3D")
    for path in (
        f"/live/@connections/{client.id}",
        f"/live/@connections/{escaped}",
        f"/live/%40connections/{escaped}",
        f"/live/%40connections/{client.id.replace('=', '%3d')}",
    ):
        assert (await world.manage("POST", "", path.encode(), path)).status == 200
        assert await client.hear() == path
