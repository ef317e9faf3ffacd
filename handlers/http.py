"""The HTTP API for the company's backends: FastAPI behind Mangum."""

from __future__ import annotations

from functools import cached_property
from http import HTTPStatus
from typing import Any

from mangum import Mangum

from handlers.adapters.database import WEB_PROBE_SECONDS
from handlers.adapters.metrics import version
from handlers.container import Context, Event, live
from handlers.web.app import TEXT_TYPES, application
from handlers.web.container import WebContainer


class HttpContainer(WebContainer):
    """The container, with the application that it serves."""

    probe_seconds = WEB_PROBE_SECONDS

    @cached_property
    def mangum(self) -> Mangum:
        self.prepare_pushes()  # a bonus to a user, perhaps the first one here, is pushed by itself
        self.runner.get_loop()  # makes this process' loop the current one, on which Mangum runs
        return Mangum(application(self), lifespan="off", text_mime_types=TEXT_TYPES)


def handle(event: Event, context: Context, container: HttpContainer) -> dict[str, Any]:
    """Answer one HTTP request (payload format 2.0)."""
    container.begin(context)
    answer = container.mangum(event, context)  # type: ignore[arg-type]  # it only passes it on
    if answer["statusCode"] == HTTPStatus.INTERNAL_SERVER_ERROR:
        # Mangum has caught what was raised, so Lambda counts no error.
        container.metrics.count("requests_failed", Version=version())
    return answer


handler = live(handle, HttpContainer)
