"""Compression, by hand-made frames: RFC 7692, and the Autobahn suite's categories 12 and 13."""

from __future__ import annotations

import itertools
import json
import tracemalloc
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from echo_gateway import gateway, talking
from wire import (
    CONT,
    PING,
    PONG,
    TEXT,
    Deflate,
    Heard,
    Wire,
    close,
    dialed,
    fragments,
    frame,
    opened,
    upgrade,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KIB = 1024
COMPRESSED = 4  # RSV1
PLAIN_OFFER = "Sec-WebSocket-Extensions: permessage-deflate"

Parameters = dict[str, str | None]


async def answer(*offers: str) -> tuple[Parameters | None, str]:
    """The parameters that the gateway agrees to, and what it wrote; None when it declined."""
    start, _ = gateway()
    async with start as node, dialed(node.port) as wire:
        wire.write(upgrade("/live", *(f"Sec-WebSocket-Extensions: {offer}" for offer in offers)))
        reply = await wire.reply()
    assert reply.status == 101
    text = reply["Sec-WebSocket-Extensions"]
    return (None, "") if text is None else (parameters(text), text)


def parameters(text: str) -> Parameters:
    name, *rest = [part.strip() for part in text.split(";")]
    assert name == "permessage-deflate"
    assert "," not in text, "one extension, once"
    pairs = [part.partition("=") for part in rest]
    return {key: value or None for key, _, value in pairs}


def deflate(agreed: Parameters) -> Deflate:
    """What a client does that was answered so."""
    return Deflate(
        window=max(9, int(agreed.get("client_max_window_bits") or 15)),
        takeover="client_no_context_takeover" not in agreed,
        their_window=int(agreed.get("server_max_window_bits") or 15),
        their_takeover="server_no_context_takeover" not in agreed,
    )


@asynccontextmanager
async def compressed(offer: str = PLAIN_OFFER) -> AsyncIterator[tuple[Wire, Deflate]]:
    start, _ = gateway()
    async with start as node, dialed(node.port) as wire:
        wire.write(upgrade("/live", offer))
        text = (await wire.reply())["Sec-WebSocket-Extensions"]
        assert text is not None
        yield wire, deflate(parameters(text))


class TestOffers:
    """Section 7.1."""

    async def test_a_plain_offer_is_answered_as_api_gateway_does(self) -> None:
        """docs/aws-behaviour.md §2.2."""
        agreed, _ = await answer("permessage-deflate")
        assert agreed == {"server_max_window_bits": "12"}

    @pytest.mark.parametrize(
        "combination",
        list(
            itertools.product(
                ("", "; server_no_context_takeover"),
                ("", "; client_no_context_takeover"),
                ("", "; server_max_window_bits=9", "; server_max_window_bits=15"),
                ("", "; client_max_window_bits", "; client_max_window_bits=10"),
            )
        ),
        ids="".join,
    )
    async def test_every_combination_is_kept_to(self, combination: tuple[str, ...]) -> None:
        offer = f"permessage-deflate{''.join(combination)}"
        agreed, _ = await answer(offer)
        assert agreed is not None
        if "server_no_context_takeover" in offer:
            assert "server_no_context_takeover" in agreed
        if "server_max_window_bits" in offer:
            asked = int(offer.partition("server_max_window_bits=")[2].partition(";")[0])
            assert int(agreed["server_max_window_bits"] or 15) <= asked
        if "client_max_window_bits" not in offer:
            assert "client_max_window_bits" not in agreed
        elif "client_max_window_bits=10" in offer and "client_max_window_bits" in agreed:
            assert int(agreed["client_max_window_bits"] or 15) <= 10
        async with compressed(f"Sec-WebSocket-Extensions: {offer}") as (wire, codec):
            said = [json.dumps({"n": n, "text": "the same again " * 200}) for n in range(3)]
            for text in said:
                wire.write(codec.frames(text.encode()))
                assert await codec.text(wire) == text

    @pytest.mark.parametrize(
        "offer",
        [
            "permessage-deflate; unknown",
            "permessage-deflate; unknown=1",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=012",
            "permessage-deflate; server_max_window_bits=x",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
            "x-webkit-deflate-frame",
            "permessage-bzip2",
        ],
    )
    async def test_an_offer_that_cannot_be_kept_is_declined(self, offer: str) -> None:
        """Section 7.1: declined, and the connection continues without compression."""
        assert await answer(offer) == (None, "")
        async with talking(f"Sec-WebSocket-Extensions: {offer}") as wire:
            wire.write(frame(TEXT, b"plain"))
            assert await wire.frame() == Heard(TEXT, b"plain")

    @pytest.mark.parametrize(
        "offers",
        [
            ("permessage-deflate; unknown, permessage-deflate",),
            ("permessage-deflate; unknown", "permessage-deflate"),
            ("x-other, permessage-deflate; client_max_window_bits, permessage-deflate",),
            ('permessage-deflate; server_max_window_bits="12"',),
        ],
    )
    async def test_the_first_offer_that_can_be_kept_is_taken(self, offers: tuple[str, ...]) -> None:
        agreed, _ = await answer(*offers)
        assert agreed is not None
        assert agreed["server_max_window_bits"] == "12"

    async def test_a_window_of_8_bits_is_declined_or_kept(self) -> None:
        """zlib cannot make one; what it cannot do must not be promised."""
        agreed, _ = await answer("permessage-deflate; server_max_window_bits=8")
        if agreed is not None:
            assert agreed["server_max_window_bits"] == "8"

    async def test_a_client_with_a_window_of_8_bits_is_understood(self) -> None:
        offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=8"
        start, _ = gateway()
        async with start as node, opened(node.port, offer) as wire:
            wire.write(frame(TEXT, b"plain"))
            assert (await wire.frame()).opcode == TEXT


HELLO = bytes.fromhex("f248cdc9c90700")


class TestMessages:
    """Section 7.2, and its examples 7.2.3.1 to 7.2.3.6."""

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            pytest.param(HELLO, "Hello", id="one block"),
            pytest.param(bytes.fromhex("000500faff48656c6c6f00"), "Hello", id="not compressed"),
            pytest.param(bytes.fromhex("f348cdc9c9070000"), "Hello", id="a last block"),
            pytest.param(bytes.fromhex("f248050000 00ffffcac9c90700"), "Hello", id="two blocks"),
            pytest.param(bytes.fromhex("00"), "", id="nothing"),
        ],
    )
    async def test_the_examples_of_the_rfc(self, data: bytes, text: str) -> None:
        async with compressed() as (wire, codec):
            for _ in range(2):
                wire.write(frame(TEXT, data, rsv=COMPRESSED))
                assert await codec.text(wire) == text

    async def test_a_message_may_refer_to_the_one_before(self) -> None:
        async with compressed() as (wire, codec):
            wire.write(frame(TEXT, HELLO, rsv=COMPRESSED))
            wire.write(frame(TEXT, bytes.fromhex("f200110000"), rsv=COMPRESSED))
            assert [await codec.text(wire), await codec.text(wire)] == ["Hello", "Hello"]

    async def test_a_message_may_refer_to_what_came_32_kb_before(self) -> None:
        async with compressed() as (wire, codec):
            far = "".join(chr(33 + n * 7919 % 90) for n in range(200))
            filler = "".join(chr(33 + n * n % 90) for n in range(20_000))
            for text in (far, filler, far + filler, filler + far):
                wire.write(codec.frames(text.encode()))
                assert await codec.text(wire) == text

    async def test_plain_and_compressed_messages_may_follow_each_other(self) -> None:
        async with compressed() as (wire, codec):
            for text in ("first", "second first", "third second first"):
                wire.write(frame(TEXT, text.encode()))
                assert await codec.text(wire) == text
                wire.write(codec.frames(text.encode()))
                assert await codec.text(wire) == text

    @pytest.mark.parametrize("cuts", [(3,), (0, 1, 2), (5, 5)])
    async def test_a_compressed_message_in_fragments(self, cuts: tuple[int, ...]) -> None:
        async with compressed() as (wire, codec):
            text = "fragments of a compressed message " * 10
            for _ in range(2):
                wire.write(codec.frames(text.encode(), cuts))
                assert await codec.text(wire) == text

    async def test_control_frames_between_its_fragments_are_not_compressed(self) -> None:
        async with compressed() as (wire, codec):
            wire.write(frame(TEXT, HELLO[:3], fin=False, rsv=COMPRESSED), frame(PING, b"!"))
            assert await wire.frame() == Heard(PONG, b"!")
            wire.write(frame(CONT, HELLO[3:]))
            assert await codec.text(wire) == "Hello"

    async def test_a_fragment_that_ends_empty(self) -> None:
        async with compressed() as (wire, codec):
            wire.write(frame(TEXT, HELLO, fin=False, rsv=COMPRESSED), frame(CONT))
            assert await codec.text(wire) == "Hello"

    @pytest.mark.parametrize("size", [1, 7])
    async def test_wherever_tcp_cuts(self, size: int) -> None:
        async with compressed() as (wire, codec):
            text = "cut into pieces " * 20
            await wire.in_pieces(codec.frames(text.encode(), (9,)), size)
            assert await codec.text(wire) == text

    @pytest.mark.parametrize("size", [0, 16, 64, 256, KIB, 4 * KIB, 8 * KIB, 16 * KIB, 32 * KIB])
    async def test_every_length_comes_back_again_and_again(self, size: int) -> None:
        async with compressed() as (wire, codec):
            text = (json.dumps(list(range(10_000))))[:size]
            for _ in range(10):
                wire.write(codec.frames(text.encode()))
                assert await codec.text(wire) == text

    async def test_128_kb_in_fragments_is_the_largest_message(self) -> None:
        async with compressed() as (wire, codec):
            text = json.dumps(list(range(30_000)))[: 128 * KIB]
            data = text.encode()
            size = len(codec.deflate(b""))  # in step: an empty flush changes nothing to refer to
            assert size
            wire.write(*parts(codec, data))
            assert await codec.text(wire) == text
            wire.write(*parts(codec, data + b"!"))
            assert (await wire.ending())[0] == 1009

    async def test_an_empty_last_fragment_adds_nothing_to_128_kb(self) -> None:
        """It is a byte when compressed; `websockets` ends each message of several parts so."""
        async with compressed() as (wire, codec):
            text = "y" * 128 * KIB
            wire.write(*parts(codec, text.encode(), b"\x00"))
            assert await codec.text(wire) == text

    async def test_a_frame_of_32_kb_that_compression_makes_longer(self) -> None:
        stored = zlib.compressobj(level=0, wbits=-15)
        data = stored.compress(b"x" * 32 * KIB) + stored.flush(zlib.Z_SYNC_FLUSH)
        assert len(data) > 32 * KIB
        async with compressed() as (wire, codec):
            wire.write(frame(TEXT, data.removesuffix(b"\x00\x00\xff\xff"), rsv=COMPRESSED))
            assert await codec.text(wire) == "x" * 32 * KIB

    async def test_what_is_not_utf8_is_1007(self) -> None:
        async with compressed() as (wire, codec):
            wire.write(codec.frames(b"abc\xff"))
            assert (await wire.ending())[0] == 1007


def parts(codec: Deflate, data: bytes, ending: bytes | None = None) -> list[bytes]:
    """One compressed message whose every frame is 32 KB of text, but for one that is given."""
    pieces = [data[at : at + 32 * KIB] for at in range(0, len(data), 32 * KIB)]
    compressor = zlib.compressobj(wbits=-15)
    frames = []
    for number, piece in enumerate(pieces):
        is_last = ending is None and number == len(pieces) - 1
        out = compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH)
        out = out.removesuffix(b"\x00\x00\xff\xff") if is_last else out
        rsv = 0 if number else COMPRESSED
        frames.append(frame(CONT if number else TEXT, out, fin=is_last, rsv=rsv))
    return frames if ending is None else [*frames, frame(CONT, ending)]


class TestMistakes:
    async def fails(self, code: int, *frames: bytes, offer: str = PLAIN_OFFER) -> None:
        async with compressed(offer) as (wire, _):
            wire.write(*frames)
            assert (await wire.ending())[0] == code
            wire.write(close(code))
            assert await wire.end() == b""

    async def test_the_bit_without_the_extension_is_1002(self) -> None:
        async with talking() as wire:
            wire.write(frame(TEXT, HELLO, rsv=COMPRESSED))
            assert (await wire.ending())[0] == 1002

    @pytest.mark.parametrize("opcode", [PING, PONG, 8])
    async def test_the_bit_on_a_control_frame_is_1002(self, opcode: int) -> None:
        await self.fails(1002, frame(opcode, rsv=COMPRESSED))

    async def test_the_bit_on_a_continuation_is_1002(self) -> None:
        first = frame(TEXT, HELLO[:3], fin=False, rsv=COMPRESSED)
        await self.fails(1002, first, frame(CONT, HELLO[3:], rsv=COMPRESSED))

    async def test_the_bit_on_a_continuation_of_a_plain_message_is_1002(self) -> None:
        await self.fails(1002, frame(TEXT, b"plain", fin=False), frame(CONT, HELLO, rsv=COMPRESSED))

    @pytest.mark.parametrize("rsv", [1, 2, 3, 5, 6, 7])
    async def test_other_bits_are_1002(self, rsv: int) -> None:
        await self.fails(1002, frame(TEXT, HELLO, rsv=rsv))

    @pytest.mark.parametrize(
        "data",
        [b"\xff" * 8, b"\x07", b"\x00\x05\x00\x00\x00Hello"],
        ids=["a block type that is none", "another", "a length that does not fit"],
    )
    async def test_what_cannot_be_inflated_is_an_error(self, data: bytes) -> None:
        async with compressed() as (wire, _):
            wire.write(frame(TEXT, data, rsv=COMPRESSED))
            assert (await wire.ending())[0] in {1002, 1007}

    async def test_a_reference_to_what_was_never_said_is_an_error(self) -> None:
        async with compressed() as (wire, _):
            wire.write(frame(TEXT, bytes.fromhex("f200110000"), rsv=COMPRESSED))
            assert (await wire.ending())[0] in {1002, 1007}

    async def test_a_reference_into_a_message_that_was_agreed_to_be_forgotten(self) -> None:
        """`client_no_context_takeover` is an offer; only when agreed must it be kept."""
        offer = f"{PLAIN_OFFER}; client_no_context_takeover"
        async with compressed(offer) as (wire, codec):
            wire.write(frame(TEXT, HELLO, rsv=COMPRESSED))
            assert await codec.text(wire) == "Hello"
            wire.write(frame(TEXT, HELLO, rsv=COMPRESSED))
            assert await codec.text(wire) == "Hello"

    async def test_a_bomb_is_1009_and_costs_little(self) -> None:
        """32 KB that would become 32 MB."""
        compressor = zlib.compressobj(wbits=-15)
        data = compressor.compress(bytes(32 * KIB * KIB)) + compressor.flush(zlib.Z_SYNC_FLUSH)
        async with compressed() as (wire, _):
            tracemalloc.start()
            try:
                wire.write(frame(TEXT, data[: 32 * KIB], rsv=COMPRESSED))
                assert (await wire.ending())[0] == 1009
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < 2 * KIB * KIB

    async def test_a_bomb_in_fragments_is_1009(self) -> None:
        compressor = zlib.compressobj(wbits=-15)
        data = compressor.compress(bytes(256 * KIB)) + compressor.flush(zlib.Z_SYNC_FLUSH)
        half = len(data) // 2
        first = frame(TEXT, data[:half], fin=False, rsv=COMPRESSED)
        await self.fails(1009, first, frame(CONT, data[half:]))

    async def test_a_mistake_is_its_own_connections_only(self) -> None:
        start, _ = gateway()
        async with start as node, opened(node.port, PLAIN_OFFER) as other:
            for _ in range(20):
                async with opened(node.port, PLAIN_OFFER) as wire:
                    wire.write(frame(TEXT, b"\xff" * 8, rsv=COMPRESSED))
                    assert (await wire.ending())[0] in {1002, 1007}
            other.write(*fragments(b"still", b" here"))
            codec = Deflate(their_window=12)
            assert await codec.text(other) == "still here"
