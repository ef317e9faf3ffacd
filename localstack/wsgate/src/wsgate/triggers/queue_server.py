"""moto's SQS behind a guard, as a program: `python -P -m wsgate.triggers.queue_server`."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wsgate.moto_program import TIMEOUT_SECONDS, read_order, refuse, serve
from wsgate.transport.responses import Request
from wsgate.triggers import queue_guard
from wsgate.triggers.queue_guard import Refused

if TYPE_CHECKING:
    from werkzeug.serving import WSGIRequestHandler


@dataclass(frozen=True)
class Order:
    """What to serve."""

    listener: int
    """The descriptor of a listening socket: the port is never free for others to take."""
    token: str = field(repr=False)
    """The session token that a request has to carry."""


def main() -> None:
    """Serve until standard input closes."""
    order = Order(**read_order())
    # Of moto's services only this one is served.
    serve({"sqs": order.listener}, _handler(order.token))


def _handler(token: str) -> type[WSGIRequestHandler]:
    from werkzeug.serving import WSGIRequestHandler  # noqa: PLC0415

    class Handler(WSGIRequestHandler):
        """Asks the guard before moto sees anything."""

        timeout = TIMEOUT_SECONDS

        def run_wsgi(self) -> None:
            try:
                self.rfile = io.BytesIO(self._body())
            except Refused as refused:
                refuse(self, refused.status, "application/x-amz-json-1.0", _content(refused))
                return
            super().run_wsgi()

        def _body(self) -> bytes:
            size = queue_guard.check_head(self._request(), token)
            body = self.rfile.read(size)
            queue_guard.check_operation(self._request(body))
            return body

        def _request(self, body: bytes = b"") -> Request:
            path, _, query = self.path.partition("?")
            headers = tuple(self.headers.items())
            return Request(self.command, path, query, headers, body, self.client_address[0])

    return Handler


def _content(refused: Refused) -> bytes:
    words: dict[str, Any] = {"__type": refused.kind, "message": str(refused)}
    return json.dumps(words).encode()


if __name__ == "__main__":
    main()
