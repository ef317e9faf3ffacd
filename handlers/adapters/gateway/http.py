"""Requests to the connection-management API, sent by aiohttp with botocore's signature.

Imported at the first push: it takes longer than everything else of a cold start, and most events
push nothing.
"""

from __future__ import annotations

import ssl
from time import time
from urllib.parse import quote

import aiohttp
import botocore.session
from botocore.exceptions import BotoCoreError
from yarl import URL

from handlers.adapters.gateway.errors import Undelivered, Unreachable
from handlers.adapters.gateway.sigv4 import Signer

TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=1, sock_read=3)
# boto3 does not send these either, or API Gateway ignores them.
NOT_SENT = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class GatewayHttp:
    """Sends signed requests over kept connections.

    Credentials, region and AWS_CA_BUNDLE are those that boto3 would find. Proxies are not used.
    """

    def __init__(self, max_concurrent_calls: int) -> None:
        """Call it within the event loop that it is for. Raises Undelivered without credentials."""
        session = botocore.session.Session()
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


def _failure(answer: aiohttp.ClientResponse, text: bytes) -> str:
    kind = answer.headers.get("x-amzn-ErrorType", "")
    return f"{answer.status} {kind} {text[:500].decode(errors='replace')}"
