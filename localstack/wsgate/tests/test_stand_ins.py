"""`--moto`: the template's tables, buckets and topics are there, for this run's functions only."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError

from templates import HEAD
from waiting import PATIENCE_SECONDS, in_time
from wsgate.functions.local_aws import session
from wsgate.model.plan import Reached
from wsgate.serve import Addresses, Options, serve_at
from wsgate.stand_ins.making import make, table
from wsgate.stand_ins.server import may_ask

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """
Resources:
  Socket:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: live
      RouteSelectionExpression: $request.body.action
      Routes:
        $default: {FunctionArn: !GetAtt Main.Arn, RouteResponseSelectionExpression: $default}
  Reply:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Socket, RouteId: !Ref SocketDefaultRoute, RouteResponseKey: $default}
  Main:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
      Timeout: 60
      MemorySize: 512
      Environment:
        Variables: {TABLE: !Ref Orders, BUCKET: !Ref Uploads, TOPIC: !Ref News}
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: id, AttributeType: S}
        - {AttributeName: room, AttributeType: S}
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      GlobalSecondaryIndexes:
        - IndexName: by-room
          KeySchema: [{AttributeName: room, KeyType: HASH}]
          Projection: {ProjectionType: ALL}
          ContributorInsightsSpecification: {Enabled: false}
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Uploads: {Type: AWS::S3::Bucket}
  News: {Type: AWS::SNS::Topic}
  Broken: {Type: AWS::DynamoDB::Table, Properties: {KeySchema: id}}
"""
HANDLER = """
import os

import boto3


def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    table.put_item(Item={"id": "1", "room": "blue"})
    found = table.query(
        IndexName="by-room",
        KeyConditionExpression=boto3.dynamodb.conditions.Key("room").eq("blue"),
    )
    s3, name = boto3.client("s3"), os.environ["BUCKET"]
    s3.put_object(Bucket=name, Key="a/b.txt", Body=b"words", Metadata={"by": "ann"})
    boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Message="hi")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "a/b.txt"})
    return {"count": found["Count"], "url": url, "endpoint": os.environ["AWS_ENDPOINT_URL_S3"]}
"""


async def test_functions_find_what_the_template_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(HANDLER)
    (tmp_path / "template.yaml").write_text(HEAD + TEMPLATE)
    log: list[str] = []
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    options = Options(
        tmp_path / "template.yaml", port=0, log=log.append, moto=True, region="eu-west-1"
    )
    serving = asyncio.create_task(serve_at(options, ready.set_result))
    try:
        said = await asyncio.to_thread(invoked, (await in_time(ready)).http)
        assert said["count"] == 1, said
        assert await asyncio.to_thread(fetched, said["url"]) == "words"
        with pytest.raises(ClientError) as refused:
            await asyncio.to_thread(another_program, said["endpoint"])
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    finally:
        serving.cancel()
        await asyncio.wait([serving])
    reached = [line.removeprefix("reaches: ") for line in log if line.startswith("reaches: ")]
    assert [line for line in reached if line.endswith(": made by this run, empty")] == [
        f"{name}: made by this run, empty"
        for name in (
            "Orders (AWS::DynamoDB::Table)",
            "Uploads (AWS::S3::Bucket)",
            "News (AWS::SNS::Topic)",
        )
    ]
    [broken] = [line for line in log if line.startswith("left out: Broken ")]
    assert "(AWS::DynamoDB::Table) cannot be made on moto: " in broken


def invoked(http: str) -> dict[str, Any]:
    """Not by a message: how long its answer takes on a busy machine decides nothing here."""
    url = f"{http}2015-03-31/functions/Main/invocations"
    answer = urllib3.PoolManager().request("POST", url, body=b"{}", timeout=PATIENCE_SECONDS)
    value: dict[str, Any] = json.loads(answer.data)
    return value


def fetched(url: str) -> str:
    """As a browser fetches what a function presigned, with no other credentials."""
    return urllib3.PoolManager().request("GET", url).data.decode()


def another_program(endpoint: str) -> None:
    """Of this machine, without the token of the run."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 not a secret
    )
    client.list_buckets()


@pytest.mark.parametrize(
    ("host", "token", "query", "may"),
    [
        ("127.0.0.1:5000", "t", "", True),
        ("localhost", None, "X-Amz-Security-Token=t&b=c", True),
        ("localhost", None, "AWSAccessKeyId=a&x-amz-security-token=t", True),
        ("127.0.0.1:5000", None, "", False),
        ("127.0.0.1:5000", "other", "X-Amz-Security-Token=t", False),
        ("127.0.0.1:5000", None, "X-Amz-Security-Token=u", False),
        ("evil.example:5000", "t", "", False),
        ("", "t", "", False),
    ],
)
def test_who_may_ask(host: str, token: str | None, query: str, *, may: bool) -> None:
    assert may_ask(host, token, query, "t") is may


def test_a_table_is_made_as_the_template_says() -> None:
    properties: dict[str, Any] = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "ProvisionedThroughput": {"ReadCapacityUnits": "5", "WriteCapacityUnits": 5},
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
        "Tags": [],
    }
    made = table(properties)
    assert made["ProvisionedThroughput"] == {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    assert made.keys() == {"KeySchema", "AttributeDefinitions", "ProvisionedThroughput"}
    del properties["ProvisionedThroughput"]
    assert table(properties)["BillingMode"] == "PAY_PER_REQUEST"


def test_what_cannot_be_made_is_a_sentence() -> None:
    client = session("us-east-1").client("dynamodb", endpoint_url="http://127.0.0.1:1")
    resource = Reached("Orders", "AWS::DynamoDB::Table", "Orders", "DYNAMODB", {"KeySchema": "id"})
    problem = make(client, resource, "us-east-1")
    assert problem is not None
    assert "Invalid type for parameter KeySchema" in problem
    assert "\n" not in problem
