"""Why a command has no result."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

# A moment later the API may answer: too many requests, or a part of it is not there.
PASSING = frozenset({408, 429, 500, 502, 503, 504})


class ReaderGone(Exception):
    """The reader of the standard output has closed it."""


class Failed(Exception):
    """What is wrong and what to do, in words."""

    def __init__(
        self, detail: str, code: str = "failed", status: int | None = None, hint: str = ""
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.status = status
        """Of the API's answer; None: there was none."""
        self.hint = hint
        """What to do, where `detail` does not say it."""
        self.answer: dict[str, Any] = {}
        """The API's answer, if it was a JSON object."""
        self.retry_after_seconds = 0
        """When the API says that the same request may succeed."""
        self.is_repeated = False
        """Whether the request was sent before, and no answer came."""

    def __str__(self) -> str:
        answer = f"{self.status} {self.code}: " if self.status else ""
        return answer + self.detail + (f"\n{self.hint}" if self.hint else "")

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed in a moment."""
        return self.status in PASSING

    @property
    def is_undone(self) -> bool:
        """Whether the request has certainly changed nothing."""
        return self.status is not None and self.status < HTTPStatus.INTERNAL_SERVER_ERROR


class Unanswered(Failed):
    """No answer came. A request that was sent may have been carried out."""

    def __init__(self, detail: str, *, was_sent: bool, may_pass: bool = True) -> None:
        super().__init__(detail, "unanswered")
        self._was_sent = was_sent
        self._may_pass = may_pass

    @property
    def may_pass(self) -> bool:
        return self._may_pass

    @property
    def is_undone(self) -> bool:
        return not self._was_sent


def refusal(status: int, body: bytes, retry_after: str | None = None) -> Failed:
    """What an answer of 400 and more says: ours with `code` and `detail`, API Gateway's with
    `message`, that of anything else between with nothing to rely on.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {}
    phrase = _phrase(status)
    code = said.get("code")
    if not isinstance(code, str):
        code = phrase.lower().replace(" ", "_")
    detail = _detail(said.get("detail") or said.get("message") or phrase)
    failed = Failed(detail, code, status)
    failed.answer = said
    if retry_after and retry_after.isdecimal():
        failed.retry_after_seconds = int(retry_after)
    return failed


def _detail(said: Any) -> str:
    if not isinstance(said, list):
        return str(said)
    fields = [one for one in said if isinstance(one, dict)]
    return "; ".join(f"{_place(one.get('loc'))}: {one.get('msg')}" for one in fields)


def _place(loc: Any) -> str:
    return ".".join(map(str, loc[1:] or loc)) if isinstance(loc, list) else "the request"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"
