"""An issuer's keys, and what it signs or somebody forges."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from handlers.core.issuer import Issuer

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ISSUER = Issuer("https://issuer.example", "headcount")
CLAIMS: dict[str, Any] = {
    "iss": ISSUER.url,
    "aud": ISSUER.audience,
    "jti": "t",
    "sub": "ann",
    "exp": int((NOW + timedelta(seconds=30)).timestamp()),
}
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
PUBLIC = RSA.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
SIGNERS: dict[str, Any] = {"RS256": RSA, "ES256": EC, "EdDSA": ED}


def jwk(private: Any, kid: str | None = "k1", **more: object) -> dict[str, Any]:
    algorithm: Any = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    kind = next((of for cls, of in algorithm.items() if isinstance(private, cls)), OKPAlgorithm)
    made: dict[str, Any] = json.loads(kind.to_jwk(private.public_key()))
    return made | ({} if kid is None else {"kid": kid}) | more


def forged(header: dict[str, Any], secret: bytes, claims: dict[str, Any] = CLAIMS) -> str:
    """What PyJWT does not sign for us."""
    parts = [json.dumps(one).encode() for one in (header, claims)]
    head = b".".join(map(jwt.utils.base64url_encode, parts))
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(head, secret)
    return b".".join([head, jwt.utils.base64url_encode(signature)]).decode()
