"""How a call of the gateway's connection-management API ends if it does not do what was asked."""

from __future__ import annotations


class Gone(Exception):
    """API Gateway answered 410: the connection has ended, or is not open yet."""


class Undelivered(Exception):
    """The call did not get through, for a reason that may pass."""


class GatewayRejected(Undelivered):
    """The gateway answered, and did not do it: it throttles, forbids, or has failed."""

    def __init__(self, status: int, answer: str = "") -> None:
        """`status` is HTTP's: 429 throttles, 403 forbids."""
        super().__init__(answer or str(status))
        self.status = status


class Unreachable(Undelivered):
    """The gateway gave no answer: there is no way to it, or it is silent."""
