"""`--record DIR`: the first event of each kind and route, as a file that a test can be given.

    connect.json  disconnect.json  authorize.json  message-hello.json  message-default.json
    web-get-rooms-id.json  queue-Jobs.json  schedule-Sweep.json  invoke-ReportFunction.json

An event is what the function got, key by key, one key per line, with its secrets masked. An
existing file is never overwritten, not by a later run either: remove it to record the event again.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wsgate.masking import Mask
    from wsgate.model.invoke import Invocation, Invoker

MAX_FILES: Final = 500
"""Routes are few, but Invoke takes any name: this keeps ever new ones from filling the disk."""
_MAX_NAME: Final = 100


class Recorder:
    """An Invoker that writes down what it hands on."""

    def __init__(
        self, invoker: Invoker, folder: Path, mask: Mask, log: Callable[[str], None]
    ) -> None:
        """The folder is made if it is not there, for its owner only. Raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._invoker, self._folder, self._mask, self._log = invoker, folder, mask, log
        self._known: set[tuple[str, ...]] = set()
        self._names: set[str] = set()

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        """Run `function` with `payload`; see Invoker."""
        self._record(function, payload)
        return await self._invoker.invoke(function, payload, caller)

    def _record(self, function: str, payload: bytes) -> None:
        """One small file per name and run, so that it is cheaper than handing it to a thread."""
        try:
            event = json.loads(payload)
            words = words_of(event, function)
        except (ValueError, RecursionError):
            return
        if words in self._known or len(self._known) >= MAX_FILES:
            return
        self._known.add(words)
        path = self._folder / f"{self._free_name(words)}.json"
        try:
            write_new(path, json.dumps(self._masked(event), indent=2) + "\n")
        except FileExistsError:
            pass  # of an earlier run, or the developer's own by now
        except OSError as error:
            self._log(f"{path} could not be written: {error.strerror}")

    def _masked(self, event: Any) -> Any:
        """The event's own shape. One that is too deep to be looked through is not kept."""
        try:
            return self._mask.value(event)
        except RecursionError:
            return None

    def _free_name(self, words: tuple[str, ...]) -> str:
        """`a/b` and `a-b` are two routes, `Ping` and `ping` too: the later one gets a number."""
        name = base = "-".join(filter(None, map(_plain, words)))[:_MAX_NAME]
        numbers = itertools.count(2)
        while name.lower() in self._names:
            name = f"{base}-{next(numbers)}"
        self._names.add(name.lower())
        return name


def write_new(path: Path, text: str) -> None:
    """Make a file that only its owner reads. Raises FileExistsError, and leaves no half of one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            path.unlink(missing_ok=True)
            raise


def words_of(  # noqa: PLR0911 one for each kind
    event: Any, function: str
) -> tuple[str, ...]:
    """What an event is called: its kind and its route, or the function that got it."""
    match event:
        case {"type": "REQUEST", "methodArn": str()}:
            return ("authorize",)
        case {"requestContext": {"eventType": "MESSAGE", "routeKey": str(route)}}:
            return ("message", route)
        case {"requestContext": {"eventType": "CONNECT" | "DISCONNECT" as kind}}:
            return (kind.lower(),)
        case {"version": "2.0", "routeKey": str(route)}:
            return ("web", _lower_method(route))
        case {"Records": [{"eventSource": "aws:sqs", "eventSourceARN": str(arn)}, *_]}:
            return ("queue", arn.rpartition(":")[2])
        case {"detail-type": "Scheduled Event", "resources": [str(arn), *_]}:
            return ("schedule", arn.rpartition("/")[2])
    return ("invoke", function)


def _plain(word: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", word).strip("-")


def _lower_method(route: str) -> str:
    method, space, path = route.partition(" ")
    return f"{method.lower()}{space}{path}"
