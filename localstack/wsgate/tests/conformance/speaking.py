"""docs/aws-behaviour.md §5 to §8: routes, error frames, replies, and what runs beside what."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from conformance.vocabulary import (
    OK,
    ROUTES,
    TWO_WAY,
    Client,
    Event,
    Raise,
    Setup,
    Table,
    World,
    echo,
    seconds,
    spoken,
)
from gateways import PONG, TIMEOUT, function
from wsgate.model.plan import IntegrationResponse, MockIntegration

CASES = Table()
case = CASES.case

SHORT = timedelta(milliseconds=60)
WITH_DEFAULT = Setup(routes={**ROUTES, "$default": function("default")})


async def routed(world: World, client: Client, text: str) -> str:
    """The key of the route that a message took."""
    before = len(world.calls)
    await client.say(text)
    await world.until(lambda: len(world.calls) > before)
    _, event = world.calls[-1]
    assert event["body"] == text
    key: str = event["requestContext"]["routeKey"]
    return key


def chosen_by(expression: str, *keys: str) -> Setup:
    """Routes with these keys, all with one function (§5.8)."""
    routes = dict.fromkeys((*keys, "$default"), function("any"))
    return Setup(routes=routes, selection=expression)


# §5: routes.


@case("C10", "§5.3, §5.4, §5.6, §5.10", WITH_DEFAULT)
async def routes_by_action(world: World) -> None:
    """An exact match takes its route; anything else, JSON or not, takes $default."""
    client = await world.connect()
    assert await routed(world, client, '{"action":"tell"}') == "tell"
    for text in (
        '{"action":"Tell"}',
        '{"action":"tell "}',
        '{"action":"unknown"}',
        '{"action":""}',
        '{"action":null}',
        '{"action":["tell"]}',
        '{"other":"tell"}',
        "{}",
        '["tell"]',
        '"tell"',
        "5",
        "null",
        "tell",
        "{",
        "",
        '{"action":"$connect"}',
        '{"action":"$disconnect"}',
    ):
        assert await routed(world, client, text) == "$default", text


@case("C10-nested", "§5.5", chosen_by("$request.body.service.do", "go"))
async def a_nested_path(world: World) -> None:
    """A path may lead into the body."""
    client = await world.connect()
    assert await routed(world, client, '{"service":{"do":"go"}}') == "go"
    assert await routed(world, client, '{"service":"go"}') == "$default"


@case(
    "C10-composite",
    "§5.1, §5.2",
    chosen_by("${request.body.a}-${request.body.b}", "x-5", "join-", "-", "true-[1, two]"),
)
async def a_composite_key(world: World) -> None:
    """Texts and values make a key; missing is empty, numbers and lists are their text."""
    client = await world.connect()
    assert await routed(world, client, '{"a":"x","b":5}') == "x-5"
    assert await routed(world, client, '{"a":"join"}') == "join-"
    assert await routed(world, client, "not JSON") == "-"
    assert await routed(world, client, '{"a":true,"b":[1,"two"]}') == "true-[1, two]"


@case("C10-literal", "§5.1", chosen_by("always", "always"))
async def a_literal_key(world: World) -> None:
    """A literal always names the same route."""
    client = await world.connect()
    assert await routed(world, client, '{"action":"other"}') == "always"
    assert await routed(world, client, "what else") == "always"


@case("C10-escaped", "§5.1", chosen_by(r"\$default", "other"))
async def an_escaped_key(world: World) -> None:
    """`\\$default` sends everything to $default."""
    assert await routed(world, await world.connect(), '{"action":"other"}') == "$default"


@case(
    "C10-keys",
    "§5.7",
    chosen_by("$request.body.action", "chat/join", "send-message", "5", "grüß", "a b"),
)
async def odd_keys(world: World) -> None:
    """Keys may hold other characters than letters."""
    client = await world.connect()
    for key in ("chat/join", "send-message", "grüß", "a b"):
        assert await routed(world, client, json.dumps({"action": key})) == key
    assert await routed(world, client, '{"action":5}') == "5"


@case("C10-forbidden", "§6 row 1")
async def no_route_at_all(world: World) -> None:
    """Without a match and without $default the frame is Forbidden, to the byte."""
    client = await world.connect()
    for text in ('{"action":"unknown"}', "not JSON", ""):
        await client.say(text)
        await complained(client, "Forbidden")
    assert [name for name, _ in world.calls] == ["connect"]
    await still_open(client)


async def complained(client: Client, message: str) -> str:
    """The gateway's own frame, to the byte (§6); its request id."""
    frame = await client.hear()
    request_id: str = spoken(frame)["requestId"]
    assert frame == (
        f'{{"message": "{message}", "connectionId":"{client.id}", "requestId":"{request_id}"}}'
    )
    return request_id


def request_id_of(event: Event) -> str:
    request_id: str = event["requestContext"]["requestId"]
    return request_id


async def still_open(client: Client) -> None:
    await client.say('{"action":"echo","still":"open"}')
    assert await client.hear() == '{"action":"echo","still":"open"}'


# §6, §7: frames and replies.


@case("C11", "§6 row 2")
async def failures(world: World) -> None:
    """A failure is a frame, on one-way routes too, and the connection stays."""
    client = await world.connect()
    for action in ("echo", "tell"):
        world.answers(action, Raise("boom"))
        await client.say(json.dumps({"action": action}))
        request_id = await complained(client, "Internal server error")
        assert request_id == request_id_of(world.event(action))
    world.answers("echo", echo)
    await still_open(client)


@case("C11-malformed", "§6: malformed answers, unknown keys (§18.19)")
async def malformed_answers(world: World) -> None:
    """No statusCode, a null, further keys: each is an Internal server error."""
    client = await world.connect()
    answers: list[Any] = [None, {}, "ok", {"body": "x"}, {"statusCode": 200, "more": 1}]
    answers += [{"statusCode": 200, "body": {"not": "text"}}, {"statusCode": "ok"}]
    for action in ("echo", "tell"):
        for answer in answers:
            world.answers(action, answer)
            await client.say(json.dumps({"action": action}))
            request_id = await complained(client, "Internal server error")
            assert request_id == request_id_of(world.events(action)[-1])


@case("C12", "§6 row 3, §8.1, §8.2", Setup(timeout=SHORT))
async def time_outs(world: World) -> None:
    """A function that takes too long is a frame; what it answers later is dropped."""
    client = await world.connect()
    for action in ("tell", "echo"):
        world.hold(action)
        await client.say(json.dumps({"action": action}))
        await world.called(action)
        await world.advance(SHORT)
        request_id = await complained(client, "Endpoint request timed out")
        assert request_id == request_id_of(world.event(action))
        await world.release(action)
    await client.hears_nothing()
    await still_open(client)


@case("C12-in-time", "§8.1: 29 seconds")
async def just_in_time(world: World) -> None:
    """What answers a moment before the 29 seconds are over is heard."""
    client = await world.connect()
    world.hold("echo")
    await client.say('{"action":"echo"}')
    await world.called("echo")
    await world.advance(seconds(28.9))
    await world.release("echo")
    assert await client.hear() == '{"action":"echo"}'


@case("C13", "§6: one-way, §7.1")
async def one_way(world: World) -> None:
    """On a one-way route whatever is returned is not heard, and the connection stays."""
    client = await world.connect()
    for status in (200, 301, 401, 501):
        world.answers("tell", {"statusCode": status, "body": "unheard"})
        await client.say('{"action":"tell"}')
    await world.called("tell", 4)
    await client.hears_nothing()
    await still_open(client)


@case("C14", "§7.2, §7.3")
async def two_way(world: World) -> None:
    """On a two-way route the body is the frame, whatever the status; no body is an empty one."""
    client = await world.connect()
    for answer, text in (
        ({"statusCode": 200, "body": "häh", "headers": {"X": "y"}}, "häh"),
        ({"statusCode": 500, "body": "failed"}, "failed"),
        ({"statusCode": 200}, ""),
        ({"statusCode": 200, "body": ""}, ""),
        ({"statusCode": 200, "body": None}, ""),
        ({"statusCode": 404, "headers": None, "isBase64Encoded": False, "body": "4"}, "4"),
    ):
        world.answers("echo", answer)
        await client.say('{"action":"echo"}')
        assert await client.hear() == text


@case("C14-base64", "§7.4: GUESS")
async def base64_replies(world: World) -> None:
    """A base64 body is decoded, and is an error where it is not text."""
    client = await world.connect()
    world.answers("echo", {"statusCode": 200, "body": "aMOkaA==", "isBase64Encoded": True})
    await client.say('{"action":"echo"}')
    assert await client.hear() == "häh"
    world.answers("echo", {"statusCode": 200, "body": "/w==", "isBase64Encoded": True})
    await client.say('{"action":"echo"}')
    await complained(client, "Internal server error")


@case("C14-default", "§5.3, §7.1", Setup(routes={"$default": function("echo")}))
async def default_may_be_one_way(world: World) -> None:
    """$default is a route as any other: one-way unless both resources say otherwise."""
    client = await world.connect()
    await client.say("anything")
    await world.called("echo")
    await client.hears_nothing()


def mock_route(
    request: dict[str, str],
    responses: tuple[IntegrationResponse, ...],
    selection: str | None = "200",
) -> Setup:
    route = MockIntegration(selection, request, responses, TIMEOUT)
    return Setup(routes={**ROUTES, "ping": route, "quiet": route}, two_way=TWO_WAY)


@case("C15", "§7.1 heartbeat", Setup(routes={"ping": PONG}, two_way=frozenset({"ping"})))
async def a_mock_ping(world: World) -> None:
    """A MOCK route answers from its template, and no function runs."""
    client = await world.connect()
    await client.say('{"action":"ping"}')
    pong = f'{{"type":"pong","at":{world.now}}}'
    assert await client.hear() == pong
    assert world.calls == []


@case(
    "C15-context",
    "§7.12: $context, $input, $stageVariables",
    Setup(
        routes={
            **ROUTES,
            "ping": MockIntegration(
                "200",
                {"200": '{"statusCode":200}'},
                (
                    IntegrationResponse(
                        "/200/",
                        "200",
                        {
                            "200": "$context.connectionId $context.routeKey $context.stage "
                            "$context.eventType $context.identity.sourceIp $stageVariables.x"
                        },
                    ),
                ),
                TIMEOUT,
            ),
        },
        stage_variables={"x": "y"},
    ),
)
async def a_mock_that_knows_who_asks(world: World) -> None:
    """A template sees the message's context and the stage's variables."""
    client = await world.connect()
    await client.say('{"action":"ping"}')
    assert await client.hear() == f"{client.id} ping live MESSAGE 127.0.0.1 y"


@case(
    "C15-status",
    "§7.1, §7.8: the status chooses the response",
    mock_route(
        {"200": '{"statusCode":418}'},
        (
            IntegrationResponse("/200/", None, {"$default": "two hundred"}),
            IntegrationResponse("/4../", r"\$default", {"$default": "four hundred"}),
            IntegrationResponse("$default", None, {"$default": "other"}),
        ),
    ),
)
async def a_mock_with_many_answers(world: World) -> None:
    """The status of the request template chooses the response by its key."""
    client = await world.connect()
    await client.say('{"action":"ping"}')
    assert await client.hear() == "four hundred"


@case(
    "C15-default",
    "§7.8: no match is $default",
    mock_route(
        {"200": '{"statusCode":302}'},
        (
            IntegrationResponse("/200/", "200", {"200": "two hundred"}),
            IntegrationResponse("$default", "200", {"200": "other"}),
        ),
    ),
)
async def a_mock_without_a_match(world: World) -> None:
    """Where no key matches, $default answers."""
    client = await world.connect()
    await client.say('{"action":"ping"}')
    assert await client.hear() == "other"


@case(
    "C15-one-way",
    "§7.1 line 1",
    mock_route(
        {"200": '{"statusCode":200}'}, (IntegrationResponse("$default", "200", {"200": "no"}),)
    ),
)
async def a_mock_one_way(world: World) -> None:
    """A MOCK on a one-way route says nothing."""
    client = await world.connect()
    await client.say('{"action":"quiet"}')
    await client.hears_nothing()
    await still_open(client)


# §8: what runs beside what.


@case("C16", "§8.3, §7.5")
async def at_once(world: World) -> None:
    """Five messages of one connection are with the function at once."""
    client = await world.connect()
    world.hold("echo")
    said = [json.dumps({"action": "echo", "n": number}) for number in range(5)]
    for text in said:
        await client.say(text)
    await world.called("echo", 5)
    await client.say('{"action":"ping"}')
    assert spoken(await client.hear())["type"] == "pong"
    await world.release("echo")
    assert sorted([await client.hear() for _ in said]) == said


@case("C16-others", "§8.3")
async def beside_others(world: World) -> None:
    """A function that takes its time holds up no other connection."""
    slow, quick = await world.connect(), await world.connect()
    world.hold("tell")
    await slow.say('{"action":"tell"}')
    await world.called("tell")
    await still_open(quick)
    await still_open(slow)
    await world.release("tell")


@case("C16-disconnect", "§8.5")
async def disconnect_overtakes(world: World) -> None:
    """$disconnect comes while a message is still with its function, whose answer is dropped."""
    client = await world.connect()
    world.hold("echo")
    await client.say('{"action":"echo"}')
    await world.called("echo")
    await client.close(1000)
    await world.called("disconnect")
    await world.release("echo")
    assert len(world.events("echo")) == 1


@case("C16-no-retry", "§8.6")
async def no_retries(world: World) -> None:
    """A function that fails is not called again."""
    client = await world.connect()
    world.answers("tell", Raise("boom"))
    world.answers("disconnect", Raise("boom"))
    await client.say('{"action":"tell"}')
    await complained(client, "Internal server error")
    await client.close(1000)
    await world.called("disconnect")
    await world.advance(seconds(60))
    assert [name for name, _ in world.calls] == ["connect", "tell", "disconnect"]
    world.answers("disconnect", OK)
