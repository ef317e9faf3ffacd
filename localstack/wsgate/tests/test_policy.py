"""What policy statements say together."""

from __future__ import annotations

from typing import Any

import pytest

from wsgate.core.policy import Decision, PolicyError, decide

ACTION, RESOURCE = "execute-api:Invoke", "arn:aws:execute-api:eu-west-1:0:api/live/$connect"
FACTS = {"aws:SourceIp": "203.0.113.7", "aws:SecureTransport": "true"}


def said(*statements: Any) -> Decision:
    return decide(statements, ACTION, RESOURCE, FACTS)


def statement(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "*", "Resource": "*", **more}


def under(operator: str, key: str, value: Any) -> dict[str, Any]:
    return statement(Condition={operator: {key: value}})


def test_nothing_said_is_silence() -> None:
    assert said() is Decision.SILENT
    assert said(statement(Action="lambda:*")) is Decision.SILENT


def test_a_deny_outweighs() -> None:
    assert said(statement(), statement(Effect="Deny")) is Decision.DENY


@pytest.mark.parametrize(
    ("element", "value", "decision"),
    [
        ("NotAction", "execute-api:Invoke", Decision.SILENT),
        ("NotAction", ["EXECUTE-API:*"], Decision.SILENT),
        ("NotAction", "execute-api:ManageConnections", Decision.ALLOW),
        ("NotResource", "*/$connect", Decision.SILENT),
        ("NotResource", ["arn:aws:execute-api:*:*:api/live/other"], Decision.ALLOW),
    ],
)
def test_what_is_not_meant(element: str, value: Any, decision: Decision) -> None:
    negated = {**statement(), element: value}
    del negated[element.removeprefix("Not")]
    assert said(negated) is decision


@pytest.mark.parametrize(
    ("condition", "decision"),
    [
        (under("IpAddress", "aws:SourceIp", "203.0.113.0/24"), Decision.ALLOW),
        (under("IpAddress", "aws:sourceip", ["10.0.0.0/8", "203.0.113.7"]), Decision.ALLOW),
        (under("IpAddress", "aws:SourceIp", "10.0.0.0/8"), Decision.SILENT),
        (under("NotIpAddress", "aws:SourceIp", ["10.0.0.0/8"]), Decision.ALLOW),
        (under("NotIpAddress", "aws:SourceIp", ["10.0.0.0/8", "203.0.113.7"]), Decision.SILENT),
        (under("Bool", "aws:SecureTransport", True), Decision.ALLOW),
        (under("Bool", "aws:SecureTransport", "false"), Decision.SILENT),
        (under("StringLike", "aws:SourceIp", "203.*"), Decision.ALLOW),
        (under("StringNotEquals", "aws:SourceIp", "203.0.113.7"), Decision.SILENT),
        (under("StringEqualsIgnoreCase", "aws:SecureTransport", "TRUE"), Decision.ALLOW),
        (statement(Condition={}), Decision.ALLOW),
        (
            statement(
                Condition={
                    "Bool": {"aws:SecureTransport": "true"},
                    "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
                }
            ),
            Decision.SILENT,
        ),
    ],
)
def test_a_condition(condition: Any, decision: Decision) -> None:
    assert said(condition) is decision


@pytest.mark.parametrize(
    "statement_",
    [
        None,
        "Allow",
        {"Effect": "Perhaps"},
        {**statement(), "NotAction": "x"},
        {**statement(), "NotResource": "x"},
        statement(Condition="x"),
        statement(Condition={"Bool": "x"}),
        under("ArnLike", "aws:PrincipalArn", "*"),
        under("StringEquals", "aws:PrincipalTag/team", "x"),
        under("IpAddress", "aws:SourceIp", "not-a-network"),
    ],
)
def test_what_cannot_be_judged(statement_: Any) -> None:
    with pytest.raises(PolicyError):
        said(statement_)
