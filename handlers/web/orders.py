"""What the routes share that create bonuses, news and campaigns."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from handlers.core.operation import Json
from handlers.services.errors import Unavailable
from handlers.web.errors import CONFLICT, UNAVAILABLE, UNREADABLE_BODY, ApiError, documented
from handlers.web.schemas.broadcasts import Viewers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from pydantic import BaseModel

    from handlers.web.errors import ErrorCode
    from handlers.web.schemas.broadcasts import Everyone, Listed
    from handlers.web.schemas.fields import Schema


def created(model: type[Schema], *errors: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that creates, beside 201."""
    repeated = "The same request came before: this is what it created."
    refused = documented(UNREADABLE_BODY, CONFLICT, *errors)
    return {200: {"model": model, "description": repeated}, **refused}


@contextmanager
def named(own_id: str, order: BaseModel, new_id: UUID) -> Iterator[None]:
    """Name what an order without an id may have created, if the database stops answering meanwhile:
    the same request with this id is answered with what there is, and creates nothing twice.

    `own_id` is the field for the caller's own id. Raises ApiError, or Unavailable as it came.
    """
    try:
        yield
    except Unavailable as error:
        if getattr(order, own_id) is not None:
            raise
        reason = (
            "the database does not answer, and the request may have taken effect; send it again "
            f'with "{own_id}": "{new_id}" in it'
        )
        raise ApiError.of(UNAVAILABLE, reason) from error


def audience_of(audience: Everyone | Viewers | Listed) -> tuple[str, str | None]:
    """The kind of an audience and its resource, if it has one."""
    return audience.kind, audience.resource if isinstance(audience, Viewers) else None


def fingerprint(order: BaseModel, *left_out: str) -> str:
    """Hash what a request asks for, however it is written."""
    wanted = order.model_dump(exclude=set(left_out), exclude_defaults=True)
    return hashlib.sha256(json.dumps(wanted, sort_keys=True, default=str).encode()).hexdigest()


def to_json(value: object) -> Json:
    return Json(json.dumps(value))
