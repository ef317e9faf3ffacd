"""Clients that sign, with botocore's own signers."""

from __future__ import annotations

from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

LOCAL = Credentials("local", "local")
REGION = "eu-west-1"


def header(url: str, credentials: Credentials = LOCAL, host: str | None = None) -> dict[str, str]:
    """The headers that sign a handshake of `url`, Host left to the client."""
    named = urlsplit(url)._replace(netloc=host or urlsplit(url).netloc)
    request = AWSRequest("GET", named.geturl().replace("ws:", "https:", 1))
    SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
    return dict(request.headers.items())


def presigned(url: str, credentials: Credentials = LOCAL, expires: int = 60) -> str:
    """The URL that a browser would open."""
    request = AWSRequest("GET", url)
    SigV4QueryAuth(credentials, "execute-api", REGION, expires).add_auth(request)
    return str(request.url)
