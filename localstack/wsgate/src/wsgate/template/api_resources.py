"""The resources of APIs, WebSocket and HTTP alike: which there are, and what belongs to which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgate.template.expand import TemplateError

if TYPE_CHECKING:
    from wsgate.template.stack import Resource, Stack


def apis(stack: Stack, protocol: str) -> list[Resource]:
    """In the order of the template: SAM writes those that it makes behind the others."""
    written = list(stack.source.body["Resources"])
    found = []
    for api in stack.of_type("AWS::ApiGatewayV2::Api"):
        with stack.leaving_out():
            if api.text("ProtocolType", default="HTTP") == protocol:
                found.append(api)
    at = {name: index for index, name in enumerate(written)}
    return sorted(found, key=lambda api: at.get(api.logical_id, len(written)))


def of_api(kind: str, api: Resource) -> list[Resource]:
    """Return the resources of one kind that belong to an API; of another stack's, tell."""
    resources = api.stack.of_type(f"AWS::ApiGatewayV2::{kind}")
    return [resource for resource in resources if _belongs(resource, api)]


def _belongs(resource: Resource, api: Resource) -> bool:
    try:
        return resource.text("ApiId") == api.id
    except TemplateError as error:
        resource.stack.leave_out(error)
        return False


def stages(api: Resource) -> list[Resource]:
    """Return the stages of an API, at least one. Raises TemplateError."""
    found = of_api("Stage", api)
    if not found:
        raise api.error("has no stage, and without one clients cannot connect")
    return found


def target(route: Resource, api: Resource) -> Resource:
    """Return the integration of a route. Raises TemplateError."""
    wanted = route.text("Target")
    for integration in of_api("Integration", api):
        if wanted == f"integrations/{integration.id}":
            return integration
    raise route.error("is not integrations/ and the id of an integration of this API", "Target")
