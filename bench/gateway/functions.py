"""Functions that return at once, so that a benchmark measures what is around them."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]


def authorize(event: Event, context: object) -> Event:
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": event["methodArn"],
    }
    user = event["queryStringParameters"]["ticket"]
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": user, "policyDocument": policy, "context": {"user": user}}


def accept(event: Event, context: object) -> Event:
    return {"statusCode": 200}


def echo(event: Event, context: object) -> Event:
    return {"statusCode": 200, "body": event["body"]}
