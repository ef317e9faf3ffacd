"""`/_wsgate/faults`: read and change the injected faults at run time. Pure.

    GET                                       {"disconnect_lost": {"value": 0.0, …}, …}
    POST {"name": …, "value": …}              the same, afterwards; 400 with a sentence

It changes what others see, so it takes what a program on this machine sends (same_origin.py).
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wsgate.apis import same_origin
from wsgate.apis.same_origin import guarded, refused

if TYPE_CHECKING:
    from wsgate.core.faults import Faults
    from wsgate.transport.responses import Request, Response

PATH: Final = "/_wsgate/faults"
_FORBIDDEN: Final = refused(HTTPStatus.FORBIDDEN, "Forbidden")
_NOT_JSON: Final = refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json")
_NOT_ALLOWED: Final = refused(HTTPStatus.METHOD_NOT_ALLOWED, "GET or POST")
_SHAPE: Final = 'Send {"name": "the name of a fault", "value": a number}'


def answer(faults: Faults, request: Request) -> Response:
    """Read or change the faults."""
    if not same_origin.is_ours(request):
        return _FORBIDDEN
    match request.method:
        case "GET":
            return guarded(HTTPStatus.OK, faults.describe())
        case "POST":
            return _set(faults, request)
    return _NOT_ALLOWED


def _set(faults: Faults, request: Request) -> Response:
    if not same_origin.is_json(request):
        return _NOT_JSON
    try:
        faults.set(*_change(request.body))
    except ValueError as error:
        return refused(HTTPStatus.BAD_REQUEST, str(error))
    return guarded(HTTPStatus.OK, faults.describe())


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
