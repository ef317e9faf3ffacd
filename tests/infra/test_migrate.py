"""`make migrate STACK=`: what it asks AWS for, and what a person reads."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from infra.migrate import FUNCTION, main


class Session:
    """boto3, whose clients give prepared answers."""

    def __init__(self) -> None:
        given: dict[str, Any] = {
            "region_name": "eu-west-1",
            "aws_access_key_id": "a",
            "aws_secret_access_key": "s",
        }
        names: tuple[Any, ...] = ("cloudformation", "lambda")
        session = boto3.Session(**given)
        self._clients: dict[str, Any] = {name: session.client(name) for name in names}
        self.cloudformation, self.functions = (Stubber(one) for one in self._clients.values())
        self.cloudformation.activate()
        self.functions.activate()

    def client(self, name: str, **_options: Any) -> Any:
        return self._clients[name]

    def has_the_function(self) -> None:
        detail = {
            "PhysicalResourceId": "live-migrate",
            "LogicalResourceId": FUNCTION,
            "ResourceType": "AWS::Lambda::Function",
            "LastUpdatedTimestamp": 0,
            "ResourceStatus": "CREATE_COMPLETE",
        }
        self.cloudformation.add_response(
            "describe_stack_resource",
            {"StackResourceDetail": detail},
            {"StackName": "headcount", "LogicalResourceId": FUNCTION},
        )

    def answers(self, said: dict[str, Any], **more: str) -> None:
        payload = json.dumps(said).encode()
        body = StreamingBody(io.BytesIO(payload), len(payload))
        log = base64.b64encode(b"its log\n").decode()
        self.functions.add_response(
            "invoke",
            {"Payload": body, "LogResult": log, **more},
            {"FunctionName": "live-migrate", "LogType": "Tail", "Payload": b"{}"},
        )


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.mark.parametrize(
    ("said", "code", "shown"),
    [
        ({"applied": ["migrations/1.sql", "roles.sql"]}, 0, "applied sql/migrations/1.sql\n"),
        ({"applied": []}, 0, "up to date\n"),
        ({"error": "sql/migrations/2.sql failed: why"}, 2, "migrate: sql/migrations/2.sql failed"),
    ],
)
def test_it_shows_the_log_and_the_result(
    session: Session,
    capsys: pytest.CaptureFixture[str],
    said: dict[str, Any],
    code: int,
    shown: str,
) -> None:
    session.has_the_function()
    session.answers(said)
    assert main(["headcount"], session) == code
    printed = capsys.readouterr()
    assert shown in (printed.err if code else printed.out)
    assert printed.err.startswith("its log\n")


def test_a_function_that_fails_by_itself_is_a_failure(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    session.has_the_function()
    session.answers({"errorMessage": "Task timed out"}, FunctionError="Unhandled")
    assert main(["headcount"], session) == 2
    assert "MigrateFunction failed: Task timed out" in capsys.readouterr().err


def test_a_stack_that_is_not_there_is_named(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    session.cloudformation.add_client_error(
        "describe_stack_resource", "ValidationError", "Stack 'headcount' does not exist"
    )
    assert main(["headcount"], session) == 2
    assert "Stack 'headcount' does not exist" in capsys.readouterr().err
