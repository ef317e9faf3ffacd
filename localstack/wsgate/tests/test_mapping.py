"""Mapping templates and MOCK integrations (docs/aws-behaviour.md §7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from wsgate.expressions.mapping import (
    MappingError,
    Mock,
    MockAnswer,
    Scope,
    TemplateTextError,
    compile_template,
)
from wsgate.model.plan import IntegrationResponse, MockIntegration

CONTEXT = {
    "connectionId": "abc=",
    "requestTimeEpoch": 123,
    "authorizer": {"user": "ann"},
    "identity": {"sourceIp": "203.0.113.7"},
}
BODY = '{"a": {"b": [1, "x"]}, "t": "it\'s \\"so\\""}'


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{"at":$context.requestTimeEpoch}', '{"at":123}'),
        ("${context.connectionId}!", "abc=!"),
        ("$!context.connectionId", "abc="),
        ("$!{context.connectionId}", "abc="),
        ("$context.authorizer.user at $context.identity.sourceIp", "ann at 203.0.113.7"),
        ("<$context.authorizer.absent>", "<>"),
        ("<$context.messageId>", "<>"),
        ("$stageVariables.color", "red"),
        ("$input.body", BODY),
        ("$input.json('$.a')", '{"b":[1,"x"]}'),
        ("$input.json('$')", '{"a":{"b":[1,"x"]},"t":"it\'s \\"so\\""}'),
        ("$input.path('$.a.b[1]')", "x"),
        ('$input.path("$.a.b[0]")', "1"),
        ("$util.escapeJavaScript($input.path('$.t'))", r"it\'s \"so\""),
        ("$util.urlEncode('a b&c')", "a+b%26c"),
        ("$util.urlDecode('a+b%26c')", "a b&c"),
        ("$util.base64Encode($util.urlEncode('a b'))", "YSti"),
        ("$util.base64Decode('YSti')", "a+b"),
        ("costs $5 and a \\$ and #channel", "costs $5 and a $ and #channel"),
    ],
)
def test_a_template_renders(template: str, text: str) -> None:
    scope = Scope(CONTEXT, BODY, {"color": "red"})
    assert compile_template(template).render(scope) == text


@pytest.mark.parametrize(
    "template",
    [
        "#{foreach}($a in $b)",
        "$name",
        "${name}",
        "$context.nope",
        "$context.authorizer.a.b",
        "$input.path('a')",
        "$util.urlEncode",
        "$util.urlEncode($input.body",
        "${context.connectionId",
    ],
)
def test_what_is_not_known_is_refused_at_the_start(template: str) -> None:
    with pytest.raises(TemplateTextError, match="mapping template"):
        compile_template(template)


def mock(*responses: IntegrationResponse, selection: str | None = None, **templates: str) -> Mock:
    return Mock(MockIntegration(selection, templates, responses, timedelta(seconds=1)))


def status(code: int) -> str:
    return f'{{"statusCode": {code}}}'


def answer(subject: Mock, body: str = "{}") -> MockAnswer | None:
    try:
        return subject.answer(Scope({}, body))
    except MappingError:
        return None


def test_the_status_selects_the_response() -> None:
    found = IntegrationResponse("/2../", "ok", {"ok": "fine"})
    other = IntegrationResponse("$default", "no", {"no": "else"})
    assert answer(mock(found, other, one=status(204))) == MockAnswer(204, "fine")
    assert answer(mock(found, other, one=status(404))) == MockAnswer(404, "else")
    assert answer(mock(found, one=status(404))) is None


def test_a_pattern_matches_the_whole_status() -> None:
    assert answer(mock(IntegrationResponse("/20/", None, {}), one=status(200))) is None


def test_a_response_without_a_template_is_empty() -> None:
    assert answer(mock(IntegrationResponse("$default", None, {}), one=status(200))) == MockAnswer(
        200, ""
    )


def test_the_body_selects_the_request_template() -> None:
    subject = mock(
        IntegrationResponse(
            "$default", "${integration.response.statuscode}", {"200": "a", "400": "b"}
        ),
        selection="${request.body.want}",
        good=status(200),
        bad=status(400),
    )
    assert answer(subject, '{"want":"good"}') == MockAnswer(200, "a")
    assert answer(subject, '{"want":"bad"}') == MockAnswer(400, "b")
    assert answer(subject, '{"want":"neither"}') is None


def test_default_stands_in_for_a_key_that_is_not_there() -> None:
    templates = {"$default": status(200)}
    response = IntegrationResponse("$default", "nope", {"$default": "d"})
    integration = MockIntegration("nope", templates, (response,), timedelta(seconds=1))
    assert answer(Mock(integration)) == MockAnswer(200, "d")


@pytest.mark.parametrize(
    "text", ["", "{}", "nope", '{"statusCode": "200"}', '{"statusCode": true}']
)
def test_without_an_integer_status_there_is_no_answer(text: str) -> None:
    assert answer(mock(IntegrationResponse("$default", None, {}), one=text)) is None


@pytest.mark.parametrize("key", ["200", "//", "/[/", "/200"])
def test_a_response_key_that_is_no_pattern_is_refused(key: str) -> None:
    with pytest.raises(TemplateTextError, match="response key"):
        mock(IntegrationResponse(key, None, {}), one=status(200))


def test_a_selection_that_is_not_known_is_refused() -> None:
    with pytest.raises(TemplateTextError):
        mock(selection="$context.stage", one=status(200))
