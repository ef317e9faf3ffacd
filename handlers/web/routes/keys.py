"""Service keys."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Path

from handlers.services import keys
from handlers.web.deps import TheCaller, TheDatabase, service_router
from handlers.web.errors import NOT_FOUND, TOO_MANY_KEYS, UNREADABLE_BODY, documented
from handlers.web.schemas.keys import Key, KeyList, KeyOrder, NewKey, OwnKey
from handlers.web.scopes import SCOPES

router = service_router("keys")
KeyId = Annotated[UUID, Path(description="the key's id")]


@router.post("/keys", status_code=201, responses=documented(UNREADABLE_BODY, TOO_MANY_KEYS))
async def create_key(order: KeyOrder, database: TheDatabase) -> NewKey:
    """Make a key for one program of yours, which may do what its scopes say.

    To replace a key, make a second one of the same name, give it to the program, and delete the
    first. If the response gets lost, delete what GET /keys shows, and make another.
    """
    new = await keys.create(database, order.name, order.scopes)
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


@router.delete("/keys/{key_id}", status_code=204, responses=documented(NOT_FOUND))
async def delete_key(key_id: KeyId, database: TheDatabase) -> None:
    """Delete a key: within ten seconds it opens nothing more."""
    await keys.delete(database, key_id)
