"""Service keys: each has a name, may do what its scopes say, and is kept as a hash."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol
from uuid import UUID, uuid4

import msgspec

from handlers.adapters.settings import setting
from handlers.core.operation import Statement
from handlers.services.errors import NotFound, TooManyKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.core.operation import RowT

# A deleted key may go on for so long in a process that has just seen it.
KNOWN_FOR_SECONDS = 10.0
SECRET_BYTES = 32
TOKEN = re.compile(r"hk_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class ServiceKeyRow(msgspec.Struct, frozen=True):
    name: str
    scopes: list[str]
    hash: bytes


class FindServiceKey(Statement[ServiceKeyRow], frozen=True):
    query: ClassVar[str] = "service_key"
    key_id: UUID


class CreateServiceKey(Statement[bool], frozen=True):
    """False: there are two keys of this name, or too many in all."""

    function: ClassVar[str] = "create_service_key"
    order_of: ClassVar[str] = "key_id"
    key_id: UUID
    name: str
    scopes: Sequence[str]
    hash: bytes


class ListedServiceKeyRow(msgspec.Struct, frozen=True):
    key_id: UUID
    name: str
    scopes: list[str]
    created_at: int


class ListServiceKeys(Statement[ListedServiceKeyRow], frozen=True):
    query: ClassVar[str] = "service_keys"


class DeleteServiceKey(Statement[UUID], frozen=True):
    query: ClassVar[str] = "delete_service_key"
    order_of: ClassVar[str] = "key_id"
    key_id: UUID


@dataclass(frozen=True)
class Caller:
    """Whose key came with a request."""

    name: str
    scopes: frozenset[str]
    is_root: bool = False
    """It sent the service token, which may do all, and alone may make keys."""

    def may(self, scope: str | None) -> bool:
        """Whether a route of this scope is open to them; without a scope it is to root alone."""
        return self.is_root or scope in self.scopes


@dataclass(frozen=True)
class NewKey:
    key_id: UUID
    token: str
    """Shown once: nothing that is stored leads back to it."""


class Keys:
    """Who sends a token. Remembers each key for a moment, of which there are a hundred at most."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: dict[UUID, tuple[float, ServiceKeyRow]] = {}

    async def caller(self, database: Database, token: str) -> Caller | None:
        """None for a token that opens nothing. Compares in constant time. Raises Unavailable."""
        if secrets.compare_digest(token.encode(), setting("SERVICE_TOKEN").encode()):
            return Caller("the service token", frozenset(), is_root=True)
        if not (parts := TOKEN.fullmatch(token)):
            return None
        row = await self._find(database, UUID(parts[1]))
        if row is None or not secrets.compare_digest(row.hash, _hash(parts[2])):
            return None
        return Caller(row.name, frozenset(row.scopes))

    async def _find(self, database: Database, key_id: UUID) -> ServiceKeyRow | None:
        known_until, row = self._known.get(key_id, (0.0, None))
        if row is not None and self._now() < known_until:
            return row
        rows = await database.fetch(FindServiceKey(key_id))
        if not rows:
            self._known.pop(key_id, None)
            return None
        self._known[key_id] = self._now() + KNOWN_FOR_SECONDS, rows[0]
        return rows[0]


def new_token() -> str:
    """A token that is not yet a key: see `key_of`."""
    return f"hk_{uuid4().hex}_{secrets.token_urlsafe(SECRET_BYTES)}"


def key_of(token: str, name: str, scopes: Sequence[str]) -> CreateServiceKey:
    """What makes a key of a token. Raises ValueError for one of another form."""
    if not (parts := TOKEN.fullmatch(token)):
        raise ValueError("not the token of a service key")
    return CreateServiceKey(UUID(parts[1]), name, scopes, _hash(parts[2]))


async def create(database: Database, name: str, scopes: Sequence[str]) -> NewKey:
    """Make a key. Raises TooManyKeys."""
    token = new_token()
    key = key_of(token, name, scopes)
    if not await database.fetch_one(key):
        raise TooManyKeys
    return NewKey(key.key_id, token)


async def delete(database: Database, key_id: UUID) -> None:
    """Let a key open nothing more. Raises NotFound."""
    if not await database.fetch(DeleteServiceKey(key_id)):
        raise NotFound("key")


def _hash(secret: str) -> bytes:
    """A secret of 256 random bits cannot be guessed from its hash, however fast that is made."""
    return hashlib.sha256(secret.encode()).digest()
