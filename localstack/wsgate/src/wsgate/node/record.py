"""What a node records of itself: lines for the log, entries for the journal of its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgate.console.journal import Other
from wsgate.logs import EventLine, RequestLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.console.journal import Journal
    from wsgate.core.actions import Note
    from wsgate.logs import LogSink
    from wsgate.model.ids import Millis
    from wsgate.model.invoke import Ending
    from wsgate.transport.responses import Request, Response


class Record:
    """The log and the journal of one node; either may be off."""

    def __init__(
        self, sink: LogSink, journal: Journal | None, now: Callable[[], Millis], *, log_events: bool
    ) -> None:
        self._sink, self.journal, self._now, self.log_events = sink, journal, now, log_events

    def note(self, note: Note) -> None:
        """Log what happened on a connection."""
        if self.log_events:
            id_, now = note.connection_id, self._now()
            self._sink(
                EventLine(
                    *(now, note.route, id_, note.outcome, note.elapsed, note.cold),
                    *(note.request_id, note.api, note.error),
                )
            )

    def refusal(self, request: Request, response: Response, api: str = "") -> Response:
        """Record an answer that was given before anything was asked, and return it."""
        now = self._now()
        self.log_request(request, response, now, api=api)
        self.keep(request, response, now, answer=response.body)
        return response

    def log_request(  # noqa: PLR0913 what is known of a request
        self,
        request: Request,
        response: Response,
        since: Millis,
        cold: bool | None = None,
        *,
        request_id: str = "",
        api: str = "",
    ) -> None:
        """Never the query: it may hold a token."""
        if self.log_events:
            now, status = self._now(), int(response.status)
            path = request.path[:200]  # the parser took printable ASCII only
            took = now - since
            self._sink(RequestLine(now, request.method, path, status, took, cold, request_id, api))

    def keep(  # noqa: PLR0913 what a request had to do with
        self,
        request: Request,
        response: Response,
        since: Millis,
        *,
        connection_id: str | None = None,
        function: str | None = None,
        event: bytes | None = None,
        answer: Ending | bytes | None = None,
        pushed: bytes | None = None,
    ) -> None:
        if self.journal is not None:
            now = self._now()
            kept = Other(
                f"{request.method} {request.path[:200]}",
                str(int(response.status)),
                elapsed=now - since,
                connection_id=connection_id,
                function=function,
                event=event,
                answer=answer,
                pushed=pushed,
            )
            self.journal.add(now, kept)
