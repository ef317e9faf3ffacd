"""What a message must be before its route's integration is asked: JSON schemas.

docs/aws-behaviour.md §7.15.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from wsgate.expressions.selection import ExpressionError, Selection, compile_selection, parse_body

if TYPE_CHECKING:
    from wsgate.model.plan import Models

# docs/aws-behaviour.md §7.15; the quota is of characters.
MAX_SCHEMA: Final = 32 * 1024
MAX_REFERENCES: Final = 10_000
"""How often one message may follow a `$ref`."""
# To the byte as documented: a space before the first colon and after the others
# (docs/aws-behaviour.md §6). GUESS: no capture of it exists, and one sample shows Forbidden when no
# model matches.
_FRAME: Final = '{{"message" : "{}", "connectionId": "{}", "messageId": "{}"}}'
BAD_REQUEST_BODY: Final = "Bad request body"


class ModelError(ValueError):
    """A model that this gateway cannot check."""


class Checks:
    """The models of one route, compiled."""

    def __init__(self, models: Models) -> None:
        """Raises ModelError."""
        self._selection = check_selection(models.selection)
        self._schemas = {key: _Schema(schema) for key, schema in models.schemas.items()}

    def problem(self, text: str) -> str | None:
        """What is wrong with a message; no model for it is wrong too.

        docs/aws-behaviour.md §7.15.
        """
        body = parse_body(text)
        schema = self._schemas.get(self._selection.value({"request.body": body}))
        schema = schema or self._schemas.get("$default")
        if schema is None:
            return "no model matches"
        if body is None and text.strip() != "null":
            return "it is not JSON"
        return schema.problem(body)


def frame(connection_id: str, message_id: str) -> str:
    return _FRAME.format(BAD_REQUEST_BODY, connection_id, message_id)


def check_selection(expression: str) -> Selection:
    """Read a ModelSelectionExpression. Raises ModelError."""
    try:
        return compile_selection(expression)
    except ExpressionError as error:
        raise ModelError(str(error)) from error


def check_schema(schema: Any) -> None:
    """Raises ModelError for what is no JSON schema of draft 4, or refers to another document."""
    _Schema(schema)


class _TooMuchError(Exception):
    pass


class _Schema:
    """One model. What a client sends can neither fetch anything nor keep the node busy for long."""

    def __init__(self, schema: Any) -> None:
        # Only a template with models pays for the imports.
        import jsonschema  # type: ignore[import-untyped]  # noqa: PLC0415 it has no stubs
        from jsonschema import validators  # noqa: PLC0415
        from referencing import Registry  # noqa: PLC0415

        draft = jsonschema.Draft4Validator
        if len(json.dumps(schema)) > MAX_SCHEMA:
            raise ModelError(f"the schema has more than {MAX_SCHEMA} characters")
        try:
            draft.check_schema(schema)
        except (jsonschema.SchemaError, RecursionError) as error:
            what = (
                error.message
                if isinstance(error, jsonschema.SchemaError)
                else "it is nested too deep"
            )
            raise ModelError(f"the schema is no JSON schema of draft 4: {what}") from error
        for reference in _references(schema):
            if not _leads_somewhere(schema, reference):
                raise ModelError(f"the schema refers to {reference!r}, which is not in it")
        self._follow = draft.VALIDATORS["$ref"]
        own = {"$ref": self._reference, "uniqueItems": _unique_items}
        # An empty registry: nothing is ever fetched.
        self._validator = validators.extend(draft, own)(schema, registry=Registry())
        self._references_left = 0

    def problem(self, body: Any) -> str | None:
        self._references_left = MAX_REFERENCES
        try:
            error = next(iter(self._validator.iter_errors(body)), None)
        except (RecursionError, OverflowError, _TooMuchError):
            return "it is nested too deep, or holds a number too large"
        return None if error is None else f"{error.json_path}: {error.message[:200]}"

    def _reference(self, validator: Any, reference: Any, body: Any, schema: Any) -> Any:
        """A schema of trees may look at each branch twice, and so at the leaves 2**depth times."""
        self._references_left -= 1
        if self._references_left < 0:
            raise _TooMuchError
        return self._follow(validator, reference, body, schema)


def _unique_items(validator: Any, wanted: Any, items: Any, schema: Any) -> Iterator[Any]:
    """The library compares objects pair by pair, which takes minutes for a long message."""
    from jsonschema import ValidationError  # noqa: PLC0415

    if wanted and isinstance(items, list):
        texts = {json.dumps(_canonical(item), sort_keys=True) for item in items}
        if len(texts) < len(items):
            yield ValidationError("it has the same item twice")


def _canonical(value: Any) -> Any:
    """1 and 1.0 are the same number in JSON."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    return [_canonical(item) for item in value] if isinstance(value, list) else value


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _leads_somewhere(schema: Any, reference: str) -> bool:
    """Only `#/…`: a model of another API is nowhere here."""
    if reference == "#":
        return True
    value = schema
    for step in reference.removeprefix("#/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return reference.startswith("#/")
