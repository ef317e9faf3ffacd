"""Whether a request comes from this machine and from no page of another site. Pure.

What stands under /_wsgate shows and changes what others see. A page of any site can make a browser
send something here: by a form, or by a name of its own that leads to this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wsgate.transport.responses import json_response

if TYPE_CHECKING:
    from collections.abc import Container

    from wsgate.transport.responses import Request, Response

GUARD: Final = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)
"""Headers of all that stands under /_wsgate: no other page frames it, reads it, or keeps it."""
HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_OURS: Final = frozenset({"same-origin", "none"})
"""Of Sec-Fetch-Site; `none` is an address that somebody typed."""


def is_ours(request: Request, hosts: Container[str] = HOSTS) -> bool:
    """By the Host it names, the Origin of its page, and what the browser says of that page."""
    fields = request.fields
    host, origin = fields.get("host", ""), fields.get("origin")
    return (
        host_of(host) in hosts
        and (origin is None or origin in {f"http://{host}", f"https://{host}"})
        and fields.get("sec-fetch-site", "none") in _OURS
    )


def host_of(address: str) -> str:
    """`localhost` of `localhost:8080`, `[::1]` of `[::1]:8080`; names are the same in any case."""
    host, colon, port = address.rpartition(":")
    return (host if colon and port.isdecimal() else address).lower()


def guarded(status: int, value: Any) -> Response:
    """JSON with these headers."""
    return json_response(status, value, GUARD)


def refused(status: int, text: str) -> Response:
    """`{"message": …}` with these headers."""
    return guarded(status, {"message": text})


def is_json(request: Request) -> bool:
    """A form of another site cannot send this without asking first."""
    kind = request.fields.get("content-type", "").partition(";")[0]
    return kind.strip().lower() == "application/json"
