"""What Lambda does with an asynchronous event that failed. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html (2026-11-24)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wsgate.model.invoke import Invocation, InvokeError

if TYPE_CHECKING:
    from datetime import datetime

    from wsgate.model.plan import EventPolicy

FIRST_RETURN: Final = timedelta(seconds=1)
"""How long a throttled event waits first; then twice as long, and so on."""
MAX_RETURN: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Delivery:
    """A queued event: when it was accepted, and how often it failed."""

    accepted: datetime
    failures: int = 0
    """Runs that ended in an error of the function."""
    returns: int = 0
    """Tries that Lambda itself refused: throttled, or out of order."""


@dataclass(frozen=True)
class Again:
    """Try once more, after a while."""

    delivery: Delivery
    wait: timedelta


@dataclass(frozen=True)
class Drop:
    """That was it: the reason is for the log."""

    reason: str


def after(
    delivery: Delivery,
    ending: Invocation | InvokeError | TimeoutError,
    policy: EventPolicy,
    waits: tuple[timedelta, ...],
    now: datetime,
) -> Again | Drop | None:
    """What becomes of an event after a try; None is success.

    A function's error is tried again as often as its policy says, after `waits` one by one.
    Throttling and faults of Lambda are not the function's and do not count; they are tried until
    the event is too old.
    """
    if isinstance(ending, Invocation):
        if ending.function_error is None:
            return None
        return _failed(delivery, policy, waits, now)
    if isinstance(ending, InvokeError) and not _is_passing(ending.status):
        return Drop(f"{ending.kind}: {ending}")
    longer = FIRST_RETURN * 2 ** min(delivery.returns, 16)
    next_one = Delivery(delivery.accepted, delivery.failures, delivery.returns + 1)
    return _unless_too_old(next_one, min(longer, MAX_RETURN), policy, now)


def _failed(
    delivery: Delivery, policy: EventPolicy, waits: tuple[timedelta, ...], now: datetime
) -> Again | Drop:
    failures = delivery.failures + 1
    if failures > policy.retries:
        return Drop(f"failed {failures} times" if failures > 1 else "failed")
    wait = waits[min(failures, len(waits)) - 1]
    return _unless_too_old(
        Delivery(delivery.accepted, failures, delivery.returns), wait, policy, now
    )


def _unless_too_old(
    delivery: Delivery, wait: timedelta, policy: EventPolicy, now: datetime
) -> Again | Drop:
    if now + wait - delivery.accepted > policy.age:
        return Drop(f"older than {policy.age.total_seconds():g} s")
    return Again(delivery, wait)


def _is_passing(status: int) -> bool:
    too_many = HTTPStatus.TOO_MANY_REQUESTS
    return status == too_many or status >= HTTPStatus.INTERNAL_SERVER_ERROR
