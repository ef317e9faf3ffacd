"""A server before the HTTP API that does to requests what real networks do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

from tests.support.served import served
from tests.support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Said(NamedTuple):
    """An answer that is not the API's."""

    status: int
    body: str
    headers: Mapping[str, str] = {}


PASS, LOSE, HANG, DRIP = "pass", "lose", "hang", "drip"
"""Ask the API; ask it and close without its answer; say nothing; say a little, and no more."""
Fault = str | Said


class Relay:
    """What is asked, and what is done with the next requests; then each is passed on."""

    def __init__(self, base_url: str, script: Sequence[Fault]) -> None:
        self.base_url = base_url
        self.script = list(script)
        self.asked: list[str] = []
        self.bodies: list[str] = []
        self.authorizations: list[str | None] = []
        self.ends = Event()
        self.url = ""


@contextmanager
def relayed(base_url: str, *script: Fault) -> Iterator[Relay]:
    relay = Relay(base_url, script)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _handle(self, relay)

        do_POST = do_DELETE = do_GET

        def log_message(self, *_args: object) -> None:
            pass

    with served(Handler) as relay.url:
        try:
            yield relay
        finally:
            relay.ends.set()


def _handle(handler: BaseHTTPRequestHandler, relay: Relay) -> None:
    length = int(handler.headers.get("content-length") or 0)
    body = handler.rfile.read(length)
    relay.asked.append(f"{handler.command} {handler.path}")
    relay.bodies.append(body.decode())
    relay.authorizations.append(handler.headers.get("authorization"))
    fault = relay.script.pop(0) if relay.script else PASS
    if fault == HANG:
        relay.ends.wait(PATIENCE_SECONDS)
    elif fault == DRIP:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n")
        while not relay.ends.wait(0.05):
            try:
                handler.wfile.write(b" ")
            except OSError:  # the client has gone
                return
    elif isinstance(fault, Said):
        _answer(handler, fault)
    else:
        answer = _asked(handler, relay, body)
        if fault == PASS:
            _answer(handler, answer)


def _asked(handler: BaseHTTPRequestHandler, relay: Relay, body: bytes) -> Said:
    kept = {"authorization", "content-type"}
    headers = {name: value for name, value in handler.headers.items() if name.lower() in kept}
    request = urllib.request.Request(  # noqa: S310  # ours
        relay.base_url + handler.path, body or None, headers, method=handler.command
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return Said(answer.status, answer.read().decode(), dict(answer.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Said(error.code, error.read().decode(), dict(error.headers))


def _answer(handler: BaseHTTPRequestHandler, said: Said) -> None:
    body = said.body.encode()
    handler.send_response(said.status)
    for name, value in said.headers.items():
        if name.lower() in {"content-type", "link", "location", "retry-after"}:
            handler.send_header(name, value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def refused(status: int, code: str, detail: str) -> Said:
    return Said(status, json.dumps({"code": code, "detail": detail}))
