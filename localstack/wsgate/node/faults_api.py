"""`/_wsgate/faults`: what may go wrong on purpose, to read and to change while it runs. Pure.

    GET                                       {"disconnect_lost": {"value": 0.0, …}, …}
    POST {"name": …, "value": …}              the same, afterwards; 400 with a sentence

It changes what others see, so it takes what a program on this machine sends, and no page of
another site: not by its Origin, not by a name that leads here (the Host), not by a form.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wsgate.node.responses import Request, Response, json_response, message

if TYPE_CHECKING:
    from wsgate.core.faults import Faults

PATH: Final = "/_wsgate/faults"
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_FORBIDDEN: Final = message(HTTPStatus.FORBIDDEN, "Forbidden")
_NOT_JSON: Final = message(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json")
_NOT_ALLOWED: Final = message(HTTPStatus.METHOD_NOT_ALLOWED, "GET or POST")
_SHAPE: Final = 'Send {"name": "the name of a fault", "value": a number}'


def answer(faults: Faults, request: Request) -> Response:
    """Read or change the faults."""
    if not _is_local(request):
        return _FORBIDDEN
    match request.method:
        case "GET":
            return json_response(HTTPStatus.OK, faults.describe())
        case "POST":
            return _set(faults, request)
    return _NOT_ALLOWED


def _set(faults: Faults, request: Request) -> Response:
    kind = request.fields.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return _NOT_JSON
    try:
        faults.set(*_change(request.body))
    except ValueError as error:
        return message(HTTPStatus.BAD_REQUEST, str(error))
    return json_response(HTTPStatus.OK, faults.describe())


def _change(body: bytes) -> tuple[str, object]:
    """The name and value of a change. Raises ValueError, with a sentence."""
    try:
        change = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError(_SHAPE) from None
    match change:
        case {"name": str(name), "value": value}:
            return name, value
    raise ValueError(_SHAPE)


def _is_local(request: Request) -> bool:
    host = request.fields.get("host", "")
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    origin = request.fields.get("origin")
    return name.lower() in _LOCAL and origin in {None, f"http://{host}", f"https://{host}"}
