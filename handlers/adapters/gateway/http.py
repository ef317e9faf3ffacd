"""Requests to the connection-management API, with botocore's signature, over kept connections.

It takes longer to import than all else, so functions that seldom push do it at their first push.
"""

from __future__ import annotations

import os
import re
import ssl
from functools import lru_cache, partial
from time import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from botocore.credentials import Credentials, EnvProvider
from botocore.exceptions import BotoCoreError

from handlers.adapters.gateway.connection_pool import Answer, ConnectionPool, Host
from handlers.adapters.gateway.errors import Undelivered, Unreachable
from handlers.adapters.gateway.sigv4 import Signer

if TYPE_CHECKING:
    from botocore.session import Session

PORTS = {"https": 443, "http": 80}
# A blank or the end of a line would end what it stands in.
PRINTED = re.compile(r"[!-~]+")


class GatewayHttp:
    """Sends signed requests.

    Credentials, region and AWS_CA_BUNDLE are those that boto3 would find. Proxies are not used.
    """

    def __init__(self, max_concurrent_calls: int) -> None:
        """Call it within the event loop that it is for. Raises Undelivered without credentials."""
        session = _session()
        try:
            self._signer = Signer(session)
        except BotoCoreError as error:
            raise Undelivered(str(error)) from error
        authorities = session.get_config_variable("ca_bundle")
        tls = partial(ssl.create_default_context, cafile=authorities)
        self._pool = ConnectionPool(max_concurrent_calls, tls)

    async def call(
        self, method: str, endpoint: str, connection_id: str, body: bytes
    ) -> tuple[int, str]:
        """The status of the answer, and its text if the call failed.

        Raises Unreachable, or Undelivered when the request never left this machine.
        """
        folder, name = f"{endpoint}/@connections/", quote(connection_id, safe="")
        try:
            host, path = _place(folder)
            headers = self._signer.headers(method, folder, name, body, int(time()))
            request = _request(method, path + name, headers, body)
            answer = await self._pool.call(host, request)
        except OSError as error:  # errors of certificates are ValueErrors, too
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        except (BotoCoreError, ValueError) as error:
            raise Undelivered(str(error)) from error
        return answer.status, "" if answer.is_ok else _failure(answer)

    async def aclose(self) -> None:
        """Close the kept connections."""
        self._pool.close()


@lru_cache
def _place(folder: str) -> tuple[Host, str]:
    """The host to ask, and the path as it is sent. Raises ValueError."""
    url = urlsplit(folder)
    is_more = url.username is not None or url.query or url.fragment
    if url.scheme not in PORTS or not url.hostname or is_more or not PRINTED.fullmatch(folder):
        raise ValueError(f"not the URL of an API: {folder!r}")
    return Host(url.hostname, url.port or PORTS[url.scheme], url.scheme == "https"), url.path


def _request(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {path} HTTP/1.1\r\n{fields}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class _Environment:
    """What Lambda gives each function: credentials and region, as botocore's session has them."""

    def get_credentials(self) -> Credentials | None:
        return EnvProvider().load()

    def get_config_variable(self, name: str) -> str | None:
        names = {"region": "AWS_DEFAULT_REGION", "ca_bundle": "AWS_CA_BUNDLE"}
        return os.environ.get(names[name])


def _session() -> Session | _Environment:
    """Do without botocore's session where that is possible: it imports all of botocore."""
    if os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_DEFAULT_REGION"):
        return _Environment()
    from botocore.session import Session  # noqa: PLC0415

    return Session()


def _failure(answer: Answer) -> str:
    kind = answer.headers.get(b"x-amzn-errortype", b"").decode(errors="replace")
    return f"{answer.status} {kind} {answer.body[:500].decode(errors='replace')}"
