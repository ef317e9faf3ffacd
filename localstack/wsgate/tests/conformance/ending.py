"""docs/aws-behaviour.md §9 to §11: frames and limits, how a connection ends, and @connections."""

from __future__ import annotations

import json
from datetime import timedelta

from conformance.speaking import still_open
from conformance.vocabulary import (
    OK,
    ONLY_MACHINE,
    ONLY_SOCKETS,
    ROUTES,
    Client,
    Event,
    Raise,
    Setup,
    Table,
    World,
    minutes,
    seconds,
    spoken,
)

CASES = Table()
case = CASES.case

KIB = 1024
UNKNOWN = "AAAAAAAAtjMCAAA="


async def told(world: World) -> tuple[int, str]:
    """What $disconnect was told."""
    await world.called("disconnect")
    context = world.event("disconnect")["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


# §9: frames and limits.


@case("C17", "§9.1", levels=ONLY_SOCKETS)
async def sizes_of_frames(world: World) -> None:
    """A frame of 32 KB is heard; one byte more is 1009, and no function is asked."""
    client = await world.connect()
    head = '{"action":"echo","x":"'
    text = f'{head}{"x" * (32 * KIB - len(head) - 2)}"}}'
    await client.say(text)
    assert await client.hear() == text
    await client.say(text + " ")
    assert (await client.ending())[0] == 1009
    assert (await told(world))[0] == 1009
    assert len(world.events("echo")) == 1


# Compressed, `websockets` ends with a fragment of nothing in one byte, and there is no room for it.
@case("C17-message", "§9.1, §9.2", Setup(only_plain=True), levels=ONLY_SOCKETS)
async def sizes_of_messages(world: World) -> None:
    """Four frames of 32 KB are one message and one event; one byte more is 1009."""
    client = await world.connect()
    head = '{"action":"echo","x":"'
    text = f'{head}{"x" * (128 * KIB - len(head) - 2)}"}}'
    cut = [text[at : at + 32 * KIB] for at in range(0, len(text), 32 * KIB)]
    await client.say_fragments(cut)
    assert await client.hear() == text
    assert world.event("echo")["body"] == text
    await client.say_fragments([*cut, " "])
    assert (await client.ending())[0] == 1009


@case("C17-fragments", "§9.1: fragments are one event")
async def fragments(world: World) -> None:
    """Fragments of any size are one message."""
    client = await world.connect()
    for texts in (['{"action":', '"echo"}'], list('{"action":"echo","€":1}'), ["", "5", ""]):
        world.answers("echo", lambda event: {"statusCode": 200, "body": event["body"]})
        await client.say_fragments(texts)
        said = "".join(texts)
        heard = await client.hear()
        assert heard == said or spoken(heard)["message"] == "Forbidden"


@case("C18", "§9.3")
async def binary(world: World) -> None:
    """A binary frame closes with 1003, and no route is called."""
    client = await world.connect()
    await client.say_bytes('{"action":"echo"}')
    assert (await client.ending())[0] == 1003
    assert (await told(world))[0] == 1003
    assert world.events("echo") == []


@case("C19", "§9.6, §10.2, §10.3")
async def idle(world: World) -> None:
    """Ten minutes without data close with 1001 "Going away", and not a second sooner."""
    client = await world.connect()
    await world.advance(minutes(10) - seconds(1))
    assert (await world.manage("GET", client.id)).status == 200
    await world.advance(seconds(2))
    assert await client.ending() == (1001, "Going away")
    assert await told(world) == (1001, "Going away")


@case("C19-busy", "§9.8")
async def not_idle(world: World) -> None:
    """Data in either direction restarts the ten minutes."""
    client = await world.connect()
    for _ in range(3):
        await world.advance(minutes(9))
        await client.say('{"action":"tell"}')
        await world.until(lambda: len(world.events("tell")))
        world.calls.clear()
    for _ in range(3):
        await world.advance(minutes(9))
        assert (await world.manage("POST", client.id, b"server")).status == 200
        assert await client.hear() == "server"
    await world.advance(minutes(9))
    await still_open(client)
    await world.advance(minutes(10) + seconds(1))
    assert await client.ending() == (1001, "Going away")


@case("C19-ping", "§9.9: that a ping does not count is a GUESS")
async def pings_do_not_count(world: World) -> None:
    """A protocol ping is answered, invokes no function, and does not keep a connection open."""
    client = await world.connect()
    await world.advance(minutes(9))
    await client.ping()
    await world.advance(minutes(1) + seconds(1))
    assert await client.ending() == (1001, "Going away")
    assert [name for name, _ in world.calls][:1] == ["connect"]
    assert world.events("echo") == []


@case("C19-looking", "§11.12: GUESS")
async def looking_does_not_count(world: World) -> None:
    """To look at a connection does not keep it."""
    client = await world.connect()
    await world.advance(minutes(9))
    await world.manage("GET", client.id)
    await world.advance(minutes(1) + seconds(1))
    assert await client.ending() == (1001, "Going away")


@case("C19-reply", "§9.8: replies and error frames are data")
async def replies_count(world: World) -> None:
    """What the gateway sends counts, whenever it is sent."""
    client = await world.connect()
    world.hold("echo")
    await client.say('{"action":"echo"}')
    await world.called("echo")
    await world.advance(seconds(20))
    await world.release("echo")
    await client.hear()
    await world.advance(minutes(10) - seconds(1))
    assert (await world.manage("GET", client.id)).status == 200


@case("C20", "§9.7: that the code is 1001 is a GUESS")
async def two_hours(world: World) -> None:
    """Two hours end even a busy connection."""
    client = await world.connect()
    for _ in range(14):
        await world.advance(minutes(8.5))
        await still_open(client)
    await world.advance(minutes(1) - seconds(1))
    await still_open(client)
    await world.advance(seconds(2))
    assert await client.ending() == (1001, "Going away")
    assert await told(world) == (1001, "Going away")


# §10: $disconnect.


@case("C21", "§10.3: client codes")
async def codes_of_the_client(world: World) -> None:
    """$disconnect gets the client's code and reason unchanged."""
    for code, reason in ((1000, ""), (1000, "done"), (3000, ""), (4001, "bye"), (4999, "häh")):
        client = await world.connect()
        await client.close(code, reason)
        assert await told(world) == (code, reason)
        world.calls.clear()


@case("C21-none", "§10.3 row 1")
async def no_code(world: World) -> None:
    """A close without a code is 1005 and a sentence."""
    client = await world.connect()
    await client.close()
    assert await told(world) == (1005, "Client-side close frame status not set")


@case("C21-lost", "§10.3: 1006 is a GUESS")
async def lost(world: World) -> None:
    """A connection that is lost is 1006."""
    client = await world.connect()
    await client.lose()
    assert await told(world) == (1006, "")


@case("C21-once", "§10.2")
async def once(world: World) -> None:
    """However a connection ends, $disconnect comes once, and with the connection's own id."""
    client, other = await world.connect(), await world.connect()
    await client.close(1000)
    await world.called("disconnect")
    assert world.event("disconnect")["requestContext"]["connectionId"] == client.id
    await still_open(other)
    await world.advance(minutes(3))
    assert len(world.events("disconnect")) == 1


@case("C21-ignored", "§10.1")
async def its_answer_is_ignored(world: World) -> None:
    """Whatever $disconnect answers, nothing follows."""
    for answer in (Raise("boom"), None, {"statusCode": 500}):
        world.answers("disconnect", answer)
        client = await world.connect()
        await client.close(1000)
        await world.called("disconnect")
        world.calls.clear()
    await still_open(await world.connect())


@case("C21-after", "§10.1: runs after the socket is closed")
async def posting_inside_disconnect(world: World) -> None:
    """Inside $disconnect its own connection is gone."""
    met: list[tuple[int, str]] = []

    async def disconnect(event: Event) -> Event:
        connection_id = event["requestContext"]["connectionId"]
        met.append(await world.sdk("POST", connection_id, b"too late"))
        return OK

    world.answers("disconnect", disconnect)
    await (await world.connect()).close(1000)
    await world.called("disconnect")
    await world.until(lambda: met)
    assert met == [(410, "GoneException")]


@case(
    "C21-without",
    "§10: the route is optional",
    Setup(routes={key: value for key, value in ROUTES.items() if key != "$disconnect"}),
)
async def without_a_disconnect_route(world: World) -> None:
    """Without a $disconnect route no function is invoked."""
    client = await world.connect()
    await client.close(1000)
    await still_open(await world.connect())
    assert {name for name, _ in world.calls} == {"connect", "echo"}


@case("C21-abandoned", "§2.1: a GUESS: it was connected, and lost")
async def given_up(world: World) -> None:
    """A client that gives up while $connect runs was connected, and then lost."""
    world.hold("connect")
    attempt = await world.dial()
    await world.called("connect")
    await attempt.give_up()
    await world.release("connect")
    assert (await told(world))[0] == 1006


# §11: @connections.


@case("C22", "§11.4, §11.5")
async def management(world: World) -> None:
    """POST 200 and empty, GET 200, DELETE 204 and empty; gone is 410 and empty."""
    client = await world.connect()
    posted = await world.manage("POST", client.id, "häh €".encode())
    assert (posted.status, posted.kind, posted.body) == (200, None, b"")
    assert await client.hear() == "häh €"
    assert (await world.manage("GET", client.id)).status == 200
    deleted = await world.manage("DELETE", client.id)
    assert (deleted.status, deleted.kind, deleted.body) == (204, None, b"")
    await world.called("disconnect")
    for connection_id in (client.id, UNKNOWN):
        for method in ("POST", "GET", "DELETE"):
            gone = await world.manage(method, connection_id, b"x" if method == "POST" else b"")
            assert (gone.status, gone.kind, gone.body) == (410, "GoneException", b"")


@case("C22-sdk", "§11.3")
async def management_by_sdk(world: World) -> None:
    """An AWS SDK reads the same, errors by their class."""
    client = await world.connect()
    assert await world.sdk("POST", client.id, b"hi") == (200, "")
    assert await client.hear() == "hi"
    assert await world.sdk("GET", client.id) == (200, "")
    assert await world.sdk("POST", client.id, b"x" * (128 * KIB + 1)) == (
        413,
        "PayloadTooLargeException",
    )
    assert await world.sdk("GET", "nope") == (400, "BadRequestException")
    assert await world.sdk("DELETE", client.id) == (204, "")
    await world.called("disconnect")
    for method in ("POST", "GET", "DELETE"):
        assert await world.sdk(method, client.id) == (410, "GoneException")


@case("C22-get", "§11.4: the bytes of GetConnection, §9.8")
async def get_connection(world: World) -> None:
    """GET's JSON has three keys in camelCase; lastActiveAt moves with data."""
    client = await world.connect("", {"User-Agent": "example/1.0"})
    await world.advance(timedelta(milliseconds=2553))
    await client.say('{"action":"echo"}')
    await client.hear()
    await world.advance(seconds(1))
    assert (await world.manage("GET", client.id)).body == (
        b'{"connectedAt":"2024-04-30T13:44:01.120Z",'
        b'"identity":{"sourceIp":"127.0.0.1","userAgent":"example/1.0"},'
        b'"lastActiveAt":"2024-04-30T13:44:03.673Z"}'
    )


@case("C22-get-null", "§11.4: userAgent is null if none was sent")
async def get_connection_without_an_agent(world: World) -> None:
    """Without a User-Agent GET says null."""
    client = await world.connect()
    found = json.loads((await world.manage("GET", client.id)).body)
    assert found["identity"] == {"sourceIp": "127.0.0.1", "userAgent": None}
    assert found["connectedAt"] == found["lastActiveAt"]


@case("C22-size", "§11.5: 131 072 bytes")
async def sizes_of_posts(world: World) -> None:
    """A POST of 131 072 bytes is delivered; one more is 413."""
    client = await world.connect()
    assert (await world.manage("POST", client.id, b"x" * 128 * KIB)).status == 200
    assert await client.hear() == "x" * 128 * KIB
    refused = await world.manage("POST", client.id, b"x" * (128 * KIB + 1))
    assert (refused.status, refused.kind) == (413, "PayloadTooLargeException")
    await client.hears_nothing()


@case("C22-id", "§11.5, §11.6: the boundary is a GUESS")
async def malformed_ids(world: World) -> None:
    """An id that has not the shape of one is 400, with AWS's sentence."""
    for connection_id in ("nope", "0b1cde1e-6a54-4c1e-a6b1-7a3c5f3d9c11", UNKNOWN[:-1], "A" * 16):
        answered = await world.manage("GET", connection_id)
        assert (answered.status, answered.kind) == (400, "BadRequestException")
        assert json.loads(answered.body) == {"message": f"Invalid connectionId: {connection_id}"}


@case("C22-inside", "§11.5 row 2")
async def inside_its_own_connect(world: World) -> None:
    """Inside its own $connect a connection is gone; afterwards it is there."""
    met: list[tuple[int, str]] = []

    async def greet(event: Event) -> Event:
        connection_id = event["requestContext"]["connectionId"]
        for method in ("POST", "GET", "DELETE"):
            met.append(await world.sdk(method, connection_id))
        return OK

    world.answers("connect", greet)
    client = await world.connect()
    assert met == [(410, "GoneException")] * 3
    assert await world.sdk("POST", client.id, b"now") == (200, "")
    assert await client.hear() == "now"


@case("C22-empty", "§11.7: GUESS")
async def empty_posts(world: World) -> None:
    """An empty POST is an empty message."""
    client = await world.connect()
    assert (await world.manage("POST", client.id)).status == 200
    assert await client.hear() == ""


@case("C22-bytes", "§9.4: GUESS")
async def posts_that_are_no_text(world: World) -> None:
    """Data that is not UTF-8 is refused, and the connection stays."""
    client = await world.connect()
    assert (await world.manage("POST", client.id, b"\xff\xfe")).status == 400
    await client.hears_nothing()
    await still_open(client)


@case("C22-inside-message", "§11: a handler answers by a POST")
async def posting_inside_a_message(world: World) -> None:
    """A function of a message may post to its own connection, and to others."""
    other = await world.connect()

    async def tell(event: Event) -> Event:
        for connection_id in (event["requestContext"]["connectionId"], other.id):
            assert await world.sdk("POST", connection_id, b"told") == (200, "")
        return OK

    world.answers("tell", tell)
    client = await world.connect()
    await client.say('{"action":"tell"}')
    assert (await client.hear(), await other.hear()) == ("told", "told")


@case("C22-order", "§11.10")
async def posts_in_order(world: World) -> None:
    """POSTs that follow one another arrive so."""
    client = await world.connect()
    for number in range(20):
        await world.manage("POST", client.id, str(number).encode())
    assert [await client.hear() for _ in range(20)] == [str(number) for number in range(20)]


@case("C23", "§11.8, §11.9")
async def deleting(world: World) -> None:
    """DELETE closes the client with 1000, and $disconnect gets AWS's reason."""
    client = await world.connect()
    assert (await world.manage("DELETE", client.id)).status == 204
    assert (await client.ending())[0] == 1000
    assert await told(world) == (1000, "Connection Closed Normally")


@case("C23-twice", "§11.9")
async def deleting_twice(world: World) -> None:
    """A second DELETE is 410, and $disconnect comes once."""
    client = await world.connect()
    assert (await world.manage("DELETE", client.id)).status == 204
    assert (await world.manage("DELETE", client.id)).status == 410
    assert (await world.manage("POST", client.id, b"x")).status == 410
    await world.called("disconnect")


@case("C23-inside-message", "§11.9: a handler ends its own connection")
async def deleting_inside_a_message(world: World) -> None:
    """A function may close its own connection; its answer is then dropped."""

    async def leave(event: Event) -> Event:
        connection_id = event["requestContext"]["connectionId"]
        assert await world.sdk("DELETE", connection_id) == (204, "")
        return {"statusCode": 200, "body": "unheard"}

    world.answers("echo", leave)
    client = await world.connect()
    await client.say('{"action":"echo"}')
    assert (await client.ending())[0] == 1000
    assert (await told(world))[0] == 1000


@case("C22-full", "§11.5: a client's buffer is full", levels=ONLY_MACHINE)
async def a_full_buffer(world: World) -> None:
    """A client that does not read is 429 for an SDK; over sockets in test_sockets.py."""
    client: Client = await world.connect()
    machine = world.machine  # type: ignore[attr-defined]
    machine.gateway.full(client.id, world.now)
    assert await world.sdk("POST", client.id, b"x") == (429, "LimitExceededException")
    machine.gateway.drained(client.id)
    assert await world.sdk("POST", client.id, b"x") == (200, "")
