"""Custom domains, keys, signatures, permissions.

docs/aws-behaviour.md §1.6 to §1.9, §3.14, §3.15, §8.7.

And what of §12 and §7.15 is seen by a client: quotas and models.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.speaking import complained
from conformance.vocabulary import ONLY_SOCKETS, Setup, Table, World, seconds
from wire import upgrade
from wsgate.core.quotas import Quotas
from wsgate.model.plan import ApiKeys, BasePath, Models, Throttle, Throttles

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.model.plan import WebSocketApi

CASES = Table()
case = CASES.case

DOMAIN = "chat.example.test"
UNKNOWN = "AAAAAAAAtjMCAAA%3D"


def changed(**parts: object) -> Setup:
    def make(api: WebSocketApi) -> WebSocketApi:
        return replace(api, **parts)  # type: ignore[arg-type]

    return Setup(make=make)


def unpermitted(*keys: str) -> Callable[[WebSocketApi], WebSocketApi]:
    def make(api: WebSocketApi) -> WebSocketApi:
        routes = {key: replace(api.routes[key], permitted=False) for key in keys}
        return replace(api, routes={**api.routes, **routes})

    return make


@case("C24-domain", "§1.6, §1.8", changed(base_paths=(BasePath(DOMAIN, "v1"),)), ONLY_SOCKETS)
async def a_custom_domain(world: World) -> None:
    """A mapping's key stands for the stage; events say the domain, and the stage's own name."""
    host = f"Host: {DOMAIN}"
    assert (await world.raw(upgrade("/v1", host))).status == 101
    context = world.event("connect")["requestContext"]
    assert (context["domainName"], context["stage"]) == (DOMAIN, "live")
    assert world.event("connect")["headers"]["Host"] == DOMAIN
    assert (await world.raw(upgrade("/live", host))).status == 403


@case("C24-base", "§11 base, §11.5", changed(base_paths=(BasePath(DOMAIN, "v1"),)), ONLY_SOCKETS)
async def a_base_path(world: World) -> None:
    """@connections are under the mapping's key; under the stage's name there is no such route."""
    right = await world.raw(request("GET", f"/v1/@connections/{UNKNOWN}"))
    assert (right.status, right["x-amzn-ErrorType"]) == (410, "GoneException")
    wrong = await world.raw(request("POST", f"/live/@connections/{UNKNOWN}"))
    assert wrong.status == 403
    assert json.loads(wrong.body)["message"].startswith("No method found matching route live/")


def request(method: str, path: str) -> bytes:
    lines = (f"{method} {path} HTTP/1.1", f"Host: {DOMAIN}", "Content-Length: 0", "", "")
    return "\r\n".join(lines).encode()


@case("C24-root", "§1.6: an empty key", changed(base_paths=(BasePath(DOMAIN),)), ONLY_SOCKETS)
async def a_domain_without_a_key(world: World) -> None:
    """With an empty key the domain itself is the API."""
    assert (await world.raw(upgrade("/", f"Host: {DOMAIN}"))).status == 101


@case("C24-levels", "§1.7", changed(base_paths=(BasePath(DOMAIN, "a/b"),)), ONLY_SOCKETS)
async def a_key_of_two_levels(world: World) -> None:
    """Behind a key of several levels every header's name is in lower case."""
    reply = await world.raw(upgrade("/a/b", f"Host: {DOMAIN}", "X-Own: 1"))
    assert reply.status == 101
    headers = world.event("connect")["headers"]
    assert [name for name in headers if name != name.lower()] == []
    assert headers["x-own"] == "1"


@case(
    "C24-off",
    "§1.9: 403 is a GUESS",
    changed(base_paths=(BasePath(DOMAIN, "v1"),), has_default_endpoint=False),
    ONLY_SOCKETS,
)
async def the_default_host_is_off(world: World) -> None:
    """With DisableExecuteApiEndpoint the default host is 403, and the domain is not."""
    assert await world.refused() == 403
    assert (await world.raw(upgrade("/v1", f"Host: {DOMAIN}"))).status == 101


@case("C5-key", "§2.1, §3.14, §4.2", changed(api_keys=ApiKeys({"a-key": "k1k2k3k4k5"})))
async def api_keys(world: World) -> None:
    """Without a good API key $connect is 403 uncalled; with one the identity names it."""
    assert await world.refused() == 403
    assert await world.refused("", {"x-api-key": "another"}) == 403
    assert world.calls == []
    await world.connect("", {"x-api-key": "a-key"})
    identity = world.event("connect")["requestContext"]["identity"]
    assert list(identity.items()) == [
        ("apiKey", "a-key"),
        ("apiKeyId", "k1k2k3k4k5"),
        ("sourceIp", "127.0.0.1"),
    ]


@case("C5-iam", "§3.15; signed ones in test_access_sockets.py", changed(iam=True))
async def unsigned(world: World) -> None:
    """With AWS_IAM an unsigned handshake gets 403, and no function is invoked."""
    assert await world.refused() == 403
    assert await world.refused("", {"Authorization": "Bearer token"}) == 403
    assert world.calls == []


@case("C1-permission", "§2.1 row 5, §8.7", Setup(make=unpermitted("$connect")))
async def no_permission_at_connect(world: World) -> None:
    """Without Lambda's permission $connect is 500."""
    assert await world.refused() == 500
    assert world.calls == []


@case("C11-permission", "§6 row 2, §8.7", Setup(make=unpermitted("echo", "tell")))
async def no_permission_at_a_message(world: World) -> None:
    """Without it a message is answered with Internal server error, on one-way routes too."""
    client = await world.connect()
    for action in ("echo", "tell"):
        await client.say(json.dumps({"action": action}))
        await complained(client, "Internal server error")
    assert [name for name, _ in world.calls] == ["connect"]


# Throttled: in the order of asking, with a burst of so many.


@case("C1-quota", "§2.1 last row, §12.1", Setup(quotas=Quotas(connections=2)))
async def too_many_connects(world: World) -> None:
    """Beyond the quota of new connections a second, a handshake gets 429 and no function runs."""
    for _ in range(2):
        await world.connect()
    assert await world.refused() == 429
    assert len(world.events("connect")) == 2
    await world.advance(seconds(1))
    await world.connect()


@case("C10-throttled", "§6 row 5: the text is a GUESS, §12.2", Setup(quotas=Quotas(burst=3)))
async def too_many_messages(world: World) -> None:
    """Beyond the burst a message is a frame, no function is asked, and the connection stays."""
    client = await world.connect()
    for _ in range(2):
        await client.say('{"action":"echo"}')
        assert await client.hear() == '{"action":"echo"}'
    await client.say('{"action":"echo"}')
    await complained(client, "Too Many Requests")
    assert len(world.events("echo")) == 2
    await world.advance(seconds(1))
    await client.say('{"action":"echo"}')
    assert await client.hear() == '{"action":"echo"}'


@case("C22-throttled", "§11.5, §12.2", Setup(quotas=Quotas(burst=2)), ONLY_SOCKETS)
async def too_many_posts(world: World) -> None:
    """Beyond the burst @connections is 429 for an SDK."""
    client = await world.connect()
    assert await world.sdk("POST", client.id, b"x") == (200, "")
    assert await world.sdk("POST", client.id, b"y") == (429, "LimitExceededException")
    await world.advance(seconds(1))
    assert await world.sdk("POST", client.id, b"z") == (200, "")
    assert [await client.hear(), await client.hear()] == ["x", "z"]


@case(
    "C10-route",
    "§12.2: limits of a route",
    replace(changed(throttles=Throttles(routes={"tell": Throttle(1, 1)})), quotas=Quotas()),
)
async def a_route_with_a_limit(world: World) -> None:
    """A route's own limit is that route's only."""
    client = await world.connect()
    for _ in range(2):
        await client.say('{"action":"tell"}')
    await complained(client, "Too Many Requests")
    assert len(world.events("tell")) == 1
    await client.say('{"action":"echo"}')
    assert await client.hear() == '{"action":"echo"}'


# Models.


def modelled(api: WebSocketApi) -> WebSocketApi:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    echo = replace(api.routes["echo"], models=Models("checked", {"checked": schema}))
    return replace(api, routes={**api.routes, "echo": echo})


@case("C10-model", "§6 row 4, §7.15", Setup(make=modelled))
async def models(world: World) -> None:
    """A message that does not fit its model gets an error frame, to the byte; no function runs."""
    client = await world.connect()
    await client.say('{"action":"echo","n":"no number"}')
    frame = await client.hear()
    message_id = json.loads(frame)["messageId"]
    assert frame == (
        f'{{"message" : "Bad request body", "connectionId": "{client.id}", '
        f'"messageId": "{message_id}"}}'
    )
    assert message_id[-4:] == client.id[-4:]
    assert world.events("echo") == []
    await client.say('{"action":"echo","n":1}')
    assert await client.hear() == '{"action":"echo","n":1}'
