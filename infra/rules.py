"""Rules that neither cfn-lint nor SAM checks: the parts of the template and the code must agree.

A rule takes the stack and yields one sentence per fault.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from infra.release_rules import aliased, settings, shifted
from infra.stack import Function, Stack, literal_end, mentions, only

# After 29 s API Gateway stops waiting for any integration of a WebSocket API.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
# (2026-11-23)
MAX_ANSWER_MS: Final = 29_000
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html (2026-11-23)
VISIBILITY_PER_TIMEOUT: Final = 6
SQS_DEFAULT_VISIBILITY: Final = 30

# SAM attaches the first two to a function with a VpcConfig: its own logs and network interface; the
# third to one with Tracing, whatever its value: to send traces.
MANAGED_POLICIES: Final = {
    "AWSLambdaBasicExecutionRole",
    "AWSLambdaVPCAccessExecutionRole",
    "AWSXrayWriteOnlyAccess",
}
CONSUME: Final = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}


class Needs(NamedTuple):
    """What an expression in a handler needs from the template."""

    variables: set[str]
    actions: set[str]


DATABASE: Final = {"DATABASE_URL", "STATEMENT_CACHE_SIZE"}
QUEUES: Final = {"BROADCAST_QUEUE_URL", "NEWS_QUEUE_URL"}
PUSHES: Final = DATABASE | {"PUSH_ENDPOINT", "GRACE_SECONDS"}
# A broadcast worker pushes, and wakes others by the queue.
BROADCASTS: Final = PUSHES | QUEUES | {"APPS", "PUSHES_PER_SECOND"}
# By the expression as it stands in handlers/<name>.py and in the services and routes that it
# imports; `GET @connections` stands for execute-api:ManageConnections with that method.
NEEDS: Final = {
    "container.run": Needs(set(), set()),
    "container.app": Needs(set(), set()),
    "container.of_app": Needs(set(), set()),
    "container.of_all": Needs({"APPS"}, set()),
    "apps()": Needs({"APPS"}, set()),
    "container.begin": Needs(set(), set()),
    "container.mangum": Needs(set(), set()),
    "container.kept_out": Needs(set(), set()),
    "container.metrics": Needs(set(), set()),
    "container.calls": Needs(set(), set()),
    "container.database": Needs(DATABASE, set()),
    "container.second_database": Needs(DATABASE, set()),
    "container.queue": Needs(QUEUES, {"sqs:SendMessage"}),
    "container.delivery": Needs(PUSHES, {"POST @connections"}),
    "container.broadcast_ports": Needs(BROADCASTS, {"POST @connections", "sqs:SendMessage"}),
    "container.gateway": Needs({"PUSH_ENDPOINT"}, set()),
    "gateway.post": Needs(set(), {"POST @connections"}),
    "gateway.is_open": Needs(set(), {"GET @connections"}),
    "gateway.close": Needs(set(), {"DELETE @connections"}),
    "container.rules": Needs(
        {"MESSAGES_PER_SECOND_AND_USER", "MESSAGE_BURST", "KEEP_OUT_SECONDS", "GRACE_SECONDS"},
        set(),
    ),
    "migrates()": Needs({"MIGRATES"}, set()),
    "functions_database_url()": Needs({"FUNCTIONS_DATABASE_URL"}, set()),
    "grace()": Needs({"GRACE_SECONDS"}, set()),
    "limits()": Needs({"CONNECTIONS_PER_SECOND", "PING_SECONDS", "ROTATE_SECONDS"}, set()),
    "max_connections()": Needs({"MAX_CONNECTIONS_PER_USER"}, set()),
    "keep_session_months()": Needs({"KEEP_SESSION_MONTHS"}, set()),
    "keep_grant_days()": Needs({"KEEP_GRANT_DAYS"}, set()),
    "keep_ledger_days()": Needs({"KEEP_LEDGER_DAYS"}, set()),
    "keep_event_days()": Needs({"KEEP_EVENT_DAYS"}, set()),
    "keep_presence_event_days()": Needs({"KEEP_PRESENCE_EVENT_DAYS"}, set()),
    "database_cluster()": Needs({"DATABASE_CLUSTER"}, set()),
    "ticket_issuer()": Needs({"TICKET_ISSUER", "TICKET_AUDIENCE", "TICKET_USER_CLAIM"}, set()),
    "issuer_keys_url()": Needs({"TICKET_KEYS_URL"}, set()),
    "keep_stream_months()": Needs({"KEEP_STREAM_MONTHS"}, set()),
    "webhooks_may_call_any()": Needs({"WEBHOOK_TARGETS"}, set()),
    "sweep_requests_per_second()": Needs({"SWEEP_REQUESTS_PER_SECOND"}, set()),
}

Rule = Callable[[Stack], Iterator[str]]


def permissions(stack: Stack) -> Iterator[str]:
    """API Gateway may call each function that a route or authorizer names."""
    calls = stack.of_type("AWS::Lambda::Permission").values()
    given = [
        (stack.called(call["FunctionName"]), mentions(arn), literal_end(arn))
        for call in calls
        if (arn := call.get("SourceArn", "")) and call["Principal"] == "apigateway.amazonaws.com"
    ]
    for api, path, function in stack.answers():
        if not any(
            function in functions and api in apis and fnmatchcase(path, pattern)
            for functions, apis, pattern in given
        ):
            yield f"{function}: no AWS::Lambda::Permission lets {api} call it for {path}"


def timeouts(stack: Stack) -> Iterator[str]:
    """API Gateway waits 29 s at most, and the function ends before it stops waiting."""
    for name, body in stack.of_type("AWS::ApiGatewayV2::Integration").items():
        waits = int(body.get("TimeoutInMillis", MAX_ANSWER_MS))
        if waits > MAX_ANSWER_MS:
            yield f"{name}: TimeoutInMillis {waits} is above {MAX_ANSWER_MS}"
        for function in stack.called(body.get("IntegrationUri")):
            if stack.functions[function].timeout * 1000 > waits:
                yield f"{function}: runs on after {name} has stopped waiting"


def route_keys(stack: Stack) -> Iterator[str]:
    """SAM makes logical ids of route keys, and overwrites one by another without a word."""
    routes = stack.of_type("AWS::ApiGatewayV2::Route").values()
    keys = [str(route["RouteKey"]) for route in routes if mentions(route["ApiId"]) & stack.sockets]
    for key, times in Counter(map(str.lower, keys)).items():
        if times > 1:
            yield f"route {key}: {times} routes differ by case alone"
    for key in keys:
        if not key.isalnum() and key not in {"$connect", "$disconnect", "$default"}:
            yield f"route {key}: SAM takes letters and digits only"


def two_way(stack: Stack) -> Iterator[str]:
    """An answer reaches the client with both the route's expression and a RouteResponse."""
    responses = stack.of_type("AWS::ApiGatewayV2::RouteResponse").values()
    answered = mentions([body["RouteId"] for body in responses])
    rendered = stack.of_type("AWS::ApiGatewayV2::IntegrationResponse").values()
    mocks = mentions([body["IntegrationId"] for body in rendered])
    for name, route in stack.of_type("AWS::ApiGatewayV2::Route").items():
        if "RouteResponseSelectionExpression" in route and name not in answered:
            yield f"{name}: has no AWS::ApiGatewayV2::RouteResponse, so nothing reaches the client"
        integration, body = stack.integration(route)
        if body["IntegrationType"] == "MOCK" and integration not in mocks:
            yield f"{integration}: has no AWS::ApiGatewayV2::IntegrationResponse to answer with"


def handlers(stack: Stack) -> Iterator[str]:
    """Each Handler is there, and uses what NEEDS knows."""
    for name, function in stack.functions.items():
        if function.code is None:
            yield f"{name}: {function.properties['Handler']} has no file {function.module.name}"
        elif function.attribute not in _defined(function.code):
            yield f"{name}: {function.module.name} does not define {function.attribute}"
        for text in sorted(function.expressions - NEEDS.keys()):
            if re.fullmatch(r"(container|gateway)\.\w+", text):
                yield f"{name}: uses {text}, and infra/rules.py does not know what that needs"


def grants(stack: Stack) -> Iterator[str]:
    """A function may do what its code does, on what it does it to, and nothing else."""
    for name, function in stack.functions.items():
        allowed, needed = set(granted(function, stack)), set(needed_by(function, stack))
        yield from (f"{name}: may not {action}, and does" for action in sorted(needed - allowed))
        yield from (f"{name}: may {action}, and never does" for action in sorted(allowed - needed))


def visibility(stack: Stack) -> Iterator[str]:
    """A message stays out of sight until its function has surely ended."""
    queues = stack.of_type("AWS::SQS::Queue")
    for queue, function in stack.consumers():
        hidden = int(queues[queue].get("VisibilityTimeout", SQS_DEFAULT_VISIBILITY))
        least = VISIBILITY_PER_TIMEOUT * stack.functions[function].timeout
        if hidden < least:
            yield f"{queue}: VisibilityTimeout {hidden} is below {least}, six times {function}'s"


def environment(stack: Stack) -> Iterator[str]:
    """A function is given the variables that its code reads, and no others."""
    for name, function in stack.functions.items():
        given, read = function.environment.keys(), _variables(function)
        yield from (f"{name}: reads {key}, and is not given it" for key in sorted(read - given))
        yield from (f"{name}: is given {key}, and never reads it" for key in sorted(given - read))


def migrated_first(stack: Stack) -> Iterator[str]:
    """CloudFormation changes no other function before the migrations of its release have run."""
    migrations = stack.of_type("Custom::Migrations")
    migrates = mentions([body["ServiceToken"] for body in migrations.values()])
    for name, function in stack.functions.items():
        if name not in migrates and not migrations.keys() & mentions(function.properties):
            yield f"{name}: refers to none of {sorted(migrations)}, and so does not wait for it"


def kept(stack: Stack) -> Iterator[str]:
    """What outlives the stack does not outlive a first deploy that fails, for it costs."""
    for name in stack.of_type("AWS::CloudFormation::Stack"):
        if stack.template["Resources"][name].get("DeletionPolicy") == "Retain":
            yield f"{name}: Retain keeps it when a first deploy fails: RetainExceptOnCreate"


RULES: Final[tuple[Rule, ...]] = (
    permissions,
    timeouts,
    route_keys,
    two_way,
    handlers,
    grants,
    visibility,
    environment,
    migrated_first,
    kept,
    aliased,
    shifted,
    settings,
)


def needed_by(function: Function, stack: Stack) -> Iterator[str]:
    """What a function does to AWS, each with what it is done to."""
    api = only(stack.sockets)
    queues = mentions([function.environment.get(name) for name in QUEUES])
    for text in function.expressions & NEEDS.keys():
        for action in NEEDS[text].actions:
            targets = queues if action.startswith("sqs:") else {f"{api}/{stack.stage(api)}"}
            yield from (f"{action} on {target}" for target in targets)
    for queue, consumer in stack.consumers():
        if consumer == function.name:
            yield from (f"{action} on {queue}" for action in CONSUME)


def granted(function: Function, stack: Stack) -> Iterator[str]:
    """What a function's role allows, in the words of `needed_by`."""
    for managed in function.role.get("ManagedPolicyArns", ()):
        if str(managed).rsplit("/", 1)[-1] not in MANAGED_POLICIES:
            yield f"all of {managed}"
    for policy in function.role.get("Policies", ()):
        for statement in _listed(policy["PolicyDocument"]["Statement"]):
            for action in _listed(statement["Action"]):
                yield from (_on(action, arn, stack) for arn in _listed(statement["Resource"]))


def _on(action: str, arn: Any, stack: Stack) -> str:
    targets = mentions(arn) & (stack.sockets | stack.of_type("AWS::SQS::Queue").keys())
    path = re.fullmatch(r"(/\w+)/(GET|POST|DELETE)/@connections/\*", literal_end(arn))
    if action == "execute-api:ManageConnections" and path and targets:
        return f"{path[2]} @connections on {only(targets)}{path[1]}"
    # An ARN of another form is shown whole, and so is never what the code needs.
    return f"{action} on {only(targets) if targets and 'Fn::GetAtt' in arn else arn}"


def _variables(function: Function) -> set[str]:
    settings = (re.fullmatch(r"setting\('(\w+)'\)", text) for text in function.expressions)
    read = {match[1] for match in settings if match}
    return read.union(*(NEEDS[text].variables for text in function.expressions & NEEDS.keys()))


def _defined(module: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
