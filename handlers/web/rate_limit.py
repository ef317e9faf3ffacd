"""What a key with a limit may still ask for, beside each answer to it:
https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/12/ (2026-12-01).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from handlers.services.keys import Caller

POLICY = '"key"'
COMPONENTS: dict[str, dict[str, Any]] = {
    "RateLimit-Policy": {
        "description": "The limit of the key: `q` requests in `w` seconds. Only for a key that has "
        "one.",
        "schema": {"type": "string"},
        "example": f"{POLICY};q=600;w=60",
    },
    "RateLimit": {
        "description": "What is left of the key's limit: `r` requests, and `t` seconds until it is "
        "whole again. Only for a key that has one.",
        "schema": {"type": "string"},
        "example": f"{POLICY};r=599;t=60",
    },
    "Retry-After": {
        "description": "In so many seconds the same request may succeed.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 60,
    },
}
"""Of the OpenAPI document."""


class RateLimitHeaders:
    """ASGI middleware: adds the headers to every answer to a key that has a limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_counted(message: Message) -> None:
            caller: Caller | None = scope.get("state", {}).get("caller")
            if message["type"] == "http.response.start" and caller and (quota := caller.quota):
                headers = MutableHeaders(raw=message["headers"])
                headers["RateLimit-Policy"] = f"{POLICY};q={quota.limit};w=60"
                headers["RateLimit"] = f"{POLICY};r={quota.remaining};t={quota.seconds_left}"
            await send(message)

        await self._app(scope, receive, send_counted)


def describe(operation: dict[str, Any]) -> None:
    """Name the headers of an operation's answers."""
    counted = ["RateLimit-Policy", "RateLimit"] if "429" in operation["responses"] else []
    for status, answer in operation["responses"].items():
        # Without a good key nothing is counted.
        names = [] if status == "401" else list(counted)
        if status in {"429", "503"}:
            names.append("Retry-After")
        if names:
            refs = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
            answer.setdefault("headers", {}).update(refs)
