"""`GET /_wsgate/metrics`: what has been counted so far, for Prometheus.

It says who uses what, so it answers this machine only (same_origin.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wsgate.apis import same_origin
from wsgate.apis.same_origin import GUARD, refused
from wsgate.transport.responses import Response

if TYPE_CHECKING:
    from wsgate.transport.responses import Request

PATH: Final = "/_wsgate/metrics"
_HEADERS: Final = (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"), *GUARD)
_FORBIDDEN: Final = refused(HTTPStatus.FORBIDDEN, "Forbidden")
_NOT_ALLOWED: Final = refused(HTTPStatus.METHOD_NOT_ALLOWED, "GET")

Read = Callable[[], Awaitable[str]]


async def answer(read: Read, request: Request) -> Response:
    """The metrics as text."""
    if not same_origin.is_ours(request):
        return _FORBIDDEN
    if request.method != "GET":
        return _NOT_ALLOWED
    return Response(HTTPStatus.OK, (await read()).encode(), _HEADERS)
