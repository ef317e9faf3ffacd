"""Seal what a client shall show later, so that its key is worth nothing before it is told.

The text is combined (XOR) with the output of HKDF-SHA-256 (RFC 5869), which a browser has in
WebCrypto and Python in its standard library: a cipher of a library would take a package that slows
each cold start. A key seals one text only. Nothing signs it: both parts come from the server.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode

KEY_BYTES = 32
INFO = b"headcount reveal"
# Two contents of different length look the same up to this.
BLOCK = 256
# What HKDF gives at most: 255 digests.
MAX_BYTES = 255 * hashlib.sha256().digest_size


def seal(text: str, key: bytes) -> str:
    """Pad with spaces, encrypt, and write as base64. Raises ValueError above MAX_BYTES."""
    plain = text.encode(errors="replace")
    plain += b" " * (-len(plain) % BLOCK)
    if len(plain) > MAX_BYTES:
        raise ValueError(f"{len(plain)} bytes are more than HKDF gives")
    stream = hkdf(key, len(plain))
    return b64encode(bytes(a ^ b for a, b in zip(plain, stream, strict=True))).decode()


def hkdf(key: bytes, length: int, salt: bytes = b"", info: bytes = INFO) -> bytes:
    """HKDF-SHA-256, RFC 5869 sections 2.2 and 2.3."""
    extracted = hmac.digest(salt or bytes(KEY_BYTES), key, "sha256")
    made, block, number = b"", b"", 0
    while len(made) < length:
        number += 1
        block = hmac.digest(extracted, block + info + bytes([number]), "sha256")
        made += block
    return made[:length]
