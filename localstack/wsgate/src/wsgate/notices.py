"""What a run says of itself in the log: what differs from AWS, what functions reach, its faults."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from wsgate.logs import FunctionLine, Told, as_text
from wsgate.model.plan import Throttles
from wsgate.model.reach import sentences
from wsgate.model.urls import unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from wsgate.model.ids import Millis
    from wsgate.model.plan import Plan
    from wsgate.options import Options


def tell_what_differs(options: Options, plan: Plan) -> None:
    """Warn of what differs from AWS, will fail, or is an injected fault."""
    for sentence in plan.left_out:
        tell(options, sentence, "left out")
    for sentence in (*plan.warnings, *unreachable(plan)):
        tell(options, sentence, "warning")
    _tell_faults(options, plan)


def tell_what_is_reached(
    options: Options, plan: Plan, variables: Mapping[str, str], made: Collection[str]
) -> None:
    """The template's tables and buckets mean AWS itself, unless something says otherwise."""
    if any(not one.elsewhere for one in plan.functions.values()):
        for sentence in sentences(plan, {**os.environ, **variables}, made):
            tell(options, sentence, "reaches")


def _tell_faults(options: Options, plan: Plan) -> None:
    """Log that quotas or faults are on, and the seed that repeats the run."""
    if options.quotas is not None:
        tell(options, f"quotas: {options.quotas}")
    elif any(api.throttles != Throttles() for api in (*plan.websockets, plan.http) if api):
        tell(options, "the throttling of the stage, which counts with --quotas", "left out")
    if options.faults.is_on:
        changed = (f"{name}={value:g}" for name, value in options.faults.changed().items())
        tell(options, f"faults: {' '.join(changed)} seed={options.faults.seed}")


def function_log(options: Options) -> Callable[[str, str], None]:
    say = options.lines or as_text(options.log)
    return lambda function, line: say(FunctionLine(_now(), function, line))


def tell(options: Options, text: str, kind: str = "notice") -> None:
    say = options.lines or as_text(options.log)
    say(Told(_now(), text, kind))


def _now() -> Millis:
    return time.time_ns() // 1_000_000
