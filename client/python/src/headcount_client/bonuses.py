"""The user's bonuses: each reported once, and again when it changes; acknowledged once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_KEPT = 200
# In seconds: all clients get a broadcast at once, and their acknowledgements are spread over this.
ACKNOWLEDGE_WITHIN = 1.0
FINAL = ("claimed", "already_claimed")
# They describe a claim, not the bonus: it can still be claimed.
PASSING = (None, "too_early", "not_eligible")
TERMS = ("reward", "opens_at", "expires_at", "outcome", "left")


class Bonuses:
    """Keeps the latest 200."""

    def __init__(
        self,
        changed: Callable[[dict[str, Any]], None],
        acknowledge: Callable[[str], None],
        random: Callable[[], float],
    ) -> None:
        self._changed = changed
        self._acknowledge = acknowledge
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._offers: dict[str, dict[str, Any]] = {}
        # An outcome may arrive before its offer.
        self._outcomes: dict[str, str] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def known(self) -> list[dict[str, Any]]:
        """The bonuses as last reported, the first to expire first."""
        return sorted(self._offers.values(), key=lambda one: int(one["expires_at"]))

    def offer(self, bonus: dict[str, Any]) -> None:
        """Take an offer. It can be older than the outcome, so one without it does not remove it."""
        bonus_id = bonus["bonus_id"]
        is_first = bonus_id not in self._offers
        self._learn(bonus_id, bonus.get("outcome"))
        self._report({**bonus, "outcome": self._outcomes.get(bonus_id)})
        if is_first and bonus.get("acknowledge") and bonus_id not in self._outcomes:
            wait = self._random() * ACKNOWLEDGE_WITHIN
            self._timers[bonus_id] = self._loop.call_later(wait, self._shown, bonus_id)

    def end(self, bonus_id: str, outcome: str, progress: dict[str, Any] | None = None) -> None:
        """Take the outcome of a claim, and what it lacks if it is not_eligible."""
        self._learn(bonus_id, outcome)
        if bonus := self._offers.get(bonus_id):
            said = {"outcome": self._outcomes.get(bonus_id)}
            self._report(
                {**bonus, **said} if progress is None else {**bonus, **said, "progress": progress}
            )

    def stop(self) -> None:
        """Forget everything."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers, self._offers, self._outcomes = {}, {}, {}

    def _learn(self, bonus_id: str, outcome: str | None) -> None:
        # A claimed bonus stays claimed.
        if outcome not in PASSING and self._outcomes.get(bonus_id) not in FINAL:
            self._outcomes.pop(bonus_id, None)
            self._outcomes[bonus_id] = str(outcome)
            if len(self._outcomes) > MAX_KEPT:
                self._outcomes.pop(next(iter(self._outcomes)))

    def _report(self, bonus: dict[str, Any]) -> None:
        before = self._offers.pop(bonus["bonus_id"], None)
        self._offers[bonus["bonus_id"]] = bonus
        if len(self._offers) > MAX_KEPT:
            self._offers.pop(next(iter(self._offers)))
        if before is None or _terms(before) != _terms(bonus):
            self._changed(bonus)

    def _shown(self, bonus_id: str) -> None:
        self._timers.pop(bonus_id, None)
        if bonus_id not in self._outcomes:
            self._acknowledge(bonus_id)


def _terms(bonus: dict[str, Any]) -> tuple[Any, ...]:
    """While the clock of the watch time runs, only the moment counts at which it is enough."""
    progress = bonus.get("progress") or {}
    moment = progress.get("reached_at") or progress.get("watched_ms")
    return *(bonus.get(name) for name in TERMS), moment
