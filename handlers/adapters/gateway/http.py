"""Requests to the connection-management API, sent by aiohttp with botocore's signature.

It takes longer to import than all else, so functions that seldom push do it at their first push.
"""

from __future__ import annotations

import os
import ssl
from time import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
from botocore.credentials import Credentials, EnvProvider
from botocore.exceptions import BotoCoreError
from yarl import URL

from handlers.adapters.gateway.errors import Undelivered, Unreachable
from handlers.adapters.gateway.sigv4 import Signer

if TYPE_CHECKING:
    from botocore.session import Session

TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=1, sock_read=3)
# boto3 does not send these either, or API Gateway ignores them.
NOT_SENT = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class GatewayHttp:
    """Sends signed requests over kept connections.

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
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=max_concurrent_calls,
                ssl=ssl.create_default_context(cafile=authorities) if authorities else True,
            ),
            timeout=TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=NOT_SENT,
            auto_decompress=False,
        )

    async def call(
        self, method: str, endpoint: str, connection_id: str, body: bytes
    ) -> tuple[int, str]:
        """The status of the answer, and its text if the call failed.

        Raises Unreachable, or Undelivered when the request never left this machine.
        """
        folder, name = f"{endpoint}/@connections/", quote(connection_id, safe="")
        try:
            request = self._http.request(
                method,
                URL(folder + name, encoded=True),  # as it is signed
                data=body or None,
                headers=self._signer.headers(method, folder, name, body, int(time())),
                allow_redirects=False,
            )
            async with request as answer:
                text = await answer.read()
                return answer.status, "" if answer.ok else _failure(answer, text)
        except (BotoCoreError, aiohttp.InvalidURL) as error:
            raise Undelivered(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        except (
            ValueError
        ) as error:  # also a URL that is none; errors of certificates, above, are ValueErrors too
            raise Undelivered(str(error)) from error

    async def aclose(self) -> None:
        """Close the kept connections."""
        await self._http.close()


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


def _failure(answer: aiohttp.ClientResponse, text: bytes) -> str:
    kind = answer.headers.get("x-amzn-ErrorType", "")
    return f"{answer.status} {kind} {text[:500].decode(errors='replace')}"
