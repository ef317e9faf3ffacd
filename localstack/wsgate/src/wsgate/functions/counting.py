"""What AWS/Lambda counts of each function.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html (2026-11-30)
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from wsgate.metrics import LAMBDA
from wsgate.model.invoke import InvokeError

if TYPE_CHECKING:
    from wsgate.metrics import Metrics
    from wsgate.model.invoke import Invocation, Invoker


class CountingInvoker:
    """An Invoker that passes each call on, and counts it.

    A throttled call is no invocation, and one of a function that is missing is nothing at all.
    """

    def __init__(self, inner: Invoker, metrics: Metrics) -> None:
        self._inner, self._metrics = inner, metrics

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        """Run `function` with `payload`; see Invoker."""
        by, began = {"FunctionName": function}, time.monotonic()
        try:
            answer = await self._inner.invoke(function, payload, caller)
        except InvokeError as error:
            if error.status == HTTPStatus.TOO_MANY_REQUESTS:
                self._metrics.add(LAMBDA, "Throttles", by, 1)
            raise
        self._metrics.add(LAMBDA, "Invocations", by, 1)
        self._metrics.add(LAMBDA, "Errors", by, int(answer.function_error is not None))
        self._metrics.add(LAMBDA, "Duration", by, (time.monotonic() - began) * 1000)
        return answer
