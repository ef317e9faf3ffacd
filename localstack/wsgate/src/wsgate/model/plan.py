"""What a template asks for, once every intrinsic function is resolved.

`template.load` makes a `Plan`; the gateway, the function environments and the triggers read it.
Nothing here knows CloudFormation, a socket or a process.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wsgate.model.timing import Timing


@dataclass(frozen=True)
class Function:
    """A Lambda function: where its code is and how it is started."""

    name: str
    code: Path
    """The folder that becomes the environment's working directory and the first of `sys.path`."""
    handler: str
    """`package.module.callable`, as in the template."""
    timeout: timedelta
    memory_mb: int
    environment: Mapping[str, str]
    runtime: str = "python3.13"
    log_format: str = "Text"
    """`Text` or `JSON`, of LoggingConfig."""
    log_level: str | None = None
    """The ApplicationLogLevel of LoggingConfig; None leaves the root logger as Python has it."""
    layers: tuple[Path, ...] = ()
    """The folders of its layers, in the template's order."""
    reserved: int | None = None
    """ReservedConcurrentExecutions: more calls at once are throttled; 0 throttles all of them."""
    elsewhere: bool = False
    """It runs behind `--invoke-endpoint`; what is said of its code means nothing then."""
    logical_id: str = ""
    """What the template calls it."""


@dataclass(frozen=True)
class FunctionIntegration:
    """AWS_PROXY: the whole event goes to a function and its answer comes back."""

    function: str
    """The function's name, as the Invoke API takes it."""
    timeout: timedelta


class Passthrough(enum.StrEnum):
    """What reaches the backend when no request template matches (docs/aws-behaviour.md §7.10)."""

    WHEN_NO_MATCH = "WHEN_NO_MATCH"
    WHEN_NO_TEMPLATES = "WHEN_NO_TEMPLATES"
    NEVER = "NEVER"


class Conversion(enum.StrEnum):
    """A ContentHandlingStrategy (docs/aws-behaviour.md §7.13)."""

    TO_TEXT = "CONVERT_TO_TEXT"
    TO_BINARY = "CONVERT_TO_BINARY"


@dataclass(frozen=True)
class IntegrationResponse:
    """One AWS::ApiGatewayV2::IntegrationResponse, of an integration that is no proxy."""

    key: str
    """`$default` or `/regex/`: over the status of MOCK and HTTP, over a function's errorMessage."""
    template_selection: str | None
    templates: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    """`route.response.header.NAME`, and where it comes from."""
    conversion: Conversion | None = None


@dataclass(frozen=True)
class MappedIntegration:
    """What every integration that is no proxy has: templates on the way in and out (§7.8, §7.9)."""

    template_selection: str | None
    templates: Mapping[str, str]
    responses: tuple[IntegrationResponse, ...]
    timeout: timedelta
    passthrough: Passthrough = Passthrough.WHEN_NO_MATCH


@dataclass(frozen=True)
class MockIntegration(MappedIntegration):
    """MOCK: templates answer, no function runs (docs/aws-behaviour.md §7.1)."""


@dataclass(frozen=True, kw_only=True)
class CustomFunctionIntegration(MappedIntegration):
    """AWS with a Lambda function: the request template makes its event.

    docs/aws-behaviour.md §7.8.
    """

    function: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    """`integration.request.header.NAME`, and where it comes from."""


@dataclass(frozen=True)
class Endpoint:
    """Where an HTTP integration goes, and what is mapped into its request.

    docs/aws-behaviour.md §7.11.
    """

    uri: str
    """With `{name}`, where a path is mapped, still in it."""
    method: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    conversion: Conversion | None = None


@dataclass(frozen=True, kw_only=True)
class HttpIntegration(MappedIntegration):
    """HTTP: templates on the way to an endpoint and back."""

    endpoint: Endpoint


@dataclass(frozen=True)
class HttpProxyIntegration:
    """HTTP_PROXY: the message goes to an endpoint, and what that answers comes back."""

    endpoint: Endpoint
    timeout: timedelta


@dataclass(frozen=True)
class FailingIntegration:
    """What is not emulated, or cannot work: each call is answered as a failed integration."""

    reason: str
    """The sentence that is told at the start, and with each call."""


Integration = (
    FunctionIntegration
    | MockIntegration
    | CustomFunctionIntegration
    | HttpIntegration
    | HttpProxyIntegration
    | FailingIntegration
)


@dataclass(frozen=True)
class Authorizer:
    """The REQUEST authorizer of $connect."""

    function: str
    identity_sources: tuple[str, ...]
    """`route.request.querystring.ticket` and the like; one missing and the handshake is 401."""
    permitted: bool = True
    """False where API Gateway may not invoke the function (docs/aws-behaviour.md §8.7)."""


@dataclass(frozen=True)
class ApiKeys:
    """The API keys that open $connect (docs/aws-behaviour.md §3.14)."""

    ids: Mapping[str, str] = field(repr=False)
    """The id of each key, by the key itself."""
    from_authorizer: bool = False
    """True: the authorizer names the key. False: the client sends it, as `x-api-key`."""


@dataclass(frozen=True)
class BasePath:
    """One mapping of a custom domain to a stage (docs/aws-behaviour.md §1.6)."""

    domain: str
    key: str = ""
    """`a/b` in `wss://{domain}/a/b`; empty is the domain itself."""


@dataclass(frozen=True)
class Models:
    """What a route's messages must be: JSON schemas, draft 4 (docs/aws-behaviour.md §7.15)."""

    selection: str
    """The ModelSelectionExpression: it makes a key of `schemas`."""
    schemas: Mapping[str, Any]


@dataclass(frozen=True)
class Route:
    key: str
    integration: Integration
    two_way: bool
    """True with a RouteResponse, whatever the RouteResponseSelectionExpression.

    docs/aws-behaviour.md §7.1.
    """
    permitted: bool = True
    """False where API Gateway may not invoke the integration's function.

    docs/aws-behaviour.md §8.7.
    """
    models: Models | None = None
    required_parameters: tuple[str, ...] = ()
    """`route.request.{header,querystring}.NAME` that a handshake must have.

    docs/aws-behaviour.md §7.11.
    """


@dataclass(frozen=True)
class Throttle:
    """ThrottlingRateLimit and ThrottlingBurstLimit; None leaves the account's.

    docs/aws-behaviour.md §12.2.
    """

    rate: float | None = None
    burst: int | None = None


@dataclass(frozen=True)
class Throttles:
    """How a stage throttles its routes: DefaultRouteSettings and RouteSettings."""

    default: Throttle | None = None
    routes: Mapping[str, Throttle] = field(default_factory=dict)


@dataclass(frozen=True)
class WebSocketApi:
    """One stage of a WebSocket API."""

    api_id: str
    stage: str
    selection_expression: str
    routes: Mapping[str, Route]
    authorizer: Authorizer | None
    stage_variables: Mapping[str, str] = field(default_factory=dict)
    iam: bool = False
    """True: $connect takes signed requests only, AuthorizationType AWS_IAM.

    docs/aws-behaviour.md §3.15.
    """
    api_keys: ApiKeys | None = None
    """None: $connect asks for no API key."""
    base_paths: tuple[BasePath, ...] = ()
    has_default_endpoint: bool = True
    """False: custom domains are the only way in (docs/aws-behaviour.md §1.9)."""
    throttles: Throttles = field(default_factory=Throttles)


@dataclass(frozen=True)
class HttpApi:
    """An HTTP API with payload format 2.0. Route keys are `$default` or `METHOD /path/{name}`."""

    api_id: str
    stage: str
    routes: Mapping[str, FunctionIntegration | FailingIntegration]
    throttles: Throttles = field(default_factory=Throttles)


@dataclass(frozen=True)
class Queue:
    name: str
    url: str
    visibility_timeout: timedelta
    dead_letters: str | None
    """The name of the queue that takes a message received `max_receives` times."""
    max_receives: int | None
    delay: timedelta = timedelta(0)
    fifo: bool = False
    content_deduplication: bool = False


@dataclass(frozen=True)
class QueueTrigger:
    """An SQS event source mapping."""

    queue: str
    function: str
    batch_size: int
    batching_window: timedelta
    reports_item_failures: bool
    concurrency: int = 5
    """How many batches are with the function at once; one, when the queue is FIFO."""


@dataclass(frozen=True)
class Schedule:
    name: str
    function: str
    timing: Timing
    payload: str | None
    """The constant JSON of the target's Input; None sends what EventBridge itself sends."""
    arn: str = ""
    """The rule or schedule, as the event's `resources` names it."""
    source: str = "aws.events"
    """`aws.events` from an AWS::Events::Rule, `aws.scheduler` from an AWS::Scheduler::Schedule."""


@dataclass(frozen=True)
class EventPolicy:
    """What Lambda does with an asynchronous event of a function that fails (EventInvokeConfig)."""

    retries: int = 2
    age: timedelta = timedelta(hours=6)
    """An event older than this is not tried again."""


@dataclass(frozen=True)
class Reached:
    """A resource that functions reach by an SDK: a table, a bucket, a queue."""

    logical_id: str
    kind: str
    """Its type: `AWS::DynamoDB::Table`."""
    name: str
    """Its physical name."""
    service: str
    """What stands behind AWS_ENDPOINT_URL_ for it: `DYNAMODB`."""
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Those that can be resolved here, as the template writes them."""


@dataclass(frozen=True)
class Plan:
    functions: Mapping[str, Function]
    """By function name."""
    websockets: tuple[WebSocketApi, ...]
    """Every stage of every WebSocket API, the template's first one first."""
    http: HttpApi | None
    queues: Mapping[str, Queue]
    """By queue name."""
    queue_triggers: tuple[QueueTrigger, ...]
    schedules: tuple[Schedule, ...]
    region: str
    account: str
    event_policies: Mapping[str, EventPolicy] = field(default_factory=dict)
    """By function name; a function without one has the defaults."""
    left_out: tuple[str, ...] = ()
    """A sentence for each trigger and function of the template that does nothing here."""
    warnings: tuple[str, ...] = ()
    """A sentence for what runs, and will fail."""
    statements: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """What its role allows a function, by the function's name; of a role that is not in the
    template nothing is known, and it has no entry."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """The values of parameters that have NoEcho."""
    reached: tuple[Reached, ...] = ()

    @property
    def websocket(self) -> WebSocketApi:
        """The first stage, which in most templates is the only one."""
        return self.websockets[0]
