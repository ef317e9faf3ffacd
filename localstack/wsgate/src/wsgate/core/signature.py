"""Signature Version 4: whose request it is. Pure: what was sent and `now` in, a key's id out.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
(2026-11-24). A request carries its signature in the header Authorization, or, presigned, in its
query (docs/aws-behaviour.md §3.15). Every field is taken as the client sent it, `host` too.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.model.events import Pairs
    from wsgate.model.ids import Millis

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW_SECONDS = 5 * 60
"""How far the clocks of client and AWS may be apart.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html (2026-11-24)
"""
MAX_EXPIRES_SECONDS = 7 * 24 * 60 * 60
# GUESS: a presigned query without X-Amz-Expires is good for as long as a signed header.
DEFAULT_EXPIRES_SECONDS = SKEW_SECONDS

# GUESS: which class and words an unknown key gets (docs/aws-behaviour.md §11.5 has none).
UNKNOWN_KEY = (
    "UnrecognizedClientException",
    "The security token included in the request is invalid.",
)
# GUESS: as REST APIs answer what is not signed (docs/aws-behaviour.md §11.5).
NOT_SIGNED = ("MissingAuthenticationTokenException", "Missing Authentication Token")
INVALID = "InvalidSignatureException"
INCOMPLETE = "IncompleteSignatureException"


@dataclass(frozen=True, slots=True)
class Credential:
    """What belongs to an access key's id."""

    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    """The session token, for a key that has one."""
    is_token_optional: bool = False
    """True for the local key: functions send the token of their run, a developer has none."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """What events say of its owner, where that is not what they say of every key."""

    def takes(self, token: str | None) -> bool:
        """Say whether a request may carry this token, or None."""
        return token == self.token or (token is None and self.is_token_optional)


@dataclass(frozen=True, slots=True)
class Scope:
    """The region and service that a signature must be made for."""

    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it was sent; nothing is decoded."""

    method: str
    path: str
    query: str
    headers: Pairs
    body: bytes = b""


class Unsigned(Exception):
    """A request without a good signature: AWS's name for it, and AWS's words."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


def signer(
    request: Signed, credentials: Mapping[str, Credential], scope: Scope, now: Millis
) -> str:
    """The id of the key that signed the request. Raises Unsigned."""
    claim = _claim(request)
    key, date, region, service = _credential(claim.credential)
    credential = credentials.get(key)
    if credential is None or not credential.takes(claim.token):
        raise Unsigned(*UNKNOWN_KEY)
    _check_scope(Scope(region, service), scope)
    _check_time(claim, date, now // 1000)
    canonical = _canonical(request, claim)
    to_sign = _to_sign(claim, f"{date}/{region}/{service}/aws4_request", canonical)
    signature = _signature(credential.secret, (date, region, service), to_sign)
    if not hmac.compare_digest(signature.encode(), claim.signature.encode()):
        raise Unsigned(INVALID, _MISMATCH.format(canonical=canonical, to_sign=to_sign))
    return key


_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
    "\n\nThe Canonical String for this request should have been\n'{canonical}'"
    "\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
)
_IS_DATE = "%Y%m%dT%H%M%SZ"
_CREDENTIAL_PARTS = 5
_IN_QUERY = "X-Amz-Signature"


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request says about its own signature."""

    credential: str
    signed_headers: tuple[str, ...]
    signature: str
    date: str
    token: str | None
    expires: str | None
    """None in a header: good for as long as clocks may be apart."""


def _claim(request: Signed) -> _Claim:
    fields = _fields(request.headers)
    if "authorization" in fields:
        return _claim_of_header(fields)
    query = {name: value for name, value in _decoded(request.query)}
    if _IN_QUERY in query:
        return _claim_of_query(query)
    raise Unsigned(*NOT_SIGNED)


def _claim_of_header(fields: Mapping[str, str]) -> _Claim:
    algorithm, _, rest = fields["authorization"].partition(" ")
    pairs = (part.strip().partition("=") for part in rest.split(","))
    said = {name: value for name, _, value in pairs}
    lacking = [name for name in ("Credential", "SignedHeaders", "Signature") if not said.get(name)]
    if algorithm != ALGORITHM or lacking or "x-amz-date" not in fields:
        words = [f"Authorization header requires '{name}' parameter." for name in lacking]
        if "x-amz-date" not in fields:
            words.append("Authorization header requires existence of 'X-Amz-Date' header.")
        raise Unsigned(
            INCOMPLETE, " ".join(words) or f"Unsupported AWS 'algorithm': '{algorithm}'."
        )
    return _Claim(
        said["Credential"],
        tuple(said["SignedHeaders"].split(";")),
        said["Signature"],
        fields["x-amz-date"],
        fields.get("x-amz-security-token"),
        None,
    )


def _claim_of_query(query: Mapping[str, str]) -> _Claim:
    wanted = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders")
    lacking = [name for name in wanted if not query.get(name)]
    if lacking:
        words = [f"AWS query-string parameters must include '{name}'." for name in lacking]
        raise Unsigned(INCOMPLETE, " ".join(words))
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise Unsigned(INCOMPLETE, f"Unsupported AWS 'algorithm': '{query['X-Amz-Algorithm']}'.")
    return _Claim(
        query["X-Amz-Credential"],
        tuple(query["X-Amz-SignedHeaders"].split(";")),
        query[_IN_QUERY],
        query["X-Amz-Date"],
        query.get("X-Amz-Security-Token"),
        query.get("X-Amz-Expires", str(DEFAULT_EXPIRES_SECONDS)),
    )


def _credential(text: str) -> tuple[str, str, str, str]:
    parts = text.rsplit("/", _CREDENTIAL_PARTS - 1)
    if len(parts) != _CREDENTIAL_PARTS or parts[-1] != "aws4_request":
        raise Unsigned(
            INCOMPLETE, f"Credential must have exactly 5 slash-delimited elements: '{text}'"
        )
    key, date, region, service, _ = parts
    return key, date, region, service


def _check_scope(claimed: Scope, scope: Scope) -> None:
    if claimed.region != scope.region:
        words = f"Credential should be scoped to a valid region, not '{claimed.region}'."
        raise Unsigned(INVALID, words)
    if claimed.service != scope.service:
        words = f"Credential should be scoped to correct service: '{scope.service}'."
        raise Unsigned(INVALID, words)


def _check_time(claim: _Claim, date: str, now: int) -> None:
    """Neither too old nor of the future; a presigned one says itself how long it is good."""
    try:
        made = int(datetime.strptime(claim.date, _IS_DATE).replace(tzinfo=UTC).timestamp())
        expires = SKEW_SECONDS if claim.expires is None else int(claim.expires)
    except ValueError:
        raise Unsigned(
            INCOMPLETE, f"Date must be in ISO-8601 'basic format'. Got '{claim.date}'."
        ) from None
    if not claim.date.startswith(date):
        raise Unsigned(
            INVALID, f"Date in Credential scope does not match YYYYMMDD of '{claim.date}'."
        )
    if not 0 < expires <= MAX_EXPIRES_SECONDS:
        raise Unsigned(INVALID, "X-Amz-Expires must be a number of seconds up to a week.")
    if made > now + SKEW_SECONDS:
        late = f"{_date(now + SKEW_SECONDS)} ({_date(now)} + 5 min.)"
        raise Unsigned(
            INVALID, f"Signature not yet current: {claim.date} is still later than {late}"
        )
    if now > made + expires:
        early = f"{_date(now - expires)} ({_date(now)} - {expires // 60} min.)"
        raise Unsigned(INVALID, f"Signature expired: {claim.date} is now earlier than {early}")


def _date(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime(_IS_DATE)


def _canonical(request: Signed, claim: _Claim) -> str:
    fields = _fields(request.headers)
    lacking = [name for name in claim.signed_headers if name not in fields]
    if "host" not in claim.signed_headers or lacking:
        what = ", ".join(lacking) or "host"
        raise Unsigned(
            INVALID, f"'Host' and each of 'SignedHeaders' must be sent and signed: {what}."
        )
    headers = "".join(f"{name}:{fields[name]}\n" for name in claim.signed_headers)
    return "\n".join(
        (
            request.method,
            _canonical_path(request.path),
            _canonical_query(request.query),
            headers,
            ";".join(claim.signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def _canonical_path(path: str) -> str:
    """Encoded once more than it was sent; empty and dot segments do not count."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    slash = "/" if segments and path.endswith("/") else ""
    return quote(f"/{'/'.join(segments)}{slash}", safe="/-_.~", encoding="latin-1")


def _canonical_query(query: str) -> str:
    pairs = [(n, v) for n, v in _decoded(query) if n != _IN_QUERY]
    return "&".join(f"{n}={v}" for n, v in sorted((_encoded(n), _encoded(v)) for n, v in pairs))


def _decoded(query: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def _fields(headers: Pairs) -> dict[str, str]:
    """Lower-case names, runs of spaces as one, repeated headers joined."""
    fields: dict[str, str] = {}
    for name, value in headers:
        key, words = name.lower(), " ".join(value.split())
        fields[key] = f"{fields[key]},{words}" if key in fields else words
    return fields


def _to_sign(claim: _Claim, scope: str, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode("utf-8", errors="replace")).hexdigest()
    return f"{ALGORITHM}\n{claim.date}\n{scope}\n{digest}"


def _signature(secret: str, scope: tuple[str, ...], to_sign: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
