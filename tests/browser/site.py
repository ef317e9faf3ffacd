"""A web site on another origin than the system's: files, with the headers that they need."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Files(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, headers_of_all: dict[str, str], **more: Any) -> None:
        self._headers_of_all = headers_of_all
        super().__init__(*arguments, **more)

    def end_headers(self) -> None:
        for name, value in self._headers_of_all.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Keep quiet."""


@contextmanager
def serving(folder: Path, port: int, headers: dict[str, str]) -> Iterator[str]:
    """Serve a folder's files on 127.0.0.1. Yield the origin."""
    handler = partial(_Files, directory=str(folder), headers_of_all=headers)
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.shutdown()
            thread.join()
