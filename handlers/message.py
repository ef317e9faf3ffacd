"""What clients say: one query, a reply in the route response, pushes to their other devices."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from handlers.adapters.connections import Gone, Undelivered
from handlers.adapters.container import Container, Event, live
from handlers.adapters.database import Unavailable, Unstorable
from handlers.adapters.settings import grace, message_limit
from handlers.core import ack, act, claim, hello, ledger, watch
from handlers.core.arrival import arrival
from handlers.core.message import Ack, Act, BadMessage, Claim, Hello, Ledger, Message, Watch, parse
from handlers.core.operation import Outcome, Query, error, over_limit

if TYPE_CHECKING:
    from handlers.core.arrival import Arrival
    from handlers.core.operation import Row

log = logging.getLogger(__name__)

# Whoever speaks waits for the pushes too: Lambda does nothing after the answer.
PUSH_TIMEOUT_SECONDS = 3.0


def handle(event: Event, _context: Any, container: Container) -> dict[str, Any]:
    """Answer what the client said; whatever is wrong with it, the connection stays."""
    reply = container.run(_answer(event, container))
    return {"statusCode": 200, "body": reply.decode()}


async def _answer(event: Event, container: Container) -> bytes:
    who = arrival(event["requestContext"])
    said: Message | None = None
    try:
        said = parse(event.get("body") or "")
        outcome = await _happen(who, said, container)
        await container.deliver(outcome.pushes, PUSH_TIMEOUT_SECONDS)
        if outcome.disconnects:
            await _disconnect(who, container)
    except BadMessage as bad:
        outcome = error(bad.re, bad.code, str(bad))
    except Unstorable:
        outcome = error(said.id if said else None, "bad_request", "a value in it cannot be stored")
    except Unavailable as unavailable:
        log.error("message: %s", unavailable)
        outcome = error(said.id if said else None, "unavailable", "try again in a moment")
    return outcome.reply


async def _happen(who: Arrival, said: Message, container: Container) -> Outcome:
    if refusal := _refusal(who, said):
        return refusal
    row = await container.database.fetch_one(_query(who, said))
    return over_limit(said.id, row) or _outcome(who, said, row)


def _outcome(who: Arrival, said: Message, row: Row) -> Outcome:
    match said:
        case Hello():
            return hello.outcome(who, said, row)
        case Act():
            return act.outcome(who, said, row)
        case Claim():
            return claim.outcome(who, said, row)
        case Ack():
            return ack.outcome(said)
        case Watch():
            return watch.outcome(said, row)
        case Ledger():
            return ledger.outcome(said, row)


def _refusal(who: Arrival, said: Message) -> Outcome | None:
    """What the ticket alone forbids."""
    match said:
        case Claim() if not claim.is_allowed(who, said):
            return claim.refusal(said)
        case Watch() if not watch.is_allowed(who, said):
            return watch.refusal(said)
    return None


def _query(who: Arrival, said: Message) -> Query:
    limit = message_limit()
    match said:
        case Hello():
            return hello.query(who, said, limit)
        case Act():
            return act.query(who, said, limit)
        case Claim():
            return claim.query(who, said, limit)
        case Ack():
            return ack.query(who, said, limit)
        case Watch():
            return watch.query(who, said, grace(), limit)
        case Ledger():
            return ledger.query(who, said, limit)


async def _disconnect(who: Arrival, container: Container) -> None:
    log.warning("%s goes on regardless of the limit: closing", who.user_id)
    try:
        await container.connections.close(who.node, who.connection_id)
    except (Gone, Undelivered) as error:
        log.warning("cannot close %s: %s", who.connection_id, error)


handler = live(handle, Container)
