"""Hold what travels to what is published of it: frames to AsyncAPI, HTTP answers to OpenAPI."""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jsonschema_rs

from handlers.http import HttpContainer
from handlers.web import asyncapi
from handlers.web.app import application
from handlers.web.errors import PROBLEM_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema_rs import Draft202012Validator

Json = dict[str, Any]
JSON_TYPES = {"application/json", PROBLEM_TYPE}
LIMITS = {"ratelimit", "ratelimit-policy", "retry-after"}


def check_server_frame(frame: str | bytes) -> Json:
    """The message of a frame that a client received. Raises AssertionError with what is wrong."""
    message: Json = json.loads(frame)
    name = message.get("type", "")
    kind = asyncapi.FROM_SERVER.get(name, asyncapi.GatewayError)
    _check(_of_frame(kind.__name__), message, f"a frame of the server of type {name!r}")
    return message


def check_exchange(sent: str, received: Json) -> None:
    """A request that was done is one that is described."""
    if received["type"] != "error":
        message = json.loads(sent)
        kind = asyncapi.REQUESTS[message["action"]]
        _check(_of_frame(kind.__name__), message, "a request that was done")


def check_answer(method: str, url: str, status: int, headers: Mapping[str, str], body: str) -> None:
    """An answer of the HTTP API. Raises AssertionError with what is wrong."""
    path = urlsplit(url).path
    said = f"{method} {path}: {status}"
    kind = headers.get("content-type", "")
    operation = _operation(method, path)
    if operation is None:
        if status >= 400:
            _check(_of_answer('{"$ref": "#/components/schemas/Problem"}'), _read(body), said)
        return
    if status == 500:  # never promised
        return
    response = operation["responses"].get(str(status))
    assert response is not None, f"{said} is not documented"
    undescribed = LIMITS & headers.keys() - {one.lower() for one in response.get("headers", {})}
    assert not undescribed, f"{said} with the headers {undescribed} is not documented"
    content = response.get("content", {})
    assert kind in content if content else not body, f"{said} as {kind!r} is not documented"
    if content and kind in JSON_TYPES:
        _check(_of_answer(json.dumps(content[kind]["schema"])), _read(body), said)


def _read(body: str) -> Any:
    """What a client sent comes back: the validator takes no half of a surrogate pair."""
    whole = json.dumps(json.loads(body), ensure_ascii=False) if "\\ud" in body else body
    return json.loads(whole.encode(errors="replace"))


def _check(validator: Draft202012Validator, instance: object, said: str) -> None:
    errors = [
        f"{error.instance_path}: {error.message}" for error in validator.iter_errors(instance)
    ]
    assert not errors, f"{said}: {errors[:5]} in {instance}"


@cache
def _of_frame(name: str) -> Draft202012Validator:
    schemas = _frames()
    return jsonschema_rs.Draft202012Validator(schemas | {"$ref": f"#/components/schemas/{name}"})


@cache
def _frames() -> Json:
    """Of the server no member may come that is not described; a newer client may send more."""
    schemas = asyncapi.schemas()
    requests = {one.__name__ for one in asyncapi.REQUESTS.values()} | {"GatewayError"}
    for name in schemas.keys() - requests:
        schemas[name]["additionalProperties"] = False
    return {"components": {"schemas": schemas}}


@cache
def openapi() -> Json:
    """Of an answer no member may come that is not described, until a release adds it."""
    api = copy.deepcopy(application(HttpContainer()).openapi())
    for schema in api["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return api


@cache
def _of_answer(schema: str) -> Draft202012Validator:
    whole = {"components": openapi()["components"], **json.loads(schema)}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


@cache
def _patterns() -> list[tuple[re.Pattern[str], Json]]:
    """Paths without an id before those that one would match."""
    paths = sorted(openapi()["paths"].items(), key=lambda one: "{" in one[0])
    return [(re.compile(re.sub("{.*?}", "[^/]+", path)), methods) for path, methods in paths]


def _operation(method: str, path: str) -> Json | None:
    found = (methods for pattern, methods in _patterns() if pattern.fullmatch(path))
    return next(found, {}).get(method.lower())
