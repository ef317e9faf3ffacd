"""`load`: from a SAM template to the Plan that the gateway, the functions and the triggers run on.

Read are functions, WebSocket APIs, at most one HTTP API, queues with their event source
mappings, and schedules, also of nested stacks that lie on this machine. Any other resource may be
in the template; it is not emulated, and where it would call one of the functions, `Plan.left_out`
says so. So it does for a part that cannot run: the rest runs without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgate.model.plan import Plan
from wsgate.template.apis import websockets_of
from wsgate.template.code import Scratch
from wsgate.template.deployability import warn_of_template
from wsgate.template.deployments import warn_of_apis
from wsgate.template.event_policies import event_policies_of
from wsgate.template.expand import TemplateError
from wsgate.template.functions import Elsewhere, Workshop, functions_of
from wsgate.template.http_apis import http_of
from wsgate.template.nested import Opener
from wsgate.template.reached import reached_of
from wsgate.template.roles import statements_of
from wsgate.template.stack import Family, Place, Stack
from wsgate.template.triggers import (
    leave_out_callers,
    queue_triggers_of,
    queues_of,
    schedules_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Elsewhere", "TemplateError", "load"]


def load(  # noqa: PLR0913 each is one fact about where the stack pretends to be
    path: Path,
    *,
    parameters: Mapping[str, str],
    queue_endpoint: str,
    queue_token: str = "",
    scratch: Path,
    elsewhere: Elsewhere = Elsewhere.NONE,
    region: str = "us-east-1",
    account: str = "000000000000",
) -> Plan:
    """Read the template at `path` and resolve all that it asks for.

    `queue_endpoint` is the URL of the SQS server, which answers calls with `queue_token`. Code that
    is no folder is laid out below `scratch`, which the caller removes when nothing runs any more.
    Raises TemplateError: one sentence about what cannot run here, where, and what to do.
    """
    place = Place(queue_endpoint.rstrip("/"), queue_token, region, account)
    try:
        stack = Opener(place, Family()).open(path, parameters)
        stack.open_all()
        return _plan(stack, Workshop(Scratch(scratch), elsewhere))
    except RecursionError:
        raise TemplateError(f"{path}: the template has a name that refers to itself.") from None


def _plan(stack: Stack, workshop: Workshop) -> Plan:
    family, functions, queues = stack.family, functions_of(stack, workshop), queues_of(stack)
    statements = statements_of(stack, functions)
    leave_out_callers(stack)
    for one in family.stacks:
        warn_of_template(one)
    warn_of_apis(stack)
    websockets = websockets_of(stack, functions)
    return Plan(
        functions=functions,
        websockets=websockets,
        http=http_of(stack, functions),
        queues=queues,
        queue_triggers=tuple(queue_triggers_of(stack, functions, queues)),
        schedules=tuple(schedules_of(stack, functions)),
        region=stack.place.region,
        account=stack.place.account,
        event_policies=event_policies_of(stack, functions),
        left_out=tuple(dict.fromkeys(family.left_out)),  # two stages say the same twice
        warnings=tuple(family.warnings.values()),
        statements=statements,
        secrets=tuple(family.secrets),
        reached=tuple(reached_of(stack)),
    )
