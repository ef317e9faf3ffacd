"""The last things that happened on a node: what its page shows.

To keep an entry is to keep references to what the gateway had in its hands anyway, about a
microsecond; words are made of them when somebody looks. What is kept is bounded, in number and in
bytes.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from wsgate.core.actions import Action, Fetch, Invoke, Note, SendText, Step
from wsgate.core.bill import size_of
from wsgate.core.integrations import HttpAnswer
from wsgate.logs import tone
from wsgate.model.invoke import Invocation, InvokeError
from wsgate.transport.fetch import FetchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wsgate.masking import Mask
    from wsgate.model.ids import Millis
    from wsgate.model.invoke import Ending, Invoker
    from wsgate.transport.fetch import Fetched

MAX_ENTRIES: Final = 1000
MAX_BYTES: Final = 8 * 1024 * 1024
MAX_SHOWN: Final = 300
"""Entries in one answer: a page that comes late gets the latest ones."""
MAX_ANSWER: Final = 16 * 1024
"""Characters of an answer that are shown; an event is whole, for it may become a fixture."""
_OVERHEAD: Final = 700
"""What the objects around an entry's bytes take, about."""

Entry = dict[str, Any]
"""JSON-able, always with the same keys; what is not known, or does not apply, is None."""


class Journal:
    """A ring of what was kept. Everything kept has a number, and numbers grow."""

    def __init__(self, mask: Mask, *, most: int = MAX_ENTRIES, most_bytes: int = MAX_BYTES) -> None:
        """`mask` is laid over what is shown; what is kept are references, and stays as it is."""
        self._mask = mask
        self._most, self._most_bytes = most, most_bytes
        self._ring: deque[tuple[int, int, _Kept]] = deque()
        self.last = 0
        """The number of the latest; 0 before the first."""
        self.size = 0
        """Bytes that are kept, about."""

    def said(self, text: str, actions: list[Action], now: Millis) -> None:
        """A message came. When a function is asked, `ended` has the whole of it later."""
        if actions and type(actions[-1]) is Note:
            first = actions[0]
            size = len(text) + len(first.text) if type(first) is SendText else len(text)
            self._keep(size, (now, actions, text))

    def decided(self, actions: list[Action], now: Millis) -> None:
        """Something was decided without a function: a refusal, a route that is not there."""
        if actions and type(actions[-1]) is Note:
            self._keep(0, (now, actions, None))

    def ended(
        self,
        asked: Invoke | Fetch,
        ending: Ending | Fetched,
        actions: list[Action],
        now: Millis,
    ) -> None:
        """What a backend was asked for a connection, and what was decided about its answer."""
        size = len(asked.event if isinstance(asked, Invoke) else asked.request.body)
        if type(ending) is Invocation:
            size += len(ending.payload)
        elif type(ending) is HttpAnswer:
            size += len(ending.body)
        self._keep(size, (now, actions, (asked, ending)))

    def add(self, now: Millis, other: Other) -> None:
        """What did not come by a WebSocket."""
        self._keep(other.size, (now, (), other))

    def since(self, number: int, most: int = MAX_SHOWN) -> list[Entry]:
        """What came after that number, oldest first; the latest ones, if they are too many."""
        chosen: list[tuple[int, _Kept]] = []
        for at, _, kept in reversed(self._ring):
            if at <= number or len(chosen) == most:
                break
            chosen.append((at, kept))
        return [entry for at, kept in reversed(chosen) for entry in _entries(at, kept, self._mask)]

    def __len__(self) -> int:
        return len(self._ring)

    def _keep(self, size: int, kept: _Kept) -> None:
        ring, size = self._ring, size + _OVERHEAD
        self.last += 1
        ring.append((self.last, size, kept))
        self.size += size
        while len(ring) > self._most or (self.size > self._most_bytes and len(ring) > 1):
            self.size -= ring.popleft()[1]


class Other:
    """A request, an Invoke, a batch of a queue, a schedule; with its event if a function ran."""

    __slots__ = (
        "answer",
        "connection_id",
        "elapsed",
        "event",
        "function",
        "outcome",
        "pushed",
        "route",
    )

    def __init__(  # noqa: PLR0913 all but two have a default
        self,
        route: str,
        outcome: str,
        *,
        elapsed: Millis = 0,
        connection_id: str | None = None,
        function: str | None = None,
        event: bytes | None = None,
        answer: Ending | bytes | None = None,
        pushed: bytes | None = None,
    ) -> None:
        self.route, self.outcome, self.elapsed = route, outcome, elapsed
        self.connection_id, self.function = connection_id, function
        self.event, self.answer, self.pushed = event, answer, pushed

    @property
    def size(self) -> int:
        answer = self.answer.payload if isinstance(self.answer, Invocation) else self.answer
        kept = (self.event, answer, self.pushed)
        return sum(len(data) for data in kept if isinstance(data, bytes))


_Asked = tuple[Invoke | Fetch, "Ending | Fetched"]
_Kept = tuple["Millis", "list[Action] | tuple[()]", "str | _Asked | Other | None"]


class Witness:
    """An Invoker that lets a journal know; for triggers, which ask no gateway."""

    def __init__(
        self, invoker: Invoker, journal: Journal, route: str, now: Callable[[], Millis]
    ) -> None:
        self._invoker, self._journal, self._route, self._now = invoker, journal, route, now

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        """Run `function` with `payload`; see Invoker."""
        since = self._now()
        try:
            invocation = await self._invoker.invoke(function, payload, caller)
        except InvokeError as error:
            self._keep(function, payload, error, since)
            raise
        self._keep(function, payload, invocation, since)
        return invocation

    def _keep(self, function: str, event: bytes, ending: Ending, since: Millis) -> None:
        now, outcome = self._now(), outcome_of(ending)
        kept = Other(
            self._route, outcome, elapsed=now - since, function=function, event=event, answer=ending
        )
        self._journal.add(now, kept)


def outcome_of(ending: Ending) -> str:
    """Return the status of an invocation whose result does not go to a client."""
    if isinstance(ending, Invocation):
        return "200" if ending.function_error is None else f"200 {ending.function_error}"
    return str(ending.status) if isinstance(ending, InvokeError) else "504"


# Words, when somebody looks.


def _entries(number: int, kept: _Kept, mask: Mask) -> Iterator[Entry]:
    """One for each note; the first is that of the invocation, or of the message."""
    now, actions, cause = kept
    if isinstance(cause, Other):
        yield _other(number, now, cause, mask)
        return
    notes = [action for action in actions if isinstance(action, Note)]
    for index, note in enumerate(notes):
        entry = _entry(f"{number}.{index}", now, note)
        if index == 0:
            entry |= _caused(cause, mask) | _sent(actions, mask)
        yield entry


def _entry(name: str, now: Millis, note: Note) -> Entry:
    return {
        "id": name,
        "at": now,
        "route": note.route,
        "connection": note.connection_id,
        "outcome": note.outcome,
        "tone": tone(note.outcome),
        "ms": note.elapsed,
        "cold": note.cold,
        **_NOTHING,
    }


def _other(number: int, now: Millis, other: Other, mask: Mask) -> Entry:
    return {
        "id": f"{number}.0",
        "at": now,
        "route": mask.text(other.route),
        "connection": other.connection_id,
        "outcome": other.outcome,
        "tone": tone(other.outcome),
        "ms": other.elapsed,
        "cold": other.answer.cold if isinstance(other.answer, Invocation) else None,
        **_NOTHING,
        "function": other.function,
        "event": None if other.event is None else mask.document(_text(other.event)),
        "answer": None if other.answer is None else _bounded(_answer(other.answer, mask)),
        "frame": None if other.pushed is None else _bounded(mask.document(_text(other.pushed))),
        "sent": None if other.pushed is None else len(other.pushed),
    }


_NOTHING: Final[Entry] = dict.fromkeys(
    ("function", "event", "said", "answer", "frame", "received", "sent")
)


def _caused(cause: str | _Asked | None, mask: Mask) -> Entry:
    if cause is None:
        return {}
    if isinstance(cause, str):
        return {"said": mask.document(cause), "received": size_of(cause)}
    asked, ending = cause
    if isinstance(asked, Fetch):
        request = asked.request
        # Not its query: tokens live there.
        endpoint = f"{request.method} {request.url.partition('?')[0]}"
        words = {"function": mask.text(endpoint)}
        words["said"] = _bounded(mask.document(_text(request.body)))
        return {**words, "answer": _bounded(_answer(ending, mask))}
    event = _text(asked.event)
    is_message = asked.call.step is Step.MESSAGE
    return {
        "function": asked.function,
        "event": mask.document(event),
        "answer": _bounded(_answer(ending, mask)),
        # An event that a template made may be anything.
        "received": _received(event) if is_message else None,
    }


def _received(event: str) -> int | None:
    try:
        return size_of(json.loads(event)["body"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _sent(actions: list[Action] | tuple[()], mask: Mask) -> Entry:
    texts = [action.text for action in actions if isinstance(action, SendText)]
    if not texts:
        return {}
    return {"frame": _bounded(mask.document(texts[0])), "sent": size_of(texts[0])}


def _answer(answer: Ending | Fetched | bytes, mask: Mask) -> str:
    match answer:
        case bytes():
            return mask.document(_text(answer))
        case Invocation():
            return mask.document(_text(answer.payload))
        case HttpAnswer():
            return f"{answer.status}\n{mask.document(_text(answer.body))}"
        case InvokeError():
            return f"not invoked: {answer.kind}: {mask.text(str(answer))}"
        case FetchError():
            return f"not reached: {mask.text(str(answer))}"
    return "no answer in time"


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_ANSWER else f"{text[:MAX_ANSWER]}…"


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
