"""Service keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Path

from handlers.services import keys
from handlers.web.deps import TheApp, TheCaller, TheDatabase, service_router
from handlers.web.errors import NOT_FOUND, TOO_MANY_KEYS, UNREADABLE_BODY, documented
from handlers.web.schemas.keys import Key, KeyList, KeyOrder, NewKey, OwnKey, RotateOrder
from handlers.web.scopes import SCOPES

router = service_router("keys")
KeyId = Annotated[UUID, Path(description="the key's id")]


@router.post("/keys", status_code=201, responses=documented(UNREADABLE_BODY, TOO_MANY_KEYS))
async def create_key(order: KeyOrder, app: TheApp, database: TheDatabase) -> NewKey:
    """Make a key for one program of yours, which may do what its scopes say.

    If the response gets lost, delete what GET /keys shows, and make another.
    """
    days = order.expires_in_days
    expires_in = None if days is None else timedelta(days=days)
    token = keys.new_token(app)
    key = keys.key_of(token, order.name, order.scopes, expires_in, order.requests_per_minute)
    new = await keys.create(database, token, key)
    return NewKey(key_id=new.key_id, token=new.token)


@router.get("/keys")
async def list_keys(database: TheDatabase) -> KeyList:
    """List all keys: there are a hundred at most."""
    rows = await database.fetch(keys.ListServiceKeys())
    return KeyList(items=[Key.model_validate(row) for row in rows])


@router.get("/keys/own")
async def read_own_key(caller: TheCaller) -> OwnKey:
    """Read the name and the scopes of the key that comes with the request.

    A page can show what its key may not do, before its user tries.
    """
    scopes = SCOPES if caller.is_root else [one for one in SCOPES if one in caller.scopes]
    return OwnKey(name=caller.name, scopes=list(scopes))


@router.post("/keys/{key_id}/rotate", responses=documented(UNREADABLE_BODY, NOT_FOUND))
async def rotate_key(
    key_id: KeyId, order: RotateOrder, app: TheApp, database: TheDatabase
) -> NewKey:
    """Give a key a new secret, while the one that its program has stays good for a time.

    If the response gets lost, send the request again: the secret that the program has stays good,
    and the new one, which no program has, is replaced. With `old_valid_seconds: 0` both end within
    ten seconds.
    """
    new = await keys.rotate(database, app, key_id, timedelta(seconds=order.old_valid_seconds))
    return NewKey(key_id=new.key_id, token=new.token)


@router.delete("/keys/{key_id}", status_code=204, responses=documented(NOT_FOUND))
async def delete_key(key_id: KeyId, database: TheDatabase) -> None:
    """Delete a key: within ten seconds it opens nothing more."""
    await keys.delete(database, key_id)
