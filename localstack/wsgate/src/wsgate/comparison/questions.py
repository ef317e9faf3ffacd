"""The questions that a recording answers, by the sections of docs/aws-behaviour.md they decide."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from websockets.typing import Subprotocol

from wsgate.comparison.gateway import (
    NOTHING,
    SILENT_SECONDS,
    Client,
    Unreachable,
    dial,
    read_json,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wsgate.comparison.gateway import Gateway

    Asking = Callable[[Gateway], Awaitable[Any]]

FRAME_BYTES, MESSAGE_BYTES = 32 * 1024, 128 * 1024
NEVER_THERE = "AAAAAAAAtjMCAAA="
LIMITED = 5
ROUTE_SECONDS = 10
"""The template's shortest time-out of an integration."""
HTTP_SECONDS = 10
EMPTY_CLOSE = b"\x88\x80mask"
"""A close frame without a code, which the library does not send."""


@dataclass(frozen=True)
class Question:
    """A question, and how it is asked."""

    name: str
    sections: str
    ask: Asking


QUESTIONS: dict[str, Question] = {}


def question(name: str, sections: str) -> Callable[[Asking], Asking]:
    def add(ask: Asking) -> Asking:
        QUESTIONS[name] = Question(name, sections, ask)
        return ask

    return add


# Events.


@question("events of a connection", "§4.2, §18.14, §18.16")
async def events(gateway: Gateway) -> Any:
    async with gateway.connected() as client:
        await client.connection.close(4001, "bye")
    kinds = ("CONNECT", "MESSAGE", "DISCONNECT")
    return {kind: await gateway.event(client.id, kind) for kind in kinds}


@question("event of the authorizer", "§3.1")
async def authorizer(gateway: Gateway) -> Any:
    async with gateway.connected(mark="authorizer"):
        return await gateway.told(
            lambda event: (
                event.get("type") == "REQUEST"
                and event["queryStringParameters"].get("mark") == "authorizer"
            )
        )


@question("repeated names in the query", "§4.2, §18.11")
async def repeated(gateway: Gateway) -> Any:
    url = f"{gateway.url}?observer={gateway.observer_id}&twice=1&twice=2"
    async with await dial(url, {}) as connection:
        client = await Client.met(connection)
        event = await gateway.event(client.id, "CONNECT")
        if event == NOTHING:
            return NOTHING
        one, many = event["queryStringParameters"], event["multiValueQueryStringParameters"]
        return {"single": one["twice"], "multi": many["twice"]}


@question("code of a client that closes without one", "§10.3")
async def no_code(gateway: Gateway) -> Any:
    async with gateway.connected() as client:
        client.connection.transport.write(EMPTY_CLOSE)
        await client.closes()
    return ending_of(await gateway.event(client.id, "DISCONNECT"))


@question("code of a client that is lost", "§10.3, §18.9")
async def lost(gateway: Gateway) -> Any:
    async with gateway.connected() as client:
        client.connection.transport.abort()
        return ending_of(await gateway.event(client.id, "DISCONNECT"))


# Handshakes.

REFUSALS = {
    "200 of $connect": {"connect": "200"},
    "401 of $connect": {"connect": "401"},
    "301 of $connect": {"connect": "301"},
    "$connect raises": {"connect": "fail"},
    "$connect times out": {"connect": "slow"},
    "$connect without a status": {"connect": "malformed"},
    "status 100 of $connect": {"connect": "100"},
    "no identity source": {"observer": ""},
    "the authorizer denies": {"authorizer": "deny"},
    'the authorizer raises "Unauthorized"': {"authorizer": "unauthorized"},
    "the authorizer raises": {"authorizer": "fail"},
    "no principalId": {"authorizer": "nameless"},
}


@question("refused handshakes", "§2.1, §3.4, §3.5, §3.6, §18.4")
async def refusals(gateway: Gateway) -> Any:
    return {name: await gateway.refused(**query) for name, query in REFUSALS.items()}


@question("headers of the 101, and the subprotocol", "§2.2, §2.4, §2.6")
async def accepted(gateway: Gateway) -> Any:
    offered = (Subprotocol("one"), Subprotocol("two"))
    query = {"observer": gateway.observer_id, "connect": "protocol"}
    async with await dial(gateway.url, query, offered) as connection:
        response: Any = connection.response  # it is there: the connection is open
        names = sorted({name.lower() for name, _ in response.headers.raw_items()})
        return {"headers": names, "subprotocol": connection.subprotocol}


@question("a request that is no handshake", "§1.5, §18.15")
async def no_handshake(gateway: Gateway) -> Any:
    return await asyncio.to_thread(_get, gateway.url.replace("ws", "http", 1))


@question("another stage", "§1.4")
async def other_stage(gateway: Gateway) -> Any:
    base = gateway.url.replace("ws", "http", 1).rpartition("/")[0]
    return await asyncio.to_thread(_get, f"{base}/other")


# Frames.

FRAMES: dict[str, Any] = {
    "no route": {"action": "unknown"},
    "no JSON": "no JSON",
    "empty": "",
    "$connect as a route": {"action": "$connect"},
    "raises": {"action": "ask", "do": "fail"},
    "raises on a one-way route": {"action": "silent", "do": "fail"},
    "times out": {"action": "slow"},
    "fits no model": {"action": "modelled"},
    "base64": {"action": "ask", "do": "encoded"},
    "unknown member": {"action": "ask", "do": "extra"},
    "no body": {"action": "ask", "do": "bodiless"},
    "no status": {"action": "ask", "do": "no status"},
    "status 500": {"action": "ask", "do": "error"},
    "a text": {"action": "ask", "do": "text"},
    "null": {"action": "ask", "do": "nothing"},
}


@question("frames", "§6, §7.2, §7.3, §7.4, §18.8, §18.10, §18.19, §18.20")
async def frames(gateway: Gateway) -> Any:
    found = {}
    for name, message in FRAMES.items():
        async with gateway.connected() as client:
            text = message if isinstance(message, str) else json.dumps(message)
            await client.connection.send(text)
            waits = ROUTE_SECONDS if name == "times out" else 0
            found[name] = await client.heard(SILENT_SECONDS + waits)
    return found


@question("the frame of a throttled message", "§6, §18.3")
async def throttled(gateway: Gateway) -> Any:
    async with gateway.connected() as client:
        for _ in range(LIMITED):
            await client.connection.send('{"action": "limited"}')
        heard = [await client.heard(SILENT_SECONDS) for _ in range(LIMITED)]
    return next((frame for frame in heard if frame not in ("ok", NOTHING)), NOTHING)


# Closes.


@question("closes", "§9.1, §9.3, §9.5, §18.9")
async def closes(gateway: Gateway) -> Any:
    found = {}
    frames = ["x" * FRAME_BYTES] * (MESSAGE_BYTES // FRAME_BYTES)
    for name, data, is_text in (
        ("binary", b"x", False),
        ("no UTF-8", b"\xff", True),
        ("large frame", "x" * (FRAME_BYTES + 1), None),
        ("large message", [*frames, "x"], None),
    ):
        async with gateway.connected() as client:
            await client.connection.send(data, text=is_text)
            found[name] = await client.closes()
        found[f"{name}, event"] = ending_of(await gateway.event(client.id, "DISCONNECT"))
    return found


# @connections.


@question("@connections of a live connection", "§11.4, §11.7, §18.5, §18.7, §18.17")
async def management(gateway: Gateway) -> Any:
    async with gateway.connected() as caller, gateway.connected() as target:

        async def call(method: str, **more: Any) -> Any:
            found = await caller.ask("manage", method=method, id=target.id, **more)
            return found | {"body": read_json(found["body"])} if "body" in found else found

        first, second = await call("GET"), await call("GET")
        empty = await call("POST")
        frame = await target.heard(SILENT_SECONDS)
        not_utf8 = await call("POST", data=base64.b64encode(b"\xff\xfe").decode())
        garbled = await target.heard(SILENT_SECONDS)
        return {
            "GET": first,
            "GET moves lastActiveAt": _active(first) != _active(second),
            "empty POST": empty,
            "its frame": frame,
            "POST that is no UTF-8": not_utf8,
            "its frame, too": garbled,
            "129 KB": await call("POST", size=MESSAGE_BYTES + 1),
            "unsigned": await call("POST", data="eA==", signed=False),
            "another stage": await call("POST", data="eA==", stage="other"),
            "PUT": await call("PUT"),
        }


@question("DELETE", "§11.4, §11.8, §18.18")
async def deletes(gateway: Gateway) -> Any:
    async with gateway.connected() as caller, gateway.connected() as target:
        answer = await caller.ask("manage", method="DELETE", id=target.id)
        seen = await target.closes()
        event = ending_of(await gateway.event(target.id, "DISCONNECT"))
        after = await caller.ask("manage", method="POST", id=target.id, data="eA==")
    return {"answer": answer, "client": seen, "event": event, "POST after it": after}


@question("ids that are not there", "§11.5, §11.6, §18.6")
async def absent(gateway: Gateway) -> Any:
    ids = (NEVER_THERE, "short", "0b9f3c4e-7f54-4a43-9c9a-111111111111", "AAAAAAAAtjMCAAA")
    async with gateway.connected() as caller:
        return {
            each.replace("=", " and ="): await caller.ask(
                "manage", method="POST", id=each, data="eA=="
            )
            for each in ids
        }


@question("POST to a connection within its own $connect", "§11.5")
async def within_connect(gateway: Gateway) -> Any:
    async with gateway.connected(connect="self"):
        return await gateway.told(lambda event: "met" in event)


def ending_of(event: Any) -> Any:
    """Code and reason of a DISCONNECT event."""
    if event == NOTHING:
        return NOTHING
    where = event["requestContext"]
    return {"code": where.get("disconnectStatusCode"), "reason": where.get("disconnectReason")}


def _active(answer: Any) -> Any:
    body = answer.get("body") if isinstance(answer, dict) else None
    return body.get("lastActiveAt") if isinstance(body, dict) else None


def _get(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=HTTP_SECONDS) as response:  # noqa: S310  # https
            return {"status": response.status}
    except urllib.error.HTTPError as error:
        with error:
            return {"status": error.code, "body": read_json(error.read().decode(errors="replace"))}
    except OSError as error:
        raise Unreachable(f"{url} cannot be asked: {error}") from error
