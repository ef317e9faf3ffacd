"""A client as the protocol wants it, in as few words as possible: what a browser must end up with.

It is told things by pushes, which may be lost, come twice, or out of order, and asks by hello. Only
the answer to its last hello counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.sql.bonus_world import merge_patch

Json = Any


@dataclass
class Client:
    """One tab: its user's state and events, and the news of its audience."""

    epoch: str | None = None
    seq: int = 0
    state: Json = field(default_factory=dict)
    events: dict[int, Json] = field(default_factory=dict)
    """All since the last snapshot, and those that it brought."""
    waiting: dict[tuple[str, int], Json] = field(default_factory=dict)
    """Events that came before one they follow, by epoch and seq."""
    snapshots: int = 0
    broadcasts_seq: int = 0
    """Of broadcasts, nothing up to here is missing."""
    broadcasts_seen: set[int] = field(default_factory=set)
    news: list[Json] = field(default_factory=list)
    """As they were shown: each once."""
    must_ask: bool = True

    def welcomed(self, welcome: Json) -> None:
        self.must_ask = False
        self._follows_the_stream(welcome)
        self._follows_broadcasts(welcome["broadcasts"])

    def _follows_the_stream(self, welcome: Json) -> None:
        is_ours = welcome["epoch"] == self.epoch
        if is_ours and welcome["seq"] < self.seq:
            return  # a push has overtaken the answer, and state is that of its seq
        if not (is_ours and welcome["recovered"]):
            self.snapshots += 1
            self.events = {}
        self.epoch, self.seq, self.state = welcome["epoch"], welcome["seq"], welcome["state"]
        self.events |= {event["seq"]: event for event in welcome["events"]}
        self._catches_up()

    def hears_event(self, epoch: str, event: Json) -> None:
        self.waiting[epoch, event["seq"]] = event
        self._catches_up()

    def _catches_up(self) -> None:
        """Take what comes next, forget what was seen, ask when something is missing between."""
        assert self.epoch is not None
        while event := self.waiting.pop((self.epoch, self.seq + 1), None):
            self.seq = event["seq"]
            self.events[self.seq] = event
            if "patch" in event:
                self.state = merge_patch(self.state, event["patch"])
        seen = [key for key in self.waiting if key[0] == self.epoch and key[1] <= self.seq]
        for key in seen:
            del self.waiting[key]
        self.must_ask |= bool(self.waiting)

    def hears_broadcast(self, seq: int, follows: int, news: Json | None) -> None:
        if follows > self.broadcasts_seq and follows not in self.broadcasts_seen:
            self.must_ask = True
        self.broadcasts_seen.add(seq)
        if news is not None:
            self._shows(news)

    def _follows_broadcasts(self, broadcasts: Json) -> None:
        self.broadcasts_seq = max(self.broadcasts_seq, broadcasts["seq"])
        for news in broadcasts["news"]:
            self._shows(news)

    def _shows(self, news: Json) -> None:
        if news["seq"] not in {shown["seq"] for shown in self.news}:
            self.news.append(news)
