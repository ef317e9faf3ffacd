"""What an authorizer's answer means (docs/aws-behaviour.md §3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateways import ARN, allow, raised, returned
from wsgate.core import authorizer
from wsgate.core.authorizer import Allowed, AuthorizerDenied
from wsgate.model.events import Handshake, Place
from wsgate.model.invoke import Invocation

PLACE = Place("a1b2c3d4e5", "live", "example.org", "eu-west-1", "000000000000", {"key": "v"})
HANDSHAKE = Handshake((("X-Auth", "h"), ("X-Empty", "")), "ticket=t&empty=", "203.0.113.7")


def judge(answer: Any) -> Allowed | AuthorizerDenied:
    return authorizer.judge(returned(answer), PLACE)


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"principalId": "ann", "policyDocument": {"Statement": list(statements)}}


def statement(effect: str = "Allow", resource: Any = ARN, **more: Any) -> dict[str, Any]:
    return {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("source", "lacks"),
    [
        ("route.request.querystring.ticket", False),
        ("route.request.querystring.empty", True),
        ("route.request.querystring.nope", True),
        ("route.request.header.x-auth", False),
        ("route.request.header.X-Empty", True),
        ("route.request.header.nope", True),
        ("stageVariables.key", False),
        ("stageVariables.nope", True),
        ("context.stage", False),
        ("context.nope", True),
    ],
)
def test_an_identity_source_is_there_and_not_empty(source: str, lacks: bool) -> None:
    found = authorizer.lacks_identity([source], HANDSHAKE, PLACE, {"stage": "live"})
    assert found is lacks


def test_one_missing_source_of_two_is_enough() -> None:
    sources = ["route.request.querystring.ticket", "route.request.querystring.nope"]
    assert authorizer.lacks_identity(sources, HANDSHAKE, PLACE, {})


def test_without_sources_nothing_is_missing() -> None:
    assert not authorizer.lacks_identity([], HANDSHAKE, PLACE, {})


@pytest.mark.parametrize("source", ["$request.header.X", "route.request.body.x", "ticket", ""])
def test_the_form_of_an_http_api_is_not_accepted(source: str) -> None:
    with pytest.raises(authorizer.SourceError):
        authorizer.check_sources([source])


@pytest.mark.parametrize(
    "resource",
    [
        ARN,
        "*",
        "arn:aws:execute-api:*",
        "arn:aws:execute-api:eu-west-1:000000000000:a1b2c3d4e5/*",
        "arn:aws:execute-api:eu-west-1:000000000000:a1b2c3d4e5/live/$connec?",
        ["arn:aws:execute-api:another", ARN],
    ],
)
def test_an_allow_that_covers_the_call(resource: Any) -> None:
    assert isinstance(judge(policy(statement(resource=resource))), Allowed)


@pytest.mark.parametrize(
    "answer",
    [
        policy(statement("Deny")),
        policy(statement(), statement("Deny")),
        policy(statement(), statement("Deny", "*")),
        policy(),
        policy(statement(resource=ARN + "x")),
        policy(statement(resource=ARN.replace("a1b2c3d4e5", "a.b2c3d4e5"))),
        policy(statement(Action="execute-api:ManageConnections")),
        policy({"Effect": "Allow", "NotAction": "execute-api:*", "Resource": "*"}),
        policy({"Effect": "Allow", "Action": "*", "NotResource": ARN}),
        policy(statement(), {"Effect": "Deny", "NotAction": "lambda:*", "Resource": "*"}),
    ],
)
def test_no_allow_or_any_deny_is_403(answer: Any) -> None:
    assert judge(answer) == AuthorizerDenied(403)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "Allow",
        {"principalId": "ann"},
        {"principalId": "ann", "policyDocument": "Allow"},
        {"policyDocument": {"Statement": [statement()]}},
        {"principalId": "", "policyDocument": {"Statement": [statement()]}},
        policy({"Effect": "Perhaps"}),
        policy(statement(Condition={"StringEquals": {"aws:PrincipalTag/team": "a"}})),
        policy({**statement(), "NotAction": "execute-api:Invoke"}),
        allow({"nested": {"a": 1}}),
        allow({"list": [1]}),
        allow({"nothing": None}),
        {**allow(), "context": ["a"]},
        {**allow(), "context": {"large": "x" * 8192}},
    ],
)
def test_what_is_no_answer_is_500(answer: Any) -> None:
    assert judge(answer) == AuthorizerDenied(500)


@pytest.mark.parametrize("payload", [b"", b"nope", b"[" * 8000])
def test_what_is_not_json_is_500(payload: bytes) -> None:
    assert authorizer.judge(Invocation(payload), PLACE) == AuthorizerDenied(500)


@pytest.mark.parametrize(("message", "status"), [("Unauthorized", 401), ("unauthorized", 500)])
def test_only_the_exact_word_is_401(message: str, status: int) -> None:
    assert authorizer.judge(raised(message), PLACE) == AuthorizerDenied(status)


def test_an_action_is_compared_without_regard_to_case() -> None:
    assert isinstance(judge(policy(statement(Action=["EXECUTE-API:*"]))), Allowed)


def test_the_context_becomes_text_and_the_principal_comes_last() -> None:
    verdict = judge(allow({"n": 1, "f": 1.5, "b": False, "s": "x"}))
    assert isinstance(verdict, Allowed)
    texts = {"n": "1", "f": "1.5", "b": "false", "s": "x", "principalId": "ann"}
    assert json.dumps(verdict.context) == json.dumps(texts)


def test_a_pattern_of_many_stars_is_judged_at_once() -> None:
    assert judge(policy(statement(resource="*" * 1000 + "x"))) == AuthorizerDenied(403)


@pytest.mark.parametrize(
    "answer",
    [
        policy({"Effect": "Allow", "NotAction": "lambda:*", "Resource": ARN}),
        policy({"Effect": "Allow", "Action": "*", "NotResource": [f"{ARN}x"]}),
        policy(statement(), {"Effect": "Deny", "Action": "*", "NotResource": ARN}),
    ],
)
def test_what_is_not_meant_is_judged(answer: Any) -> None:
    assert isinstance(judge(answer), Allowed)


def test_why_it_is_no_answer_is_said_for_the_log() -> None:
    verdict = judge(allow({"nested": {"a": 1}}))
    assert isinstance(verdict, AuthorizerDenied)
    assert verdict.reason == "context.nested is neither text, number nor boolean"


@pytest.mark.parametrize(("given", "key"), [("k", "k"), (7, None)])
def test_the_authorizer_may_name_an_api_key(given: Any, key: str | None) -> None:
    verdict = judge({**allow(), "usageIdentifierKey": given})
    assert isinstance(verdict, Allowed)
    assert verdict.usage_key == key
