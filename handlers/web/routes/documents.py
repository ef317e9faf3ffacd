"""What explains the API: the WebSocket's description, and what the `type` of a problem leads to."""

from __future__ import annotations

from functools import cache

import msgspec
from fastapi import Response

from handlers.web import asyncapi
from handlers.web.deps import open_router
from handlers.web.errors import ERROR_CODES, NOT_FOUND, ApiError

router = open_router("health")


@router.get("/asyncapi.json", include_in_schema=False)
async def read_asyncapi() -> Response:
    """Read the AsyncAPI document, as /openapi.json is that of HTTP."""
    return Response(_asyncapi(), media_type="application/json")


@cache
def _asyncapi() -> bytes:
    return msgspec.json.encode(asyncapi.document())


@router.get("/docs/errors/{code}", include_in_schema=False)
async def explain_error(code: str) -> Response:
    """Explain a kind of error, for people."""
    texts = [
        f"{error.status} {error.title} ({error.code})\n\n{error.meaning}\n\nAs a rule: "
        f"{error.reason}.\n"
        for error in ERROR_CODES
        if error.code == code
    ]
    if not texts:
        raise ApiError.of(NOT_FOUND, "there is no such code; GET /openapi.json lists every code")
    return Response("\n".join(texts), media_type="text/plain; charset=utf-8")
