"""The OpenAPI document: what FastAPI knows of the routes, and what a reader needs beside it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from handlers.web import rate_limit, requests
from handlers.web.errors import Problem
from handlers.web.examples import BODIES, NEEDED, PARAMETERS
from handlers.web.requests import StrictRoute
from handlers.web.vocabulary import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = "#/components/schemas/{model}"
WEBSOCKET = {"url": "/asyncapi.json", "description": "The WebSocket API, as AsyncAPI 3"}
IDEMPOTENCY_KEY = {
    "name": requests.IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": requests.KEY_PATTERN},
    "description": "a UUID of yours: the id of the order, where its body names none. The same "
    "request with the same key is answered 200 with what the first one created, another one 409 "
    "`conflict`",
}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        api = FastAPI.openapi(app)
        api |= {part: _without_titles(api[part]) for part in ("paths", "components")}
        schemas = api["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template=REFERENCE)
        schemas |= _without_titles(problem.pop("$defs") | {"Problem": problem})
        describe(schemas)
        for name in schemas.keys() - _sent(api):
            # A release may add to an answer.
            schemas[name].pop("additionalProperties", None)
        api["components"]["headers"] = rate_limit.COMPONENTS
        app.openapi_schema = api | {"externalDocs": WEBSOCKET}
        routes = [route for route in app.routes if isinstance(route, StrictRoute)]
        repeatable = {route.name for route in routes if route.own_id}
        for operation in _operations(api):
            _complete(operation)
            rate_limit.describe(operation)
            if operation["operationId"] in repeatable:
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    return app.openapi_schema or {}


def describe(schemas: dict[str, Any]) -> None:
    """Give each member a description: its own, or that of its name."""
    for schema in schemas.values():
        for name, member in schema.get("properties", {}).items():
            if name in MEANINGS:
                member.setdefault("description", MEANINGS[name])


def _without_titles(part: Any) -> Any:
    """Pydantic's are the names once more."""
    if isinstance(part, list):
        return [_without_titles(one) for one in part]
    if not isinstance(part, dict):
        return part
    kept = {key: one for key, one in part.items() if key != "title" or not isinstance(one, str)}
    return {key: _without_titles(one) for key, one in kept.items()}


def _sent(api: dict[str, Any]) -> set[str]:
    """The schemas of what is sent, and of its parts."""
    found: set[str] = set()
    more = _names([one.get("requestBody") for one in _operations(api)])
    while more:
        found |= more
        more = _names([api["components"]["schemas"][name] for name in more]) - found
    return found


def _names(part: object) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(part)))


def _operations(api: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for methods in api["paths"].values() for operation in methods.values())


def _complete(operation: dict[str, Any]) -> None:
    """Say in short what it does, and show what to send."""
    text = " ".join(operation["description"].split())
    operation["summary"] = re.split(r"[.:] |\.$", text, maxsplit=1)[0]
    if example := BODIES.get(operation["operationId"]):
        operation["requestBody"]["content"]["application/json"]["example"] = example
    for parameter in operation.get("parameters", ()):
        name, needed = parameter["name"], NEEDED.get(operation["operationId"])
        if name in PARAMETERS and (parameter["required"] or name == needed):
            parameter["example"] = PARAMETERS[name]
