"""The page at /_wsgate: its files, and the two addresses it asks. For this machine's eyes only.

Nothing is answered to a page of another site. Browsers say who asks (Origin, Sec-Fetch-Site), and
the Host header says under which name: a name that somebody else's DNS leads here is refused, for to
a browser such a page has the same origin as ours.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wsgate.apis import same_origin
from wsgate.apis.pages import content_type
from wsgate.apis.same_origin import GUARD, guarded, refused
from wsgate.model.events import query_pairs
from wsgate.transport.responses import Request, Response

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from wsgate.console.state import ConsoleState

PATH: Final = "/_wsgate"
_FOLDER: Final = Path(__file__).parent / "static"
FILES: Final = {
    PATH: "index.html",
    f"{PATH}/": "index.html",
    **{f"{PATH}/{name}": name for name in ("console.css", "icon.svg")},
    **{
        f"{PATH}/{name}.js": f"{name}.js"
        for name in ("console", "dom", "format", "panels", "saved")
    },
}
MAX_BYTES: Final = 256 * 1024
"""Of a command: it may hold a message of 128 KB, escaped."""

# The page needs its own files and its own two addresses, and nothing else in the world.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
_OF_PAGE: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Console:
    """Answers what is asked under /_wsgate."""

    def __init__(self, console_state: ConsoleState, address: str) -> None:
        """`address` is host and port as the gateway listens on them."""
        self._console_state = console_state
        self._hosts = same_origin.HOSTS | {same_origin.host_of(address)}

    def owns(self, path: str) -> bool:
        return path == PATH or path.startswith(f"{PATH}/")

    def answer(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        """A file at once, what stands behind it by a coroutine."""
        if not same_origin.is_ours(request, self._hosts):
            return _FORBIDDEN
        match request.method, request.path.removeprefix(PATH):
            case "GET", "/look":
                return self._look(request)
            case "POST", "/act":
                return self._act(request)
            case "GET" | "HEAD", _ if request.path in FILES:
                return _file(FILES[request.path])
            case _, "/look" | "/act":
                return _WRONG_METHOD
        return _NOT_FOUND

    async def _look(self, request: Request) -> Response:
        since = dict(query_pairs(request.query)).get("since", "")
        return guarded(HTTPStatus.OK, await self._console_state.look(since))

    async def _act(self, request: Request) -> Response:
        if not same_origin.is_json(request):
            return _NOT_JSON
        if request.too_large or len(request.body) > MAX_BYTES:
            return _TOO_LARGE
        command = _command(request.body)
        if command is None:
            return _NOT_JSON
        return guarded(HTTPStatus.OK, await self._console_state.act(command))


def _file(name: str) -> Response:
    file = _FOLDER / name
    headers = {"Content-Type": content_type(file), **dict(GUARD), **_OF_PAGE}
    return Response(HTTPStatus.OK, file.read_bytes(), tuple(headers.items()))


def _command(body: bytes) -> Mapping[str, Any] | None:
    try:
        command = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return command if isinstance(command, dict) else None


_FORBIDDEN = refused(HTTPStatus.FORBIDDEN, "This page is for its own address on this machine")
_NOT_FOUND = refused(HTTPStatus.NOT_FOUND, "Not Found")
_WRONG_METHOD = refused(HTTPStatus.METHOD_NOT_ALLOWED, "GET look, POST act")
_NOT_JSON = refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A JSON object, as application/json")
_TOO_LARGE = refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
