"""Injected latency and crashes (core/faults.py) for functions run here or by an endpoint."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from wsgate.model.invoke import Invocation, InvokeError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from wsgate.core.faults import Faults, FunctionFault
    from wsgate.model.invoke import Invoker

_HELD_SECONDS: Final = 0.25
_CRASHED: Final = "Runtime exited with error: signal: killed"


@runtime_checkable
class TakesFaults(Protocol):
    """A runner that holds the processes, and can inject a fault itself."""

    async def invoke_with_fault(
        self, function: str, payload: bytes, fault: FunctionFault, caller: str | None = None
    ) -> Invocation:
        """Run `function`; its environment is slow to answer, or killed during the event."""
        ...


class FaultyInvoker:
    """An Invoker that passes each call on, and does now and then what the faults say."""

    def __init__(self, inner: Invoker, faults: Faults, log: Callable[[str, str], None]) -> None:
        """Pass each injected fault to `log(function, line)`."""
        self._inner, self._faults, self._log = inner, faults, log

    def invoke(
        self, function: str, payload: bytes, caller: str | None = None
    ) -> Coroutine[Any, Any, Invocation]:
        """Run `function` with `payload`; see Invoker."""
        if not self._faults.is_on:
            return self._inner.invoke(function, payload, caller)
        if failure := self._faults.invoke_failure():
            self._log(function, f"fault: {failure}")
            return _refuse(function, failure)
        fault = self._faults.function_fault()
        if fault is None:
            return self._inner.invoke(function, payload, caller)
        self._tell(function, fault)
        if isinstance(self._inner, TakesFaults):
            return self._inner.invoke_with_fault(function, payload, fault, caller)
        return self._from_afar(function, payload, fault)

    def _tell(self, function: str, fault: FunctionFault) -> None:
        if fault.slow is not None:
            self._log(function, f"fault: function_slow {fault.slow:g} s")
        if fault.crash is not None:
            self._log(function, f"fault: function_crash after {fault.crash:g} s at most")

    async def _from_afar(self, function: str, payload: bytes, fault: FunctionFault) -> Invocation:
        """A process elsewhere cannot be killed: it runs, and its answer is lost."""
        answer = await self._inner.invoke(function, payload)
        if fault.crash is not None:
            return Invocation(crashed(str(uuid.uuid4())), "Unhandled", answer.cold)
        await asyncio.sleep(fault.slow or 0)
        return answer


async def _refuse(function: str, failure: str) -> Invocation:
    """As Lambda words it."""
    if failure == "function_throttled":
        raise InvokeError(429, "TooManyRequestsException", "Rate Exceeded.")
    raise InvokeError(404, "ResourceNotFoundException", f"Function not found: {function}")


class FaultyQueue:
    """An Invoker of a queue's batches, some of which come late or twice when the faults say so."""

    def __init__(self, inner: Invoker, faults: Faults, log: Callable[[str, str], None]) -> None:
        """Pass each batch that was held back or delivered twice to `log(function, line)`."""
        self._inner, self._faults, self._log = inner, faults, log

    def invoke(
        self, function: str, payload: bytes, caller: str | None = None
    ) -> Coroutine[Any, Any, Invocation]:
        """Run `function` with `payload`; see Invoker."""
        if not self._faults.is_on:
            return self._inner.invoke(function, payload, caller)
        if self._faults.holds_batch():
            self._log(function, "fault: queue_stuck")
            return self._held(function, payload)
        if not self._faults.repeats_batch():
            return self._inner.invoke(function, payload, caller)
        self._log(function, "fault: queue_twice")
        return self._twice(function, payload)

    async def _held(self, function: str, payload: bytes) -> Invocation:
        await asyncio.sleep(_HELD_SECONDS)
        while self._faults.holds_batch():  # noqa: ASYNC110  # each time draws again
            await asyncio.sleep(_HELD_SECONDS)
        return await self._inner.invoke(function, payload)

    async def _twice(self, function: str, payload: bytes) -> Invocation:
        """Answer the queue with the result of one of them."""
        answer, _ = await asyncio.gather(
            self._inner.invoke(function, payload), self._inner.invoke(function, payload)
        )
        return answer


def crashed(request_id: str) -> bytes:
    """What Lambda answers for an environment that was killed."""
    words = f"RequestId: {request_id} Error: {_CRASHED}"
    return json.dumps({"errorType": "Runtime.ExitError", "errorMessage": words}).encode()
