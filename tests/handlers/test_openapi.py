"""The OpenAPI document, read as a backend developer reads it."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from handlers.http import HttpContainer
from handlers.web.app import application
from handlers.web.errors import ERROR_CODES
from tests.support.words import DROPPED

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def document() -> dict[str, Any]:
    openapi: dict[str, Any] = application(HttpContainer()).openapi()
    return openapi


OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
]
IN_EVERY_OPERATION = pytest.mark.parametrize(
    "operation", [one for _, one in OPERATIONS], ids=[name for name, _ in OPERATIONS]
)


@IN_EVERY_OPERATION
def test_an_operation_explains_itself(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"].endswith((".", "`."))
    assert re.fullmatch("[a-z]+(_[a-z]+)*", operation["operationId"])
    assert [tag for tag in document()["tags"] if tag["name"] in operation["tags"]]


@IN_EVERY_OPERATION
def test_an_operation_lists_its_errors(operation: dict[str, Any]) -> None:
    is_health = operation["operationId"] == "check_health"
    expected = {"503"} if is_health else {"401", "422", "503"}
    expected |= {"400"} if "requestBody" in operation else set()
    assert operation["responses"].keys() >= expected
    assert ("401" in operation["responses"]) is not is_health


@IN_EVERY_OPERATION
def test_every_error_is_json(operation: dict[str, Any]) -> None:
    errors = [one for status, one in operation["responses"].items() if status >= "400"]
    assert [one for one in errors if [*one["content"]] != ["application/json"]] == []


@IN_EVERY_OPERATION
def test_a_parameter_explains_itself(operation: dict[str, Any]) -> None:
    assert [one["name"] for one in operation.get("parameters", []) if not one["description"]] == []


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)


def test_a_response_names_the_codes_of_its_status() -> None:
    codes_of: dict[str, set[str]] = {}
    for error in ERROR_CODES:
        codes_of.setdefault(str(error.status), set()).add(error.code)
    for _, operation in OPERATIONS:
        for status, response in operation["responses"].items():
            codes = set(re.findall("^`([a-z_]+)`:", response["description"], re.MULTILINE))
            assert codes <= codes_of.get(status, set())


def test_no_text_has_a_dropped_word() -> None:
    assert [text for text in texts(document()) if DROPPED.search(text)] == []


def texts(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key in {"summary", "description", "title"} and isinstance(value, str):
                yield value
            yield from texts(value)
    elif isinstance(part, list):
        for one in part:
            yield from texts(one)


JSON_SCHEMA = {
    *("$ref", "title", "description", "examples", "default", "type", "format", "enum", "const"),
    *("anyOf", "oneOf", "discriminator", "properties", "required", "additionalProperties", "items"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern"),
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
    *("uniqueItems", "readOnly", "writeOnly"),
}


def schemas_in(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema, and those inside it."""
    yield schema
    inside = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    inside += [*schema.get("oneOf", []), schema.get("items"), schema.get("additionalProperties")]
    for one in inside:
        if isinstance(one, dict):
            yield from schemas_in(one)


def test_a_schema_says_its_bounds_in_words_of_json_schema() -> None:
    """Pydantic says `ge` for a bound that it cannot place: no client would read that."""
    parameters = [one["schema"] for _, each in OPERATIONS for one in each.get("parameters", [])]
    whole = [*parameters, *document()["components"]["schemas"].values()]
    words = {word for one in whole for schema in schemas_in(one) for word in schema}
    assert words <= JSON_SCHEMA
    numbers = [one for schema in parameters for one in schemas_in(schema)]
    numbers = [one for one in numbers if one.get("type") == "integer"]
    assert numbers
    assert [one for one in numbers if "minimum" not in one] == []
