"""A receiver of webhooks that remembers, and behaves as it is told."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import TYPE_CHECKING, Any

from tests.support.served import served

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


@dataclass
class Receiver:
    """What came, in its order. `answer` says with which status and headers each is answered."""

    answer: Callable[[dict[str, Any]], tuple[int, dict[str, str]]] = lambda _event: (204, {})
    origin: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    let_go: Event = field(default_factory=Event)
    """Until it is set, a status of 0 is no answer at all."""

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    def of(self, user_id: str) -> list[str]:
        """The types of what came about a user, each event once, in the order of its first time."""
        return list(
            {e["id"]: e["type"] for e in self.events if e.get("subject") == user_id}.values()
        )

    def always(self, status: int, **headers: str) -> None:
        """Answer all that comes from now on like this."""
        self.answer = lambda _event: (status, headers)


@contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on 127.0.0.1; with a context, by HTTPS."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.bodies.append(body)
            receiver.headers.append({name.lower(): one for name, one in self.headers.items()})
            receiver.paths.append(self.path)
            status, headers = receiver.answer(json.loads(body))
            if not status:
                receiver.let_go.wait()
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            if "content_length" not in headers:
                self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with served(Handler, context=context) as receiver.origin:
        try:
            yield receiver
        finally:
            receiver.let_go.set()
