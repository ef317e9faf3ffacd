"""Calls of the HTTP API, through the very events that API Gateway sends."""

from __future__ import annotations

import csv
import io
import json
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from mangum import Mangum

from handlers import http
from handlers.web.app import TEXT_TYPES, application
from handlers.web.errors import PROBLEM_TYPE
from tests.support.contracts import check_answer
from tests.support.world import Context, golden

if TYPE_CHECKING:
    from fastapi import FastAPI

    from handlers.web.errors import ErrorCode
    from tests.support.world import World

TOKEN = "service-token-of-this-test"  # noqa: S105  # of nothing else


class WebContainer(http.HttpContainer):
    """The container of one test. All serve one application, whose routes take 200 ms to build."""

    @cached_property
    def mangum(self) -> Mangum:
        self.runner.get_loop()
        app = _application()
        app.state.container = self
        return Mangum(app, lifespan="off", text_mime_types=TEXT_TYPES)


@cache
def _application() -> FastAPI:
    return application(WebContainer())


def call(  # what a request has
    world: World,
    method: str,
    path: str,
    body: object = None,
    token: str | None = TOKEN,
    **headers: str,
) -> tuple[int, Any]:
    """One request as a payload 2.0 event; its status and JSON. A body of text goes as it is.

    `idempotency_key="…"` is a header, as any other name.
    """
    event = request(method, path, body, token)
    event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
    assert isinstance(world.container, http.HttpContainer)
    answer = http.handle(event, Context(), world.container)
    sent: str = answer["body"]
    check_answer(method, path, answer["statusCode"], answer["headers"], sent)
    is_json = sent and answer["headers"]["content-type"] in {"application/json", PROBLEM_TYPE}
    return answer["statusCode"], json.loads(sent) if is_json else sent


def problem(error: ErrorCode) -> dict[str, Any]:
    """The body of this error, with its default reason."""
    return {
        **{"type": f"/docs/errors/{error.code}", "title": error.title, "status": error.status},
        **{"detail": error.reason, "code": error.code},
    }


def request(
    method: str, path: str, body: object = None, token: str | None = TOKEN
) -> dict[str, Any]:
    """A request as API Gateway hands it over."""
    path, _, query = path.partition("?")
    event = golden("web") | {"rawPath": path, "rawQueryString": query}
    event["headers"] = {"host": "api.example", "content-type": "application/json"}
    if token is not None:
        event["headers"]["authorization"] = f"Bearer {token}"
    event["requestContext"]["http"] |= {"method": method, "path": path}
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    return event | {"body": text, "isBase64Encoded": False}


def make_key(world: World, name: str, *scopes: str) -> dict[str, Any]:
    """A service key, with its token."""
    status, key = call(world, "POST", "/keys", {"name": name, "scopes": scopes})
    assert status == 201, key
    return dict(key)


def answer(world: World, path: str) -> dict[str, Any]:
    """The response as API Gateway gets it."""
    path, _, query = path.partition("?")
    event = golden("web") | {"rawPath": path, "rawQueryString": query, "body": None}
    event["headers"] = {"host": "api.example", "authorization": f"Bearer {TOKEN}"}
    event["requestContext"]["http"] |= {"method": "GET", "path": path}
    assert isinstance(world.container, http.HttpContainer)
    answer = http.handle(event, Context(), world.container)
    check_answer("GET", path, answer["statusCode"], answer["headers"], answer["body"])
    return answer


def table(response: dict[str, Any]) -> list[dict[str, str]]:
    assert response["headers"]["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response["body"], newline="")))


def pages(world: World, path: str) -> list[Any]:
    seen, after = [], ""
    while True:
        status, page = call(world, "GET", path + after)
        assert status == 200, page
        seen += page["items"]
        if page["next"] is None:
            return seen
        after = f"&after={page['next']}"


def operations(world: World) -> dict[str, tuple[str, str]]:
    """Of the whole API: method and path by name."""
    paths = call(world, "GET", "/openapi.json")[1]["paths"]
    return {
        operation["operationId"]: (method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
