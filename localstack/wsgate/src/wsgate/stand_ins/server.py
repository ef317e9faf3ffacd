"""moto's services, each on a port of its own: `python -P -m wsgate.stand_ins.server`.

A request must name this machine as its host and carry the session token that the functions of this
run were given, in its header or in its query (a presigned URL): other programs, other accounts of
this machine and pages of any site get 403.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from wsgate.apis.same_origin import HOSTS, host_of
from wsgate.moto_program import TIMEOUT_SECONDS, read_order, refuse, serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.serving import WSGIRequestHandler

_TOKEN: Final = "X-Amz-Security-Token"  # noqa: S105 the name of a header
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
    order = Order(**read_order())
    serve(order.listeners, _handler(order.token))
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

        timeout = TIMEOUT_SECONDS

        def run_wsgi(self) -> None:
            query = self.path.partition("?")[2]
            if may_ask(self.headers.get("Host", ""), self.headers.get(_TOKEN), query, expected):
                super().run_wsgi()
                return
            refuse(self, HTTPStatus.FORBIDDEN, "application/json", _REFUSAL)

    return Handler


if __name__ == "__main__":
    main()
