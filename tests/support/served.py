"""A server of the standard library, in a thread."""

from __future__ import annotations

from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler


@contextmanager
def served(
    handler: Callable[..., BaseHTTPRequestHandler],
    port: int = 0,
    context: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Answer requests on 127.0.0.1; port 0 is any that is free. With a context, by HTTPS.

    Yield the origin.
    """
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        if context:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
