"""Send each grant once into a FIFO queue of SQS, for the workers that pay.

SQS knows a message again for five minutes by its deduplication id, so a page that is sent again
after a crash comes once. After a longer pause it may come twice: a worker that pays keeps
`bonus_id` and `user_id` as a unique key.
"""

import argparse
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

PAUSE_SECONDS = 2
MAX_MESSAGES = 10  # in one request


def main() -> int:
    """Follow the grants until stopped; with --once, until there are no more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cursor", type=Path, help="a file that keeps the place")
    parser.add_argument("--once", action="store_true", help="stop at the last grant")
    options = parser.parse_args()
    queue = boto3.client("sqs")
    while True:
        has_more, failed = False, False
        try:
            page = read_grants(options.cursor)
            send(queue, page["items"])
            keep(options.cursor, page["next"])
            has_more = page["has_more"]
        except urllib.error.HTTPError as error:
            answer = problem(error)
            print(f"payout: {error.code} {answer['code']}: {answer['detail']}", file=sys.stderr)
            failed = True
        except (OSError, BotoCoreError, ClientError) as error:
            print(f"payout: {error}", file=sys.stderr)
            failed = True
        if not has_more and options.once:
            return int(failed)
        if not has_more:
            time.sleep(PAUSE_SECONDS)


def send(queue: Any, grants: list[dict[str, Any]]) -> None:
    """Send them all, in order. Raises OSError if the queue refuses one."""
    for start in range(0, len(grants), MAX_MESSAGES):
        entries = [
            {
                "Id": str(n),
                "MessageBody": json.dumps(grant),
                "MessageGroupId": digest(grant["user_id"]),
                "MessageDeduplicationId": digest(grant["bonus_id"], grant["user_id"]),
            }
            for n, grant in enumerate(grants[start : start + MAX_MESSAGES])
        ]
        answer = queue.send_message_batch(QueueUrl=os.environ["QUEUE_URL"], Entries=entries)
        if answer.get("Failed"):
            raise OSError(f"the queue refuses {answer['Failed'][0]['Message']}")


def digest(*names: str) -> str:
    """SQS takes fewer characters than a name may have."""
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def read_grants(cursor: Path) -> Any:
    """The page behind the place. Raises HTTPError, and another OSError without an answer."""
    after = cursor.read_text() if cursor.exists() else ""
    query = "?" + urllib.parse.urlencode({"after": after}) if after else ""
    request = urllib.request.Request(
        f"{os.environ['HEADCOUNT_URL']}/grants{query}",
        headers={"Authorization": "Bearer " + os.environ["HEADCOUNT_TOKEN"]},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def problem(error: urllib.error.HTTPError) -> dict[str, str]:
    """What a refusal says. API Gateway's own, such as a 429, has no code."""
    said = {"code": "", "detail": str(error.reason)}
    try:
        return said | json.load(error)
    except (ValueError, TypeError):
        return said


def keep(cursor: Path, place: str) -> None:
    """Whole or not at all."""
    new = cursor.with_name(cursor.name + ".new")
    new.write_text(place)
    new.replace(cursor)


if __name__ == "__main__":
    sys.exit(main())
