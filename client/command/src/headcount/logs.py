"""Lines of the functions' logs that name one of some ids: of a local run, or of CloudWatch."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import click

from headcount.errors import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_READ_BYTES = 16 * 2**20
# A pattern has at most 1,024 characters, an id of a connection some 16.
MAX_IDS = 40
# CloudWatch shows a line some seconds after it was written.
LATE_SECONDS = 60.0
MAX_SEEN = 10_000


class LogFile:
    """What `make run` prints, in a file that grows."""

    def __init__(self, path: Path) -> None:
        """Begins at the end. Raises UsageError."""
        self._path = path
        self._begun = b""
        try:
            self._offset = path.stat().st_size
        except OSError as error:
            raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None

    def news(self, ids: Sequence[str]) -> Iterator[str]:
        """New lines with one of the ids. Raises Failed."""
        for line in self._lines():
            if any(one in line for one in ids):
                yield line

    def _lines(self) -> list[str]:
        try:
            if self._path.stat().st_size < self._offset:  # written from its start
                self._offset, self._begun = 0, b""
            with self._path.open("rb") as file:
                file.seek(self._offset)
                read = file.read(MAX_READ_BYTES)
        except OSError as error:
            raise Failed(f"{self._path} cannot be read: {error.strerror}") from None
        self._offset += len(read)
        *lines, self._begun = (self._begun + read).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


class LogGroups:
    """CloudWatch's, by AWS's own library: with its region and credentials."""

    def __init__(self, names: Sequence[str]) -> None:
        """Raises UsageError."""
        try:
            import boto3  # noqa: PLC0415  # large, and rarely asked for
        except ImportError:
            raise click.UsageError("--log-group needs boto3: pip install boto3") from None
        try:
            self._logs: Any = boto3.client("logs")
        except Exception as error:  # a region or a profile that is missing, a file that is broken
            raise click.UsageError(f"AWS: {error}") from None
        self._names = names
        self._begins = time.time()
        self._seen: deque[str] = deque(maxlen=MAX_SEEN)

    def news(self, ids: Sequence[str]) -> Iterator[str]:
        """New lines with one of the ids. Raises Failed."""
        if not ids:
            return
        pattern = " ".join(f'?"{one}"' for one in ids[-MAX_IDS:])
        begins = max(self._begins, time.time() - LATE_SECONDS)
        for name in self._names:
            for line in self._of(name, pattern, int(begins * 1_000)):
                if any(one in line for one in ids):  # emulators know no such pattern
                    yield line

    def _of(self, name: str, pattern: str, begins: int) -> Iterator[str]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # as above

        asked = {"logGroupName": name, "startTime": begins, "filterPattern": pattern}
        try:
            pages = self._logs.get_paginator("filter_log_events").paginate(**asked)
            events = [event for page in pages for event in page["events"]]
        except (BotoCoreError, ClientError) as error:
            raise Failed(f"CloudWatch: {error}") from None
        for event in events:
            if event["eventId"] not in self._seen:
                self._seen.append(event["eventId"])
                yield event["message"].rstrip("\n")
