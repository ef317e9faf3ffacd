"""What a WebSocket route demands of a request: models of its messages, parameters of $connect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wsgate.core.models import check_schema, check_selection
from wsgate.expressions.parameters import check_route_parameter
from wsgate.model.plan import Models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.template.stack import Resource

_YES = (True, "true")


def models_of(route: Resource, api: Resource) -> Models | None:
    """Return the route's models. Raises TemplateError.

    Without a ModelSelectionExpression nothing is checked, nor when the API turns checks off
    (docs/aws-behaviour.md §7.15).
    """
    names, expression = route.texts("RequestModels"), "ModelSelectionExpression"
    selection = route.optional_text(expression)
    if selection is None:
        if names:
            problem = f"is checked against nothing without a {expression}, as on AWS"
            route.stack.leave_out(route.error(problem, "RequestModels"))
        return None
    if api.flag("DisableSchemaValidation"):
        return None
    try:
        check_selection(selection)
    except ValueError as error:
        raise route.error(f"cannot be read: {error}", expression) from error
    return Models(selection, {key: _schema(route, key, name) for key, name in names.items()})


def parameters_of(route: Resource) -> dict[str, bool]:
    """Return the route's request parameters, and whether each is required. Raises TemplateError."""
    names = route.keys("RequestParameters")
    if names and route.text("RouteKey") != "$connect":
        raise route.error("are for $connect only: no other route has headers", "RequestParameters")
    return {name: _is_required(route, name) for name in names}


def _is_required(route: Resource, name: str) -> bool:
    try:
        check_route_parameter(name)
    except ValueError as error:
        raise route.error(f"cannot be read: {error}", "RequestParameters") from error
    # CloudFormation writes {"Required": true}; SAM's and older templates a plain true.
    value = route.get("RequestParameters", name)
    return (value.get("Required") if isinstance(value, dict) else value) in _YES


def _schema(route: Resource, key: str, name: str) -> Any:
    """The model's schema: a route names its model, or gives its id."""
    for model in route.stack.of_type("AWS::ApiGatewayV2::Model"):
        is_ours = model.text("ApiId") == route.text("ApiId")
        if is_ours and name in (model.text("Name"), model.id):
            return _checked_schema(model)
    raise route.error(f"is {name!r}, which is no model of this API", "RequestModels", key)


def _checked_schema(model: Resource) -> Mapping[str, Any]:
    schema = model.get("Schema")
    try:
        schema = json.loads(schema) if isinstance(schema, str) else schema
        if not isinstance(schema, dict):
            raise model.error("must be a JSON schema", "Schema")
        check_schema(schema)
    except ValueError as error:
        raise model.error(f"cannot be used: {error}", "Schema") from error
    return schema
