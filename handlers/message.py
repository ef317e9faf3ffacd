"""hello, act, claim, watch: one query, a reply in the route response, pushes to other devices."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from handlers.adapters.container import Container, Event, live
from handlers.adapters.database import Unavailable, Unstorable
from handlers.adapters.settings import grace
from handlers.core import act, claim, hello, watch
from handlers.core.arrival import arrival
from handlers.core.happening import Outcome, error
from handlers.core.message import Act, BadMessage, Claim, Hello, Message, Watch, parse

if TYPE_CHECKING:
    from handlers.core.arrival import Arrival

log = logging.getLogger(__name__)

# Whoever speaks waits for the pushes too: Lambda does nothing after the answer.
PUSH_WITHIN_SECONDS = 3.0


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
        await container.deliver(outcome.pushes, PUSH_WITHIN_SECONDS)
    except BadMessage as bad:
        outcome = error(bad.re, bad.code, str(bad))
    except Unstorable:
        outcome = error(said.id if said else None, "bad_request", "a value in it cannot be stored")
    except Unavailable as unavailable:
        log.error("message: %s", unavailable)
        outcome = error(said.id if said else None, "unavailable", "try again in a moment")
    return outcome.reply


async def _happen(who: Arrival, said: Message, container: Container) -> Outcome:
    match said:
        case Hello():
            row = await container.database.fetch_one(hello.query(who, said))
            return hello.outcome(who, said, row)
        case Act():
            row = await container.database.fetch_one(act.query(who, said))
            return act.outcome(who, said, row)
        case Claim():
            row = await container.database.fetch_one(claim.query(who, said))
            return claim.outcome(who, said, row)
        case Watch():
            if not watch.is_allowed(who, said):
                return watch.refusal(said)
            row = await container.database.fetch_one(watch.query(who, said, grace()))
            return watch.outcome(said, row)


handler = live(handle, Container)
