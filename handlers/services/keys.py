"""Service keys: each has a name, may do what its scopes say, and is kept as a hash."""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol
from uuid import UUID, uuid4

import msgspec

from handlers.adapters.settings import setting
from handlers.core.apps import MAIN, NAME
from handlers.core.operation import Statement
from handlers.services.errors import NotFound, TooManyKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.core.operation import RowT

# A deleted key may go on for so long in a process that has just seen it.
KNOWN_FOR_SECONDS = 10.0
SECRET_BYTES = 32
TOKEN = re.compile(rf"hk_(?:({NAME})_)?([0-9a-f]{{32}})_([A-Za-z0-9_-]{{43}})")
"""Of `main` it names no app."""


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class ServiceKeyRow(msgspec.Struct, frozen=True):
    name: str
    scopes: list[str]
    hash: bytes
    previous_hash: bytes | None
    """While the key is rotated."""
    is_limited: bool
    is_use_due: bool
    """Its last use was noted longer than an hour ago."""

    def opens(self, hash_: bytes) -> bool:
        """Whether it has a secret of this hash. Compares in constant time."""
        good = [self.hash, self.previous_hash or self.hash]
        return any([secrets.compare_digest(one, hash_) for one in good])


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
    expires_in: timedelta | None
    requests_per_minute: int | None


class RotateServiceKey(Statement[UUID], frozen=True):
    query: ClassVar[str] = "rotate_service_key"
    order_of: ClassVar[str] = "key_id"
    key_id: UUID
    hash: bytes
    old_valid: timedelta


class NoteKeyUse(Statement[UUID], frozen=True):
    query: ClassVar[str] = "note_key_use"
    key_id: UUID


class KeyRequestRow(msgspec.Struct, frozen=True):
    requests_per_minute: int
    requests: int
    """In the minute that runs, this one included."""
    seconds_left: int


class CountKeyRequest(Statement[KeyRequestRow], frozen=True):
    query: ClassVar[str] = "count_key_request"
    key_id: UUID


class ListedServiceKeyRow(msgspec.Struct, frozen=True):
    key_id: UUID
    name: str
    scopes: list[str]
    created_at: int
    expires_at: int | None
    used_at: int | None
    old_valid_until: int | None
    requests_per_minute: int | None


class ListServiceKeys(Statement[ListedServiceKeyRow], frozen=True):
    query: ClassVar[str] = "service_keys"


class DeleteServiceKey(Statement[UUID], frozen=True):
    query: ClassVar[str] = "delete_service_key"
    order_of: ClassVar[str] = "key_id"
    key_id: UUID


@dataclass(frozen=True)
class Quota:
    """What a key may still ask for in the minute that runs."""

    limit: int
    requests: int
    seconds_left: int
    """1 to 60: then a minute begins."""

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.requests)

    @property
    def is_exceeded(self) -> bool:
        return self.requests > self.limit


@dataclass(frozen=True)
class Caller:
    """Whose key came with a request."""

    name: str
    scopes: frozenset[str]
    is_root: bool = False
    """It sent the service token, which may do all, and alone may make keys."""
    quota: Quota | None = None
    """Of a key that has a limit."""

    def may(self, scope: str | None) -> bool:
        """Whether a route of this scope is open to them; without a scope it is to root alone."""
        return self.is_root or scope in self.scopes


@dataclass(frozen=True)
class NewKey:
    key_id: UUID
    token: str
    """Shown once: nothing that is stored leads back to it."""


class Keys:
    """Who sends a token to an app. Remembers each key for a moment, of which there are a hundred at
    most.
    """

    def __init__(self, app: str = MAIN, now: Callable[[], float] = time.monotonic) -> None:
        self._app, self._now = app, now
        self._known: dict[UUID, tuple[float, ServiceKeyRow]] = {}
        self._used_up: dict[UUID, tuple[float, int]] = {}

    async def caller(self, database: Database, token: str) -> Caller | None:
        """None for a token that opens nothing. Compares in constant time. Raises Unavailable.

        A request of a key that has a limit is counted.
        """
        if secrets.compare_digest(token.encode(), setting("SERVICE_TOKEN").encode()):
            return Caller("the service token", frozenset(), is_root=True)
        try:
            app, key_id, sent = _parts(token)
        except ValueError:
            return None
        if app != self._app:
            return None
        row = await self._find(database, key_id, sent)
        if row is None or not row.opens(sent):
            return None
        if row.is_use_due:
            await database.fetch(NoteKeyUse(key_id))
            known_until, _ = self._known[key_id]
            self._known[key_id] = known_until, msgspec.structs.replace(row, is_use_due=False)
        quota = await self._count(database, key_id) if row.is_limited else None
        return Caller(row.name, frozenset(row.scopes), quota=quota)

    async def _count(self, database: Database, key_id: UUID) -> Quota | None:
        """A limit that is used up is not asked for again: a program in a loop costs no writes."""
        until, limit = self._used_up.get(key_id, (0.0, 0))
        if (left := until - self._now()) > 0:
            return Quota(limit, limit + 1, math.ceil(left))
        self._used_up.pop(key_id, None)
        for row in await database.fetch(CountKeyRequest(key_id)):
            quota = Quota(row.requests_per_minute, row.requests, row.seconds_left)
            if quota.is_exceeded:
                self._used_up[key_id] = self._now() + quota.seconds_left, quota.limit
            return quota
        return None  # deleted meanwhile

    async def _find(self, database: Database, key_id: UUID, hash_: bytes) -> ServiceKeyRow | None:
        """As it is known, unless that does not open: the secret may be that of a rotation since."""
        known_until, row = self._known.get(key_id, (0.0, None))
        if row is not None and self._now() < known_until and row.opens(hash_):
            return row
        rows = await database.fetch(FindServiceKey(key_id))
        if not rows:
            self._known.pop(key_id, None)
            return None
        self._known[key_id] = self._now() + KNOWN_FOR_SECONDS, rows[0]
        return rows[0]


def app_of(token: str) -> str:
    """The app that a key's token names; the service token, and what is no key, is of `main`."""
    with suppress(ValueError):
        return _parts(token).app
    return MAIN


def new_token(app: str = MAIN, key_id: UUID | None = None) -> str:
    """A token that is not yet a key: see `key_of`. Without an id, it is one of a new key."""
    named = "" if app == MAIN else f"{app}_"
    return f"hk_{named}{(key_id or uuid4()).hex}_{secrets.token_urlsafe(SECRET_BYTES)}"


def key_of(
    token: str,
    name: str,
    scopes: Sequence[str],
    expires_in: timedelta | None = None,
    requests_per_minute: int | None = None,
) -> CreateServiceKey:
    """What makes a key of a token. Raises ValueError for one of another form."""
    _, key_id, hash_ = _parts(token)
    return CreateServiceKey(key_id, name, scopes, hash_, expires_in, requests_per_minute)


async def create(database: Database, token: str, key: CreateServiceKey) -> NewKey:
    """Make a key of its token: see `key_of`. Raises TooManyKeys."""
    if not await database.fetch_one(key):
        raise TooManyKeys
    return NewKey(key.key_id, token)


async def rotate(database: Database, app: str, key_id: UUID, old_valid: timedelta) -> NewKey:
    """Give a key a new secret; the one that its program has is good for so long. Raises NotFound.

    Rotated again meanwhile, it keeps the program's secret and replaces the new one.
    """
    token = new_token(app, key_id)
    if not await database.fetch(RotateServiceKey(key_id, _parts(token).hash, old_valid)):
        raise NotFound("key")
    return NewKey(key_id, token)


async def delete(database: Database, key_id: UUID) -> None:
    """Let a key open nothing more. Raises NotFound."""
    if not await database.fetch(DeleteServiceKey(key_id)):
        raise NotFound("key")


class _Parts(NamedTuple):
    app: str
    key_id: UUID
    hash: bytes
    """Of the secret."""


def _parts(token: str) -> _Parts:
    """Raises ValueError."""
    if not (match := TOKEN.fullmatch(token)):
        raise ValueError("not the token of a service key")
    app = match[1] or MAIN
    return _Parts(app, UUID(match[2]), _hash(match[3] if app == MAIN else f"{app} {match[3]}"))


def _hash(secret: str) -> bytes:
    """A secret of 256 random bits cannot be guessed from its hash, however fast that is made.

    With its app, for the database of an app may begin as a copy of another's, and its keys with it.
    """
    return hashlib.sha256(secret.encode()).digest()
