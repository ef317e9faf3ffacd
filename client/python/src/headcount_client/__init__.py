"""The asyncio client of Headcount, for bots, load and services that watch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headcount_client.client import Headcount
    from headcount_client.errors import HeadcountError, TicketRefused
    from headcount_client.line import LineClosed, Socket
    from headcount_client.reconnect import Status
    from headcount_client.show import Show

__all__ = ["Headcount", "HeadcountError", "LineClosed", "Show", "Socket", "Status", "TicketRefused"]

_HOMES = {
    "Headcount": "client",
    "HeadcountError": "errors",
    "LineClosed": "line",
    "Show": "show",
    "Socket": "line",
    "Status": "reconnect",
    "TicketRefused": "errors",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: `headcount_client.backoff` alone needs no WebSocket library."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
