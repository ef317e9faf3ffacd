"""A function behind AWS_PROXY, behind an integration with templates, and behind a queue."""


def handler(event, context):
    for record in event.get("Records", ()):
        print("queued", record["body"])
    return {"statusCode": 200} if "requestContext" in event else event
