"""Which operation answers which message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.core import message
from handlers.core.operations import ack, act, claim, hello, ledger, watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.core.operation import Operation

OPERATIONS: Mapping[type[message.Message], Operation[Any, Any]] = {
    message.HelloMessage: hello.OPERATION,
    message.ActMessage: act.OPERATION,
    message.ClaimMessage: claim.OPERATION,
    message.AckMessage: ack.OPERATION,
    message.WatchMessage: watch.OPERATION,
    message.LedgerMessage: ledger.OPERATION,
}
