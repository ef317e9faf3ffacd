"""A handshake as browsers write it is answered without the library, and as the library does."""

from __future__ import annotations

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request as UpgradeRequest
from websockets.http11 import Response as UpgradeResponse
from websockets.server import ServerProtocol

from wsgate.model.limits import Limits
from wsgate.transport.frames import Protocols, _Deflates
from wsgate.transport.responses import Request

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
USUAL = (
    ("Host", "127.0.0.1"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
)
DEFLATE = "Sec-WebSocket-Extensions"
OFFERS = [
    (),
    ((DEFLATE, "permessage-deflate"),),
    ((DEFLATE, "permessage-deflate; client_max_window_bits"),),
    ((DEFLATE, "permessage-deflate; server_no_context_takeover; client_max_window_bits=10"),),
    ((DEFLATE, "x-unknown, permessage-deflate"),),
    ((DEFLATE, "x-unknown"),),
    ((DEFLATE, ""),),
    ((DEFLATE, "permessage-deflate; ;"),),
    ((DEFLATE, "x-unknown"), (DEFLATE, "permessage-deflate")),
    (("Sec-WebSocket-Protocol", "a, b"),),
    (("Sec-WebSocket-Protocol", ","),),
    (("Origin", "http://a"),),
    (("Origin", "http://a"), ("Origin", "http://b")),
    (("Sec-WebSocket-Key", KEY),),
    (("Sec-WebSocket-Version", "13"),),
    (("Upgrade", "websocket"),),
    (("Connection", "keep-alive"),),
]
INSTEAD = [
    ("Sec-WebSocket-Key", "c2hvcnQ="),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZR=="),  # bits that no 16 bytes have
    ("Sec-WebSocket-Key", "!" * 22 + "=="),
    ("Sec-WebSocket-Key", ""),
    ("Sec-WebSocket-Version", "8"),
    ("Upgrade", "WebSocket"),
    ("Upgrade", "h2c"),
    ("Connection", "keep-alive, Upgrade"),
    ("Connection", "upgrade"),
    ("Connection", "close"),
]


def replaced(name: str, value: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, value if key == name else before) for key, before in USUAL)


HEADS = [
    *(USUAL + offer for offer in OFFERS),
    *(replaced(name, value) for name, value in INSTEAD),
    *(USUAL[:at] + USUAL[at + 1 :] for at in range(len(USUAL))),
]


@pytest.mark.parametrize("compression", [True, False])
@pytest.mark.parametrize("headers", HEADS, ids=str)
@pytest.mark.parametrize(("method", "version"), [("GET", "1.1"), ("POST", "1.1"), ("GET", "1.0")])
def test_the_answer_is_the_librarys(
    headers: tuple[tuple[str, str], ...], method: str, version: str, *, compression: bool
) -> None:
    request = Request(method, "/live", "", headers, b"", "127.0.0.1", version=f"HTTP/{version}")
    answer, extensions = Protocols(Limits(), compression=compression).greet(request)
    library = ServerProtocol(extensions=[_Deflates(12)] if compression else None)
    expected = library.accept(UpgradeRequest("/live", Headers(headers), method, f"HTTP/{version}"))
    if isinstance(answer, bytes):
        assert expected.status_code == 101
        assert fields(answer + b"\r\n") == fields(expected.serialize())
        assert [each.name for each in extensions] == [each.name for each in library.extensions]
    else:
        assert isinstance(answer, UpgradeResponse)
        # Another version is told which one is spoken; the library says 400.
        assert expected.status_code in {answer.status_code, 400}
        assert expected.status_code != 101


def fields(head: bytes) -> list[bytes]:
    """The lines of a head but for its date."""
    return [line for line in head.split(b"\r\n") if not line.startswith(b"Date:")]
