"""A template's resources as they would exist: which there are, what they are called, what they say.

Names and ARNs are those that CloudFormation gives out, in a made-up account. What only AWS can know
(another stack's exports, a secret) is refused, and the sentence says which resource and which
property asked for it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wsgate.template.expand import Source, TemplateError
from wsgate.template.intrinsics import NO_VALUE, Mistake, Resolver, Unresolved, is_call, show, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ADVICE: Final = "Let a parameter of the template decide it, and give that with --parameter"


@dataclass(frozen=True)
class Place:
    """Where the stack pretends to be, and where its queues really are."""

    queue_endpoint: str
    queue_token: str = field(repr=False)
    """What a call of the queue server sends as X-Amz-Security-Token."""
    region: str
    account: str


# Resources with a name: the property that gives it, and the ARN. Some are not emulated, but their
# name is all that a function asks for, and something else on this machine may stand behind it.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/introduction.html
# (2026-11-23; "Return values" of each type)
_NAMED: Final[Mapping[str, tuple[str, str]]] = {
    "AWS::CloudFormation::Stack": (
        "StackName",
        "cloudformation:{region}:{account}:stack/local-{name}/local",
    ),
    "AWS::DynamoDB::GlobalTable": ("TableName", "dynamodb:{region}:{account}:table/{name}"),
    "AWS::DynamoDB::Table": ("TableName", "dynamodb:{region}:{account}:table/{name}"),
    "AWS::Events::EventBus": ("Name", "events:{region}:{account}:event-bus/{name}"),
    "AWS::Events::Rule": ("Name", "events:{region}:{account}:rule/{name}"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "iam::{account}:policy/{name}"),
    "AWS::IAM::Role": ("RoleName", "iam::{account}:role/{name}"),
    "AWS::Kinesis::Stream": ("Name", "kinesis:{region}:{account}:stream/{name}"),
    "AWS::Lambda::Function": ("FunctionName", "lambda:{region}:{account}:function:{name}"),
    "AWS::Lambda::LayerVersion": ("LayerName", "lambda:{region}:{account}:layer:{name}:1"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:{region}:{account}:log-group:{name}:*"),
    "AWS::S3::Bucket": ("BucketName", "s3:::{name}"),
    "AWS::Scheduler::Schedule": ("Name", "scheduler:{region}:{account}:schedule/default/{name}"),
    "AWS::SNS::Topic": ("TopicName", "sns:{region}:{account}:{name}"),
    "AWS::SQS::Queue": ("QueueName", "sqs:{region}:{account}:{name}"),
    "AWS::SSM::Parameter": ("Name", "ssm:{region}:{account}:parameter/{name}"),
    "AWS::StepFunctions::StateMachine": (
        "StateMachineName",
        "states:{region}:{account}:stateMachine:{name}",
    ),
}
_KNOWN_BY: Final = {
    "AWS::ApiGatewayV2::DomainName": "DomainName",
    "AWS::ApiGatewayV2::Stage": "StageName",
}
"""Where Ref gives a property."""
_OF_API_KEYS: Final = ("AWS::ApiGateway::ApiKey", "AWS::ApiGateway::UsagePlan")
_KNOWN_BY_ARN: Final = (
    "AWS::CloudFormation::Stack",
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::LayerVersion",
    "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine",
)
"""Where Ref gives the ARN rather than the name."""
_ARN_ATTRIBUTES: Final = {"AWS::Lambda::LayerVersion": "LayerVersionArn"}
"""Where GetAtt does not call it Arn."""

_ID_ATTRIBUTES: Final = {
    "AWS::ApiGateway::ApiKey": "APIKeyId",
    "AWS::ApiGatewayV2::Authorizer": "AuthorizerId",
    "AWS::ApiGatewayV2::Route": "RouteId",
}


@dataclass
class Family:
    """What a stack shares with its nested stacks."""

    stacks: list[Stack] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    warnings: dict[str, str] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    """Why a function cannot run, by its name."""
    secrets: list[str] = field(default_factory=list)
    """The values of parameters that have NoEcho."""


class Stack:
    """The expanded template with its parameters and conditions applied.

    A nested stack has a name of its own before the names of its resources, as on AWS.
    """

    def __init__(  # noqa: PLR0913 what a stack is made of
        self,
        source: Source,
        expanded: Mapping[str, Any],
        names: Mapping[str, Any],
        place: Place,
        *,
        family: Family,
        prefix: str = "",
        open_nested: Callable[[Resource], Stack],
    ) -> None:
        """`open_nested` reads the template of an AWS::CloudFormation::Stack."""
        self.source, self.place, self.family, self.prefix = source, place, family, prefix
        self._open_nested, self._nested = open_nested, dict[str, Stack | Unresolved]()
        self._outputs = _section(expanded, "Outputs")
        self.declared: Mapping[str, Any] = expanded["Resources"]
        self._resolver = Resolver(
            names={**names, **pseudo_parameters(place, prefix)},
            conditions=_section(expanded, "Conditions"),
            mappings=_section(expanded, "Mappings"),
            reference=self.reference,
            attribute=self.attribute,
            imported=self._imported,
        )
        # None yet while the conditions are judged, which may only ask parameters.
        self.resources: dict[str, Resource] = {}
        self.resources = {name: Resource(self, name, body) for name, body in self._existing()}
        family.stacks.append(self)

    def judge(self, assertion: Any) -> bool:
        """Say whether the parameters keep what a rule asserts. Raises Unresolved."""
        return self._resolver.judge(assertion)

    @property
    def path(self) -> Path:
        """The template's own path."""
        return self.source.path

    def leave_out(self, what: TemplateError) -> None:
        """List something that is not needed as left out, and continue without it."""
        self.family.left_out.append(str(what))

    @contextlib.contextmanager
    def leaving_out(self) -> Iterator[None]:
        """Leave out what raises TemplateError."""
        try:
            yield
        except TemplateError as error:
            self.leave_out(error)

    def leave_out_function(self, function: Resource, reason: TemplateError) -> None:
        """Leave a function out, and remember why for what would call it."""
        self.leave_out(reason)
        with contextlib.suppress(TemplateError):
            self.family.unusable[self.name(function)] = str(reason)

    def warn_once(self, about: str, what: TemplateError) -> None:
        """Warn, once per `about`, of something that still runs, as it does on AWS."""
        self.family.warnings.setdefault(f"{self.prefix}{about}", str(what))

    def of_type(self, kind: str) -> list[Resource]:
        """Return the resources of one type, of nested stacks too, in the template's order."""
        stacks = self.family.stacks
        return [one for stack in stacks for one in stack.resources.values() if one.kind == kind]

    def resolve(self, value: Any) -> Any:
        """Resolve an expression. Raises Unresolved."""
        resolved = self._resolver.resolve(value)
        if isinstance(resolved, str) and "{{resolve:" in resolved:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
            # (2026-11-23)
            raise Unresolved(f"{show(value)} is a secret or parameter that AWS keeps")
        return resolved

    def reference(self, name: str) -> str:
        """Return what `!Ref name` gives for a resource. Raises Unresolved."""
        resource = self._resource(name, f"!Ref {name}")
        match resource.kind:
            case "AWS::Lambda::Alias" | "AWS::Lambda::Version":
                return self._qualified_arn(resource)
            case "AWS::SQS::Queue":
                return self.queue_url(resource)
            case kind if kind in _KNOWN_BY:
                return resource.text(_KNOWN_BY[kind])
            case kind if kind in _KNOWN_BY_ARN:
                return self._arn(resource)
            case kind if kind in _NAMED:
                return self.name(resource)
            case kind if kind.startswith(("AWS::ApiGatewayV2::", *_OF_API_KEYS)):
                return identifier(self.prefix + name)
            case kind:
                raise Unresolved(f"!Ref {name} is not known here ({kind} is not emulated)")

    def attribute(self, name: str, attribute: str) -> str:
        """Return what `!GetAtt name.attribute` gives. Raises Unresolved."""
        expression = f"!GetAtt {name}.{attribute}"
        resource = self._resource(name, expression)
        if resource.kind == "AWS::CloudFormation::Stack" and attribute.startswith("Outputs."):
            return self.nested(resource).output(expression, attribute.removeprefix("Outputs."))
        value = self._attributes(resource).get(attribute)
        if value is None:
            raise Unresolved(f"{expression} is not known here ({resource.kind} is not emulated)")
        return value

    def nested(self, resource: Resource) -> Stack:
        """Return a nested stack, read when it is first asked for. Raises Unresolved."""
        found = self._nested.get(resource.logical_id)
        if found is None:
            try:
                found = self._open_nested(resource)
            except TemplateError as error:
                said = f"the nested stack {resource.logical_id} is missing"
                found = Unresolved(said)
                self.leave_out(error.adding(f"until then {said}"))
            self._nested[resource.logical_id] = found
        if isinstance(found, Unresolved):
            raise found
        return found

    def output(self, expression: str, name: str) -> str:
        """Return an output of this stack for `expression` of another. Raises Unresolved."""
        declared = self._outputs.get(name)
        if not isinstance(declared, Mapping):
            raise Mistake(f"{expression} asks for an output that {self.path} does not have")
        condition = declared.get("Condition")
        if condition is not None and not self._resolver.holds(str(condition)):
            raise Unresolved(f"{expression} is an output of {self.path} whose condition is false")
        return text(self.resolve(declared.get("Value")))

    def _imported(self, name: str) -> str:
        """The value that this stack or one of its family exports by this name."""
        for stack in self.family.stacks:
            for output in stack.exported(name):
                return text(stack.resolve(output))
        raise Unresolved(f"!ImportValue {name} belongs to another stack")

    def exported(self, name: str) -> Iterator[Any]:
        """Yield the values of the outputs that are exported by this name, as they were written."""
        for output in self._outputs.values():
            with contextlib.suppress(Unresolved, TypeError):
                export = output.get("Export") if isinstance(output, Mapping) else None
                if export and text(self.resolve(export.get("Name"))) == name:
                    yield output.get("Value")

    def open_all(self) -> None:
        """Read the nested stacks, and theirs; one that cannot be read is left out, and told."""
        for resource in list(self.resources.values()):
            if resource.kind == "AWS::CloudFormation::Stack":
                with contextlib.suppress(Unresolved):
                    self.nested(resource).open_all()

    def name(self, resource: Resource) -> str:
        """Return the physical name; without one in the template, the logical id."""
        own = resource.stack.prefix + resource.logical_id
        name = resource.text(_NAMED[resource.kind][0], default=own)
        # A function may be named by its ARN.
        return name.rsplit(":", 1)[-1] if name.startswith("arn:") else name

    def queue_url(self, resource: Resource) -> str:
        """Return the URL under which the local SQS server has this queue."""
        return f"{self.place.queue_endpoint}/{self.place.account}/{self.name(resource)}"

    def _existing(self) -> list[tuple[str, Mapping[str, Any]]]:
        found = []
        for name, body in self.declared.items():
            condition = body.get("Condition")
            try:
                if condition is None or self._resolver.holds(str(condition)):
                    found.append((name, body))
            except Unresolved as error:
                reason = self._condition_error(name, body, error)
                self.leave_out(reason.adding(f"until then {name} is missing"))
        return found

    def _condition_error(
        self, name: str, body: Mapping[str, Any], error: Unresolved
    ) -> TemplateError:
        """Name the condition's own line; a resource is only the first that asked for it."""
        if error.condition is None:
            return Resource(self, name, body).error(f"depends on a condition: {error}")
        where = f"{self.path}:{self.source.line('Conditions', error.condition)}"
        return TemplateError(f"{where}: the condition {error.condition} cannot be judged: {error}.")

    def _resource(self, name: str, expression: str) -> Resource:
        if name in self.resources:
            return self.resources[name]
        if name in self.declared and not self.resources:
            raise Mistake(f"{expression} is a resource, and a condition may only ask parameters")
        if name in self.declared:
            raise Unresolved(f"{expression} is a resource whose condition is false")
        if expression.startswith("!Ref"):
            raise Mistake(f"{expression} is neither a parameter nor a resource of the template")
        raise Mistake(f"{expression} asks for {name}, which is not a resource of the template")

    def _attributes(self, resource: Resource) -> dict[str, str]:
        match resource.kind:
            case "AWS::SQS::Queue":
                name, url = self.name(resource), self.queue_url(resource)
                return {"Arn": self._arn(resource), "QueueName": name, "QueueUrl": url}
            case "AWS::ApiGatewayV2::Api":
                is_socket = resource.text("ProtocolType", default="HTTP") == "WEBSOCKET"
                name, place = resource.id, self.place
                host = f"{name}.execute-api.{place.region}.amazonaws.com"
                endpoint = f"{'wss' if is_socket else 'https'}://{host}"
                return {"ApiId": name, "ApiEndpoint": endpoint}
            case kind if kind in _ID_ATTRIBUTES:
                return {_ID_ATTRIBUTES[kind]: resource.id}
            case "AWS::SNS::Topic":
                return {"TopicArn": self._arn(resource), "TopicName": self.name(resource)}
            case kind if kind in _NAMED:
                return {_ARN_ATTRIBUTES.get(kind, "Arn"): self._arn(resource)}
        return {}

    def _qualified_arn(self, resource: Resource) -> str:
        function = resource.text("FunctionName")
        qualifier = resource.text("Name", default="1")
        if not function.startswith("arn:"):
            function = self._named_arn("AWS::Lambda::Function", function)
        return f"{function}:{qualifier}"

    def _arn(self, resource: Resource) -> str:
        return self._named_arn(resource.kind, self.name(resource))

    def _named_arn(self, kind: str, name: str) -> str:
        shape, place = _NAMED[kind][1], self.place
        return "arn:aws:" + shape.format(region=place.region, account=place.account, name=name)


class Resource:
    """One resource; its properties are resolved when they are asked for."""

    def __init__(self, stack: Stack, logical_id: str, body: Mapping[str, Any]) -> None:
        self.stack, self.logical_id = stack, logical_id
        self.kind = str(body.get("Type"))
        self.properties = _section(body, "Properties")

    @property
    def id(self) -> str:
        """What the other resources get when they Ref it."""
        return self.stack.reference(self.logical_id)

    def attribute(self, name: str) -> str:
        """Return what GetAtt gives for it. Raises TemplateError."""
        try:
            return self.stack.attribute(self.logical_id, name)
        except Unresolved as error:
            raise self.error(_advised(error)) from error

    def get(self, *path: str) -> Any:
        """Return the resolved property, or None when it is absent. Raises TemplateError."""
        try:
            return _given(self.stack.resolve(self._raw(path)))
        except (Unresolved, TypeError) as error:
            raise self.error(_advised(error), *path) from error

    def keys(self, *path: str) -> list[str]:
        """Return the keys of a mapping property without resolving its values."""
        value = self._raw(path)
        if value is None:
            return []
        if not isinstance(value, Mapping):
            raise self.error("must be a mapping", *path)
        return [str(key) for key in value]

    def items(self, *path: str) -> list[Any]:
        """Return a list property; absent is empty."""
        value = self.get(*path)
        if value is not None and not isinstance(value, list):
            raise self.error("must be a list", *path)
        return value or []

    def text(self, *path: str, default: str | None = None) -> str:
        """Return a text property. Raises TemplateError when it is absent without a default."""
        found = self.optional_text(*path)
        if found is None and default is None:
            raise self.error("is missing", *path)
        return found if found is not None else str(default)

    def optional_text(self, *path: str) -> str | None:
        """Return a text property or None."""
        value = self.get(*path)
        try:
            return None if value is None else text(value)
        except TypeError:
            raise self.error("must be a text", *path) from None

    def number(self, *path: str, default: int, least: int, most: int) -> int:
        """Return an integer property. Raises TemplateError outside of `least` to `most`."""
        words = self.text(*path, default=str(default))
        try:
            value = int(words)
        except ValueError:
            raise self.error("must be a whole number", *path) from None
        if not least <= value <= most:
            raise self.error(f"is {value}, and must be from {least} to {most}", *path)
        return value

    def flag(self, *path: str) -> bool:
        """Return a boolean property; absent is false."""
        return self.text(*path, default="false").lower() == "true"

    def resolve(self, value: Any) -> Any:
        """Resolve what stands somewhere inside this resource. Raises TemplateError."""
        try:
            return _given(self.stack.resolve(value))
        except (Unresolved, TypeError) as error:
            raise self.error(f"cannot be resolved: {error}") from error

    def texts(self, *path: str) -> dict[str, str]:
        """Return a mapping property with each of its values as text."""
        found = {key: self.optional_text(*path, key) for key in self.keys(*path)}
        return {key: value for key, value in found.items() if value is not None}

    def error(self, message: str, *path: str) -> TemplateError:
        """Make the error that names this resource, the property and the line."""
        where = ".".join((self.logical_id, *path))
        return TemplateError(f"{self.stack.path}:{self._line(path)}: {where} {message}.")

    def _raw(self, path: tuple[str, ...]) -> Any:
        value: Any = self.properties
        for key in path:
            value = _given(self._opened(value, path))
            if value is None:
                return None
            if not isinstance(value, Mapping):
                raise self.error("is not what CloudFormation expects", *path)
            value = value.get(key)
        return _given(self._opened(value, path))

    def _opened(self, value: Any, path: tuple[str, ...]) -> Any:
        """Resolve `value` if a function makes it, so that what is inside can be read by key."""
        if not is_call(value):
            return value
        try:
            return self.stack.resolve(value)
        except (Unresolved, TypeError) as error:
            raise self.error(_advised(error), *path) from error

    def _line(self, path: tuple[str, ...]) -> int:
        source, name = self.stack.source, self.logical_id
        # SAM names what it makes after what it was made from: SocketApiActRoute, FunctionEvent.
        origins = [origin for origin in source.body["Resources"] if name.startswith(str(origin))]
        origin = max(map(str, origins), key=len, default=name)
        own = ("Resources", origin, "Properties", *path)
        # A route that SAM makes of AWS::Serverless::WebSocketApi stands under Routes there.
        route = ("Resources", origin, "Properties", "Routes", str(self.properties.get("RouteKey")))
        if origin != name and source.depth(*route) == len(route):
            return source.line(*route, *path)
        shared = ("Globals", "Function", *path)
        is_shared = self.kind == "AWS::Lambda::Function" and path
        if is_shared and source.depth(*shared) == len(shared) > source.depth(*own):
            return source.line(*shared)
        return source.line(*own)


def identifier(logical_id: str) -> str:
    """Return a stable id in API Gateway's form: ten lower-case letters and digits."""
    digest = hashlib.sha256(logical_id.encode()).digest()
    return base64.b32encode(digest).decode().lower()[:10]


def _advised(error: Unresolved | TypeError) -> str:
    """What is wrong on AWS too needs no other value, but another word in the template."""
    return str(error) if isinstance(error, Mistake) else f"{error}. {ADVICE}"


def _given(value: Any) -> Any:
    return None if value is NO_VALUE else value


def _section(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = body.get(name)
    return section if isinstance(section, Mapping) else {}


def pseudo_parameters(place: Place, prefix: str) -> dict[str, Any]:
    """Return `AWS::Region` and the like, in the stack of this prefix."""
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
    # (2026-11-23)
    name = f"local-{prefix}".rstrip("-")
    stack = f"arn:aws:cloudformation:{place.region}:{place.account}:stack/{name}/local"
    return {
        "AWS::AccountId": place.account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": place.region,
        "AWS::StackId": stack,
        "AWS::StackName": name,
        "AWS::URLSuffix": "amazonaws.com",
    }
