"""Frames that break RFC 6455 and RFC 7692, over connections that were opened with a ticket."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from wire import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    TEXT,
    Deflate,
    close,
    dialed,
    frame,
    masked,
    opened,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.fuzz.attack import Attack

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
MIB = 1024 * 1024
HELLO = json.dumps({"action": "hello", "id": "h"}).encode()
BAD_UTF8 = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"abc\xe2\x82"]


def unmasked(dice: Random) -> bytes:
    return frame(dice.choice([TEXT, BINARY, CLOSE, PING]), HELLO, mask=None)


def reserved_opcode(dice: Random) -> bytes:
    return frame(dice.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), HELLO[: dice.randrange(20)])


def reserved_bits(dice: Random) -> bytes:
    return frame(dice.choice([TEXT, CONT, PING, CLOSE]), b"", rsv=dice.randint(1, 7))


def long_control_frame(dice: Random) -> bytes:
    size = dice.choice([126, 127, 65_535, 65_536])
    return frame(dice.choice([PING, CLOSE, 10]), b"x" * size)


def control_frame_in_parts(dice: Random) -> bytes:
    return frame(dice.choice([PING, CLOSE, 10]), b"x", fin=False)


def continuation_of_nothing(dice: Random) -> bytes:
    return frame(CONT, HELLO, fin=dice.random() < 0.5)


def message_within_a_message(dice: Random) -> bytes:
    return frame(TEXT, b"{", fin=False) + frame(dice.choice([TEXT, BINARY]), HELLO)


def bad_close(dice: Random) -> bytes:
    code = dice.choice([0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2_999, 5_000, 65_535])
    return dice.choice([close(code), frame(CLOSE, b"\x03")])


def length_without_end(dice: Random) -> bytes:
    """A length with its highest bit set, which RFC 6455 forbids."""
    length = (2**63 + dice.getrandbits(32)).to_bytes(8, "big")
    return bytes([0x81, 0xFF]) + length + b"mask" + b"x" * 100


def bad_utf8(dice: Random) -> bytes:
    text = b'{"a":"' + dice.choice(BAD_UTF8) + b'"}'
    at = dice.randrange(len(text))
    in_parts = frame(TEXT, text[:at], fin=False) + frame(CONT, text[at:])
    return dice.choice([frame(TEXT, text), in_parts])


def bad_reason(dice: Random) -> bytes:
    return close(1000, dice.choice(BAD_UTF8))


def oversize_frame(dice: Random) -> bytes:
    return frame(TEXT, b"x" * (32 * 1024 + dice.choice([1, 2, 100_000])))


def claimed_size(dice: Random) -> bytes:
    """It is refused by what it says, before it has come."""
    size = dice.choice([MIB, 2**31, 2**40, 2**62])
    return bytes([0x81, 0xFF]) + size.to_bytes(8, "big") + b"mask"


def oversize_message(dice: Random) -> bytes:
    part = b"x" * 30_000
    parts = [frame(CONT, part, fin=False) for _ in range(dice.randint(4, 20))]
    return frame(TEXT, part, fin=False) + b"".join(parts)


BROKEN: dict[Callable[[Random], bytes], set[int]] = {
    unmasked: {PROTOCOL_ERROR},
    reserved_opcode: {PROTOCOL_ERROR},
    reserved_bits: {PROTOCOL_ERROR},
    long_control_frame: {PROTOCOL_ERROR, TOO_BIG},
    control_frame_in_parts: {PROTOCOL_ERROR},
    continuation_of_nothing: {PROTOCOL_ERROR},
    message_within_a_message: {PROTOCOL_ERROR},
    bad_close: {PROTOCOL_ERROR},
    length_without_end: {PROTOCOL_ERROR, TOO_BIG},
    bad_utf8: {NOT_UTF8},
    bad_reason: {NOT_UTF8, PROTOCOL_ERROR},
    oversize_frame: {TOO_BIG},
    claimed_size: {TOO_BIG},
    oversize_message: {TOO_BIG},
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
async def test_a_broken_frame_closes_its_connection(
    broken: Callable[[Random], bytes], attack: Attack
) -> None:
    for _ in attack.count("frames", attack.share(0.01)):
        async with opened(attack.port, path=attack.path(attack.user())) as wire:
            sent = broken(attack.dice)
            with_company = attack.dice.choice([b"", frame(PING, b"hello")])
            wire.write(with_company, sent)
            code, _ = await wire.ending()
            assert code in BROKEN[broken], sent[:100]


async def test_noise_closes_its_connection_or_is_answered(attack: Attack) -> None:
    """An honest conversation of which some bits are turned over."""
    for _ in attack.count("frames", attack.share(0.05)):
        honest = b"".join(frame(TEXT, HELLO) for _ in range(3)) + close(1000)
        noise = bytearray(honest)
        for _ in range(attack.dice.randint(1, 8)):
            noise[attack.dice.randrange(len(noise))] ^= 1 << attack.dice.randrange(8)
        async with opened(attack.port, path=attack.path(attack.user())) as wire:
            wire.write(bytes(noise))
            if attack.dice.random() < 0.5:
                wire.writer.transport.abort()
            else:
                wire.writer.write_eof()
                await wire.end()


async def test_a_storm_of_fragments_is_one_message(attack: Attack) -> None:
    for _ in attack.count("storms of fragments", attack.share(0.002)):
        async with opened(attack.port, path=attack.path(attack.user())) as wire:
            nothing = frame(CONT, b"", fin=False) * 2_000
            letters = [frame(CONT, HELLO[n : n + 1], fin=False) for n in range(1, len(HELLO))]
            wire.write(frame(TEXT, HELLO[:1], fin=False), nothing, *letters, nothing, frame(CONT))
            assert json.loads(await wire.text())["type"] == "welcome"


async def test_a_storm_of_pings_is_answered(attack: Attack) -> None:
    for _ in attack.count("storms of pings", attack.share(0.002)):
        async with opened(attack.port, path=attack.path(attack.user())) as wire:
            wire.write(frame(PING, b"x" * 125) * 1_000)
            for _ in range(1_000):
                assert (await wire.frame()).payload == b"x" * 125
            wire.write(frame(TEXT, HELLO))
            assert json.loads(await wire.text())["type"] == "welcome"


async def test_bombs_are_1009(attack: Attack) -> None:
    """30 MB in 30 KB, whole and in fragments."""
    offer = "Sec-WebSocket-Extensions: permessage-deflate"
    for number in attack.count("bombs", attack.share(0.002)):
        async with opened(attack.port, offer, path=attack.path(attack.user())) as wire:
            bomb = Deflate().frames(b"\0" * 30 * MIB, (100, 5_000) if number % 2 else ())
            wire.write(bomb)
            assert (await wire.ending())[0] == TOO_BIG


async def test_what_cannot_be_inflated_closes_its_connection(attack: Attack) -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate"
    for _ in attack.count("frames", attack.share(0.01)):
        async with opened(attack.port, offer, path=attack.path(attack.user())) as wire:
            garbage = b"\xff" + attack.dice.randbytes(attack.dice.randrange(1, 200))
            wire.write(frame(TEXT, garbage, rsv=4))
            assert (await wire.ending())[0] in {PROTOCOL_ERROR, NOT_UTF8, TOO_BIG}


async def test_clients_that_vanish_leave_nothing(attack: Attack) -> None:
    """Amid a frame, a message, or an answer."""
    honest = frame(TEXT, HELLO) * 3
    for _ in attack.count("vanished clients", attack.share(0.02)):
        async with dialed(attack.port) as wire:
            async with opened(attack.port, path=attack.path(attack.user())) as other:
                other.write(honest[: attack.dice.randrange(len(honest))])
                other.writer.transport.abort()
            wire.write(masked(HELLO, b"abcd")[:1])
            await asyncio.sleep(0)
