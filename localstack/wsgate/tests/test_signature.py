"""Signature Version 4 as other signers make it: botocore's, and what npm's aws4 1.13.2 made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from wsgate.core import signature
from wsgate.core.signature import Credential, Scope, Signed, Unsigned

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KNOWN = {KEY: Credential(SECRET), "ASIAEXAMPLE": Credential(SECRET, "the-token")}
SCOPE = Scope("eu-west-1", "execute-api")
MADE = int(datetime(2024, 4, 30, 13, 44, 1, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000
PATHS = [
    "/live",
    "/live/",
    "/",
    "/a//b/../c/./d",
    "/live?b=2&a=1&a=0&empty=&q=%2B%20%C3%A9~-_.",
    "/live?alone=",
]
AWS4 = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240430/eu-west-1/execute-api/aws4_request, "
AWS4_QUERY = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20240430%2Feu-west-1"
    "%2Fexecute-api%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature="
)


@pytest.fixture(autouse=True)
def botocore_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore signs at MADE."""
    now = datetime.fromtimestamp(MADE / 1000, UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: now)


def signed(  # noqa: PLR0913 each is one thing that may be signed otherwise
    method: str = "GET",
    url: str = "https://127.0.0.1:8080/live",
    body: bytes = b"",
    *,
    headers: dict[str, str] | None = None,
    key: str = KEY,
    secret: str = SECRET,
    token: str | None = None,
    scope: Scope = SCOPE,
    expires: int | None = None,
) -> Signed:
    """What botocore sends: a header, or, with `expires`, a presigned query."""
    request = AWSRequest(method, url, data=body, headers=headers or {})
    credentials = Credentials(key, secret, token)
    if expires is None:
        SigV4Auth(credentials, scope.service, scope.region).add_auth(request)
    else:
        SigV4QueryAuth(credentials, scope.service, scope.region, expires).add_auth(request)
    parts = urlsplit(str(request.url))
    sent = (("Host", parts.netloc), *((name, str(v)) for name, v in request.headers.items()))
    return Signed(method, parts.path, parts.query, sent, body)


def refused(request: Signed, now: int = MADE) -> Unsigned:
    with pytest.raises(Unsigned) as raised:
        signature.signer(request, KNOWN, SCOPE, now)
    return raised.value


def changed(request: Signed, **changes: Any) -> Signed:
    names = ("method", "path", "query", "headers", "body")
    return Signed(**{name: changes.get(name, getattr(request, name)) for name in names})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        *(("GET", path, b"") for path in PATHS),
        ("POST", "/live/@connections/uV8iW0VYZSoCFaQ%3D", b"hi"),
        ("POST", "/live/%40connections/uV8iW0VYZSoCFaQ%3D", b"\xff\x00"),
        ("DELETE", "/live/@connections/x", b""),
        ("POST", "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations", b"{}"),
    ],
)
def test_what_botocore_signs_is_good(method: str, path: str, body: bytes) -> None:
    request = signed(method, f"https://example.org{path}", body)
    assert signature.signer(request, KNOWN, SCOPE, MADE) == KEY


@pytest.mark.parametrize("path", PATHS)
def test_what_botocore_presigns_is_good(path: str) -> None:
    request = signed(url=f"wss://example.org{path}", expires=60)
    assert signature.signer(request, KNOWN, SCOPE, MADE) == KEY


@pytest.mark.parametrize("expires", [None, 60])
def test_a_session_token_is_part_of_it(expires: int | None) -> None:
    request = signed(key="ASIAEXAMPLE", token="the-token", expires=expires)  # noqa: S106
    assert signature.signer(request, KNOWN, SCOPE, MADE) == "ASIAEXAMPLE"
    without = signed(key="ASIAEXAMPLE", expires=expires)
    assert refused(without).kind == "UnrecognizedClientException"
    other = signed(token="surplus", expires=expires)  # noqa: S106
    assert refused(other).kind == "UnrecognizedClientException"


def test_headers_of_the_client_may_be_signed() -> None:
    request = signed(headers={"X-Two": "a   b", "Content-Type": "text/plain"})
    assert signature.signer(request, KNOWN, SCOPE, MADE) == KEY


@pytest.mark.parametrize(
    "request_",
    [
        Signed(
            "POST",
            "/dev/@connections/uV8iW0VYZSoCFaQ%3D",
            "",
            (
                ("X-Amz-Date", "20240430T134401Z"),
                ("Host", "127.0.0.1:8080"),
                ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("Content-Length", "8"),
                (
                    "Authorization",
                    f"{AWS4}SignedHeaders=content-length;content-type;host;x-amz-date, Signature="
                    "1b6765ffa15a5431b25d13654edf8909993b3d3dc866d10ae4a04104e1762ccb",
                ),
            ),
            b"hi there",
        ),
        Signed(
            "GET",
            "/dev",
            "a=b%20c&a=%C3%A9&z=",
            (
                ("X-Amz-Date", "20240430T134401Z"),
                ("Host", "127.0.0.1:8080"),
                (
                    "Authorization",
                    f"{AWS4}SignedHeaders=host;x-amz-date, Signature="
                    "bea05c8cf69e5cdd558cb15696738fa7a16d0744300ead8b7b686d198946c69d",
                ),
            ),
        ),
        Signed(
            "GET",
            "/dev",
            f"t=1&X-Amz-Date=20240430T134401Z&X-Amz-Expires=60&{AWS4_QUERY}"
            "4831f56f33eba96d57adc7ba901900af0c238d08350ed5d422ef14307c3cf6b1",
            (("Host", "127.0.0.1:8080"),),
        ),
        Signed(
            "GET",
            "/dev",
            f"X-Amz-Date=20240430T134401Z&{AWS4_QUERY}"
            "c79e721b609ab3c9ba446f50ac087f47a916e096b540cd1ea941dd384beec172",
            (("Host", "127.0.0.1:8080"),),
        ),
    ],
)
def test_what_aws4_signed_is_good(request_: Signed) -> None:
    assert signature.signer(request_, KNOWN, SCOPE, MADE) == KEY


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "POST"},
        {"path": "/live2"},
        {"query": "a=2"},
        {"query": ""},
        {"body": b"x"},
    ],
)
def test_nothing_that_is_signed_may_change(changes: dict[str, Any]) -> None:
    request = changed(signed(url="https://example.org/live?a=1"), **changes)
    error = refused(request)
    assert error.kind == "InvalidSignatureException"
    assert error.text.startswith(
        "The request signature we calculated does not match the signature you provided."
    )
    assert "The Canonical String for this request should have been" in error.text
    assert SECRET not in error.text


def test_the_host_is_the_one_that_was_sent() -> None:
    request = signed()
    headers = tuple((n, "localhost:8080" if n == "Host" else v) for n, v in request.headers)
    assert refused(changed(request, headers=headers)).kind == "InvalidSignatureException"


def test_a_wrong_secret_and_an_unknown_key_are_told_apart() -> None:
    assert refused(signed(secret="no")).kind == "InvalidSignatureException"  # noqa: S106
    assert refused(signed(key="AKIDOTHER")).kind == "UnrecognizedClientException"


def test_a_signature_that_is_no_ascii_is_wrong() -> None:
    headers = (
        ("Host", "h"),
        ("X-Amz-Date", "20240430T134401Z"),
        ("Authorization", f"{AWS4}SignedHeaders=host;x-amz-date, Signature=\xe9\xff"),
    )
    assert refused(Signed("GET", "/\xe9", "\xe9=%ff", headers)).kind == "InvalidSignatureException"


def test_without_a_signature() -> None:
    error = refused(Signed("GET", "/live", "a=1", (("Host", "example.org"),)))
    assert (error.kind, error.text) == (
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (Scope("us-east-1", "execute-api"), "valid region, not 'us-east-1'"),
        (Scope("eu-west-1", "lambda"), "correct service: 'execute-api'"),
    ],
)
def test_it_is_made_for_this_service_in_this_region(scope: Scope, words: str) -> None:
    assert words in refused(signed(scope=scope)).text


@pytest.mark.parametrize("offset", [-5 * MINUTE, 0, 5 * MINUTE])
def test_clocks_may_differ_by_five_minutes(offset: int) -> None:
    assert signature.signer(signed(), KNOWN, SCOPE, MADE + offset) == KEY


def test_a_signature_expires_and_is_not_of_the_future() -> None:
    late = refused(signed(), MADE + 5 * MINUTE + 1000)
    assert late.text == (
        "Signature expired: 20240430T134401Z is now earlier than 20240430T134402Z "
        "(20240430T134902Z - 5 min.)"
    )
    early = refused(signed(), MADE - 5 * MINUTE - 1000)
    assert early.text == (
        "Signature not yet current: 20240430T134401Z is still later than 20240430T134400Z "
        "(20240430T133900Z + 5 min.)"
    )


def test_a_presigned_query_says_how_long_it_is_good() -> None:
    request = signed(expires=3600)
    assert signature.signer(request, KNOWN, SCOPE, MADE + 60 * MINUTE) == KEY
    assert "expired" in refused(request, MADE + 60 * MINUTE + 1000).text


@pytest.mark.parametrize("expires", [-1, 0, 604_801])
def test_a_presigned_query_is_good_for_a_week_at_most(expires: int) -> None:
    assert refused(signed(expires=expires)).kind == "InvalidSignatureException"


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer token",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=x",
        f"{AWS4}SignedHeaders=host",
        f"{AWS4}Signature=00",
        f"AWS4-HMAC-SHA512 {AWS4[17:]}SignedHeaders=host, Signature=00",
        "",
    ],
)
def test_what_is_no_signature_is_incomplete(authorization: str) -> None:
    headers = (("Host", "h"), ("X-Amz-Date", "20240430T134401Z"), ("Authorization", authorization))
    assert refused(Signed("GET", "/", "", headers)).kind == "IncompleteSignatureException"


@pytest.mark.parametrize("date", ["", "yesterday", "2024-04-30T13:44:01Z", "20240431T134401Z"])
def test_a_date_that_is_none(date: str) -> None:
    headers = (
        ("Host", "h"),
        ("X-Amz-Date", date),
        ("Authorization", f"{AWS4}SignedHeaders=host;x-amz-date, Signature=00"),
    )
    assert "Exception" in refused(Signed("GET", "/", "", headers)).kind


@pytest.mark.parametrize("names", ["x-amz-date", "host;x-amz-date;x-absent"])
def test_the_host_and_all_that_is_listed_must_be_signed(names: str) -> None:
    headers = (
        ("Host", "h"),
        ("X-Amz-Date", "20240430T134401Z"),
        ("Authorization", f"{AWS4}SignedHeaders={names}, Signature=00"),
    )
    assert refused(Signed("GET", "/", "", headers)).kind == "InvalidSignatureException"


def test_a_credential_tells_no_secret() -> None:
    assert "secret" not in repr(Credential("secret", "token-secret"))
