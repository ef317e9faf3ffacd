"""The ids of the event under way, in each line of the log.

The access log has the same two, so one query follows an event from its route to its pushes
(docs/how-to/follow-an-event.md). Lambda's own id of the call is in each line already (`requestId`).
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

IDS = {"requestId": "request_id", "connectionId": "connection_id"}
"""By their names in API Gateway's `requestContext`. HTTP requests have no connection."""
SAMPLED = "Sampled=1"
"""In Lambda's header of a trace that is kept. With `Tracing` a sample of the events has one.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
(2026-11-30)
"""


class EventIds(logging.Filter):
    """Adds the ids to records, and the app if it is another than `main`; Lambda's JSON format
    writes what a record has besides the usual.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ids: dict[str, str] = {}

    def begin(self, event: Mapping[str, Any]) -> None:
        """An event begins; one of a queue or a schedule has no ids of API Gateway."""
        context = event.get("requestContext", {})
        self.ids = {ours: context[theirs] for theirs, ours in IDS.items() if theirs in context}
        if app := context.get("authorizer", {}).get("app"):
            self.ids["app"] = app
        trace = os.environ.get("_X_AMZN_TRACE_ID", "")
        if SAMPLED in trace:
            self.ids["trace_id"] = trace.partition(";")[0].removeprefix("Root=")

    def filter(self, record: logging.LogRecord) -> bool:
        """Called by logging."""
        record.__dict__.update(self.ids)
        return True

    def watch(self) -> None:
        """Add them from now on. A filter of a handler sees the records of all loggers."""
        for handler in logging.root.handlers:
            handler.addFilter(self)


EVENT = EventIds()
"""Of this process: Lambda gives it one event at a time."""
