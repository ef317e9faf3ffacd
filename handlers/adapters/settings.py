"""The environment of a function: what template.yaml gives it."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import NamedTuple

from handlers.core.apps import database_of, read_apps, share
from handlers.core.limits import Limits
from handlers.core.operation import Limit, Rules


class MissingSetting(Exception):
    """The function's environment lacks a variable that template.yaml should give it."""


def setting(name: str) -> str:
    """A variable that must be there. Raises MissingSetting."""
    value = os.environ.get(name)
    if not value:
        raise MissingSetting(f"environment variable {name} is not set; see template.yaml")
    return value


def apps() -> tuple[str, ...]:
    """The apps of this deployment, `main` first. Raises BadApps."""
    return read_apps(os.environ.get("APPS") or "")


def database_url(app: str) -> str:
    """Where an app's database is. Raises MissingSetting or BadApps."""
    return database_of(setting("DATABASE_URL"), app)


def functions_database_url() -> str | None:
    """The URL that gives the functions' role its password, where the stack made that."""
    return os.environ.get("FUNCTIONS_DATABASE_URL") or None


def migrates() -> bool:
    """Whether DATABASE_URL is the owner's, who may change the schema."""
    return os.environ.get("MIGRATES") == "yes"


def grace() -> timedelta:
    """How long after its last connection a session can be continued."""
    return timedelta(seconds=float(os.environ.get("GRACE_SECONDS") or "30"))


def max_connections() -> int:
    """How many connections one user may have open at once, over all resources."""
    return int(os.environ.get("MAX_CONNECTIONS_PER_USER") or "50")


def rules() -> Rules:
    """What holds for the messages of each user, over all their devices; a rate of 0 is no limit."""
    per_second = float(os.environ.get("MESSAGES_PER_SECOND_AND_USER") or "5")
    gap = timedelta(seconds=1 / per_second) if per_second else timedelta()
    burst = int(os.environ.get("MESSAGE_BURST") or "50")
    keep_out = timedelta(seconds=float(os.environ.get("KEEP_OUT_SECONDS") or "60"))
    return Rules(Limit(gap, burst, keep_out), grace())


def pushes_per_second() -> int:
    """How many pushes all workers of an app begin, of the account's 10,000 requests/s."""
    return _shared("PUSHES_PER_SECOND", "7000")


def keep_session_months() -> int:
    """How many months past sessions are kept; 0 for ever."""
    return int(os.environ.get("KEEP_SESSION_MONTHS") or "3")


def keep_event_days() -> int:
    """How many days the events of streams can be read, and what ends with them; 0 for ever."""
    return int(os.environ.get("KEEP_EVENT_DAYS") or "1")


def keep_presence_event_days() -> int:
    """How many days presence events can be read; 0 for ever."""
    return int(os.environ.get("KEEP_PRESENCE_EVENT_DAYS") or "7")


def database_cluster() -> str | None:
    """The name that only this database's cluster has; None where it is the user's own."""
    return os.environ.get("DATABASE_CLUSTER") or None


def keep_stream_months() -> int:
    """How many months a stream without events is kept, with its state; 0 for ever."""
    return int(os.environ.get("KEEP_STREAM_MONTHS") or "0")


def keep_ledger_days() -> int:
    """How many days users see what happened to their bonuses; 0 for ever."""
    return int(os.environ.get("KEEP_LEDGER_DAYS") or "7")


def keep_grant_days() -> int:
    """How many days after the end of its bonus a grant can be read; 0 for ever."""
    return int(os.environ.get("KEEP_GRANT_DAYS") or "30")


def sweep_requests_per_second() -> int:
    """How many connections the sweep of an app looks up, of the account's 10,000 requests/s."""
    return _shared("SWEEP_REQUESTS_PER_SECOND", "1000")


def limits() -> Limits:
    """What an app's clients go by to keep their line and to come back. Raises Contradiction."""
    return Limits(
        connections_per_second=_shared("CONNECTIONS_PER_SECOND", "500"),
        ping_every=timedelta(seconds=int(os.environ.get("PING_SECONDS") or "240")),
        rotate_within=timedelta(seconds=int(os.environ.get("ROTATE_SECONDS") or "6900")),
    )


class IssuerSettings(NamedTuple):
    """Who may sign tickets beside the ticket key, and what their tickets say."""

    url: str
    audience: str
    user_claim: str


def ticket_issuer() -> IssuerSettings | None:
    """None: tickets are signed with the ticket key only."""
    if not (url := os.environ.get("TICKET_ISSUER")):
        return None
    audience = os.environ.get("TICKET_AUDIENCE") or "headcount"
    return IssuerSettings(url, audience, os.environ.get("TICKET_USER_CLAIM") or "sub")


def issuer_keys_url() -> str | None:
    """Where the issuer's keys are, if its OpenID configuration does not say."""
    return os.environ.get("TICKET_KEYS_URL") or None


def statement_cache_size() -> int:
    """Named statements per connection; 0 behind a pooler in transaction mode, which has none."""
    return int(os.environ.get("STATEMENT_CACHE_SIZE") or "100")


def push_endpoint() -> str | None:
    """Where every connection is reached, instead of at its own node."""
    return os.environ.get("PUSH_ENDPOINT") or None


def _shared(name: str, default: str) -> int:
    """An app's share of a quota that the account has for all of them."""
    return share(int(os.environ.get(name) or default), len(apps()))


def webhooks_may_call_any() -> bool:
    """Whether webhooks may have `http` and private networks, as on a developer's machine."""
    return os.environ.get("WEBHOOK_TARGETS") == "any"
