"""How far this client has followed the broadcasts to its audience: which news is new."""

from __future__ import annotations

from typing import Any

# Far more than arrive between two welcomes.
MAX_KEPT = 200


class Broadcasts:
    """Takes places and news; returns the news to report, each once, in order."""

    def __init__(self) -> None:
        self.seq: int | None = None
        """Of the last welcome, up to which nothing is missing; None: a new welcome is needed."""
        self._epoch: str | None = None
        self._resource: str | None = None
        self._received: list[int] = []
        self._missing: list[int] = []
        self._delivered: list[int] = []

    @property
    def is_behind(self) -> bool:
        """Whether something is missing, so that a hello is needed."""
        return bool(self._missing)

    def move(self, resource: str) -> None:
        """What is valid at another resource is asked for with the next hello."""
        if resource != self._resource:
            self._resource, self.seq = resource, None

    def welcomed(self, welcome: dict[str, Any]) -> list[dict[str, Any]]:
        """Take a welcome, which has all news that was missed and is not over."""
        if self._epoch not in (None, welcome["epoch"]):
            # Another database: its numbers begin again.
            self._received, self._missing, self._delivered = [], [], []
        seq = welcome["broadcasts"]["seq"]
        self.move(welcome["resource"])
        self._epoch, self.seq = welcome["epoch"], seq
        self._received = [one for one in self._received if one > seq]
        self._missing = [one for one in self._missing if one > seq]
        return self._new(welcome["broadcasts"]["news"])

    def pushed(self, place: dict[str, Any], news: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Take a pushed place in the stream of broadcasts, and the news there."""
        seq, follows = place["seq"], place["follows"]
        if not self._is_known(seq):
            self._missing = [one for one in self._missing if one != seq]
            if not self._is_known(follows):
                self._missing.append(follows)
            self._received = [*self._received, seq][-MAX_KEPT:]
            self._missing = self._missing[-MAX_KEPT:]
        return self._new(news)

    def _is_known(self, seq: int) -> bool:
        return seq <= (self.seq or 0) or seq in self._received

    def _new(self, news: list[dict[str, Any]]) -> list[dict[str, Any]]:
        cancelled = [one["cancels"] for one in news if "cancels" in one]
        known = [*self._delivered, *cancelled]
        new = sorted((one for one in news if one["seq"] not in known), key=lambda one: one["seq"])
        self._delivered = [*known, *(one["seq"] for one in new)][-MAX_KEPT:]
        return new
