"""The queues, event source mappings and schedules of a template."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wsgate.model import timing
from wsgate.model.plan import Function, Queue, QueueTrigger, Schedule
from wsgate.model.timing import Once, Timing
from wsgate.template.functions import invoked, pointed_to

if TYPE_CHECKING:
    from datetime import tzinfo

    from wsgate.template.stack import Resource, Stack

_CALLERS: Final = (
    "iot.amazonaws.com",
    "logs.amazonaws.com",
    "s3.amazonaws.com",
    "sns.amazonaws.com",
)
_STREAMS: Final = ("AWS::AmazonMQ", "AWS::DocDB", "AWS::DynamoDB", "AWS::Kinesis", "AWS::MSK")


def queues_of(stack: Stack) -> dict[str, Queue]:
    """Return the queues by name; one that cannot be made is left out, and told."""
    resources = stack.of_type("AWS::SQS::Queue")
    names = {}
    for resource in resources:
        with stack.leaving_out():
            names[resource.attribute("Arn")] = resource
    queues = {}
    for resource in resources:
        with stack.leaving_out():
            queue = _queue(resource, names)
            queues[queue.name] = queue
    return queues


def _queue(resource: Resource, by_arn: Mapping[str, Resource]) -> Queue:
    dead_letters, most = _redrive(resource, by_arn)
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    # (2026-11-23)
    visibility = resource.number("VisibilityTimeout", default=30, least=0, most=43_200)
    delay = resource.number("DelaySeconds", default=0, least=0, most=900)
    return Queue(
        name=resource.stack.name(resource),
        url=resource.id,
        visibility_timeout=timedelta(seconds=visibility),
        dead_letters=dead_letters,
        max_receives=most,
        delay=timedelta(seconds=delay),
        fifo=_flag(resource, "FifoQueue"),
        content_deduplication=_flag(resource, "ContentBasedDeduplication"),
    )


def _redrive(
    resource: Resource, by_arn: Mapping[str, Resource]
) -> tuple[str, int] | tuple[None, None]:
    policy = resource.get("RedrivePolicy")
    if isinstance(policy, str):
        policy = _json(resource, policy, "RedrivePolicy")
    if policy is None:
        return None, None
    try:
        target, most = by_arn[policy["deadLetterTargetArn"]], int(policy["maxReceiveCount"])
    except (KeyError, TypeError, ValueError):
        problem = "must name a queue of this template and a maxReceiveCount"
        raise resource.error(problem, "RedrivePolicy") from None
    return resource.stack.name(target), most


def queue_triggers_of(
    stack: Stack, functions: Mapping[str, Function], queues: Mapping[str, Queue]
) -> list[QueueTrigger]:
    """Return the enabled event source mappings of queues; what is none is told."""
    triggers = []
    for mapping in stack.of_type("AWS::Lambda::EventSourceMapping"):
        with stack.leaving_out():
            if not _flag(mapping, "Enabled", default=True):
                continue
            if not _reads_queue(mapping):
                raise mapping.error("is not a queue, and not emulated", "EventSourceArn")
            triggers.append(_queue_trigger(mapping, functions, queues))
    return triggers


def _reads_queue(mapping: Resource) -> bool:
    """Say whether the source is a queue; streams of tables and the like are not emulated."""
    written = json.dumps(mapping.properties.get("EventSourceArn"), default=str)
    resources = mapping.stack.resources.items()
    streams = (name for name, resource in resources if resource.kind.startswith(_STREAMS))
    if any(re.search(rf"\b{re.escape(name)}\b", written) for name in streams):
        return False
    return ":sqs:" in mapping.text("EventSourceArn", default="")


def _queue_trigger(
    mapping: Resource, functions: Mapping[str, Function], queues: Mapping[str, Queue]
) -> QueueTrigger:
    queue = mapping.text("EventSourceArn").rsplit(":", 1)[-1]
    if queue not in queues:
        raise mapping.error("is a queue that this template does not have", "EventSourceArn")
    if mapping.get("FilterCriteria") is not None:
        raise mapping.error("is not emulated", "FilterCriteria")
    function = mapping.text("FunctionName")
    name = function if function in functions else invoked(mapping, functions, "FunctionName")
    # Defaults and ranges, and five batches at a time to begin with:
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html (2026-11-23)
    window = mapping.number("MaximumBatchingWindowInSeconds", default=0, least=0, most=300)
    at_once = mapping.number("ScalingConfig", "MaximumConcurrency", default=5, least=2, most=1000)
    return QueueTrigger(
        queue=queue,
        function=name,
        batch_size=mapping.number("BatchSize", default=10, least=1, most=10_000),
        batching_window=timedelta(seconds=window),
        reports_item_failures="ReportBatchItemFailures" in mapping.items("FunctionResponseTypes"),
        concurrency=1 if queues[queue].fifo else min(at_once, 5),
    )


def leave_out_callers(stack: Stack) -> None:
    """Note what would call functions on AWS and is nothing here."""
    for kind in ("AWS::ApiGateway::RestApi", "AWS::Lambda::Url"):
        for resource in stack.of_type(kind):
            stack.leave_out(resource.error(f"is not emulated ({kind})"))
    for permission in stack.of_type("AWS::Lambda::Permission"):
        principal = permission.properties.get("Principal")
        if isinstance(principal, str) and principal in _CALLERS:
            stack.leave_out(
                permission.error(f"is {principal}, which calls nothing here", "Principal")
            )


def schedules_of(stack: Stack, functions: Mapping[str, Function]) -> list[Schedule]:
    """Return the enabled schedules, of rules and of EventBridge Scheduler."""
    return [*_rules(stack, functions), *_schedules(stack, functions)]


def _rules(stack: Stack, functions: Mapping[str, Function]) -> list[Schedule]:
    found: list[Schedule] = []
    for rule in stack.of_type("AWS::Events::Rule"):
        with stack.leaving_out():
            if not _is_regular(rule):
                continue
            for position, target in enumerate(rule.items("Targets")):
                if _points_to_function(rule, target):
                    found.append(_rule_target(rule, position, target, functions))
    return found


def _rule_target(
    rule: Resource, position: int, target: Mapping[str, Any], functions: Mapping[str, Function]
) -> Schedule:
    if "InputTransformer" in target or "InputPath" in target:
        raise rule.error("has an InputTransformer or InputPath, not emulated", "Targets")
    name = pointed_to(rule, functions, str(target["Arn"]), "Targets", str(position))
    return Schedule(
        name=rule.stack.name(rule),
        function=name,
        timing=_rule_timing(rule),
        payload=_input(rule, target.get("Input"), "Targets"),
        arn=rule.attribute("Arn"),
    )


def _points_to_function(rule: Resource, target: Any) -> bool:
    return isinstance(target, Mapping) and ":lambda:" in str(target.get("Arn"))


def _schedules(stack: Stack, functions: Mapping[str, Function]) -> list[Schedule]:
    found = []
    for schedule in stack.of_type("AWS::Scheduler::Schedule"):
        with stack.leaving_out():
            if _is_regular(schedule) and ":lambda:" in schedule.text("Target", "Arn"):
                found.append(_schedule(schedule, functions))
    return found


def _schedule(schedule: Resource, functions: Mapping[str, Function]) -> Schedule:
    return Schedule(
        name=schedule.stack.name(schedule),
        function=invoked(schedule, functions, "Target", "Arn"),
        timing=_timing(schedule),
        payload=_input(schedule, schedule.get("Target", "Input"), "Target", "Input"),
        arn=schedule.attribute("Arn"),
        source="aws.scheduler",
    )


def _is_regular(resource: Resource) -> bool:
    """Say whether it is enabled and runs by the clock; what else would run it is left out."""
    if resource.text("State", default="ENABLED") == "DISABLED":
        return False
    is_regular = resource.optional_text("ScheduleExpression") is not None
    if not is_regular:
        resource.stack.leave_out(resource.error("is not emulated", "EventPattern"))
    return is_regular


def _rule_timing(rule: Resource) -> Timing:
    """A rule runs in UTC, again and again; at(…) is for EventBridge Scheduler only."""
    timing = _parsed(rule, UTC)
    if isinstance(timing, Once):
        raise rule.error("is at(…), and a rule has rate(…) or cron(…)", "ScheduleExpression")
    return timing


def _timing(schedule: Resource) -> Timing:
    for key in ("StartDate", "EndDate"):
        if schedule.get(key) is not None:
            schedule.stack.leave_out(schedule.error("is not emulated", key))
    name = schedule.text("ScheduleExpressionTimezone", default="UTC")
    try:
        return _parsed(schedule, ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problem = f"is {name}, which is no time zone that is known here"
        raise schedule.error(problem, "ScheduleExpressionTimezone") from None


def _parsed(resource: Resource, zone: tzinfo) -> Timing:
    expression = resource.text("ScheduleExpression")
    try:
        return timing.parse(expression, zone)
    except ValueError as error:
        problem = f"is {expression}, and {error}"
        raise resource.error(problem, "ScheduleExpression") from None


def _input(resource: Resource, value: Any, *path: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        _json(resource, value, *path)
        return value
    return json.dumps(value)


def _flag(resource: Resource, key: str, *, default: bool = False) -> bool:
    return resource.text(key, default=str(default)).lower() == "true"


def _json(resource: Resource, words: str, *path: str) -> Any:
    try:
        return json.loads(words)
    except ValueError:
        raise resource.error("is not valid JSON", *path) from None
