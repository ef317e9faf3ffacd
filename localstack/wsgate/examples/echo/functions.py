"""One function for every route: it echoes a message at once, or later through @connections."""

from __future__ import annotations

import json
from typing import Any

import boto3

Event = dict[str, Any]


def handler(event: Event, context: object) -> Event:
    """Answer "echo" with its text, and push the text of "later" to the same connection."""
    request = event["requestContext"]
    if request["eventType"] != "MESSAGE":
        return {"statusCode": 200}
    answer = json.dumps({"type": request["routeKey"], "text": json.loads(event["body"])["text"]})
    if request["routeKey"] == "later":
        push(request, answer)
    return {"statusCode": 200, "body": answer}


def push(request: Event, data: str) -> None:
    """Send `data` to the connection that the event came from, as on AWS."""
    url = f"https://{request['domainName']}/{request['stage']}"
    client = boto3.client("apigatewaymanagementapi", endpoint_url=url)
    client.post_to_connection(ConnectionId=request["connectionId"], Data=data.encode())
