"""What every sample runs: it pushes what it hears, and tells when a client leaves."""

import json
import os
import ssl
from http.client import HTTPSConnection
from urllib.parse import quote


def handler(event, context):
    where = event["requestContext"]
    if where["eventType"] == "MESSAGE":
        said = {"route": where["routeKey"], "table": os.environ.get("TABLE", "")}
        push(where, json.dumps(said).encode())
    elif where["eventType"] == "DISCONNECT":
        print("left", where["connectionId"])
    elif protocol := event["headers"].get("Sec-WebSocket-Protocol"):
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": protocol}}
    return {"statusCode": 200}


def push(where, data):
    """As code on AWS does, but for boto3, which takes a second to import."""
    trusted = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    connection = HTTPSConnection(where["domainName"], context=trusted)
    path = f"/{where['stage']}/@connections/{quote(where['connectionId'])}"
    connection.request("POST", path, data)
    assert connection.getresponse().status == 200
