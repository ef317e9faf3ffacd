"""CloudFormation's custom resources: what it asks a function for, and the answer it waits for.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html (2026-11-30)
"""

from __future__ import annotations

import json
import logging
import urllib.request
from typing import Any

log = logging.getLogger(__name__)

ANSWER_SECONDS = 10
ATTEMPTS = 3
# Of an answer's 4,096 bytes; JSON writes a character in six at most.
MAX_REASON_CHARACTERS = 500


def asks_for_migrations(event: dict[str, Any]) -> bool:
    """False for a stack that is deleted, and for one that goes back to the code it had before.

    That code runs on the schema that is there by now, as it did while this one was deployed.
    """
    if event.get("RequestType") == "Update":
        new, old = event["ResourceProperties"], event["OldResourceProperties"]
        return _version(new) >= _version(old)
    return event.get("RequestType") != "Delete"


def answer(event: dict[str, Any], error: str | None) -> None:
    """Tell CloudFormation that its request is done, or why it failed; do nothing for other callers.

    Raises OSError where it cannot be told. Lambda then repeats the event.
    """
    if "ResponseURL" not in event:
        return
    told = {
        "Status": "FAILED" if error else "SUCCESS",
        "Reason": (error or "")[:MAX_REASON_CHARACTERS],
        # The same from release to release: CloudFormation would delete what has another.
        "PhysicalResourceId": event.get("PhysicalResourceId") or "schema",
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    # The signature of the URL covers an empty type.
    request = urllib.request.Request(  # noqa: S310  # CloudFormation's own address
        event["ResponseURL"], json.dumps(told).encode(), {"Content-Type": ""}, method="PUT"
    )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):  # noqa: S310
                return
        except OSError as failure:
            # Not the address: who has it can answer in our place.
            log.warning("CloudFormation was not told: %s", type(failure).__name__)
            if attempt == ATTEMPTS:
                raise


def _version(properties: dict[str, Any]) -> int:
    """The number at the end of the ARN of a function's version."""
    return int(properties["Release"].rpartition(":")[2])
