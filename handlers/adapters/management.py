"""API Gateway's connection-management API over HTTP, by aiohttp and botocore's signature.

Imported at the first push: it takes longer than all else that a cold start loads, and most events
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

from handlers.adapters.connections import Undelivered, Unreachable
from handlers.adapters.signer import Signer

TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=1, sock_read=3)
# What boto3 does not send either, or what says nothing to API Gateway.
NOT_SENT = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Management:
    """Signed requests over kept connections, and what is answered.

    Credentials, region and AWS_CA_BUNDLE are those that boto3 would find. No proxy is asked for.
    """

    def __init__(self, at_once: int) -> None:
        """Make it inside the event loop it is for. Raises Undelivered: nobody to sign for."""
        session = botocore.session.Session()
        try:
            self._signer = Signer(session)
        except BotoCoreError as error:
            raise Undelivered(str(error)) from error
        authorities = session.get_config_variable("ca_bundle")
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=at_once,
                ssl=ssl.create_default_context(cafile=authorities) if authorities else True,
            ),
            timeout=TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=NOT_SENT,
            auto_decompress=False,
        )

    async def ask(
        self, method: str, endpoint: str, connection_id: str, body: bytes
    ) -> tuple[int, str]:
        """The status, and in words what was answered if not what was asked for.

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
                return answer.status, "" if answer.ok else _words(answer, text)
        except (BotoCoreError, aiohttp.InvalidURL) as error:
            raise Undelivered(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        except ValueError as error:  # no URL either; a certificate's error, above, is one too
            raise Undelivered(str(error)) from error

    async def end(self) -> None:
        """Close the kept connections."""
        await self._http.close()


def _words(answer: aiohttp.ClientResponse, text: bytes) -> str:
    kind = answer.headers.get("x-amzn-ErrorType", "")
    return f"{answer.status} {kind} {text[:500].decode(errors='replace')}"
