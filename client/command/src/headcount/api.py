"""The HTTP API, asked with bounds: of time, of size, and of how often.

A request is sent again until an answer comes or the patience is out. Each order has an id that the
command made, so one whose answer was lost does nothing twice.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, ProtocolError, SSLError
from urllib3.exceptions import TimeoutError as HTTPTimeout

from headcount.errors import Failed, Unanswered, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from urllib3.response import BaseHTTPResponse

    Query = Iterable[tuple[str, str]]

# A function behind API Gateway has 29 seconds.
MAX_ANSWER_SECONDS = 30.0
MAX_CONNECT_SECONDS = 10.0
# The largest are pages, of some 5 MB.
MAX_ANSWER_BYTES = 32 * 2**20
FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 10.0
REFUSED_FROM = 400
REDIRECTED_FROM = 300
IS_IT = "is this the address of the API, and not of its pages, or of something else?"


class Document(dict[str, Any]):
    """A JSON object of an answer."""

    def __missing__(self, name: str) -> Any:
        """Raises Failed."""
        raise Failed(f"the answer has no `{name}`: {IS_IT}")


@dataclass(frozen=True)
class Answer:
    """An answer below 300."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Document:
        """Raises Failed if it is no JSON object."""
        try:
            document = json.loads(self.body, object_hook=Document)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, Document):
            raise Failed(f"the answer is no JSON object: {IS_IT}")
        return document


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: Mapping[str, object] | None = None
    query: Query = ()
    is_repeatable: bool = True
    """Whether the same request twice does what it does once."""


class Api:
    """`patience`: for so many seconds a request is sent again that may get its answer yet."""

    def __init__(self, url: str, token: str, patience: float, say: Callable[[str], None]) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._patience = patience
        self._say = say
        self._http = urllib3.PoolManager(maxsize=1)

    def close(self) -> None:
        self._http.clear()

    def get(self, path: str, query: Query = ()) -> Document:
        """The answer to a GET. Raises Failed."""
        return self.send(Request("GET", path, query=query)).json()

    def send(self, request: Request) -> Answer:
        """Raises Failed."""
        until = time.monotonic() + self._patience
        window, is_repeated = FIRST_WAIT_SECONDS, False
        while True:
            try:
                return self._send_once(request, until - time.monotonic())
            except Failed as error:
                error.is_repeated = is_repeated
                wait = max(error.retry_after_seconds, random.uniform(window / 2, window))  # noqa: S311
                if not error.may_pass or time.monotonic() + wait >= until:
                    raise
                if not (request.is_repeatable or error.is_undone):
                    raise
                self._say(f"{error}: asking again")
            time.sleep(wait)
            is_repeated = True
            window = min(2 * window, MAX_WAIT_SECONDS)

    def _send_once(self, request: Request, seconds: float) -> Answer:
        seconds = min(max(seconds, 0.001), MAX_ANSWER_SECONDS)
        try:
            return self._exchange(request, time.monotonic() + seconds)
        except ConnectTimeoutError as error:
            why, was_sent, may_pass = f"no connection: {_reason(error)}", False, True
        except SSLError as error:
            why, was_sent, may_pass = f"no TLS that is trusted: {_reason(error)}", False, False
        except (HTTPTimeout, TimeoutError):
            why, was_sent, may_pass = f"no answer within {seconds:.0f} s", True, True
        except ProtocolError as error:
            why, was_sent, may_pass = f"no answer: {_reason(error)}", True, True
        except HTTPError as error:
            why, was_sent, may_pass = f"cannot be asked: {_reason(error)}", True, False
        raise Unanswered(f"{self.url}: {why}", was_sent=was_sent, may_pass=may_pass)

    def _exchange(self, request: Request, until: float) -> Answer:
        seconds = until - time.monotonic()
        response = self._http.request(
            request.method,
            self.url + request.path + _query(request.query),
            body=None if request.body is None else json.dumps(request.body).encode(),
            headers=self._headers(request),
            timeout=urllib3.Timeout(connect=min(seconds, MAX_CONNECT_SECONDS), read=seconds),
            retries=False,
            redirect=False,  # a token goes to no other address
            preload_content=False,
        )
        try:
            body = _read(response, until)
        finally:
            response.close()
        if response.status >= REFUSED_FROM:
            raise refusal(response.status, body, response.headers.get("retry-after"))
        if response.status >= REDIRECTED_FROM:
            raise Failed(
                f"the API sends this on to {response.headers.get('location')}: is that the "
                "address to ask?",
                "redirected",
                response.status,
            )
        return Answer(response.status, response.headers, body)

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"User-Agent": "headcount-command"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        return headers


def _read(response: BaseHTTPResponse, until: float) -> bytes:
    """The body. Raises TimeoutError for one that drips, Failed for one without an end."""
    body = bytearray()
    while part := response.read1(2**16):
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise Failed(f"the answer has more than {MAX_ANSWER_BYTES // 2**20} MiB")
        if time.monotonic() > until:
            raise TimeoutError
    return bytes(body)


def _query(query: Query) -> str:
    encoded = urlencode(list(query))
    return f"?{encoded}" if encoded else ""


def _reason(error: Exception) -> str:
    """The innermost reason, without the addresses of objects that urllib3 puts before it."""
    inner = error.args[-1] if error.args else error
    return str(inner).rpartition(": ")[2] or type(inner).__name__
