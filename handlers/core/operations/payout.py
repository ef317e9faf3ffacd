"""payout: what became of a grant, told to all devices of its user."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Statement, to_connections
from handlers.core.reply import encode, raw
from handlers.core.server_message import EventPush

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handlers.core.operation import Push


class PayoutRow(msgspec.Struct, frozen=True):
    outcome: str
    """recorded, repeated, conflict, unknown, already_decided or given_back"""
    in_force: str | None
    """The `payout_id` that the grant had before."""
    gave_back: bool | None
    recorded_at: int | None
    server_now: int
    epoch: UUID | None
    event: Json | None
    others: Json | None
    """`[[node, connection id], …]`: all of the user's open connections."""


class RecordPayout(Statement[PayoutRow], frozen=True):
    function: ClassVar[str] = "record_payout"
    bonus_id: UUID
    user_id: str
    payout_id: str
    state: str
    reason: str | None
    give_back: bool
    corrects: str | None
    """The `payout_id` that it corrects; None: the grant is pending."""
    author: str
    """The name of the key."""


def pushes(answered: Iterable[tuple[RecordPayout, PayoutRow]]) -> list[Push]:
    """The events of these payouts for all of their users' connections.

    A repeat is told again: the first time may have ended between the commit and the push.
    """
    return [
        push
        for payout, row in answered
        if row.event is not None
        for push in to_connections(payout.user_id, json.loads(row.others or "[]"), _message(row))
    ]


def _message(row: PayoutRow) -> bytes:
    return encode(EventPush(server_now=row.server_now, epoch=row.epoch, event=raw(row.event)))
