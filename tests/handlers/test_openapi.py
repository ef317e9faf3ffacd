"""The OpenAPI document, read as a backend developer reads it."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from handlers.http import HttpContainer
from handlers.web.app import application
from handlers.web.errors import ERROR_CODES, PROBLEM_TYPE
from handlers.web.pagination import CsvResponse
from tests.support.contracts import check_answer
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
    assert 2 <= len(operation["summary"].split()) <= 18
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
def test_every_error_is_a_problem_of_known_codes(operation: dict[str, Any]) -> None:
    errors = {code: one for code, one in operation["responses"].items() if code >= "400"}
    if operation["operationId"] == "check_health":
        errors.pop("503")  # it answers the question that was asked
    for status, one in errors.items():
        any_problem, known = one["content"][PROBLEM_TYPE]["schema"]["allOf"]
        assert any_problem == {"$ref": "#/components/schemas/Problem"}
        codes = set(known["properties"]["code"]["enum"])
        assert codes <= {error.code for error in ERROR_CODES if error.status == int(status)}


@IN_EVERY_OPERATION
def test_what_is_sent_is_shown(operation: dict[str, Any]) -> None:
    if body := operation.get("requestBody"):
        assert body["content"]["application/json"]["example"]
    needed = [one for one in operation.get("parameters", []) if one["required"]]
    ids = {one["name"] for one in needed if one["in"] == "path"} - {"session_id"}
    assert [one for one in needed if "example" not in one and one["name"] not in ids] == []


def test_csv_is_declared_as_csv() -> None:
    for name, operation in OPERATIONS:
        if name.endswith(".csv"):
            assert [*operation["responses"]["200"]["content"]] == [CsvResponse.media_type]


def test_tickets_come_first() -> None:
    assert OPERATIONS[0][0] == "POST /tickets"
    assert document()["tags"][0]["name"] == "tickets"


def test_every_member_is_described() -> None:
    schemas = document()["components"]["schemas"]
    assert [
        f"{name}.{member}"
        for name, schema in schemas.items()
        for member, one in schema.get("properties", {}).items()
        if "description" not in one
    ] == []


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
    *(
        "$ref",
        "allOf",
        "title",
        "description",
        "examples",
        "default",
        "type",
        "format",
        "enum",
        "const",
    ),
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


JSON = {"content-type": "application/json"}
DELIVERED = {"closed": 1, "gone": 0, "unreachable": 0}


@pytest.mark.parametrize(
    ("path", "status", "headers", "body"),
    [
        ("/kick", 418, JSON, "{}"),
        ("/kick", 200, {"content-type": "text/plain"}, "closed"),
        ("/kick", 200, JSON, json.dumps(DELIVERED | {"more": 1})),
        ("/kick", 200, JSON, json.dumps({"closed": 1})),
        ("/kick", 200, JSON, json.dumps(DELIVERED | {"closed": "1"})),
        ("/kick", 401, {"content-type": PROBLEM_TYPE}, '{"code": "unauthorized"}'),
        ("/kick", 200, JSON | {"retry-after": "1"}, json.dumps(DELIVERED)),
        ("/nowhere", 404, JSON, '{"detail": "Not Found"}'),
    ],
)
def test_an_answer_that_is_not_documented_fails_the_test_that_gets_it(
    path: str, status: int, headers: dict[str, str], body: str
) -> None:
    check_answer("POST", "/kick", 200, JSON, json.dumps(DELIVERED))
    with pytest.raises(AssertionError, match=f"POST {path}: {status}"):
        check_answer("POST", path, status, headers, body)
