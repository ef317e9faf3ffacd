"""Whose ticket it is: signed with a ticket key, or by the issuer that the stack trusts."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from handlers.adapters.settings import apps, issuer_keys_url, setting, ticket_issuer
from handlers.core.issuer import Issuer, is_signed_by_an_issuer, key_id_of, read_issued
from handlers.core.ticket import BadTicket, keys_of, read

if TYPE_CHECKING:
    from datetime import datetime

    from handlers.adapters.issuer_keys import IssuerKeys
    from handlers.core.ticket import Ticket


def read_ticket(text: str, now: datetime) -> Ticket:
    """Verify a ticket. Raises BadTicket, MissingKeys or MissingLibrary."""
    issuer = ticket_issuer()
    if issuer is None or not is_signed_by_an_issuer(text):
        return read(text, keys_of(setting("TICKET_SECRET")), now, apps())
    key = _keys(issuer.url, issuer_keys_url()).find(key_id_of(text))
    if key is None:
        raise BadTicket("signed with a key that the issuer does not publish")
    return read_issued(text, Issuer(*issuer), key, now)


@cache
def _keys(issuer: str, keys_url: str | None) -> IssuerKeys:
    """One set per process. Without an issuer's ticket, nothing of this is imported."""
    from handlers.adapters.issuer_keys import IssuerKeys  # noqa: PLC0415

    return IssuerKeys(issuer, keys_url)
