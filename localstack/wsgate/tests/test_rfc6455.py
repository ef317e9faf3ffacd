"""The protocol itself, by hand-made frames: RFC 6455, in the categories of the Autobahn suite.

https://github.com/crossbario/autobahn-testsuite (2026-11-24). Where API Gateway has a limit of its
own (32 KB frames, text only) the limit is what is expected. Black box: nothing but bytes on a
socket, and what the functions were told.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from echo_gateway import gateway, talking
from gateways import PONG as HEARTBEAT
from gateways import TIMEOUT, Event, Functions, plan, running, websocket_api
from waiting import until
from wire import (
    ACCEPT,
    BINARY,
    CLOSE,
    CONT,
    KEY,
    PING,
    PONG,
    TEXT,
    Heard,
    close,
    dialed,
    fragments,
    frame,
    opened,
    upgrade,
)
from wsgate.model.limits import Limits
from wsgate.model.plan import IntegrationResponse, MockIntegration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KIB = 1024


async def fails(code: int, *frames: bytes) -> None:
    """These frames end the connection with this code; once that is answered, the socket too."""
    async with talking() as wire:
        wire.write(*frames)
        assert (await wire.ending())[0] == code
        wire.write(close(code))
        assert await wire.end() == b""


class TestOpening:
    """RFC 6455, section 4.2."""

    async def reply(self, request: bytes) -> Any:
        start, functions = gateway()
        async with start as node, dialed(node.port) as wire:
            wire.write(request)
            reply = await wire.reply()
            assert bool(functions.calls) == (reply.status == 101)
            return reply

    async def test_the_answer_proves_that_the_key_was_read(self) -> None:
        reply = await self.reply(upgrade())
        assert (reply.status, reply["Sec-WebSocket-Accept"]) == (101, ACCEPT)
        assert reply["Upgrade"].lower() == "websocket"
        assert reply["Connection"].lower() == "upgrade"
        assert reply["Sec-WebSocket-Extensions"] is None
        assert reply["Sec-WebSocket-Protocol"] is None

    @pytest.mark.parametrize(
        "lines",
        [
            ("Upgrade: WebSocket", "Connection: keep-alive, uPGRADE"),
            ("Connection: Upgrade", "Connection: keep-alive"),
            ("Origin: https://localhost:3000",),
            ("Sec-WebSocket-Extensions: x-unknown; a=1, x-other",),
            ("Sec-WebSocket-Key:  \t" + KEY + "  ",),
        ],
    )
    async def test_what_is_said_another_way_is_understood(self, lines: tuple[str, ...]) -> None:
        assert (await self.reply(upgrade("/live", *lines))).status == 101

    @pytest.mark.parametrize(
        ("lines", "status"),
        [
            (("Sec-WebSocket-Key:",), 400),
            (("Sec-WebSocket-Key: c2hvcnQ=",), 400),
            (("Sec-WebSocket-Key: not base64!",), 400),
            ((f"Sec-WebSocket-Key: {KEY}", f"Sec-WebSocket-Key: {KEY}"), 400),
            (("Sec-WebSocket-Extensions: permessage-deflate; ;",), 400),
            (("Connection:",), 426),
            (("Connection: keep-alive",), 426),
            (("Upgrade:",), 426),
            (("Upgrade: h2c",), 426),
        ],
    )
    async def test_what_is_no_handshake(self, lines: tuple[str, ...], status: int) -> None:
        assert (await self.reply(upgrade("/live", *lines))).status == status

    @pytest.mark.parametrize("version", ["8", "0", "14", "13, 8", "x", ""])
    async def test_another_version_is_told_which_one_is_spoken(self, version: str) -> None:
        """Section 4.2.2: 426, and a Sec-WebSocket-Version header."""
        line = f"Sec-WebSocket-Version: {version}" if version else "Sec-WebSocket-Version:"
        reply = await self.reply(upgrade("/live", line))
        assert (reply.status, reply["Sec-WebSocket-Version"]) == (426, "13")

    @pytest.mark.parametrize(
        ("start", "status"),
        [
            ("POST {} HTTP/1.1", 405),
            ("HEAD {} HTTP/1.1", 405),
            ("OPTIONS {} HTTP/1.1", 405),
            ("GET {} HTTP/1.0", 505),
        ],
    )
    async def test_only_get_of_http_1_1_upgrades(self, start: str, status: int) -> None:
        async with self.refusing(upgrade(start=start)) as head:
            assert head.startswith(f"HTTP/1.1 {status} ".encode())

    @asynccontextmanager
    async def refusing(self, request: bytes) -> AsyncIterator[bytes]:
        start, functions = gateway()
        async with start as node, dialed(node.port) as wire:
            wire.write(request)
            yield await wire.end()
        assert functions.calls == []

    async def test_a_handshake_in_single_bytes_is_one(self) -> None:
        start, _ = gateway()
        async with start as node, dialed(node.port) as wire:
            await wire.in_pieces(upgrade())
            assert (await wire.reply()).status == 101

    async def test_frames_right_behind_the_handshake_are_heard(self) -> None:
        start, _ = gateway()
        async with start as node, dialed(node.port) as wire:
            wire.write(upgrade(), frame(TEXT, b"one"), frame(TEXT, b"two")[:3])
            assert (await wire.reply()).status == 101
            assert await wire.text() == "one"
            wire.write(frame(TEXT, b"two")[3:])
            assert await wire.text() == "two"


class TestFraming:
    """Autobahn 1, 9 and 10: lengths, and where TCP cuts."""

    @pytest.mark.parametrize(
        "size", [0, 1, 125, 126, 127, 128, 255, 256, 4095, 32 * KIB - 1, 32 * KIB]
    )
    async def test_every_length_comes_back(self, size: int) -> None:
        async with talking() as wire:
            wire.write(frame(TEXT, b"*" * size))
            assert await wire.text() == "*" * size

    @pytest.mark.parametrize("size", [0, 125, 126, 300, 32 * KIB])
    async def test_a_length_may_be_written_wider_than_needed_or_refused(self, size: int) -> None:
        """Section 5.2 wants the shortest form of the sender; a receiver may be kind."""
        async with talking() as wire:
            wire.write(frame(TEXT, b"*" * size, width=8))
            heard = await wire.frame()
            assert heard.opcode == TEXT or heard.payload[:2] == struct.pack(">H", 1002)

    @pytest.mark.parametrize("size", [32 * KIB + 1, 65_535, 65_536, 1 << 31, (1 << 63) - 1])
    async def test_a_frame_of_more_than_32_kb_is_1009_before_its_payload_comes(
        self, size: int
    ) -> None:
        width = 2 if size < 1 << 16 else 8
        head = bytes([0x81, 0x80 | (126 if width == 2 else 127)]) + size.to_bytes(width, "big")
        await fails(1009, head + b"mask")

    async def test_a_length_with_the_highest_bit_is_refused(self) -> None:
        """Section 5.2: it must be 0."""
        async with talking() as wire:
            wire.write(b"\x81\xff" + b"\x80" + bytes(7) + b"mask")
            assert (await wire.ending())[0] in {1002, 1009}

    async def test_128_kb_in_fragments_is_the_largest_message(self) -> None:
        pieces = [b"*" * 32 * KIB] * 4
        async with talking() as wire:
            wire.write(*fragments(*pieces))
            assert await wire.text() == "*" * 128 * KIB
            wire.write(*fragments(*pieces, b"*"))
            code, reason = await wire.ending()
            assert code == 1009
            assert reason.endswith("exceeds limit of 131072 bytes")

    async def test_a_ping_between_fragments_is_not_counted(self) -> None:
        *most, last = fragments(*[b"*" * 32 * KIB] * 4, b"")
        async with talking() as wire:
            wire.write(*most, frame(PING, b"at 128 KB"), last)
            assert await wire.frame() == Heard(PONG, b"at 128 KB")
            assert await wire.text() == "*" * 128 * KIB

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1460])
    async def test_wherever_tcp_cuts(self, size: int) -> None:
        async with talking() as wire:
            said = "".join(chr(0x20 + n % 0x2000) for n in range(300))
            data = frame(TEXT, said.encode()) + frame(PING, b"p") + frame(TEXT, b"")
            await wire.in_pieces(data, size)
            assert [await wire.text(), await wire.text()] == [said, ""]
            assert Heard(PONG, b"p") in wire.log

    async def test_the_masks_value_does_not_matter(self) -> None:
        async with talking() as wire:
            for mask in (bytes(4), b"\xff\xff\xff\xff", b"\x00\x00\x00\x01"):
                wire.write(frame(TEXT, b"masked", mask=mask))
                assert await wire.text() == "masked"

    @pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
    async def test_a_client_must_mask(self, opcode: int) -> None:
        await fails(1002, frame(opcode, b"", mask=None))

    async def test_a_binary_message_is_1003(self) -> None:
        """API Gateway's own rule (docs/aws-behaviour.md §9.3)."""
        await fails(1003, frame(BINARY, b"\x00"))

    async def test_a_binary_message_is_1003_at_its_first_fragment(self) -> None:
        await fails(1003, frame(BINARY, b"\x00", fin=False))

    async def test_a_thousand_messages_in_one_piece_come_back(self) -> None:
        async with talking() as wire:
            wire.write(*[frame(TEXT, str(n).encode()) for n in range(1000)])
            assert sorted([int(await wire.text()) for _ in range(1000)]) == list(range(1000))


class TestPings:
    """Autobahn 2."""

    @pytest.mark.parametrize("payload", [b"", b"hello", bytes(range(125)), b"\xfe\xff\xc0"])
    async def test_a_ping_is_answered_with_its_payload(self, payload: bytes) -> None:
        async with talking() as wire:
            wire.write(frame(PING, payload))
            assert await wire.frame() == Heard(PONG, payload)

    @pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
    async def test_a_control_frame_of_126_bytes_is_1002(self, opcode: int) -> None:
        await fails(1002, frame(opcode, b"\x03\xe8" + b"x" * 124))

    async def test_a_ping_written_with_a_long_length_is_1002(self) -> None:
        """Section 5.5: at most 125 bytes, so no extended length."""
        async with talking() as wire:
            wire.write(frame(PING, b"x" * 126, width=8))
            assert (await wire.ending())[0] == 1002

    @pytest.mark.parametrize("payload", [b"", b"unasked", b"x" * 125])
    async def test_an_unsolicited_pong_is_ignored(self, payload: bytes) -> None:
        async with talking() as wire:
            wire.write(frame(PONG, payload), frame(PING, b"now"), frame(PONG, payload))
            assert await wire.frame() == Heard(PONG, b"now")

    async def test_ten_pings_are_ten_pongs_in_order(self) -> None:
        async with talking() as wire:
            await wire.in_pieces(b"".join(frame(PING, b"%d" % n) for n in range(10)), 3)
            assert [await wire.frame() for _ in range(10)] == [
                Heard(PONG, b"%d" % n) for n in range(10)
            ]

    async def test_a_ping_while_connect_runs_is_answered_after_101(self) -> None:
        gate = asyncio.Event()

        async def connect(event: Event) -> Event:
            await gate.wait()
            return {"statusCode": 200}

        start, functions = gateway(connect=connect)
        async with start as node, dialed(node.port) as wire:
            wire.write(upgrade())
            await until(lambda: functions.events("connect"))
            wire.write(frame(PING, b"early"))
            gate.set()
            assert (await wire.reply()).status == 101
            assert await wire.frame() == Heard(PONG, b"early")

    async def test_a_ping_reaches_no_function(self) -> None:
        start, functions = gateway()
        async with start as node, opened(node.port) as wire:
            wire.write(frame(PING, b"{}"))
            await wire.frame()
            assert functions.events("echo") == []


class TestReservedBitsAndOpcodes:
    """Autobahn 3 and 4."""

    @pytest.mark.parametrize("rsv", range(1, 8))
    @pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
    async def test_a_reserved_bit_that_was_not_negotiated_is_1002(
        self, opcode: int, rsv: int
    ) -> None:
        await fails(1002, frame(opcode, b"", rsv=rsv))

    @pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    @pytest.mark.parametrize("payload", [b"", b"\xde\xad"])
    async def test_an_opcode_that_is_none_is_1002(self, opcode: int, payload: bytes) -> None:
        await fails(1002, frame(opcode, payload))

    async def test_what_was_said_before_a_mistake_still_counts(self) -> None:
        start, functions = gateway()
        async with start as node:
            async with opened(node.port) as wire:
                wire.write(frame(TEXT, b"before"), frame(7), frame(TEXT, b"after"))
                assert (await wire.ending())[0] == 1002
            await until(lambda: functions.events("disconnect"))
        assert [event["body"] for event in functions.events("echo")] == ["before"]

    @pytest.mark.parametrize("end", [frame(7), close(1000)], ids=["a mistake", "a close"])
    async def test_what_the_gateway_answers_itself_comes_before_the_end(self, end: bytes) -> None:
        api = websocket_api({"$default": HEARTBEAT}, two_way={"$default"})
        async with running(plan(api), Functions()) as node, opened(node.port) as wire:
            wire.write(frame(TEXT, b"one"), frame(TEXT, b"two"), end)
            answers = [json.loads(await wire.text())["type"] for _ in range(2)]
            assert (answers, (await wire.ending())[0] in {1000, 1002}) == (["pong", "pong"], True)

    async def test_answers_to_one_read_are_bounded(self) -> None:
        """Many short messages with long answers, from a client that reads nothing."""
        responses = (IntegrationResponse("$default", None, {"$default": "x" * 100_000}),)
        long = MockIntegration("200", {"200": '{"statusCode":200}'}, responses, TIMEOUT)
        api = websocket_api({"$default": long}, two_way={"$default"})
        limits = Limits(buffer_bytes=100_000, overflow_bytes=1_000_000)
        start = running(plan(api), Functions(), limits=limits)
        async with start as node, opened(node.port) as wire:
            cast("asyncio.Transport", wire.writer.transport).pause_reading()
            wire.write(frame(TEXT, b"") * 10_000)
            await until(lambda: len(node.node) == 0)


class TestFragments:
    """Autobahn 5."""

    async def test_a_message_in_fragments_is_one_message(self) -> None:
        async with talking() as wire:
            for pieces in ((b"a", b"b"), (b"", b"", b""), (b"", b"c", b""), (b"x",) * 50):
                wire.write(*fragments(*pieces))
                assert await wire.text() == b"".join(pieces).decode()

    @pytest.mark.parametrize("size", [1, 1000])
    async def test_control_frames_between_fragments_are_heard_at_once(self, size: int) -> None:
        async with talking() as wire:
            first, second, third = fragments(b"a", b"b", b"c")
            said = first + frame(PING, b"1") + frame(PONG) + second + frame(PING, b"2")
            await wire.in_pieces(said, size)
            assert [await wire.frame(), await wire.frame()] == [
                Heard(PONG, b"1"),
                Heard(PONG, b"2"),
            ]
            wire.write(third)
            assert await wire.text() == "abc"

    @pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
    async def test_a_control_frame_in_fragments_is_1002(self, opcode: int) -> None:
        await fails(1002, frame(opcode, b"", fin=False), frame(CONT, b""))

    @pytest.mark.parametrize("fin", [True, False])
    async def test_a_rest_without_a_beginning_is_1002(self, fin: bool) -> None:
        await fails(1002, frame(CONT, b"rest", fin=fin))

    async def test_a_rest_after_the_end_is_1002(self) -> None:
        async with talking() as wire:
            wire.write(*fragments(b"a", b"b"), frame(CONT, b"c"))
            assert (await wire.ending())[0] == 1002

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    async def test_a_new_message_inside_another_is_1002(self, opcode: int) -> None:
        await fails(1002, frame(TEXT, b"a", fin=False), frame(opcode, b"b"))

    async def test_a_close_may_come_between_fragments(self) -> None:
        """Section 5.4: control frames may be injected; the message is never finished."""
        async with talking() as wire:
            wire.write(frame(TEXT, b"a", fin=False), close(1000), frame(CONT, b"b"))
            assert await wire.frame() == Heard(CLOSE, b"\x03\xe8")
            assert await wire.end() == b""


GOOD = [
    "κόσμε",
    "\x00",
    "\x7f\x80߿ࠀ￿\U00010000\U0010ffff",
    "퟿\ue000�￾\U0001fffe",
    "Hello-µ@ßöäüàá-UTF-8!!",
]
BAD = [
    pytest.param(b"\x80", id="a rest alone"),
    pytest.param(b"\xbf", id="another rest alone"),
    pytest.param(b"\xc0\xaf", id="two bytes for one"),
    pytest.param(b"\xc1\xbf", id="two bytes for one, the last"),
    pytest.param(b"\xe0\x80\xaf", id="three bytes for one"),
    pytest.param(b"\xe0\x9f\xbf", id="three bytes for two"),
    pytest.param(b"\xf0\x80\x80\xaf", id="four bytes for one"),
    pytest.param(b"\xf0\x8f\xbf\xbf", id="four bytes for three"),
    pytest.param(b"\xf8\x88\x80\x80\x80", id="five bytes"),
    pytest.param(b"\xfc\x84\x80\x80\x80\x80", id="six bytes"),
    pytest.param(b"\xfe", id="fe"),
    pytest.param(b"\xff", id="ff"),
    pytest.param(b"\xed\xa0\x80", id="a high surrogate"),
    pytest.param(b"\xed\xbf\xbf", id="a low surrogate"),
    pytest.param(b"\xed\xa0\x80\xed\xb0\x80", id="a pair of surrogates"),
    pytest.param(b"\xf4\x90\x80\x80", id="beyond the last code point"),
    pytest.param(b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", id="amid text"),
]
CUT = [
    pytest.param("é".encode()[:1], id="half of two"),
    pytest.param("€".encode()[:2], id="two of three"),
    pytest.param("\U0010ffff".encode()[:3], id="three of four"),
]


class TestUtf8:
    """Autobahn 6."""

    @pytest.mark.parametrize("text", GOOD, ids=range(len(GOOD)))
    async def test_text_comes_back_however_it_is_cut(self, text: str) -> None:
        data = text.encode()
        async with talking() as wire:
            wire.write(frame(TEXT, data))
            assert await wire.text() == text
            wire.write(*fragments(*[data[at : at + 1] for at in range(len(data))], b""))
            assert await wire.text() == text
            await wire.in_pieces(frame(TEXT, data))
            assert await wire.text() == text

    @pytest.mark.parametrize("data", BAD)
    async def test_what_is_not_utf8_is_1007(self, data: bytes) -> None:
        await fails(1007, frame(TEXT, data))

    @pytest.mark.parametrize("data", CUT)
    async def test_a_code_point_that_never_ends_is_1007(self, data: bytes) -> None:
        await fails(1007, frame(TEXT, b"abc" + data))
        await fails(1007, *fragments(b"abc" + data, b""))

    @pytest.mark.parametrize("data", BAD)
    async def test_it_fails_early_in_fragments(self, data: bytes) -> None:
        """Section 8.1 with 5.4: the rest of the message cannot mend it, so it is not waited for."""
        await fails(1007, frame(TEXT, b"abc", fin=False), frame(CONT, data, fin=False))

    async def test_a_code_point_cut_by_a_fragment_is_no_mistake_yet(self) -> None:
        async with talking() as wire:
            first, rest = "€"[:1].encode()[:1], "€".encode()[1:]
            wire.write(frame(TEXT, first, fin=False), frame(PING, b"?"))
            assert await wire.frame() == Heard(PONG, b"?")
            wire.write(frame(CONT, rest))
            assert await wire.text() == "€"

    async def test_a_message_that_is_not_utf8_reaches_no_function(self) -> None:
        start, functions = gateway()
        async with start as node, opened(node.port) as wire:
            wire.write(frame(TEXT, b"\xff"))
            assert (await wire.ending())[0] == 1007
        assert functions.events("echo") == []


class TestClosing:
    """Autobahn 7."""

    @pytest.mark.parametrize(
        "code",
        [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999],
    )
    async def test_a_code_that_may_be_sent_is_sent_back(self, code: int) -> None:
        async with talking() as wire:
            wire.write(close(code, b"why"))
            assert await wire.ending() == (code, "why")
            assert await wire.end() == b""

    @pytest.mark.parametrize(
        "code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
    )
    async def test_a_code_that_may_not_be_sent_is_1002(self, code: int) -> None:
        await fails(1002, close(code))

    async def test_no_code_is_answered_with_none(self) -> None:
        async with talking() as wire:
            wire.write(close())
            assert await wire.frame() == Heard(CLOSE, b"")
            assert await wire.end() == b""

    @pytest.mark.parametrize("reason", [b"", b"x" * 123, "ß€".encode()])
    async def test_a_reason_of_any_length_that_fits(self, reason: bytes) -> None:
        async with talking() as wire:
            wire.write(close(1000, reason))
            assert await wire.ending() == (1000, reason.decode())

    async def test_a_close_of_one_byte_is_1002(self) -> None:
        await fails(1002, frame(CLOSE, b"\x03"))

    async def test_a_reason_too_long_is_1002(self) -> None:
        await fails(1002, close(1000, b"x" * 124))

    @pytest.mark.parametrize("reason", [b"\xff", "€".encode()[:2], b"\xed\xa0\x80"])
    async def test_a_reason_that_is_not_utf8_is_an_error(self, reason: bytes) -> None:
        async with talking() as wire:
            wire.write(close(1000, reason))
            assert (await wire.ending())[0] in {1002, 1007}

    @pytest.mark.parametrize(
        "late",
        [frame(TEXT, b"late"), frame(PING, b"late"), close(1000), close(1001), frame(7), b"\xff"],
        ids=["a text", "a ping", "a close", "another close", "garbage", "a byte"],
    )
    async def test_what_comes_after_a_close_is_not_heard(self, late: bytes) -> None:
        start, functions = gateway()
        async with start as node, opened(node.port) as wire:
            wire.write(close(1000), late)
            assert await wire.frame() == Heard(CLOSE, b"\x03\xe8")
            assert await wire.end() == b""
            await until(lambda: functions.events("disconnect"))
        assert functions.events("echo") == []
        [event] = functions.events("disconnect")
        assert event["requestContext"]["disconnectStatusCode"] == 1000

    async def test_what_came_before_a_close_is_still_heard_by_the_functions(self) -> None:
        start, functions = gateway()
        async with start as node, opened(node.port) as wire:
            wire.write(frame(TEXT, b"last words"), close(1000))
            assert (await wire.ending())[0] == 1000
            await until(lambda: functions.events("disconnect"))
        assert [event["body"] for event in functions.events("echo")] == ["last words"]

    async def test_the_gateway_ends_the_socket_first(self) -> None:
        """Section 7.1.1: so the client's side does not wait in TIME_WAIT."""
        async with talking() as wire:
            wire.write(close(1000))
            await wire.ending()
            assert await wire.end() == b""
            assert not wire.writer.is_closing()

    async def test_who_never_answers_a_close_is_dropped_in_time(self) -> None:
        limits = Limits(closing=timedelta(milliseconds=50), tick=timedelta(milliseconds=10))
        start, functions = gateway(limits)
        async with start as node, opened(node.port) as wire:
            wire.write(frame(7))
            assert (await wire.ending())[0] == 1002
            await until(lambda: len(node.node) == 0)
            await until(lambda: functions.events("disconnect"))

    async def test_half_a_frame_and_then_the_end_is_1006(self) -> None:
        start, functions = gateway()
        async with start as node, opened(node.port) as wire:
            wire.write(frame(TEXT, b"cut short")[:-1])
            wire.writer.write_eof()
            await until(lambda: functions.events("disconnect"))
        [event] = functions.events("disconnect")
        assert event["requestContext"]["disconnectStatusCode"] == 1006
        assert functions.events("echo") == []

    async def test_a_client_that_only_stops_sending_is_over(self) -> None:
        """A socket that is half closed cannot end a WebSocket connection properly."""
        start, functions = gateway()
        async with start as node, opened(node.port) as wire:
            wire.writer.write_eof()
            await until(lambda: functions.events("disconnect"))
            with contextlib.suppress(AssertionError):
                assert (await wire.ending())[0] is None
