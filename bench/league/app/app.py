"""What the league's functions do: they write down each event, and do what a case asks for."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Event = dict[str, Any]

FOLDER = Path(os.environ["LEAGUE_FOLDER"])
MAX_HOLD_SECONDS = 25
LONGER_THAN_THE_ROUTE_SECONDS = 4


def handler(event: Event, context: object) -> Event:
    where = event["requestContext"]
    if where["routeKey"] == "echo":  # what is measured is not written down
        return answer(event)
    note(event)
    if where["routeKey"] == "$connect":
        return connect(event)
    return ACTIONS.get(where["routeKey"], answer)(event)


def connect(event: Event) -> Event:
    asked = event.get("queryStringParameters") or {}
    if "fail" in asked:
        raise RuntimeError("on purpose")
    if "hold" in asked:
        wait_for((FOLDER / asked["hold"]).exists, MAX_HOLD_SECONDS)
    headers = {"Sec-WebSocket-Protocol": asked["protocol"]} if "protocol" in asked else {}
    return {"statusCode": int(asked.get("status", "200")), "headers": headers}


def answer(event: Event) -> Event:
    return {"statusCode": 200, "body": json.dumps(event)}


def fail(event: Event) -> Event:
    raise RuntimeError("on purpose")


def slow(event: Event) -> Event:
    time.sleep(LONGER_THAN_THE_ROUTE_SECONDS)
    return answer(event)


def meet(event: Event) -> Event:
    """Wait for another one of the same connection, which only comes if they run at once."""
    connection = event["requestContext"]["connectionId"].strip("=")
    (FOLDER / f"{connection}-{uuid.uuid4()}.met").touch()
    seconds = json.loads(event["body"])["seconds"]
    met = wait_for(lambda: len(list(FOLDER.glob(f"{connection}-*.met"))) > 1, seconds)
    return {"statusCode": 200, "body": "met" if met else "alone"}


def push(event: Event) -> Event:
    """As the guide's own example does."""
    import boto3  # noqa: PLC0415  # it takes a second, which the other routes need not

    where = event["requestContext"]
    client = boto3.client(
        "apigatewaymanagementapi", endpoint_url=f"https://{where['domainName']}/{where['stage']}"
    )
    client.post_to_connection(ConnectionId=where["connectionId"], Data=b"pushed")
    return {"statusCode": 200}


ACTIONS = {"fail": fail, "slow": slow, "meet": meet, "push": push}


def authorize(event: Event, context: object) -> Event:
    note(event)
    asked = event["queryStringParameters"]["token"]
    if asked == "unauthorized":
        raise Exception("Unauthorized")
    if asked == "broken":
        raise RuntimeError("on purpose")
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if asked == "allow" else "Deny",
        "Resource": event["methodArn"],
    }
    return {
        "principalId": "ann",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"name": "Ann"},
    }


def note(event: Event) -> None:
    part = FOLDER / f"{time.time_ns()}-{uuid.uuid4()}.part"
    part.write_text(json.dumps(event))
    part.rename(part.with_suffix(".event"))


def wait_for(is_so: Callable[[], bool], seconds: float) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if is_so():
            return True
        time.sleep(0.01)
    return False
