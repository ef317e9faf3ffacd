"""moto's services in a program of their own: how it is started, what it is told, when it ends.

Standard input brings one line of JSON, the order, and closes when the parent ends, however that
happens; so does the program. `READY` on standard output says that it accepts connections.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from http import HTTPStatus

    from werkzeug.serving import WSGIRequestHandler

READY: Final = "ready"
TIMEOUT_SECONDS: Final = 30
"""How long a client may be silent while it sends a request, or takes an answer."""


async def start(
    module: str, order: Mapping[str, Any], listeners: Iterable[int], account: str
) -> asyncio.subprocess.Process:
    """Start a module as a program that gets these descriptors, and give it its order."""
    # Credentials of the developer's own are of no use to it; the account is in ARNs and URLs.
    path = os.pathsep.join(filter(None, sys.path))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # nothing of the folder that wsgate was started in
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        pass_fds=tuple(listeners),
        env={**os.environ, "MOTO_ACCOUNT_ID": account, "PYTHONPATH": path},
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 asked for above
    # Others of this machine can read a command line.
    process.stdin.write(json.dumps(order).encode() + b"\n")
    return process


def read_order() -> dict[str, Any]:
    """Read what the parent orders; from then on this process ends when the parent does."""
    with open(0, "rb", buffering=0, closefd=False) as given:
        order: dict[str, Any] = json.loads(given.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return order


def serve(listeners: Mapping[str, int], handler: type[WSGIRequestHandler]) -> None:
    """Serve each of moto's services on its listening socket in a thread, and say READY."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # By default moto lets every site read its answers.
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
    # A second, in which the parent may end.
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    servers = [
        make_server(
            "127.0.0.1",
            0,
            create_backend_app(cast("Any", service)),  # it lists every name as a literal
            threaded=True,
            request_handler=handler,
            fd=listener,
        )
        for service, listener in listeners.items()
    ]
    for server in servers:
        threading.Thread(target=server.serve_forever).start()
    print(READY, flush=True)


def refuse(
    handler: WSGIRequestHandler, status: HTTPStatus | int, kind: str, content: bytes
) -> None:
    """Answer without moto, and read no more of the request: the connection ends."""
    handler.close_connection = True
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(content)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)
