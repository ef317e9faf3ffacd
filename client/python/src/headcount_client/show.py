"""What a show does with its audience: questions, and reveals at one instant."""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import b64decode
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from headcount_client.listeners import Listeners

if TYPE_CHECKING:
    from collections.abc import Callable

    from headcount_client.client import Headcount

_RANDOM = SystemRandom()
# In seconds. So long before the instant the time has been asked for once more.
ASKED_BY = 1.0
# In milliseconds. So long a tally is news.
TOLD_FOR = 600_000
# As handlers/core/sealing.py has them.
INFO, SALT = b"headcount reveal", bytes(32)


class Show:
    """The questions and reveals of a client's audience. Make it before the client connects.

    Listen with `on(name, listener)`; the names are those of `Show` in the browser: question,
    answer, result, sealed, reveal, unreadable and cancelled.
    """

    def __init__(
        self, headcount: Headcount, *, random: Callable[[], float] = _RANDOM.random
    ) -> None:
        self._headcount = headcount
        self._random = random
        self._listeners = Listeners()
        # What was told, by the seq of its news.
        self._told: dict[int, dict[str, str]] = {}
        # The last type of event of each question for listed users.
        self._listed_states: dict[str, str] = {}
        # What is known of each reveal. Its key may come before what it opens.
        self._reveals: dict[str, dict[str, Any]] = {}
        headcount.on("news", self._news)
        headcount.on("news_cancelled", self._cancelled)
        headcount.on("event", self._event)
        # A question that ends in it is not asked first.
        headcount.on("snapshot", lambda told: list(map(self._listed, reversed(told["events"]))))

    def on(self, name: str, listener: Callable[[Any], object]) -> Callable[[], None]:
        """Call the listener with each of this name. Returns a function that removes it."""
        return self._listeners.add(name, listener)

    async def answer(self, question_id: str, option: int) -> dict[str, Any]:
        """Answer a question. Returns question_id, outcome, and the option that counts: the user's
        first, on whichever device. Raises HeadcountError.
        """
        answer = await self._headcount.answer(question_id, option)
        self._listeners.tell("answer", answer)
        return answer

    def _event(self, event: dict[str, Any]) -> None:
        """The user has answered on another device."""
        if event["type"] == "question.answered":
            body = event["body"]
            self._listeners.tell("answer", {"outcome": "answered", **body})
        else:
            self._listed(event)

    def _listed(self, event: dict[str, Any]) -> None:
        """A question for listed users is told in their streams: each part of it once."""
        kind, body, now = event["type"], event["body"], self._headcount.server_now()
        if kind not in ("question.opened", "question.closed", "question.cancelled"):
            return
        question_id, known = body["question_id"], self._listed_states.get(body["question_id"])
        if kind == "question.opened":
            if body["expires_at"] > now and known is None:
                self._listed_states[question_id] = kind
                self._listeners.tell("question", body)
        elif known != kind:
            self._listed_states[question_id] = kind
            if event["at"] + TOLD_FOR > now:
                name = "result" if kind == "question.closed" else "cancelled"
                self._listeners.tell(name, body)

    def _news(self, news: dict[str, Any]) -> None:
        kind, body = news["type"], news["body"]
        if kind == "question.opened":
            self._told[news["seq"]] = {"question_id": body["question_id"]}
            self._listeners.tell("question", body)
        elif kind == "question.closed":
            self._listeners.tell("result", body)
        elif kind == "reveal.sealed":
            self._told[news["seq"]] = {"reveal_id": body["reveal_id"]}
            names = ("reveal_id", "reveals_at")
            self._listeners.tell("sealed", {name: body[name] for name in names})
            self._know(body)
        elif kind == "reveal.key":
            self._know(body)

    def _know(self, told: dict[str, Any]) -> None:
        reveal = self._reveals.setdefault(told["reveal_id"], {})
        reveal |= told
        if "sealed" not in reveal or "key" not in reveal:
            return
        try:
            content = opened(reveal["sealed"], reveal["key"])
        except (ValueError, TypeError) as error:
            unreadable = {"reveal_id": told["reveal_id"], "reason": str(error)}
            self._listeners.tell("unreadable", unreadable)
            return
        self._ask_for_the_time(reveal["reveals_at"])
        self._reveal_at(reveal, content)

    def _ask_for_the_time(self, reveals_at: float) -> None:
        """At a random moment, for all clients do so; and a second time, for one may be slow."""
        left = (reveals_at - self._headcount.server_now()) / 1_000 - ASKED_BY
        if left > 0:
            for half in (0, 1):
                moment = (half + self._random()) * left / 2
                asyncio.get_running_loop().call_later(moment, self._headcount.wake)

    def _reveal_at(self, reveal: dict[str, Any], content: Any) -> None:
        reveal_id = reveal["reveal_id"]
        if reveal_id not in self._reveals:
            return
        left = (reveal["reveals_at"] - self._headcount.server_now()) / 1_000
        if left <= 0:
            self._listeners.tell("reveal", {"reveal_id": reveal_id, "content": content})
            return
        # In halves, because what is known of the server's clock becomes better.
        wait = left / 2 if left > 0.1 else left  # noqa: PLR2004  # seconds
        asyncio.get_running_loop().call_later(wait, self._reveal_at, reveal, content)

    def _cancelled(self, news: dict[str, Any]) -> None:
        if told := self._told.get(news["seq"]):
            self._reveals.pop(told.get("reveal_id", ""), None)
            self._listeners.tell("cancelled", told)


def opened(sealed: str, key: str) -> Any:
    """Open what was sealed, both as base64. Raises ValueError for a wrong key.

    It is combined (XOR) with what HKDF-SHA-256 (RFC 5869) makes of the key.
    """
    data = b64decode(sealed, validate=True)
    secret = hmac.digest(SALT, b64decode(key, validate=True), "sha256")
    stream, block, number = b"", b"", 0
    while len(stream) < len(data):
        number += 1
        block = hmac.digest(secret, block + INFO + bytes([number]), "sha256")
        stream += block
    return json.loads(bytes(a ^ b for a, b in zip(data, stream, strict=False)))
