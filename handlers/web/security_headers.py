"""What a browser may do with our answers: show /docs alone, and run nothing that we did not send.

The demo pages keep the service token in the storage of their origin, which is also that of /docs
(in a local run, and behind CloudFront).
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOT_FOR_PAGES = "default-src 'none'; frame-ancestors 'none'"
FOR_PAGES = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Swagger UI sets styles inline. Its page has one script of its own, which is known by its hash."""
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class SecurityHeaders:
    """ASGI middleware: adds the headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None

        async def send_guarded(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                _guard(MutableHeaders(raw=start["headers"]), message.get("body", b""))
                await send(start)
                start = None
            await send(message)

        await self._app(scope, receive, send_guarded)


def _guard(headers: MutableHeaders, body: bytes) -> None:
    is_page = headers.get("content-type", "").startswith("text/html")
    headers["content-security-policy"] = _for_page(body) if is_page else NOT_FOR_PAGES
    headers["x-content-type-options"] = "nosniff"
    headers["referrer-policy"] = "no-referrer"


def _for_page(body: bytes) -> str:
    """https://www.w3.org/TR/CSP3/#match-element-to-source-list (2026-11-29)"""
    digests = (hashlib.sha256(script).digest() for script in INLINE_SCRIPT.findall(body))
    hashes = (f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return FOR_PAGES.format(scripts=" ".join(hashes))
