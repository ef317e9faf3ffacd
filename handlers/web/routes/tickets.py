"""Mint tickets."""

from __future__ import annotations

from datetime import UTC, datetime

from handlers.core.connection import ANYTHING
from handlers.services import tickets
from handlers.web.deps import TheApp, service_router
from handlers.web.errors import BAD_REQUEST, TICKET_TOO_LONG, UNREADABLE_BODY, documented
from handlers.web.schemas.tickets import Ticket, TicketOrder

router = service_router("tickets")


@router.post(
    "/tickets", status_code=201, responses=documented(UNREADABLE_BODY, BAD_REQUEST, TICKET_TOO_LONG)
)
async def mint_ticket(order: TicketOrder, app: TheApp) -> Ticket:
    """Mint a ticket: it opens one connection of one user, within 30 seconds.

    Call this from your backend when a signed-in user loads your page, and hand the ticket to the
    page.
    """
    may_watch = order.may_watch if order.may_watch == ANYTHING else tuple(order.may_watch)
    minted = tickets.mint(
        tickets.Order(order.user_id, order.resource, order.device, may_watch, order.may_list),
        app,
        datetime.now(UTC),
    )
    return Ticket(
        ticket=minted.ticket,
        url=minted.url,
        expires_at=int(minted.expires_at.timestamp() * 1000),
    )
