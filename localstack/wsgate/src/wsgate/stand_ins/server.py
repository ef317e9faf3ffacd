"""moto's services, each on a port of its own: `python -P -m wsgate.stand_ins.server`.

Standard input brings one line of JSON, an Order, and closes when the parent ends, however that
happens; so does this. `READY` on standard output says that all of them accept connections.

A request must name this machine as its host and carry the session token that the functions of this
run were given, in its header or in its query (a presigned URL): other programs, other accounts of
this machine and pages of any site get 403.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qs

from wsgate.apis.same_origin import HOSTS, host_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.serving import WSGIRequestHandler

READY: Final = "ready"
_TOKEN: Final = "X-Amz-Security-Token"  # noqa: S105 the name of a header
_TIMEOUT_SECONDS: Final = 30
"""How long a client may be silent while it sends a request, or takes an answer."""
_REFUSAL: Final = b'{"message":"The security token included in the request is invalid."}'


@dataclass(frozen=True)
class Order:
    """What to serve."""

    listeners: Mapping[str, int]
    """By moto's name of the service, the descriptor of its listening socket."""
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
    # A second, in which the parent may end.
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    handler = _handler(order.token)
    serving = [
        threading.Thread(
            target=make_server(
                "127.0.0.1",
                0,
                create_backend_app(cast("Any", service)),  # it lists every name as a literal
                threaded=True,
                request_handler=handler,
                fd=listener,
            ).serve_forever
        )
        for service, listener in order.listeners.items()
    ]
    for thread in serving:
        thread.start()
    print(READY, flush=True)
    # No one reads on, and a full pipe would stop it.
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def may_ask(host: str, token: str | None, query: str, expected: str) -> bool:
    """Say whether a request is one of this run's functions, or one that they presigned."""
    asked = {name.lower(): values[0] for name, values in parse_qs(query).items()}
    given = token or asked.get(_TOKEN.lower(), "")  # S3's older signature has it in lower case
    return host_of(host) in HOSTS and hmac.compare_digest(given.encode(), expected.encode())


def _handler(expected: str) -> type[WSGIRequestHandler]:
    from werkzeug.serving import WSGIRequestHandler  # noqa: PLC0415

    class Handler(WSGIRequestHandler):
        """Asks before moto sees anything."""

        timeout = _TIMEOUT_SECONDS

        def run_wsgi(self) -> None:
            query = self.path.partition("?")[2]
            if may_ask(self.headers.get("Host", ""), self.headers.get(_TOKEN), query, expected):
                super().run_wsgi()
                return
            self.close_connection = True
            self.send_response(HTTPStatus.FORBIDDEN)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(_REFUSAL)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(_REFUSAL)

    return Handler


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
