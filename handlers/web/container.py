"""What the HTTP API holds for an app, beside what every function does."""

from __future__ import annotations

from functools import cached_property

from handlers.container import Container
from handlers.services.keys import Keys
from handlers.services.presence import OnlineCounts


class WebContainer(Container):
    """The container, with what it remembers from request to request."""

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.app)

    @cached_property
    def online_counts(self) -> OnlineCounts:
        return OnlineCounts()
