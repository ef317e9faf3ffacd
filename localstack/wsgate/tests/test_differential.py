"""The same bytes, to the gateway and to another implementation of RFC 6455: both must say the same.

The other one is `wsproto` (https://pypi.org/project/wsproto/, 2026-11-24), written apart from the
`websockets` library that the gateway stands on.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from echo_gateway import gateway
from waiting import until
from wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, close, frame, opened

EXAMPLES = 200
# A message's content is looked at when a read is parsed: what is behind it is answered by then.
JUDGED_LATER = {1003, 1007}


@dataclass
class Seen:
    """What became of some bytes."""

    texts: list[str] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    code: int | None = None
    """Of the close frame that came back; None when there was none."""
    told: int = 1006
    """To $disconnect."""


def by_wsproto(data: bytes) -> Seen:
    seen, parts = Seen(), list[str]()
    connection = Connection(ConnectionType.SERVER)
    connection.receive_data(data)
    for event in connection.events():
        match event:
            case TextMessage(data=text, message_finished=is_last):
                parts.append(text)
                if is_last:
                    seen.texts.append("".join(parts))
                    parts = []
            case BytesMessage():
                seen.code = seen.told = 1003
                return seen
            case Ping(payload=payload):
                seen.pongs.append(bytes(payload))
            case CloseConnection(code=code):
                seen.code = seen.told = int(code)
                return seen
    return seen


async def by_the_gateway(data: bytes, cut: int) -> Seen:
    seen = Seen()
    start, functions = gateway()
    async with start as node:
        async with opened(node.port) as wire:
            with contextlib.suppress(OSError):  # it may be closed amid the rest
                await wire.in_pieces(data, cut)
                wire.writer.write_eof()
            code, _ = await wire.ending()
            seen.code = code
            seen.pongs = [heard.payload for heard in wire.log if heard.opcode == PONG]
        await until(lambda: functions.events("disconnect"))
    [event] = functions.events("disconnect")
    seen.told = event["requestContext"]["disconnectStatusCode"]
    seen.texts = [event["body"] for event in functions.events("echo")]
    return seen


PAYLOADS = st.one_of(
    st.text(max_size=40).map(str.encode),
    st.binary(max_size=40),
    st.sampled_from([b"", b"x" * 125, b"x" * 126, b"x" * 127, "é€😀".encode(), "€".encode()[:2]]),
)
CODES = st.one_of(
    st.none(), st.sampled_from([1000, 1001, 1004, 1005, 1006, 1011, 1015, 2999, 3000, 4999, 5000])
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A text in fragments, perhaps with control frames in between."""
    pieces = draw(st.lists(PAYLOADS, min_size=1, max_size=4))
    between = draw(st.sampled_from([b"", frame(PING, b"amid"), frame(PONG)]))
    last = len(pieces) - 1
    return between.join(
        frame(CONT if index else TEXT, piece, fin=index == last)
        for index, piece in enumerate(pieces)
    )


@st.composite
def any_frames(draw: st.DrawFn) -> bytes:
    """A frame with any opcode, mostly without reserved bits, mostly masked."""
    return frame(
        draw(st.sampled_from([TEXT, CONT, BINARY, CLOSE, PING, PONG, 3, 7, 11, 15])),
        draw(PAYLOADS),
        fin=draw(st.booleans()),
        rsv=draw(st.sampled_from([0, 0, 0, 0, 0, 4, 2, 1])),
        mask=draw(st.sampled_from([b"mask", b"\0\0\0\0", b"\xff\x00\xff\x00"])),
    )


STREAMS = st.lists(
    st.one_of(
        st.text(max_size=40).map(lambda text: frame(TEXT, text.encode())),
        PAYLOADS.filter(lambda payload: len(payload) < 126).map(
            lambda payload: frame(PING, payload)
        ),
        messages(),
        any_frames(),
        CODES.map(close),
    ),
    max_size=8,
).map(b"".join)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(STREAMS, st.sampled_from([1 << 20, 1, 3, 50]))
@example(frame(TEXT, b"a", fin=False) + close(1000), 1 << 20)
@example(frame(TEXT, b"a") + frame(CONT, b"b"), 1)
def test_both_hear_the_same(data: bytes, cut: int) -> None:
    ours, theirs = asyncio.run(by_the_gateway(data, cut)), by_wsproto(data)
    if ours.told in JUDGED_LATER:
        ours.code, ours.pongs = theirs.code, theirs.pongs
    elif ours.code is None and theirs.code is not None:
        # A peer that still sends after a close may get a reset, which discards data in flight.
        assert cut < len(data)
        ours.code, ours.pongs = theirs.code, theirs.pongs
    assert ours == theirs
