"""An expanded template as the rules ask about it: which resources refer to which."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

LAMBDA_DEFAULT_TIMEOUT: Final = 3
_NAMED: Final = re.compile(r"^(self\.)?_?")


@dataclass(frozen=True)
class Function:
    """A Lambda function, its role, and its handler's code."""

    name: str
    properties: Mapping[str, Any]
    role: Mapping[str, Any]
    root: Path

    @property
    def module(self) -> Path:
        """The file that Handler names."""
        return self.root.joinpath(*self.properties["Handler"].split(".")[:-1]).with_suffix(".py")

    @property
    def attribute(self) -> str:
        """What Handler names in that file."""
        return str(self.properties["Handler"].rsplit(".", 1)[-1])

    @property
    def timeout(self) -> int:
        """In seconds."""
        return int(self.properties.get("Timeout", LAMBDA_DEFAULT_TIMEOUT))

    @property
    def environment(self) -> Mapping[str, Any]:
        """The variables that the template gives."""
        return dict(self.properties.get("Environment", {}).get("Variables", {}))

    @cached_property
    def code(self) -> ast.Module | None:
        """The handler's module, or None without one."""
        return _parse(self.module) if self.module.is_file() else None

    @cached_property
    def expressions(self) -> set[str]:
        """Every attribute and call in that module and its parts, as source.

        `self._gateway` is `gateway`, and `parts` (a route's name for it) is `container`.
        """
        return set().union(*(_expressions(file) for file in self._files()))

    def _files(self) -> Iterator[Path]:
        """The handler's file, the services and routes that it imports, and what those import.

        Neither core, which does nothing by itself, nor the adapters behind the container.
        """
        found, waiting = {self.module}, [self.module] if self.code else []
        while waiting:
            file = waiting.pop()
            yield file
            new = {other for other in self._imported(_parse(file)) if other not in found}
            found |= new
            waiting += new

    def _imported(self, module: ast.Module) -> Iterator[Path]:
        """The files of the handler's package that a module imports when it runs."""
        package = self.properties["Handler"].split(".")[0]
        for node in _at_run_time(module):
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{package}."):
                names = (f"{node.module}.{alias.name}" for alias in node.names)
                for name in (str(node.module), *names):
                    path = name.split(".")[1:]
                    file = self.root.joinpath(package, *path).with_suffix(".py")
                    if path and file.is_file() and _is_part(path):
                        yield file


# Functions share most of their code, and it does not change while a template is checked.
@cache
def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


@cache
def _expressions(file: Path) -> frozenset[str]:
    nodes = (node for node in ast.walk(_parse(file)) if isinstance(node, (ast.Attribute, ast.Call)))
    names = (_NAMED.sub("", ast.unparse(node)) for node in nodes)
    return frozenset(name.replace("parts.", "container.") for name in names)


def _is_part(path: list[str]) -> bool:
    """Whether a file belongs to the functions themselves, rather than to what they share."""
    return path[0] in {"services", "web"} or (len(path) == 1 and path[0] != "container")


def _at_run_time(module: ast.Module) -> Iterator[ast.AST]:
    """The nodes of a module, without what stands under `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            waiting += ast.iter_child_nodes(node)


@dataclass(frozen=True)
class Stack:
    """An expanded template, and the folder it stands in."""

    template: Mapping[str, Any]
    root: Path

    def of_type(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """The properties of all resources of a type, by logical id."""
        resources = self.template["Resources"].items()
        bodies = {name: body for name, body in resources if body["Type"] == kind}
        return {name: body.get("Properties", {}) for name, body in bodies.items()}

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions by logical id."""
        bodies = self.of_type("AWS::Lambda::Function")
        return {name: self._function(name, body) for name, body in bodies.items()}

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The functions by their aliases."""
        bodies = self.of_type("AWS::Lambda::Alias").items()
        return {name: only(mentions(body["FunctionName"])) for name, body in bodies}

    def called(self, target: Any) -> set[str]:
        """The functions that an expression names, by themselves or by their aliases."""
        names = mentions(target)
        return {self.aliases.get(name, name) for name in names} & self.functions.keys()

    @cached_property
    def sockets(self) -> set[str]:
        """The WebSocket APIs."""
        apis = self.of_type("AWS::ApiGatewayV2::Api").items()
        return {name for name, body in apis if body.get("ProtocolType") == "WEBSOCKET"}

    def stage(self, api: str) -> str:
        """The name of an API's stage."""
        stages = self.of_type("AWS::ApiGatewayV2::Stage").values()
        return only({str(body["StageName"]) for body in stages if api in mentions(body["ApiId"])})

    def integration(self, route: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """What a route leads to: logical id, properties."""
        integrations = self.of_type("AWS::ApiGatewayV2::Integration")
        name = only(mentions(route["Target"]) & integrations.keys())
        return name, integrations[name]

    def answers(self) -> Iterator[tuple[str, str, str]]:
        """What API Gateway invokes functions for: API, path, function."""
        for route in self.of_type("AWS::ApiGatewayV2::Route").values():
            api, (_, integration) = only(mentions(route["ApiId"])), self.integration(route)
            for function in self.called(integration.get("IntegrationUri")):
                yield api, f"/{self.stage(api)}/{route['RouteKey']}", function
        for name, body in self.of_type("AWS::ApiGatewayV2::Authorizer").items():
            for function in self.called(body.get("AuthorizerUri")):
                yield only(mentions(body["ApiId"])), f"/authorizers/{name}", function

    def consumers(self) -> Iterator[tuple[str, str]]:
        """Which function reads which queue: queue, function."""
        queues = self.of_type("AWS::SQS::Queue").keys()
        for body in self.of_type("AWS::Lambda::EventSourceMapping").values():
            for queue in mentions(body["EventSourceArn"]) & queues:
                yield queue, only(self.called(body["FunctionName"]))

    def _function(self, name: str, body: Mapping[str, Any]) -> Function:
        roles = self.of_type("AWS::IAM::Role")
        role = roles[only(mentions(body["Role"]) & roles.keys())]
        return Function(name, body, role, self.root)


def mentions(value: Any) -> set[str]:
    """The logical ids that an expression refers to."""
    found: set[str] = set()
    match value:
        case {"Ref": str(name)}:
            found = {name}
        case {"Fn::GetAtt": str(path) | [str(path), *_]}:
            found = {path.split(".")[0]}
        case {"Fn::Sub": str(text)}:
            found = _placeholders(text)
        case {"Fn::Sub": [str(text), Mapping() as variables]}:
            found = _placeholders(text) - variables.keys() | mentions(list(variables.values()))
        case Mapping():
            found = mentions(list(value.values()))
        case list():
            found = set().union(*map(mentions, value))
    return {name for name in found if not name.startswith("AWS::")}


def literal_end(arn: Any) -> str:
    """The end of an ARN, behind the last `${…}`."""
    text = arn.get("Fn::Sub", "") if isinstance(arn, Mapping) else arn
    return str(text if isinstance(text, str) else text[0]).rsplit("}", 1)[-1]


def only(names: Any) -> str:
    """The one element. Raises ValueError when there are none or several."""
    (name,) = names
    return str(name)


def _placeholders(text: str) -> set[str]:
    return {name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)}
