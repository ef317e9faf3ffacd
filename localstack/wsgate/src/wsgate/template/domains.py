"""Custom domains of WebSocket APIs: their mappings to stages.

docs/aws-behaviour.md §1.6 to §1.8.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wsgate.model.plan import BasePath
from wsgate.template.expand import TemplateError

if TYPE_CHECKING:
    from wsgate.template.stack import Resource

_KEY: Final = re.compile(r"[A-Za-z0-9$\-_.+!*'()/]{0,300}")


def base_paths_of(api: Resource, stage: str) -> tuple[BasePath, ...]:
    """Return where custom domains lead to this stage.

    A domain whose name only AWS knows is left out and listed in `Plan.left_out`.
    """
    found = []
    for mapping in api.stack.of_type("AWS::ApiGatewayV2::ApiMapping"):
        try:
            if mapping.text("ApiId") == api.id and mapping.text("Stage") == stage:
                found.append(_base_path(mapping))
        except TemplateError as error:
            api.stack.leave_out(error)
    return tuple(found)


def _base_path(mapping: Resource) -> BasePath:
    key = mapping.text("ApiMappingKey", default="").strip("/")
    if not _KEY.fullmatch(key):
        raise mapping.error(f"is {key!r}, and API Gateway does not take that", "ApiMappingKey")
    return BasePath(mapping.text("DomainName").lower(), key)
