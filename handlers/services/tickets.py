"""Mint tickets for the company's backend."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.adapters.settings import setting
from handlers.core import ticket

if TYPE_CHECKING:
    from datetime import datetime

    from handlers.core.connection import MayWatch


@dataclass(frozen=True)
class Minted:
    ticket: str
    url: str
    """Where the ticket opens a connection."""
    expires_at: datetime


@dataclass(frozen=True)
class Order:
    """The user of a ticket, and what its connection may do."""

    user_id: str
    resource: str
    device: str | None
    may_watch: MayWatch
    may_list: bool


def mint(order: Order, app: str, now: datetime) -> Minted:
    """Mint a ticket for one connection of one user of an app. Raises TicketTooLong."""
    expires_at = now + ticket.LIFE
    new = ticket.Ticket(
        secrets.token_urlsafe(16),
        order.user_id,
        order.resource,
        expires_at,
        order.device,
        order.may_watch,
        order.may_list,
        app,
    )
    newest, *_ = ticket.keys_of(setting("TICKET_SECRET"))
    return Minted(ticket.mint(new, ticket.app_key(newest, app)), setting("SOCKET_URL"), expires_at)
