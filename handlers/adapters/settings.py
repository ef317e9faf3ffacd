"""The environment of a function, read once, at its first event."""

from __future__ import annotations

import os
from datetime import timedelta


class MissingSetting(Exception):
    """The function's environment lacks a variable that template.yaml should give it."""


def setting(name: str) -> str:
    """A variable that must be there. Raises MissingSetting."""
    value = os.environ.get(name)
    if not value:
        raise MissingSetting(f"environment variable {name} is not set; see template.yaml")
    return value


def grace() -> timedelta:
    """How long after its last connection a session can be continued."""
    return timedelta(seconds=float(os.environ.get("GRACE_SECONDS") or "30"))


def push_endpoint() -> str | None:
    """Where every connection is reached, instead of at its own node."""
    return os.environ.get("PUSH_ENDPOINT") or None
