"""botocore's Signature Version 4, for the requests of the connection-management API."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import quote, urlsplit

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.exceptions import NoCredentialsError, NoRegionError

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

SERVICE = "execute-api"


class Session(Protocol):
    """What is asked of botocore's session."""

    def get_credentials(self) -> Credentials | None: ...
    def get_config_variable(self, name: Literal["region"], /) -> str | None: ...


class Signer:
    """Signs with the credentials and the region that boto3 would find."""

    def __init__(self, session: Session) -> None:
        """Raises a BotoCoreError: there are no credentials, or no region."""
        credentials, region = session.get_credentials(), session.get_config_variable("region")
        if credentials is None:
            raise NoCredentialsError
        if region is None:
            raise NoRegionError
        self._credentials, self._region = credentials, region
        self._auth = self._auth_of(credentials.get_frozen_credentials())

    def headers(self, method: str, folder: str, name: str, body: bytes, now: int) -> dict[str, str]:
        """What a request for `{folder}{name}` carries, `host` among it.

        `folder` is a URL up to a slash, `name` one segment, encoded as it is sent; `now` in seconds
        since the epoch. Raises a BotoCoreError when credentials are due for renewal and cannot be
        renewed. Renewing holds up the event loop; those that Lambda gives a function never are.
        """
        frozen = self._credentials.get_frozen_credentials()
        if frozen != self._auth.credentials:
            self._auth = self._auth_of(frozen)
        host, path = _place(folder)
        path += name.replace("%", "%25")
        request = _Request(method, path, {"host": host}, body, {"timestamp": _timestamp(now)})
        self._auth.add_auth(request)
        return request.headers

    def _auth_of(self, credentials: ReadOnlyCredentials) -> _Auth:
        return _Auth(credentials, SERVICE, self._region)


@lru_cache
def _place(folder: str) -> tuple[str, str]:
    """The host, and the path as it is signed: encoded once more than it is sent."""
    parts = urlsplit(folder)
    return parts.netloc, quote(parts.path, safe="/~")


@lru_cache(1)
def _timestamp(now: int) -> str:
    return strftime(SIGV4_TIMESTAMP, gmtime(now))


@dataclass(slots=True)
class _Request:
    """What is read of an AWSRequest, whose headers are an e-mail message and take their time."""

    method: str
    path: str
    """As it is signed."""
    headers: dict[str, str]
    """In the order that is signed."""
    body: bytes
    context: dict[str, str]


class _Auth(SigV4Auth):
    """botocore's own, without what is the same for all our requests: the key of a day, the way from
    a URL to its path, a query: most of what signing took, which was nearly half of a push.
    """

    _region_name: str
    _service_name: str
    _day, _key = "", b""

    def add_auth(self, request: Any) -> None:
        headers = request.headers
        headers["x-amz-date"] = request.context["timestamp"]
        if self.credentials.token:
            headers["x-amz-security-token"] = self.credentials.token
        signed = ";".join(headers)
        signature = self.signature(
            self.string_to_sign(request, self.canonical_request(request)), request
        )
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.scope(request)}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )

    def canonical_request(self, request: Any) -> str:
        lines = "".join(f"{name}:{value}\n" for name, value in request.headers.items())
        signed, digest = ";".join(request.headers), sha256(request.body).hexdigest()
        return f"{request.method}\n{request.path}\n\n{lines}\n{signed}\n{digest}"

    def signature(self, string_to_sign: str, request: Any) -> str:
        day = request.context["timestamp"][:8]
        if day != self._day:
            self._day, self._key = day, self._key_of(day)
        return hmac.digest(self._key, string_to_sign.encode(), "sha256").hex()

    def _key_of(self, day: str) -> bytes:
        key = f"AWS4{self.credentials.secret_key}".encode()
        for part in (day, self._region_name, self._service_name, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
