"""Tickets that somebody else signs: an issuer with keys of its own, whose public half it publishes.

What such a ticket says is judged as that of any other: one use, five minutes at most. It differs in
how its signature is checked, and in which claim names the user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

from handlers.core.ticket import UNREADABLE, BadTicket, read_with

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from handlers.core.ticket import Ticket

# None of them takes the same key to sign and to verify: what is published signs nothing.
ALGORITHMS = ("RS256", "ES256", "EdDSA")
MAX_KEYS = 20
# Shorter ones can be factored, and longer ones take a millisecond and more for each ticket.
MIN_RSA_BITS, MAX_RSA_BITS = 2_048, 4_096


class BadKeySet(Exception):
    """What the issuer published are no keys."""


@dataclass(frozen=True)
class Issuer:
    """Who may sign tickets, and what must stand in them."""

    url: str
    """`iss`."""
    audience: str
    """`aud`."""
    user_claim: str = "sub"
    """The claim that names the user."""


def is_signed_by_an_issuer(text: str) -> bool:
    """Whether its header says so: then only a published key can verify it, and otherwise none."""
    return _header(text).get("alg") in ALGORITHMS


def key_id_of(text: str) -> str:
    """Which key a ticket asks for. Raises BadTicket."""
    kid = _header(text).get("kid")
    if not isinstance(kid, str):
        raise BadTicket("no kid in the header of an issuer's ticket")
    return kid


def _header(text: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(text)
    except (jwt.InvalidTokenError, *UNREADABLE) as error:
        raise BadTicket(f"not a ticket: {type(error).__name__}") from error


def read_issued(text: str, issuer: Issuer, key: jwt.PyJWK, now: datetime) -> Ticket:
    """Verify a ticket of the issuer. Raises BadTicket."""

    def claims() -> dict[str, Any]:
        found: dict[str, Any] = jwt.decode(
            text,
            key,
            algorithms=[key.algorithm_name],
            audience=issuer.audience,
            issuer=issuer.url,
            # The clock is an argument, so `exp` is judged in `read_with`.
            options={
                "require": ["exp", "iss", "jti", issuer.user_claim],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        found.pop("app", None)  # the issuer's users are those of `main`, whatever else it serves
        return found

    return read_with(text, claims, now, issuer.user_claim)


def keys_in(published: object) -> dict[str, jwt.PyJWK]:
    """The keys of a JWK set (RFC 7517) that may sign tickets, by `kid`. Raises BadKeySet.

    Others are left out: of another algorithm, for encryption, too short, or shared secrets.
    """
    listed = published.get("keys") if isinstance(published, dict) else None
    if not isinstance(listed, list):
        raise BadKeySet("not a JSON object with a list of `keys`")
    if len(listed) > MAX_KEYS:
        raise BadKeySet(f"{len(listed)} keys; it may hold {MAX_KEYS}")
    found = {kid: key for one in listed if isinstance(one, dict) for kid, key in _usable(one)}
    if not found:
        raise BadKeySet(f"no key for {', '.join(ALGORITHMS)} with a `kid`")
    return found


def _usable(jwk: Mapping[str, Any]) -> list[tuple[str, jwt.PyJWK]]:
    kid = jwk.get("kid")
    if not isinstance(kid, str) or jwk.get("use", "sig") != "sig" or jwk.get("kty") == "oct":
        return []
    try:
        key = jwt.PyJWK(dict(jwk))
    except (jwt.PyJWTError, *UNREADABLE):
        return []
    if key.algorithm_name not in ALGORITHMS:
        return []
    is_rsa = jwk.get("kty") == "RSA"
    if is_rsa and not MIN_RSA_BITS <= key.key.key_size <= MAX_RSA_BITS:
        return []
    return [(kid, key)]
