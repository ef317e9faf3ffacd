"""How a call of the gateway's connection-management API ends if it does not do what was asked."""

from __future__ import annotations

from http import HTTPStatus

FAILED = range(500, 600)
"""The gateway's own failures, of HTTP's statuses."""


class Gone(Exception):
    """API Gateway answered 410: the connection has ended, or is not open yet."""


class Undelivered(Exception):
    """The call did not get through."""

    @property
    def may_pass(self) -> bool:
        """Whether the same call may get through in a moment."""
        return False


class GatewayRejected(Undelivered):
    """The gateway answered, and did not do it: it throttles, forbids, or has failed."""

    def __init__(self, status: int, answer: str = "") -> None:
        """`status` is HTTP's: 429 throttles, 403 forbids."""
        super().__init__(answer or str(status))
        self.status = status

    @property
    def may_pass(self) -> bool:
        return self.status == HTTPStatus.TOO_MANY_REQUESTS or self.status in FAILED


class Unreachable(Undelivered):
    """The gateway gave no answer: there is no way to it, or it is silent."""

    @property
    def may_pass(self) -> bool:
        return True
