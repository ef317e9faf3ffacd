"""Tickets of an issuer: whose signature counts, and which keys may make one."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from handlers.core.issuer import (
    MAX_KEYS,
    BadKeySet,
    Issuer,
    is_signed_by_an_issuer,
    key_id_of,
    keys_in,
    read_issued,
)
from handlers.core.ticket import BadTicket, ExpiredTicket
from tests.support.issuer import CLAIMS, EC, ISSUER, NOW, PUBLIC, RSA, SIGNERS, forged, jwk


def signed(algorithm: str, claims: dict[str, Any] = CLAIMS, kid: str = "k1") -> str:
    return jwt.encode(claims, SIGNERS[algorithm], algorithm=algorithm, headers={"kid": kid})


def verify(text: str, *keys: dict[str, Any], issuer: Issuer = ISSUER) -> Any:
    found = keys_in({"keys": list(keys)})
    return read_issued(text, issuer, found[key_id_of(text)], NOW)


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_a_ticket_of_the_issuer_is_good(algorithm: str) -> None:
    text = signed(algorithm, CLAIMS | {"resource": "final", "may_watch": ["lobby"]})
    assert is_signed_by_an_issuer(text)
    ticket = verify(text, jwk(SIGNERS[algorithm]))
    assert (ticket.user_id, ticket.resource, ticket.may_watch) == ("ann", "final", ("lobby",))


def test_another_claim_may_name_the_user() -> None:
    issuer = Issuer(ISSUER.url, ISSUER.audience, "preferred_username")
    claims = CLAIMS | {"sub": "4711", "preferred_username": "ann"}
    assert verify(signed("ES256", claims), jwk(EC), issuer=issuer).user_id == "ann"
    with pytest.raises(BadTicket, match="MissingRequiredClaimError"):
        verify(signed("ES256"), jwk(EC), issuer=issuer)
    with pytest.raises(BadTicket, match="preferred_username"):
        verify(signed("ES256", CLAIMS | {"preferred_username": 7}), jwk(EC), issuer=issuer)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://another.example"},
        {"aud": "another service"},
        {"aud": None},
        {"jti": ""},
        {"sub": ""},
        {"exp": "soon"},
        {"exp": CLAIMS["exp"] + 600},
    ],
)
def test_what_it_says_is_judged(change: dict[str, Any]) -> None:
    with pytest.raises(BadTicket):
        verify(signed("RS256", CLAIMS | change), jwk(RSA))


@pytest.mark.parametrize("claim", ["iss", "aud", "jti", "sub", "exp"])
def test_what_must_stand_in_it(claim: str) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != claim}
    with pytest.raises(BadTicket, match="MissingRequiredClaimError"):
        verify(signed("RS256", claims), jwk(RSA))


def test_an_old_one_has_expired() -> None:
    with pytest.raises(ExpiredTicket):
        verify(signed("RS256", CLAIMS | {"exp": int(NOW.timestamp())}), jwk(RSA))


def test_another_key_of_the_same_id_is_not_the_issuers() -> None:
    with pytest.raises(BadTicket, match="InvalidSignatureError"):
        verify(signed("RS256"), jwk(rsa.generate_private_key(65537, 2048)))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_key_verifies_its_own_algorithm_only(algorithm: str) -> None:
    other = {"RS256": EC, "ES256": RSA}[algorithm]
    with pytest.raises(BadTicket):
        verify(signed(algorithm), jwk(other))


def test_a_published_key_signs_nothing() -> None:
    """HS256 with the public key as the secret, and no signature at all: neither is an issuer's."""
    for secret in (PUBLIC, json.dumps(jwk(RSA)).encode()):
        text = forged({"alg": "HS256", "kid": "k1"}, secret)
        assert not is_signed_by_an_issuer(text)
        with pytest.raises(BadTicket, match="InvalidAlgorithmError"):
            verify(text, jwk(RSA))
    for algorithm in ("none", "None", "", None, "RS512", "PS256"):
        text = forged({"alg": algorithm, "kid": "k1"}, b"")
        assert not is_signed_by_an_issuer(text)
        with pytest.raises(BadTicket):
            verify(text, jwk(RSA))


def test_a_header_names_its_key() -> None:
    for header in ({"alg": "RS256"}, {"alg": "RS256", "kid": 7}, {"alg": "RS256", "kid": None}):
        with pytest.raises(BadTicket):
            key_id_of(forged(header, b""))


SECRET = {"kty": "oct", "k": "c2VjcmV0" * 8}


@pytest.mark.parametrize(
    "key",
    [
        SECRET | {"kid": "k2"},
        SECRET | {"kid": "k2", "alg": "RS256"},
        jwk(RSA, "k2", use="enc"),
        jwk(RSA, None),
        jwk(RSA, "k2", alg="RS512"),
        jwk(RSA, "k2", n="AQAB"),
        jwk(rsa.generate_private_key(65537, 1024), "k2"),  # noqa: S505  # that is the case
        jwk(ec.generate_private_key(ec.SECP384R1()), "k2"),
        jwk(EC, "k2", x="AA"),
        {"kty": "new", "kid": "k2"},
        {"kid": "k2"},
        {},
        "k2",
        None,
    ],
)
def test_a_key_that_may_not_sign_is_left_out(key: Any) -> None:
    assert keys_in({"keys": [key, jwk(EC)]}).keys() == {"k1"}


@pytest.mark.parametrize(
    "published", [None, [], {}, {"keys": {}}, {"keys": []}, {"keys": [SECRET]}, "keys"]
)
def test_without_a_key_it_is_no_set(published: object) -> None:
    with pytest.raises(BadKeySet):
        keys_in(published)


def test_a_set_has_a_size() -> None:
    keys = [jwk(EC, f"k{n}") for n in range(MAX_KEYS + 1)]
    assert len(keys_in({"keys": keys[1:]})) == MAX_KEYS
    with pytest.raises(BadKeySet, match="21 keys"):
        keys_in({"keys": keys})
