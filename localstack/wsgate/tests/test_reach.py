"""What functions would reach is told, resource by resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from templates import HEAD, MAIN, SOCKET
from wsgate.model.reach import sentences

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.model.plan import Plan

RESOURCES = """
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub "${AWS::StackName}-orders"
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  Simple: {Type: AWS::Serverless::SimpleTable}
  Uploads: {Type: AWS::S3::Bucket}
  News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}
  Jobs: {Type: AWS::SQS::Queue}
  Key: {Type: AWS::SecretsManager::Secret}
  Imported: {Type: AWS::S3::Bucket, Properties: {BucketName: !ImportValue bucket}}
  Key2: {Type: AWS::KMS::Key}
"""
AWS = (
    "AWS in us-east-1, which refuses the local key of functions; "
    "AWS_ENDPOINT_URL_{} leads elsewhere"
)


@pytest.fixture
def plan(plan_of: Callable[..., Plan]) -> Plan:
    return plan_of(HEAD, "Resources:", SOCKET, MAIN, RESOURCES)


def told(plan: Plan, made: tuple[str, ...] = (), **environment: str) -> dict[str, str]:
    lines = (sentence.split(" ", 2) for sentence in sentences(plan, environment, made))
    return {name: place for name, _, place in lines}


def test_each_is_named_as_in_the_template(plan: Plan) -> None:
    assert [(one.logical_id, one.kind, one.name) for one in plan.reached] == [
        ("Orders", "AWS::DynamoDB::Table", "local-orders"),
        ("Uploads", "AWS::S3::Bucket", "Uploads"),
        ("News", "AWS::SNS::Topic", "news"),
        ("Jobs", "AWS::SQS::Queue", "Jobs"),
        ("Key", "AWS::SecretsManager::Secret", "Key"),
        ("Imported", "AWS::S3::Bucket", "Imported"),
        ("Simple", "AWS::DynamoDB::Table", "Simple"),  # SAM made it
    ]


def test_without_an_endpoint_it_is_aws_itself(plan: Plan) -> None:
    said = told(plan)
    assert said["Orders"] == said["Simple"] == AWS.format("DYNAMODB") + ", --moto makes it here"
    assert said["Key"] == AWS.format("SECRETS_MANAGER")
    assert said["Jobs"] == "a queue of this run"
    first = next(sentences(plan, {}))
    assert first.startswith("Orders (AWS::DynamoDB::Table): AWS in us-east-1")


def test_an_endpoint_of_the_service_wins_over_that_of_all(plan: Plan) -> None:
    said = told(plan, AWS_ENDPOINT_URL="http://all", AWS_ENDPOINT_URL_S3="http://s3")
    assert said["Orders"] == "http://all (AWS_ENDPOINT_URL)"
    assert said["Uploads"] == "http://s3 (AWS_ENDPOINT_URL_S3)"
    assert said["Jobs"] == "a queue of this run"


def test_a_functions_own_variable_wins(plan_of: Callable[..., Plan]) -> None:
    own = "      Environment: {Variables: {AWS_ENDPOINT_URL_SNS: http://own}}\n"
    made = plan_of(HEAD, "Resources:", SOCKET, MAIN, own, RESOURCES)
    assert told(made, AWS_ENDPOINT_URL_SNS="http://x")["News"] == (
        "http://own (AWS_ENDPOINT_URL_SNS)"
    )


def test_what_this_run_made_is_told_so(plan: Plan) -> None:
    said = told(plan, ("Orders",), AWS_ENDPOINT_URL_DYNAMODB="http://moto")
    assert said["Orders"] == "made by this run, empty"
    assert said["Simple"] == "http://moto (AWS_ENDPOINT_URL_DYNAMODB)"
