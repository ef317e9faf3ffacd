"""Whether a request is right as it is sent: in a URL and in headers all is text.

Schemathesis judges the values that it has generated. `{"resource": [true]}` breaks the schema, and
is sent as `?resource=true`, which names a resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from schemathesis.specs.openapi.utils import (
    compile_path_template,
    parameter_types,
    sent_text_is_valid,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import schemathesis

    APIOperation = schemathesis.APIOperation[Any, Any, Any, Any]


def is_right(operation: APIOperation, url: str, headers: Mapping[str, Any]) -> bool:
    """Whether the operation takes these texts. It does not look at the body."""
    sent = urlsplit(url)
    template = compile_path_template(operation.path)
    path = template.pattern.fullmatch(sent.path)
    if path is None:
        return False
    query = parse_qs(sent.query, keep_blank_values=True)
    of_path = {
        name: [unquote(text)] for name, text in zip(template.names, path.groups(), strict=True)
    }
    of_headers = {name.lower(): [text] for name, text in headers.items()}
    return (
        query.keys() <= {one.name for one in operation.query}
        and all(_takes(one, query.get(one.name)) for one in operation.query)
        and all(_takes(one, of_path.get(one.name)) for one in operation.path_parameters)
        and all(_takes(one, of_headers.get(one.name.lower())) for one in operation.headers)
    )


def _takes(parameter: Any, texts: list[str] | None) -> bool:
    """Of a parameter that comes twice, the application reads the last, unless it is a list."""
    if texts is None:
        return not parameter.is_required
    is_valid = parameter.get_validator().is_valid
    types = parameter_types(parameter.validation_schema)
    return is_valid(texts) or sent_text_is_valid(texts[-1], is_valid, types)
