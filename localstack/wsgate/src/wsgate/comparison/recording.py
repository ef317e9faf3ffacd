"""A recording: answers to the questions, without what differs from run to run or is secret.

Ids, addresses and times are replaced by what they are, so that two recordings can be compared, and
one of AWS can be shown: it names neither the account nor who asked.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES = 10_000_000
ID = r"[A-Za-z0-9_-]{15}="
# What a member of this name must look like; another form is kept as such, and differs.
FORMS = {
    "connectionId": ID,
    "messageId": ID,
    "requestId": ID,
    "extendedRequestId": ID,
    "apiId": r"[a-z0-9]{10}",
    "domainName": r".+",
    "Host": r".+",
    "host": r".+",
    "sourceIp": r".+",
    "userAgent": r".+",
    "requestTime": r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000",
    "requestTimeEpoch": r"\d{13}",
    "connectedAt": r"\d{13}|\d{4}-\d\d-\d\dT[\d:.]+Z",
    "lastActiveAt": r"\d{13}|\d{4}-\d\d-\d\dT[\d:.]+Z",
    "integrationLatency": r"\d+",
    "observer": rf"none|{ID}",
    "Sec-WebSocket-Key": r"[A-Za-z0-9+/]{22}==",
    "X-Amzn-Trace-Id": r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}.*",
    "X-Forwarded-For": r".*",
    "X-Forwarded-Port": r"\d+",
    "X-Forwarded-Proto": r"https?",
    "methodArn": r"arn:aws[a-z-]*:execute-api:[a-z0-9-]+:\d{12}:[a-z0-9]{10}/record/\$connect",
}
# In other texts.
PATTERNS = (
    (re.compile(ID), "<id>"),
    (re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}"), "<trace>"),
    (re.compile(r"arn:[\w:/$*@.-]+"), "<arn>"),
    (re.compile(r"\b[a-z0-9]{10}\.execute-api\.[a-z0-9.-]+"), "<domain>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b(?::\d+)?"), "<address>"),
    (re.compile(r"\b\d{12}\b"), "<account>"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "<key>"),
)


class RecordingError(Exception):
    """A file is no recording; the message is one sentence without its full stop."""


@dataclass(frozen=True)
class Recording:
    """What a gateway answered."""

    recorded_at: str
    """The day."""
    answers: Mapping[str, Any]
    """By the question's name, in JSON."""

    def write(self, path: Path) -> None:
        """Only its owner can read a file that is new. Raises OSError."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n")


def read(path: Path) -> Recording:
    """Raises RecordingError, and OSError."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        found = json.loads(data[:MAX_BYTES])
        answers, recorded_at = found["answers"], found["recorded_at"]
    except (ValueError, TypeError, KeyError):
        raise RecordingError(f"{path} is not what `wsgate record` writes") from None
    if not isinstance(answers, dict) or not isinstance(recorded_at, str):
        raise RecordingError(f"{path} is not what `wsgate record` writes")
    return Recording(recorded_at, answers)


def comparable(value: Any, name: str = "") -> Any:
    """An answer without what differs from run to run."""
    if isinstance(value, dict):
        return {key: comparable(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [comparable(member, name) for member in value]
    if name in FORMS and value is not None and value != "":
        is_right = re.fullmatch(FORMS[name], str(value))
        shown = name if is_right else f"{name} of another form: {_without_ids(str(value))}"
        return f"<{'number ' if isinstance(value, int) else ''}{shown}>"
    return _without_ids(value) if isinstance(value, str) else value


def _without_ids(text: str) -> str:
    for pattern, word in PATTERNS:
        text = pattern.sub(word, text)
    return text
