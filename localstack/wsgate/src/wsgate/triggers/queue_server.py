"""moto's SQS behind a guard, as a program: `python -P -m wsgate.triggers.queue_server`.

Standard input brings one line of JSON, an Order, and closes when the parent ends, however that
happens; so does this. `READY` on standard output says that it accepts connections.
"""

from __future__ import annotations

import io
import json
import logging
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wsgate.transport.responses import Request
from wsgate.triggers import queue_guard
from wsgate.triggers.queue_guard import Refused

if TYPE_CHECKING:
    from werkzeug.serving import WSGIRequestHandler

READY: Final = "ready"
_TIMEOUT_SECONDS: Final = 30
"""How long a client may be silent while it sends a request, or takes an answer."""


@dataclass(frozen=True)
class Order:
    """What to serve."""

    listener: int
    """The descriptor of a listening socket: the port is never free for others to take."""
    token: str = field(repr=False)
    """The session token that a request has to carry."""


def main() -> None:
    """Serve until standard input closes."""
    with open(0, "rb", buffering=0, closefd=False) as given:
        order = Order(**json.loads(given.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # By default moto lets every site read its answers.
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
    # A second, in which the parent may end. Of moto's services only this one is served.
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    server = make_server(
        "127.0.0.1",
        0,
        create_backend_app("sqs"),
        threaded=True,
        request_handler=_handler(order.token),
        fd=order.listener,
    )
    print(READY, flush=True)
    server.serve_forever()


def _handler(token: str) -> type[WSGIRequestHandler]:
    from werkzeug.serving import WSGIRequestHandler  # noqa: PLC0415

    class Handler(WSGIRequestHandler):
        """Asks the guard before moto sees anything."""

        timeout = _TIMEOUT_SECONDS

        def run_wsgi(self) -> None:
            try:
                self.rfile = io.BytesIO(self._body())
            except Refused as refused:
                self._refuse(refused)
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

        def _refuse(self, refused: Refused) -> None:
            """Read no more of it; the connection ends."""
            content = _content(refused)
            self.close_connection = True
            self.send_response(refused.status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

    return Handler


def _content(refused: Refused) -> bytes:
    words: dict[str, Any] = {"__type": refused.kind, "message": str(refused)}
    return json.dumps(words).encode()


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
