"""Asks a gateway every question, and tells where two recordings differ."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wsgate.comparison.gateway import watched
from wsgate.comparison.questions import QUESTIONS
from wsgate.comparison.recording import Recording, comparable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_SHOWN = 300
ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """Where two recordings answer differently."""

    question: str
    path: str
    """Within the answer, such as `CONNECT.requestContext.stage`."""
    recorded: str
    here: str


async def record(url: str, told: Callable[[str], None] = lambda _: None) -> Recording:
    """Ask all questions; `told` hears the name of each. Raises Unreachable."""
    answers = {}
    async with watched(url) as gateway:
        for name, question in QUESTIONS.items():
            told(name)
            answers[name] = comparable(await question.ask(gateway))
    return Recording(f"{datetime.now(UTC):%Y-%m-%d}", answers)


def differences(recorded: Recording, here: Recording) -> list[Difference]:
    """Of the questions that both answer."""
    return [
        Difference(name, path, _shown(theirs), _shown(ours))
        for name in recorded.answers.keys() & here.answers.keys()
        for path, theirs, ours in _differ(recorded.answers[name], here.answers[name], "")
    ]


def _differ(one: Any, other: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            inner = f"{path}.{key}" if path else key
            yield from _differ(one.get(key, ABSENT), other.get(key, ABSENT), inner)
    elif one != other or type(one) is not type(other):
        yield path, one, other


def _shown(value: Any) -> str:
    text = "(absent)" if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
