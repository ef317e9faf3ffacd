"""Why a use case of the HTTP API refuses. Nothing has changed then, but for QueueUnavailable."""

from __future__ import annotations

from handlers.adapters.database import (
    TooSlow,
    Unavailable,
    UnknownTimeZone,
    Unstorable,
    WrongSchema,
)
from handlers.core.ticket import TicketTooLong

__all__ = [
    "CampaignOver",
    "Conflict",
    "DatabaseMoved",
    "ForeignPosition",
    "GrantsPruned",
    "InPast",
    "NotCorrected",
    "NotDrawn",
    "NotFound",
    "PresenceEventsPruned",
    "QueueUnavailable",
    "TicketTooLong",
    "TooManyKeys",
    "TooManySteps",
    "TooManyWebhooks",
    "TooShortPeriods",
    "TooSlow",
    "TooSoon",
    "Unavailable",
    "UnknownTimeZone",
    "Unstorable",
    "WebhookEventsPruned",
    "WindowOver",
    "WouldTakeBack",
    "WrongSchema",
]


class NotFound(Exception):
    """There is no such thing; the message names it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"there is no such {what}")


class Conflict(Exception):
    """The id was used for a request with other contents."""


class NotCorrected(Exception):
    """The session cannot be corrected so: `why` is the outcome of `create_correction`."""

    def __init__(self, why: str, in_force: int | None, other_session_id: int | None) -> None:
        super().__init__(why)
        self.why = why
        self.in_force = in_force
        self.other_session_id = other_session_id


class NotDrawn(Exception):
    """The draw cannot take place: `why` is too_early or no_candidates."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class WindowOver(Exception):
    """The claim window of the bonus would already have ended."""


class InPast(Exception):
    """A campaign would begin or end in the past."""


class TooSoon(Exception):
    """The audience cannot be told before the instant of the reveal."""

    def __init__(self, connections: int, lead_ms: int) -> None:
        super().__init__(f"{connections} connections take {lead_ms} ms")
        self.connections, self.lead_ms = connections, lead_ms


class CampaignOver(Exception):
    """The campaign has ended."""


class WouldTakeBack(Exception):
    """An edit would take something back from those who watch; the message names what."""


class QueueUnavailable(Exception):
    """The queue does not answer; the message says what became of the request."""


class ForeignPosition(Exception):
    """The position belongs to another database, or to a later state of this one."""


class PresenceEventsPruned(Exception):
    """The events behind the position were deleted."""


class GrantsPruned(Exception):
    """Grants behind the position were deleted."""


class DatabaseMoved(Exception):
    """Grants are read in the order of transaction ids, and those here come from another cluster."""


class TooManyKeys(Exception):
    """Two keys have this name, or there are as many as there may be."""


class TooManySteps(Exception):
    """The interval has more steps than one report may have."""


class TooShortPeriods(Exception):
    """No viewer can watch for so long within a period of the report."""


class TooManyWebhooks(Exception):
    """There are as many as there may be."""


class WebhookEventsPruned(Exception):
    """Events that the webhook would need were deleted."""

    def __init__(self, since: int | None = None) -> None:
        super().__init__(since)
        self.since = since
        """From when on it could be, in milliseconds since the epoch."""
