"""Lambda's Invoke: the one interface to every function, local or remote.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (2026-11-23)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, TypedDict, runtime_checkable

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (2026-11-23)
SYNCHRONOUS_BYTES: Final = 6 * 1024 * 1024
ASYNCHRONOUS_BYTES: Final = 1024 * 1024
"""What an event may have at most, when the caller waits for the answer and when not."""


@dataclass(frozen=True)
class Invocation:
    """What Invoke answered."""

    payload: bytes
    """JSON: the function's return value, or `{"errorMessage", "errorType", "stackTrace"}`."""
    function_error: str | None = None
    """The X-Amz-Function-Error header: None, or `Unhandled` when the function raised or crashed."""
    cold: bool = False
    """True when an execution environment was started for it (only the built-in runner knows)."""


class InvokeError(Exception):
    """Invoke itself failed: the function never ran. `status` is the Lambda API's HTTP status."""

    def __init__(self, status: int, kind: str, message: str, reason: str | None = None) -> None:
        """`reason` is a throttled call's ThrottleReason: which limit it met."""
        super().__init__(message)
        self.status, self.kind, self.reason = status, kind, reason

    def __reduce__(self) -> tuple[type[InvokeError], tuple[int, str, str, str | None]]:
        """It travels to a node in another process; an exception does so with one argument."""
        return InvokeError, (self.status, self.kind, str(self), self.reason)


class Invoker(Protocol):
    """Runs functions. One call is one synchronous invocation; calls may overlap."""

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        """Run `function` with the event `payload` (JSON) and wait for its answer.

        `caller` is the principal or the connection that it is for. Where calls wait for their turn,
        those of one caller wait for each other.

        Raises InvokeError (404 ResourceNotFoundException, 429 TooManyRequestsException, 5xx).
        """
        ...


class FunctionStatus(TypedDict):
    """The environments of one function, and who waits for one."""

    environments: int
    starting: int
    running: int
    """Those with an event; the others are warm and idle."""
    waiting: int
    """Calls that wait for an environment."""


@runtime_checkable
class Reports(Protocol):
    """What an Invoker may have besides: it knows how its functions are doing."""

    def status(self) -> dict[str, FunctionStatus]: ...


Ending = Invocation | InvokeError | TimeoutError
"""The outcome of an invocation: an answer, a failure, or no answer in time."""
