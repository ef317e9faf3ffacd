"""What holds for every request: nothing in it is misspelt, sent twice, or nested too deeply."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args, get_origin
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from handlers.core.nesting import MAX_LEVELS, is_deeper
from handlers.web.errors import UnreadableBody
from handlers.web.schemas.fields import OWN_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Response


# https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07 (2026-11-30)
IDEMPOTENCY_KEY = "Idempotency-Key"
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
KEY_PATTERN = f'^({_UUID}|"{_UUID}")$'
KEY = re.compile(KEY_PATTERN)
CREATED = 201


class StrictRoute(APIRoute):
    """A route whose body is read by `read_json`."""

    @cached_property
    def own_id(self) -> str | None:
        """The member of the body that takes an id of the caller's own, if there is one."""
        model = self.body_field.field_info.annotation if self.body_field else None
        fields = getattr(model, "model_fields", {})
        return next((name for name, one in fields.items() if OWN_ID in one.metadata), None)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly


class _StrictRequest(Request):
    async def json(self) -> Any:
        """The body; the key of the request is its id, if it has none of its own."""
        value = read_json(await self.body())
        route: StrictRoute = self.scope["route"]
        key = self.headers.get(IDEMPOTENCY_KEY, "")
        is_named = not isinstance(value, dict) or value.get(route.own_id) is not None
        if route.own_id and KEY.match(key) and not is_named:
            value[route.own_id] = key.strip('"')
        return value


def check_idempotency_key(request: Request) -> None:
    """Refuse a key that promises what no answer can keep. Raises RequestValidationError."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    route: StrictRoute = request.scope["route"]
    if key is None:
        return
    if not KEY.match(key):
        raise _wrong_key("the key is no UUID; send one, bare or in double quotes")
    if route.own_id is None and route.status_code == CREATED:
        raise _wrong_key("each request to this path makes something new; leave the key out")


def _wrong_key(message: str) -> RequestValidationError:
    return RequestValidationError(
        [{"type": "idempotency_key", "loc": ("header", IDEMPOTENCY_KEY), "msg": message}]
    )


def read_json(body: bytes) -> Any:
    """Read a body. Raises UnreadableBody, or JSONDecodeError for what is not JSON."""
    try:
        value = json.loads(body, object_pairs_hook=_once_each)
    except RecursionError as error:
        raise UnreadableBody(NESTED_TOO_DEEPLY) from error
    if is_deeper(value, MAX_LEVELS):
        raise UnreadableBody(NESTED_TOO_DEEPLY)
    return value


NESTED_TOO_DEEPLY = f"the body is nested deeper than {MAX_LEVELS} levels; flatten it"


def _once_each(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        name, _ = Counter(name for name, _ in members).most_common(1)[0]
        raise UnreadableBody(f"an object in the body has {name[:64]!a} twice; send it once")
    return found


def check_query(request: Request) -> None:
    """Refuse query parameters that the route does not know, and those that come twice.

    Otherwise a misspelt filter would filter nothing. Raises RequestValidationError.
    """
    route: APIRoute = request.scope["route"]
    fields = [
        field
        for field in get_flat_params(route.dependant)
        if isinstance(field.field_info, params.Query)
    ]
    known = [field.alias for field in fields]
    lists = {field.alias for field in fields if _is_list(field.field_info.annotation)}
    query: bytes = request.scope["query_string"]
    sent = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    wrong = [
        *(_wrong("extra_forbidden", name, _unknown(known)) for name in sent if name not in known),
        *(
            _wrong("repeated", name, "a parameter must not be sent twice; send it once")
            for name in known
            if sent[name] > 1 and name not in lists
        ),
    ]
    if not _is_utf8(query):
        wrong.append(
            {
                "type": "string_unicode",
                "loc": ("query",),
                "msg": "the query is not UTF-8; encode it as encodeURIComponent does",
            }
        )
    if wrong:
        raise RequestValidationError(wrong)


def _is_list(annotation: object) -> bool:
    """Whether a parameter takes several values: `list[…]`, or that or None."""
    return any(get_origin(one) is list for one in (annotation, *get_args(annotation)))


def _unknown(known: list[str]) -> str:
    takes = f"takes {', '.join(sorted(known))}" if known else "takes no query parameters"
    return f"there is no such parameter; this path {takes}"


def _wrong(kind: str, name: str, message: str) -> dict[str, object]:
    return {"type": kind, "loc": ("query", name), "msg": message}


def _is_utf8(query: bytes) -> bool:
    """Otherwise a wrong byte would be read as U+FFFD, and one name as another."""
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return False
    return True
