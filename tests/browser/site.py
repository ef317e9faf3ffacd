"""A web site on another origin than the system's: files, with the headers that they need."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from tests.support.served import served

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
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


def serving(folder: Path, port: int, headers: dict[str, str]) -> AbstractContextManager[str]:
    """Serve a folder's files on 127.0.0.1, and give the origin."""
    return served(partial(_Files, directory=str(folder), headers_of_all=headers), port)
