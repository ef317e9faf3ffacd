"""What a process of clients counts and measures between two reports."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

EXAMPLES = 5


@dataclass
class Report:
    """What happened since the last report, and what is open now."""

    open: int
    counts: Counter[str]
    waits: dict[str, array[float]]
    """Seconds, by what was waited for."""


@dataclass
class Wrong:
    """Something that must not be: how often, and for whose sake that is said."""

    what: str
    times: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        self.times += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)

    def __str__(self) -> str:
        of = f", such as {', '.join(self.examples)}" if self.examples else ""
        return f"{self.what}: {self.times:,} times{of}"


class Tally:
    """Counts, waiting times, and what is wrong."""

    def __init__(self) -> None:
        self.open = 0
        self._counts = Counter[str]()
        self._waits: dict[str, array[float]] = {}
        self._wrong: dict[str, Wrong] = {}

    def count(self, what: str) -> None:
        self._counts[what] += 1

    def wait(self, what: str, seconds: float) -> None:
        if what not in self._waits:
            self._waits[what] = array("d")
        self._waits[what].append(seconds)

    def wrong(self, what: str, example: str) -> None:
        self._wrong.setdefault(what, Wrong(what)).add(example)

    def take(self) -> Report:
        """What there is since the last time."""
        counts, waits = self._counts, self._waits
        self._counts, self._waits = Counter(), {}
        return Report(self.open, counts, waits)

    def take_wrong(self) -> list[Wrong]:
        wrong, self._wrong = self._wrong, {}
        return list(wrong.values())


def merged(lists: list[list[Wrong]]) -> list[Wrong]:
    """The same thing, said by several, once."""
    found: dict[str, Wrong] = {}
    for one in (wrong for each in lists for wrong in each):
        into = found.setdefault(one.what, Wrong(one.what))
        into.times += one.times
        into.examples = (into.examples + one.examples)[:EXAMPLES]
    return list(found.values())
