"""The keys that an issuer publishes: fetched over HTTPS, and remembered within bounds."""

from __future__ import annotations

import importlib.util
import json
import logging
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from handlers.core.issuer import BadKeySet, keys_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPMessage
    from typing import IO

    import jwt

    Fetch = Callable[[str], object]

log = logging.getLogger(__name__)

DISCOVERY = "/.well-known/openid-configuration"
# Keys are fetched again when they are older than that.
FRESH_FOR_SECONDS = 300.0
# While the issuer does not answer, its keys go on for so long; then its tickets are refused.
STALE_FOR_SECONDS = 86_400.0
# Between two attempts, whatever came of the first: a crowd of tickets with keys that nothing knows
# makes one request, and so does an issuer that is down.
RETRY_AFTER_SECONDS = 30.0
# For the keys, and before them for the document that says where they are. A last wait may take as
# long again, and API Gateway waits ten seconds.
FETCH_SECONDS = 2.0
MAX_BYTES = 65_536
CHUNK_BYTES = 16_384


class NotFetched(Exception):
    """The issuer's keys could not be had; the message says where and why."""


class MissingKeys(Exception):
    """The issuer does not give its keys, so whether a ticket is right cannot be said."""


class MissingLibrary(Exception):
    """The package was built without what verifies an issuer's tickets."""


class IssuerKeys:
    """Of one issuer. Without the keys' URL, the issuer's OpenID configuration names it."""

    def __init__(
        self,
        issuer: str,
        keys_url: str | None = None,
        *,
        fetch: Fetch | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises MissingLibrary."""
        if importlib.util.find_spec("cryptography") is None:
            raise MissingLibrary(
                "TicketIssuer is set, and AuthorizeFunction was built without the library that "
                "verifies its tickets; build with ISSUER=yes sam build, and deploy again"
            )
        self._issuer, self._keys_url = issuer, keys_url
        self._fetch, self._now = fetch or fetch_json, now
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = -STALE_FOR_SECONDS
        self._failure: Exception | None = None

    def find(self, kid: str) -> jwt.PyJWK | None:
        """The key of this id. Fetches them if they are old, or do not have it, but not often.

        Raises MissingKeys when the last attempt failed, and what is left does not have it.
        """
        now = self._now()
        is_old = now >= self._fetched_at + FRESH_FOR_SECONDS
        if (is_old or kid not in self._keys) and now >= self._tried_at + RETRY_AFTER_SECONDS:
            self._tried_at = now
            self._refresh(now)
        if now >= self._fetched_at + STALE_FOR_SECONDS:
            self._keys = {}
        if kid not in self._keys and self._failure:
            raise MissingKeys(f"the ticket issuer's keys cannot be had: {self._failure}")
        return self._keys.get(kid)

    def _refresh(self, now: float) -> None:
        try:
            self._keys = keys_in(self._fetch(self._keys_url or self._discovered()))
        except (NotFetched, BadKeySet) as error:
            log.warning("the ticket issuer's keys are as before: %s", error)
            self._failure = error
        else:
            self._fetched_at, self._failure = now, None

    def _discovered(self) -> str:
        """https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig (2026-11-30)"""
        about = self._fetch(self._issuer.rstrip("/") + DISCOVERY)
        if not isinstance(about, dict) or about.get("issuer") != self._issuer:
            raise NotFetched(f"the OpenID configuration of {self._issuer} is of another issuer")
        url = about.get("jwks_uri")
        if not isinstance(url, str):
            raise NotFetched(f"the OpenID configuration of {self._issuer} has no `jwks_uri`")
        return url


def fetch_json(url: str) -> object:
    """The JSON at a URL, without a redirect. Raises NotFetched."""
    if not is_safe(url):
        raise NotFetched(f"{url} is not https")
    ends_at = time.monotonic() + FETCH_SECONDS
    body = bytearray()
    try:
        with _opener().open(url, timeout=FETCH_SECONDS) as response:
            while chunk := response.read1(CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise NotFetched(f"{url} is larger than {MAX_BYTES} bytes")
                if time.monotonic() > ends_at:
                    raise NotFetched(f"{url} did not end within {FETCH_SECONDS:g} s")
        return json.loads(body)
    except (OSError, urllib.error.URLError, ValueError, RecursionError) as error:
        raise NotFetched(f"{url}: {type(error).__name__}: {error}") from error


def is_safe(url: str) -> bool:
    """HTTPS; plain HTTP only to this machine, for development."""
    try:
        place = urlsplit(url)
        return place.scheme == "https" or (
            place.scheme == "http" and place.hostname in {"127.0.0.1", "localhost"}
        )
    except ValueError:
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Its answer would be from a place that is not configured."""

    def redirect_request(  # noqa: PLR0913, PLR0917  # urllib's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def _opener() -> Any:
    return urllib.request.build_opener(_NoRedirect)
