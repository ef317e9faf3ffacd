"""A WebSocket route's integration: what it is, its templates, its responses, its parameters."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wsgate.core.integrations import check_uri
from wsgate.expressions.mapping import check_response, check_templates
from wsgate.expressions.parameters import compile_source, compile_target, route_parameter
from wsgate.model.plan import (
    Conversion,
    CustomFunctionIntegration,
    Endpoint,
    FunctionIntegration,
    HttpIntegration,
    HttpProxyIntegration,
    Integration,
    IntegrationResponse,
    MockIntegration,
    Passthrough,
)
from wsgate.template.functions import pointed_to

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from enum import StrEnum

    from wsgate.model.plan import Function
    from wsgate.template.stack import Resource

# docs/aws-behaviour.md §8.1
MIN_MILLIS: Final = 50
MAX_MILLIS: Final = 29_000

Named = TypeVar("Named", bound="StrEnum")

_SERVICE: Final = re.compile(r"arn:aws[\w-]*:apigateway:[\w-]*:([\w.-]+):(path|action)/(.*)")
_STAGE_VARIABLE: Final = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
_METHOD: Final = re.compile(r"[A-Z]+")


def integration_of(
    resource: Resource,
    functions: Mapping[str, Function],
    stage_variables: Mapping[str, str],
    declared: Collection[str],
) -> Integration:
    """Read an AWS::ApiGatewayV2::Integration, as it is on one stage. Raises TemplateError.

    `declared` are the request parameters of the route that it is read for (docs/aws-behaviour.md
    §7.11).
    """
    millis = resource.number(
        "TimeoutInMillis", default=MAX_MILLIS, least=MIN_MILLIS, most=MAX_MILLIS
    )
    timeout = timedelta(milliseconds=millis)
    kind = resource.text("IntegrationType")
    uri = "" if kind == "MOCK" else _uri(resource, stage_variables)
    match kind:
        case "AWS_PROXY":
            _leave_out(resource, "RequestParameters")
            function = pointed_to(resource, functions, uri, "IntegrationUri")
            return FunctionIntegration(function, timeout)
        case "MOCK":
            _leave_out(resource, "RequestParameters")
            return MockIntegration(**_mapped(resource, timeout))
        case "AWS" if (service := _SERVICE.match(uri)) is not None and service[1] != "lambda":
            endpoint = _service(resource, service, declared)
            return HttpIntegration(**_mapped(resource, timeout), endpoint=endpoint)
        case "AWS":
            return CustomFunctionIntegration(
                **_mapped(resource, timeout),
                function=pointed_to(resource, functions, uri, "IntegrationUri"),
                parameters=_parameters(resource, declared),
            )
        case "HTTP":
            endpoint = _endpoint(resource, uri, declared)
            return HttpIntegration(**_mapped(resource, timeout), endpoint=endpoint)
        case "HTTP_PROXY":
            return HttpProxyIntegration(_endpoint(resource, uri, declared), timeout)
    kinds = "AWS, AWS_PROXY, HTTP, HTTP_PROXY or MOCK"
    raise resource.error(f"is {kind}, and must be {kinds}", "IntegrationType")


def _uri(resource: Resource, stage_variables: Mapping[str, str]) -> str:
    """The URI with the stage's variables in it: an address, or a function's name."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in stage_variables:
            problem = f"asks for the stage variable {found[1]}, which the stage does not have"
            raise resource.error(problem, "IntegrationUri")
        return stage_variables[found[1]]

    return _STAGE_VARIABLE.sub(value, resource.text("IntegrationUri"))


def _leave_out(resource: Resource, name: str) -> None:
    if resource.keys(name):
        resource.stack.leave_out(resource.error("map nothing here for this type", name))
    if resource.get("ContentHandlingStrategy") == Conversion.TO_BINARY:
        said = "is not emulated for this type: the message stays text"
        resource.stack.leave_out(resource.error(said, "ContentHandlingStrategy"))


def _service(resource: Resource, service: re.Match[str], declared: Collection[str]) -> Endpoint:
    """SQS by its HTTP API, at the server of the template's queues.

    `…:sqs:path/ACCOUNT/QUEUE`, or `…:sqs:action/NAME` with the rest in the query:
    https://docs.aws.amazon.com/apigateway/latest/api/API_Integration.html (2026-11-24)
    """
    name, kind, target = service.groups()
    if name != "sqs":
        problem = f"calls {name}, and wsgate has Lambda and SQS: let a function make that call"
        raise resource.error(problem, "IntegrationUri")
    place, queues = resource.stack.place, resource.stack.of_type("AWS::SQS::Queue")
    known = [f"{place.account}/{resource.stack.name(queue)}" for queue in queues]
    if not queues or (kind == "path" and target not in known):
        raise resource.error("is no queue of this template", "IntegrationUri")
    if resource.get("CredentialsArn") is None:
        problem = "is missing, and AWS sends nothing to a queue without a role"
        resource.stack.warn_once(resource.logical_id, resource.error(problem, "CredentialsArn"))
    path = f"?Action={target}&Version=2012-11-05" if kind == "action" else target
    # API Gateway signs the request with the role that it is given. The server reads which account
    # that is, and answers this run's token alone.
    signature = f"'AWS4-HMAC-SHA256 Credential=local/19700101/{place.region}/sqs/aws4_request'"
    signed = {
        "integration.request.header.Authorization": signature,
        "integration.request.header.X-Amz-Security-Token": f"'{place.queue_token}'",
    }
    return Endpoint(
        f"{place.queue_endpoint}/{path}",
        resource.text("IntegrationMethod", default="POST"),
        {**_parameters(resource, declared), **signed},
        _one_of(Conversion, resource, "ContentHandlingStrategy"),
    )


def _endpoint(resource: Resource, uri: str, declared: Collection[str]) -> Endpoint:
    if resource.text("ConnectionType", default="INTERNET") != "INTERNET":
        raise resource.error("is a private network, and wsgate has INTERNET only", "ConnectionType")
    method = resource.text("IntegrationMethod").upper()
    if not _METHOD.fullmatch(method):
        raise resource.error(f"is {method!r}, which is no HTTP method", "IntegrationMethod")
    try:
        check_uri(uri)
    except ValueError as error:
        raise resource.error(str(error), "IntegrationUri") from error
    return Endpoint(
        uri,
        method,
        _parameters(resource, declared),
        _one_of(Conversion, resource, "ContentHandlingStrategy"),
    )


def _mapped(resource: Resource, timeout: timedelta) -> dict[str, Any]:
    expression = resource.optional_text("TemplateSelectionExpression")
    templates = resource.texts("RequestTemplates")
    _check_templates(resource, expression, templates, "RequestTemplates")
    return {
        "template_selection": expression,
        "templates": templates,
        "responses": _responses(resource),
        "timeout": timeout,
        "passthrough": _one_of(Passthrough, resource, "PassthroughBehavior")
        or Passthrough.WHEN_NO_MATCH,
    }


def _responses(integration: Resource) -> tuple[IntegrationResponse, ...]:
    return tuple(
        _response(response)
        for response in integration.stack.of_type("AWS::ApiGatewayV2::IntegrationResponse")
        if response.text("IntegrationId") == integration.id
    )


def _response(resource: Resource) -> IntegrationResponse:
    response = IntegrationResponse(
        key=resource.text("IntegrationResponseKey"),
        template_selection=resource.optional_text("TemplateSelectionExpression"),
        templates=resource.texts("ResponseTemplates"),
        parameters=resource.texts("ResponseParameters"),
        conversion=_one_of(Conversion, resource, "ContentHandlingStrategy"),
    )
    _check_templates(resource, response.template_selection, response.templates, "ResponseTemplates")
    try:
        check_response(response)
    except ValueError as error:
        raise resource.error(f"cannot be read: {error}") from error
    return response


def _check_templates(
    resource: Resource, expression: str | None, templates: Mapping[str, str], where: str
) -> None:
    """Say which template it is, while the line that it stands in is known."""
    for key, template in templates.items():
        try:
            check_templates(None, {key: template})
        except ValueError as error:
            raise resource.error(f"cannot run: {error}", where, key) from error
    try:
        check_templates(expression, {})
    except ValueError as error:
        raise resource.error(f"cannot be read: {error}", "TemplateSelectionExpression") from error


def _parameters(resource: Resource, declared: Collection[str]) -> dict[str, str]:
    """Read the data mapping. What the route does not declare, AWS does not map.

    docs/aws-behaviour.md §7.11.
    """
    found = {}
    for target, source in resource.texts("RequestParameters").items():
        try:
            compile_target(target)
            compile_source(source)
        except ValueError as error:
            raise resource.error(f"cannot be read: {error}", "RequestParameters", target) from error
        asked = route_parameter(source)
        if asked is None or asked in declared:
            found[target] = source
        else:
            said = f"is {source}, which stays empty: the route's RequestParameters lack {asked}"
            about = f"{resource.logical_id} {target}"
            resource.stack.warn_once(about, resource.error(said, "RequestParameters", target))
    return found


def _one_of(kind: type[Named], resource: Resource, name: str) -> Named | None:
    word = resource.optional_text(name)
    if word is None:
        return None
    try:
        return kind(word)
    except ValueError:
        words = ", ".join(kind)
        raise resource.error(f"is {word}, and must be one of {words}", name) from None
