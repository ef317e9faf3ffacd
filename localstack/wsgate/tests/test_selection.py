"""Selection expressions (docs/aws-behaviour.md §5)."""

from __future__ import annotations

from typing import Any

import pytest

from wsgate.expressions.selection import (
    INTEGRATION_ROOTS,
    ExpressionError,
    as_text,
    compile_selection,
    parse_body,
)


def select(expression: str, body: Any) -> str:
    return compile_selection(expression).value({"request.body": body})


@pytest.mark.parametrize(
    ("expression", "body", "value"),
    [
        ("$request.body.action", {"action": "x"}, "x"),
        ("$request.body.a.b", {"a": {"b": "x"}}, "x"),
        ("$request.body.a[1]", {"a": ["x", "y"]}, "y"),
        ("$request.body['a b']", {"a b": "x"}, "x"),
        ("$request.body.a[7]", {"a": ["x"]}, ""),
        ("$request.body.a.b", {"a": "text"}, ""),
        ("$request.body", {"a": 1}, '{"a": 1}'),
        ("${request.body.a}/${request.body.b}", {"a": "x", "b": "y"}, "x/y"),
        (r"\${request.body.a}", {"a": "x"}, "${request.body.a}"),
        (r"\$default", {}, "$default"),
        ("plain", {}, "plain"),
    ],
)
def test_the_value_of(expression: str, body: Any, value: str) -> None:
    assert select(expression, body) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (5, "5"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (None, ""),
        (["a", 1, ["b"]], "[a, 1, [b]]"),
    ],
)
def test_the_text_of(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_the_value_is_not_evaluated_again() -> None:
    assert select("$request.body.a", {"a": "${request.body.b}", "b": "x"}) == "${request.body.b}"


def test_arrays_of_any_depth_have_a_text() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert select("$request.body.a", {"a": deep}) == ""


@pytest.mark.parametrize(
    "expression",
    [
        "$request.header.action",
        "$request.bodyaction",
        "$context.routeKey",
        "${request.body.a",
        "a$b",
        "$request.body..a",
        "$request.body.a[*]",
        "$request.body.a[?(@.b)]",
    ],
)
def test_what_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        compile_selection(expression)


def test_integration_responses_also_see_the_status() -> None:
    selection = compile_selection("${integration.response.statuscode}", INTEGRATION_ROOTS)
    assert selection.value({"integration.response.statuscode": 200}) == "200"


def test_only_what_no_message_changes_is_literal() -> None:
    assert compile_selection("200").literal == "200"
    assert compile_selection("$request.body.a").literal is None


@pytest.mark.parametrize("text", ["", "nope", "NaN", "[" * 100_000, "{'a': 1}", "\ufeff{}"])
def test_what_is_not_json_has_no_value(text: str) -> None:
    assert parse_body(text) is None
