"""Reveals."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Path, Response

from handlers.core.sealing import KEY_BYTES
from handlers.services import reveals
from handlers.web.deps import TheDatabase, ThePorts, service_router
from handlers.web.errors import BAD_REQUEST, NOT_FOUND, TOO_SOON, UNSTORABLE, documented
from handlers.web.orders import audience_of, created, fingerprint, named, to_json
from handlers.web.pagination import (
    LIST_ERRORS,
    After,
    Cursor,
    Limit,
    Listing,
    NewestFirst,
    newest_first,
)
from handlers.web.schemas.reveals import ListedReveal, Reveal, RevealOrder, RevealsPage

router = service_router("reveals")
RevealId = Annotated[UUID, Path(description="the reveal's id")]


@router.post(
    "/reveals", status_code=201, responses=created(Reveal, BAD_REQUEST, TOO_SOON, UNSTORABLE)
)
async def create_reveal(order: RevealOrder, ports: ThePorts, response: Response) -> Reveal:
    """Show something to an audience at one instant, by the server's clock.

    The content is told now, sealed; its key at `key_at`, so early that all of the audience can have
    it in time: `PushesPerSecond` bounds how many are told a second. Users who come online until ten
    minutes after the instant are shown it, too.
    """
    new = _creation(order)
    with named("reveal_id", order, new.reveal_id):
        reveal = await reveals.create(ports, new)
    if reveal.is_repeated:
        response.status_code = 200
    return _reveal(reveal)


@router.get("/reveals/{reveal_id}", responses=documented(NOT_FOUND))
async def read_reveal(reveal_id: RevealId, database: TheDatabase) -> Reveal:
    """Read a reveal, and how far its audience has the content and the key."""
    return _reveal(await reveals.read(database, reveal_id))


@router.delete("/reveals/{reveal_id}", responses=documented(NOT_FOUND))
async def cancel_reveal(reveal_id: RevealId, ports: ThePorts) -> Reveal:
    """Cancel a reveal before its instant: it is not shown.

    Cancelling again changes nothing, and neither does cancelling what has been revealed.
    """
    return _reveal(await reveals.cancel(ports, reveal_id))


@router.get("/reveals", responses=LIST_ERRORS)
async def list_reveals(
    database: TheDatabase, limit: Limit = 100, after: After = None
) -> RevealsPage:
    """List all reveals, the newest first, with their content.

    GET /reveals/{reveal_id} says how far the audience of one has it.
    """

    async def fetch(position: NewestFirst | None, rows: int) -> list[reveals.ListedRevealRow]:
        return await database.fetch(reveals.ListReveals(*newest_first(position), rows))

    listing = Listing(
        Cursor("reveals", (), NewestFirst),
        ListedReveal.model_fields,
        fetch,
        lambda row: NewestFirst(row.position, row.reveal_id),
    )
    rows, following = await listing.page(after, limit)
    return RevealsPage(items=[ListedReveal.model_validate(row) for row in rows], next=following)


def _creation(order: RevealOrder) -> reveals.CreateReveal:
    audience, resource = audience_of(order.audience)
    reveal_id = order.reveal_id or uuid4()
    text = json.dumps(order.content, ensure_ascii=False)
    return reveals.CreateReveal(
        reveal_id=reveal_id,
        content=to_json(order.content),
        **reveals.sealed_with(text, secrets.token_bytes(KEY_BYTES)),
        audience=audience,
        resource=resource,
        reveals_in=timedelta(seconds=order.reveals_in_seconds or 0),
        reveals_at=order.reveals_at,
        key_id=reveals.key_id_of(reveal_id),
        fingerprint=fingerprint(order, "reveal_id"),
    )


def _reveal(reveal: reveals.Reveal) -> Reveal:
    broadcasts = {"broadcast": reveal.broadcast, "key_broadcast": reveal.key_broadcast}
    names = set(reveal.row.__struct_fields__) - {"key_id"}
    return Reveal.model_validate(broadcasts | {name: getattr(reveal.row, name) for name in names})
