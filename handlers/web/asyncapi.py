"""The AsyncAPI document of the WebSocket API, from the types of its messages.

https://www.asyncapi.com/docs/reference/specification/v3.0.0 (2026-11-30)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from handlers.core.message import Message
from handlers.core.server_message import ANSWERS, OWN_EVENTS, OWN_NEWS, PUSHES, Error
from handlers.web.openapi import describe

DESCRIPTION = """What travels over a WebSocket between a client and Headcount.

A request has an `action` and an `id` of the client's; its answer repeats the id in `re`. Each
message is a JSON object in a text frame. API Gateway has frames of its own, with a `message` and no
`type`.
"""
TICKET = {
    "type": "object",
    "properties": {
        "ticket": {"type": "string", "description": "from POST /tickets; it opens one connection"}
    },
    "required": ["ticket"],
}
SOCKET = "#/channels/socket"
Json = dict[str, Any]


class Ping(msgspec.Struct, frozen=True, tag_field="action", tag="ping"):
    """Keeps the connection open. The gateway answers by itself."""


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to `ping`."""

    server_now: int


class GatewayError(msgspec.Struct, frozen=True, kw_only=True):
    """API Gateway's own: it does not say which request it answers. Send that again, later."""

    message: str
    connectionId: str | msgspec.UnsetType = msgspec.UNSET  # theirs
    requestId: str | msgspec.UnsetType = msgspec.UNSET


Types = Iterable[type[Any]]


def _by_tag(types: Types) -> dict[str, type[Any]]:
    return {str(one.__struct_config__.tag): one for one in types}


REQUESTS = _by_tag((*get_args(Message), Ping))
"""By their `action`."""
FROM_SERVER = _by_tag((*ANSWERS.values(), *PUSHES, Pong))
"""By their `type`."""
ALL: tuple[type[Any], ...] = (*REQUESTS.values(), *FROM_SERVER.values(), GatewayError)


def document() -> Json:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Headcount", "version": "1", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "gateway": {
                "host": "{host}",
                "pathname": "/{stage}",
                "protocol": "wss",
                "description": "the `url` that POST /tickets answers",
                "variables": {
                    "host": {"description": "the gateway's host"},
                    "stage": {"default": "live", "description": "the stage, or the base path"},
                },
            }
        },
        "channels": {
            "socket": {
                "address": "/",
                "description": "One connection of one user.",
                "messages": {one.__name__: _in_components(one) for one in ALL},
                "bindings": {"ws": {"method": "GET", "query": TICKET, "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            **{name: _request(name, one) for name, one in REQUESTS.items()},
            **{_push_id(one): _push(one) for one in PUSHES},
        },
        "components": {
            "messages": {one.__name__: _message(one) for one in ALL},
            "schemas": schemas(),
        },
    }


def schemas() -> Json:
    """The JSON schemas of all messages, and of their parts."""
    bodies = {*OWN_EVENTS.values(), *OWN_NEWS.values()}
    types = [*ALL, *sorted(bodies, key=lambda one: one.__name__)]
    _, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    for schema in components.values():
        schema.pop("title", None)
        _in_ecma(schema)
    components["StreamEvent"]["allOf"] = [_body(*one) for one in OWN_EVENTS.items()]
    components["News"]["allOf"] = [_body(*one) for one in OWN_NEWS.items()]
    describe(components)
    return dict(sorted(components.items()))


def _body(own_type: str, body: type[Any]) -> Json:
    """What the body of a type of the server's own is; a cancellation of it has an empty one."""
    is_it = {"properties": {"type": {"const": own_type}, "cancels": False}}
    return {
        "if": is_it,
        "then": {"properties": {"body": {"$ref": f"#/components/schemas/{body.__name__}"}}},
    }


def _in_ecma(schema: Any) -> None:
    """JSON Schema has ECMA's regular expressions, where `$` is the end as Python's `\\Z` is."""
    if isinstance(schema, dict):
        if "pattern" in schema:
            schema["pattern"] = schema["pattern"].replace("\\Z", "$")
        schema = list(schema.values())
    if isinstance(schema, list):
        for one in schema:
            _in_ecma(one)


def _message(one: type[Any]) -> Json:
    text = " ".join((one.__doc__ or "").split())
    return {
        "name": str(one.__struct_config__.tag or one.__name__),
        "summary": text,
        "payload": {"$ref": f"#/components/schemas/{one.__name__}"},
    }


def _in_components(one: type[Any]) -> Json:
    return {"$ref": f"#/components/messages/{one.__name__}"}


def _in_channel(*some: type[Any]) -> list[Json]:
    return [{"$ref": f"{SOCKET}/messages/{one.__name__}"} for one in some]


def _request(name: str, one: type[Any]) -> Json:
    answers = (Pong, GatewayError) if one is Ping else (ANSWERS[name], Error, GatewayError)
    return {
        "action": "receive",
        "channel": {"$ref": SOCKET},
        "summary": _message(one)["summary"],
        "messages": _in_channel(one),
        "reply": {"channel": {"$ref": SOCKET}, "messages": _in_channel(*answers)},
    }


def _push_id(one: type[Any]) -> str:
    return f"push_{one.__struct_config__.tag}"


def _push(one: type[Any]) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": SOCKET},
        "summary": _message(one)["summary"],
        "messages": _in_channel(one),
    }
