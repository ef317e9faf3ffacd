"""Tickets that your backend did not sign, or that it should not have signed: all are 401."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.fuzz import junk
from wire import dialed, upgrade

if TYPE_CHECKING:
    from random import Random

    from tests.fuzz.attack import Attack

REFUSED = {401}
# A ticket of several thousand characters: the URL is too long.
TOO_LONG = {414, 431}
MAX_URL = 4_096


async def test_a_wrong_ticket_is_401(attack: Attack) -> None:
    for _ in attack.count("tickets", attack.share(0.1)):
        ticket = wrong(attack.dice, attack.ticket_secret)
        status = await handshake(attack, f"/live?ticket={quote(ticket)}")
        expected = REFUSED | (TOO_LONG if len(quote(ticket)) > MAX_URL - 100 else set())
        assert status in expected, (status, ticket)


async def test_a_query_without_a_ticket_is_401(attack: Attack) -> None:
    ours = attack.path(attack.user()).partition("?ticket=")[2]
    for query in ("", "?", "?ticket", "?ticket=", "?Ticket=" + ours, "?ticket=%FF", "?%00", "?a=b"):
        assert await handshake(attack, f"/live{query}") == 401, query


async def test_a_ticket_opens_once(attack: Attack) -> None:
    path = attack.path(attack.user())
    assert [await handshake(attack, path) for _ in range(3)] == [101, 401, 401]


async def handshake(attack: Attack, path: str) -> int:
    async with dialed(attack.port) as wire:
        wire.write(upgrade(path))
        return (await wire.reply()).status


def wrong(dice: Random, secret: str) -> str:  # noqa: PLR0911  # so much can be wrong
    """A ticket with something wrong in it."""
    now = int(time.time())
    claims = {
        "aud": '"headcount"',
        "jti": json.dumps(f"j{dice.getrandbits(64):x}"),
        "sub": '"attacker"',
        "resource": '"site"',
        "exp": str(now + 60),
        "device": '"phone"',
        "may_watch": '["lobby"]',
    }
    whole = text_of(claims)
    match dice.randrange(8):
        case 0:
            return signed(secret + "x", whole)
        case 1:
            algorithm = dice.choice(["none", "None", "HS384", "RS256", "", "hs256"])
            return signed(dice.choice([secret, ""]), whole, {"alg": algorithm, "typ": "JWT"})
        case 2:
            return signed(secret, whole).rpartition(".")[0] + dice.choice([".", "", ".AAAA", "..."])
        case 3:
            expires_at = dice.choice([now - 1, now + 3_600, 0, -1, 2**63, 1e308])
            return signed(secret, text_of(claims | {"exp": str(expires_at)}))
        case 4:
            return changed(dice, signed(secret, whole))
        case 5:
            return dice.randbytes(dice.randrange(200)).decode("latin-1")
        case 6:
            missing = dice.choice(["aud", "jti", "sub", "exp"])
            return signed(secret, text_of({k: v for k, v in claims.items() if k != missing}))
        case _:
            name = dice.choice(["aud", "jti", "sub", "exp", "resource", "device", "may_watch"])
            return signed(secret, text_of(claims | {name: no_name(dice)}))


def no_name(dice: Random) -> str:
    """What is neither a name nor a list of names, a time or an audience."""
    return dice.choice(
        [
            "true",
            "-1",
            "1e999",
            "{}",
            "[1]",
            '[""]',
            "[[[[]]]]",
            '""',
            '"\\u0000"',
            '"\\ud800"',
            '"x\\udfff"',
            '["\\ud800"]',
            "[" * 900 + "]" * 900,
            json.dumps("x" * 129),
            json.dumps(["x" * 128] * 9),
            junk.text(dice).removesuffix("}") + "}",
        ]
    )


def text_of(claims: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in claims.items()) + "}"


def signed(secret: str, claims: str, header: dict[str, str] | None = None) -> str:
    """A JWT (RFC 7519) by hand: what is signed need not be JSON."""
    head = json.dumps(header or {"alg": "HS256", "typ": "JWT"})
    parts = [encoded(head.encode()), encoded(claims.encode("utf-8", "surrogatepass"))]
    signature = hmac.digest(secret.encode(), ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, encoded(signature)])


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def changed(dice: Random, ticket: str) -> str:
    """With one character replaced, but the last: of that one, some bits do not count."""
    at = dice.randrange(len(ticket) - 1)
    other = dice.choice([one for one in "AZaz09-_.~" if one != ticket[at]])
    return ticket[:at] + other + ticket[at + 1 :]
