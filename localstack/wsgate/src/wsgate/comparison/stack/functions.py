"""What `wsgate record` deploys: each event is pushed to the observer, a connection of its own.

The authorizer hands the observer's id on, so that $disconnect knows it, too.
"""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.session import get_session

Event = dict[str, Any]
NONE = "none"
LONGER_THAN_THE_ROUTE_SECONDS = 13
SESSION = get_session()
# Its type knows of no file of certificates.
TRUSTED: Any = os.environ.get("AWS_CA_BUNDLE") or True
HTTP = URLLib3Session(verify=TRUSTED, timeout=5)


def authorize(event: Event, context: object) -> Event:
    asked = event["queryStringParameters"]
    tell(event, asked["observer"])
    act = asked.get("authorizer", "allow")
    if act == "unauthorized":
        raise Exception("Unauthorized")  # API Gateway knows it by these words
    if act == "fail":
        raise RuntimeError("on purpose")
    effect = "Deny" if act == "deny" else "Allow"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    answer: Event = {
        "principalId": "someone",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"observer": asked["observer"], "number": 5, "flag": True},
    }
    if act == "nameless":
        del answer["principalId"]
    return answer


def handler(event: Event, context: object) -> Any:
    where = event["requestContext"]
    tell(event, where["authorizer"]["observer"])
    if where["eventType"] == "CONNECT":
        return connect(event, where)
    if where["routeKey"] == "slow":
        time.sleep(LONGER_THAN_THE_ROUTE_SECONDS)
    asked = json.loads(event.get("body") or "{}")
    return answer(where, asked) if "do" in asked else {"statusCode": 200, "body": "ok"}


def connect(event: Event, where: Event) -> Event:
    act = event["queryStringParameters"].get("connect", "200")
    if act == "fail":
        raise RuntimeError("on purpose")
    if act == "slow":
        time.sleep(LONGER_THAN_THE_ROUTE_SECONDS)
    if act == "self":
        met = manage(where, {"method": "POST", "id": where["connectionId"], "data": "eA=="})
        tell({"met": met}, where["authorizer"]["observer"], where)
    if act == "malformed":
        return {"status": 200}
    if act == "protocol":
        headers = {"Sec-WebSocket-Protocol": "two", "X-Own": "dropped"}
        return {"statusCode": 200, "headers": headers, "body": "dropped"}
    return {"statusCode": int(act) if act.isdecimal() else 200, "body": "its own words"}


def answer(where: Event, asked: Event) -> Any:
    act = asked["do"]
    if act == "fail":
        raise RuntimeError("on purpose")
    if act == "manage":
        return {"statusCode": 200, "body": json.dumps(manage(where, asked))}
    return {
        "who": {"statusCode": 200, "body": where["connectionId"]},
        "encoded": {"statusCode": 200, "body": "dGV4dA==", "isBase64Encoded": True},
        "extra": {"statusCode": 200, "body": "ok", "unknown": 1},
        "bodiless": {"statusCode": 200},
        "no status": {"body": "ok"},
        "error": {"statusCode": 500, "body": "its own words"},
        "text": "ok",
        "nothing": None,
    }[act]


def tell(event: Event, observer: str, where: Event | None = None) -> None:
    """Push an event to the observer; a connection that watches nothing has none."""
    if observer != NONE:
        data = base64.b64encode(json.dumps(event).encode()).decode()
        found = where or event["requestContext"]
        manage(found, {"method": "POST", "id": observer, "data": data})


def manage(where: Event, asked: Event) -> Event:
    """Call @connections as boto3 does, and return what came before boto3 reads it."""
    stage = asked.get("stage", where["stage"])
    url = f"https://{where['domainName']}/{stage}/@connections/{quote(asked['id'], safe='')}"
    data = base64.b64decode(asked.get("data", "")) + b"x" * asked.get("size", 0)
    request = AWSRequest(asked["method"], url, data=data if asked["method"] == "POST" else None)
    if asked.get("signed", True):
        region = os.environ["AWS_REGION"]
        credentials: Any = SESSION.get_credentials()  # Lambda has set them
        SigV4Auth(credentials, "execute-api", region).add_auth(request)
    response = HTTP.send(request.prepare())
    error = response.headers.get("x-amzn-ErrorType", "").partition(":")[0]
    return {"status": response.status_code, "error": error, "body": response.text}
