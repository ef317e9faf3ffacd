"""Handshakes and requests that break RFC 6455 and RFC 9112, that dawdle, or that come from pages of
other sites.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from wire import KEY, dialed, upgrade

if TYPE_CHECKING:
    from tests.fuzz.attack import Attack

DAWDLERS = 40
EVIL = "https://evil.example"
# What a server may say of a request that it does not understand; 501 and 505 are the protocol's.
REFUSALS = {400, 403, 404, 405, 408, 411, 413, 414, 415, 417, 421, 426, 431, 501, 505}
UNAUTHORIZED = 401

NO_HANDSHAKE = {
    "no key": ["Sec-WebSocket-Key:"],
    "a short key": ["Sec-WebSocket-Key: AAAA"],
    "a key that is no base64": ["Sec-WebSocket-Key: ////////////////////!!=="],
    "two keys": [f"Sec-WebSocket-Key: {KEY}", f"sec-websocket-key: {KEY}"],
    "another version": ["Sec-WebSocket-Version: 12"],
    "no version": ["Sec-WebSocket-Version:"],
    "no upgrade": ["Upgrade:"],
    "another upgrade": ["Upgrade: h2c"],
    "no connection": ["Connection:"],
    "closing": ["Connection: close"],
    "no host": ["Host:"],
    "two hosts": ["Host: a", "host: b"],
    "a header without a colon": ["X-Nothing"],
    "a header with NUL": ["X-Nul: a\0b"],
    "a folded header": ["X-Fold: a\r\n b"],
    "a space in a name": ["X Name: a"],
    "a body of both kinds": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "a negative length": ["Content-Length: -1"],
    "two lengths": ["Content-Length: 1", "content-length: 2"],
    "an unknown coding": ["Transfer-Encoding: gzip"],
    "many headers": ["X-Many: x"] * 2_000,
    "a long header": ["X-Long: " + "x" * 20_000],
}
STARTS = {
    "POST": "POST {} HTTP/1.1",
    "HTTP/1.0": "GET {} HTTP/1.0",
    "HTTP/3.0": "GET {} HTTP/3.0",
    "no version": "GET {}",
    "no method": " {} HTTP/1.1",
    "a long method": "G" * 10_000 + " {} HTTP/1.1",
    "spaces": "GET  {}  HTTP/1.1",
    "HTTP/2": "PRI * HTTP/2.0",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03{}",
}


@pytest.mark.parametrize("lines", NO_HANDSHAKE.values(), ids=NO_HANDSHAKE)
async def test_a_wrong_header_opens_nothing(lines: list[str], attack: Attack) -> None:
    await refuses(attack, upgrade(attack.path(attack.user()), *lines))


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
async def test_a_wrong_first_line_opens_nothing(start: str, attack: Attack) -> None:
    await refuses(attack, upgrade(attack.path(attack.user()), start=start))


async def refuses(attack: Attack, head: bytes) -> None:
    """It is refused in words, or the socket ends."""
    for _ in attack.count("handshakes", range(3)):
        async with dialed(attack.port) as wire:
            wire.write(head)
            wire.writer.write_eof()
            status = status_of(await wire.end())
            assert status in REFUSALS | {None, UNAUTHORIZED}, head[:200]


async def test_noise_in_a_handshake_is_no_fault(attack: Attack) -> None:
    """Some bytes are others; it may even still be a handshake."""
    for _ in attack.count("handshakes", attack.share(0.05)):
        head = bytearray(upgrade(attack.path(attack.user())))
        for _ in range(attack.dice.randint(1, 4)):
            head[attack.dice.randrange(len(head))] = attack.dice.randrange(256)
        async with dialed(attack.port) as wire:
            wire.write(bytes(head))
            wire.writer.write_eof()
            status = status_of(await wire.end())
            assert status in REFUSALS | {None, 101, 200, 304, UNAUTHORIZED}, bytes(head)


async def test_noise_in_a_body_is_no_fault(attack: Attack) -> None:
    """Chunks that lie about their size, trailers, lengths that do not fit, and a second request."""
    token = attack.system.service_token
    for _ in attack.count("bodies", attack.share(0.03)):
        size = attack.dice.choice(["2", "0", "-1", "ffffffffffffffff", "2;x=y", "2\0", "", "2 "])
        trailer = attack.dice.choice(["", "Authorization: Bearer x\r\n", "Host: evil\r\n", "x\r\n"])
        chunks = f"{size}\r\n{{}}\r\n0\r\n{trailer}\r\n"
        coding = attack.dice.choice(["Transfer-Encoding: chunked", "Content-Length: 2", "X: y"])
        head = ["POST /kick HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}", coding]
        async with dialed(attack.port) as wire:
            wire.write("\r\n".join([*head, "", chunks]).encode())
            wire.writer.write_eof()
            status = status_of(await wire.end())
            assert status in REFUSALS | {None, 422, 503}, (coding, chunks)


async def test_dawdlers_keep_no_user_waiting(attack: Attack) -> None:
    """Half a head, half a body, half a handshake, all at once and each a byte at a time.

    That others are served meanwhile is the point: the neighbour asks while all of them wait.
    """
    token = attack.system.service_token
    post = f"POST /bonuses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    begun = [
        upgrade(attack.path(attack.user()))[:-2],
        f"{post}Content-Length: 1000000\r\n\r\n{{".encode(),
        f"{post}Transfer-Encoding: chunked\r\n\r\nfffff\r\n{{".encode(),
        b"GET /health HTT",
    ]
    async with AsyncExitStack() as stack:
        for number in attack.count("dawdlers", range(DAWDLERS)):
            wire = await stack.enter_async_context(dialed(attack.port))
            await wire.in_pieces(begun[number % len(begun)], 16)
        async with dialed(attack.port) as honest:
            honest.write(upgrade(attack.path(attack.user())))
            assert (await honest.reply()).status == 101


@pytest.mark.parametrize(
    "from_elsewhere",
    [
        ("Host: 127.0.0.1", f"Origin: {EVIL}"),
        ("Host: 127.0.0.1", "Origin: null"),
        ("Host: 127.0.0.1", "Sec-Fetch-Site: cross-site"),
        ("Host: evil.example",),
        ("Host: 127.0.0.1.evil.example",),
        ("Host: evil.example:80@127.0.0.1",),
    ],
    ids=["origin", "null origin", "fetch", "rebinding", "a name like ours", "user info"],
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/_wsgate/look", b""),
        ("POST", "/_wsgate/act", b'{"act":"close"}'),
        ("PUT", "/_wsgate/faults", b'{"push_410":1}'),
    ],
)
async def test_pages_of_other_sites_are_refused(
    from_elsewhere: tuple[str, ...], method: str, path: str, body: bytes, attack: Attack
) -> None:
    for kind in attack.count("cross-site requests", ("application/json", "text/plain")):
        head = [f"{method} {path} HTTP/1.1", *from_elsewhere, f"Content-Type: {kind}"]
        async with dialed(attack.port) as wire:
            length = f"Content-Length: {len(body)}\r\nConnection: close"
            wire.write("\r\n".join([*head, length, "", ""]).encode() + body)
            assert status_of(await wire.end()) in {403, 400 if "@" in from_elsewhere[0] else 403}


async def test_a_page_of_another_site_opens_nothing_without_a_ticket(attack: Attack) -> None:
    """The ticket is the permission, not the Origin: API Gateway does not look at it."""
    for path in attack.count("cross-site requests", ("/live", "/live?ticket=x", "/live/")):
        async with dialed(attack.port) as wire:
            wire.write(upgrade(path, f"Origin: {EVIL}", "Host: evil.example"))
            assert (await wire.reply()).status in {UNAUTHORIZED, 403, 404}


def status_of(said: bytes) -> int | None:
    """The status of an answer; None when the gateway said nothing."""
    if not said:
        return None
    version, status, *_ = said.split(b" ", 2)
    assert version == b"HTTP/1.1", said[:200]
    return int(status)
