"""What this client knows of the server's clock, in seconds; as `client/src/clock.js` does it."""

from __future__ import annotations

from math import inf

# The two clocks drift apart. One millisecond a second is far more than real clocks drift, and lets
# a new reply replace the best one within a minute or two.
DRIFT = 1 / 1_000


class Clock:
    """Learns from each message that has the server's time. Local times are the loop's."""

    def __init__(self) -> None:
        # What to add to the local time: a message is written before it is received, and an answer
        # after its request was sent.
        self._least, self._most = -inf, inf
        self._at = 0.0

    @property
    def is_set(self) -> bool:
        """Whether a message has told the time."""
        return self._least > -inf

    @property
    def offset(self) -> float:
        """What to add to the local time: accurate to half of the quickest round trip."""
        return self._least if self._most == inf else (self._least + self._most) / 2

    def learn(self, server_now: float, received_at: float, sent_at: float | None) -> None:
        """Take a message. One that contradicts what is known tells that a clock has stopped or was
        set: then it alone counts. `sent_at`: of the request that it answers; None: of none.
        """
        wider = max(0.0, received_at - self._at) * DRIFT
        least = server_now - received_at
        most = inf if sent_at is None else server_now - sent_at
        self._at = received_at
        self._least, self._most = max(least, self._least - wider), min(most, self._most + wider)
        if self._least > self._most:
            self._least, self._most = least, most
