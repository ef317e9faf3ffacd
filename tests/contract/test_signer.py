"""Our signer against botocore's own, and against a verifier that is neither's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError, NoCredentialsError, NoRegionError
from hypothesis import given
from hypothesis import strategies as st

from handlers.adapters.gateway.sigv4 import Signer
from wsgate.core.signature import Credential, Scope, Signed, signer

REGION = "eu-west-1"
FOLDER = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/live/@connections/"
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@dataclass
class FakeSession:
    credentials: Any
    region: str | None = REGION

    def get_credentials(self) -> Any:
        return self.credentials

    def get_config_variable(self, name: str) -> Any:
        assert name == "region"
        return self.region


def signer_of(credentials: Any, region: str | None = REGION) -> Signer:
    return Signer(FakeSession(credentials, region))


def botocores(
    credentials: Any, method: str, url: str, body: bytes, now: datetime
) -> dict[str, str]:
    """What botocore adds to a request then; names in lower case."""
    request = AWSRequest(method, url, data=body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: now.replace(tzinfo=None))
        SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def seconds(now: datetime) -> int:
    return int(now.timestamp())


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in {".", ".."}
)
places = st.sampled_from(
    [FOLDER, "http://127.0.0.1:8080/@connections/", "https://[::1]:1/ä b/~c/@connections/"]
)


@given(
    st.sampled_from(["POST", "GET", "DELETE"]),
    places,
    names,
    st.binary(),
    st.none() | st.text("AZaz09+/=", min_size=1),
)
def test_it_signs_as_botocore_does(
    method: str, folder: str, name: str, body: bytes, token: str | None
) -> None:
    credentials = Credentials("key", "secret", token)
    ours = signer_of(credentials)
    name = quote(name, safe="")
    signed = ours.headers(method, folder, name, body, seconds(NOON))
    assert signed.pop("host") == urlsplit(folder).netloc
    assert signed == botocores(credentials, method, folder + name, body, NOON)


@pytest.mark.parametrize("token", [None, "token"])
def test_a_verifier_takes_it_and_nothing_that_was_changed(token: str | None) -> None:
    ours = signer_of(Credentials("key", "secret", token))
    headers = ours.headers("POST", FOLDER, "a%3D", b"hi", seconds(NOON))
    known, scope = {"key": Credential("secret", token)}, Scope(REGION, "execute-api")

    def verified(path: str, body: bytes) -> str:
        sent = Signed("POST", path, "", tuple(headers.items()), body)
        return signer(sent, known, scope, seconds(NOON) * 1000)

    assert verified("/live/@connections/a%3D", b"hi") == "key"
    for path, body in (("/live/@connections/b%3D", b"hi"), ("/live/@connections/a%3D", b"ho")):
        with pytest.raises(Exception, match="signature"):
            verified(path, body)


def test_the_key_of_a_day_is_not_that_of_the_next() -> None:
    credentials = Credentials("key", "secret")
    ours = signer_of(credentials)
    for now in (NOON, NOON, NOON + timedelta(hours=11, minutes=59), NOON + timedelta(hours=12)):
        signed = ours.headers("POST", FOLDER, "a%3D", b"hi", seconds(now))
        theirs = botocores(credentials, "POST", f"{FOLDER}a%3D", b"hi", now)
        assert signed["authorization"] == theirs["authorization"]


def test_renewed_credentials_are_used_at_once() -> None:
    made = 0

    def renew() -> dict[str, str]:
        nonlocal made
        made += 1
        # Always about to expire: each use renews them.
        expiry = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        return {
            "access_key": f"key{made}",
            "secret_key": f"secret{made}",
            "token": f"token{made}",
            "expiry_time": expiry,
        }

    ours = signer_of(RefreshableCredentials.create_from_metadata(renew(), renew, "test"))
    first, second = (ours.headers("GET", FOLDER, "a%3D", b"", seconds(NOON)) for _ in range(2))
    assert first["x-amz-security-token"] != second["x-amz-security-token"]
    for signed in (first, second):
        number = signed["x-amz-security-token"].removeprefix("token")
        known = {f"key{number}": Credential(f"secret{number}", f"token{number}")}
        sent = Signed("GET", "/live/@connections/a%3D", "", tuple(signed.items()))
        scope = Scope(REGION, "execute-api")
        assert signer(sent, known, scope, seconds(NOON) * 1000) == f"key{number}"


def test_without_credentials_there_is_no_signature() -> None:
    with pytest.raises(NoCredentialsError):
        signer_of(None)
    with pytest.raises(NoRegionError):
        signer_of(Credentials("key", "secret"), region=None)


def test_credentials_that_cannot_be_renewed_are_botocores_error() -> None:
    def fail() -> dict[str, str]:
        raise CredentialRetrievalError(provider="test", error_msg="no answer")

    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    old = {"access_key": "key", "secret_key": "secret", "token": "token", "expiry_time": past}
    with pytest.raises(CredentialRetrievalError):
        signer_of(RefreshableCredentials.create_from_metadata(old, fail, "test"))
