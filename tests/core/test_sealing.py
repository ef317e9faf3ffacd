"""What is sealed is opened by its key only, and tells nothing but its length in steps."""

from __future__ import annotations

from base64 import b64decode

import pytest

from handlers.core.sealing import BLOCK, MAX_BYTES, hkdf, seal

KEY = bytes(range(32))


def opened(sealed: str, key: bytes) -> bytes:
    data = b64decode(sealed)
    return bytes(a ^ b for a, b in zip(data, hkdf(key, len(data)), strict=True))


def test_hkdf_is_that_of_rfc_5869() -> None:
    """Its test case 1."""
    made = hkdf(bytes([0x0B] * 22), 42, salt=bytes(range(13)), info=bytes(range(0xF0, 0xFA)))
    assert made.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def test_without_a_salt_it_is_that_of_rfc_5869() -> None:
    """Its test case 3."""
    made = hkdf(bytes([0x0B] * 22), 42, info=b"")
    assert made.hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


@pytest.mark.parametrize("text", ["", "{}", "€" * 100, "x" * BLOCK])
def test_the_key_opens_it(text: str) -> None:
    assert opened(seal(text, KEY), KEY).decode().rstrip(" ") == text
    assert opened(seal(text + "y", KEY), bytes(32)).rstrip(b" ") != (text + "y").encode()


def test_what_is_a_little_longer_looks_the_same() -> None:
    short, long, longer = (len(b64decode(seal("x" * n, KEY))) for n in (1, BLOCK, BLOCK + 1))
    assert (short, long, longer) == (BLOCK, BLOCK, 2 * BLOCK)


def test_more_than_hkdf_gives_is_refused() -> None:
    with pytest.raises(ValueError, match="more than HKDF gives"):
        seal("x" * (MAX_BYTES + 1), KEY)
