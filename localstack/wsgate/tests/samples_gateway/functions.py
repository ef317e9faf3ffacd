"""The functions of the sample template."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

Event = dict[str, Any]


def authorize(event: Event, context: object) -> Event:
    """Accept any user name as a ticket, except `blocked`."""
    user = event["queryStringParameters"]["ticket"]
    effect = "Deny" if user == "blocked" else "Allow"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": user, "policyDocument": policy, "context": {"user": user}}


def chat(event: Event, context: object) -> Event:
    """Answer with the text, its author, and the greeting from the template's parameter."""
    where = event["requestContext"]
    print(f"{where['eventType']} of {where['authorizer']['user']}")
    said = json.loads(event.get("body") or "{}").get("text")
    if said == "fail":
        raise RuntimeError("as asked")
    if said == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = {"greeting": os.environ["GREETING"], "user": where["authorizer"]["user"], "text": said}
    return {"statusCode": 200, "body": json.dumps(answer)}


def web(event: Event, context: object) -> Event:
    """Answer with the request's own line."""
    http = event["requestContext"]["http"]
    return {"method": http["method"], "path": event["rawPath"], "body": event.get("body")}
