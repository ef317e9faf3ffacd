"""What a node gets besides its plan."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wsgate.core.faults import Faults
from wsgate.masking import Mask
from wsgate.model.capacity import UNBOUNDED, Capacity
from wsgate.model.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from wsgate.apis.pages import Pages
    from wsgate.core.access import Principal
    from wsgate.core.quotas import Quotas
    from wsgate.logs import LogSink
    from wsgate.model.ids import Millis


def clock() -> Millis:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Settings:
    """What a node gets besides its plan."""

    address: str
    """Host and port as clients write them: the `domainName` of every event."""
    limits: Limits = field(default_factory=Limits)
    pages: Pages | None = None
    compression: bool = True
    """Off refuses permessage-deflate, which API Gateway accepts (docs/aws-behaviour.md §2.3)."""
    log: Callable[[str], None] = print
    """Takes log messages, and every line as text where `lines` is None."""
    lines: LogSink | None = None
    log_events: bool = True
    """Off leaves only what went wrong in the gateway itself."""
    certificate: Path | None = None
    """A file with a key and its chain, for TLS on the same port; without it there is only http."""
    known: Mapping[str, Principal] = field(default_factory=dict)
    """Who may sign a request, by the id of their key."""
    iam: bool = False
    """On refuses an unsigned call of @connections or Invoke, as AWS does.

    docs/aws-behaviour.md §11.5.
    """
    hosts: tuple[str, ...] = ()
    """Names that lead to this gateway, and pages of which may ask it, besides the usual ones."""
    console: bool = True
    """A page at /_wsgate, and a journal of what happened for it."""
    mask: Mask = field(default_factory=Mask)
    """Laid over what that page shows; `lines` masks for itself."""
    index: int = 0
    """Which of the nodes behind the port it is: its connections' ids say so."""
    quotas: Quotas | None = None
    """None lets everybody do as much as this machine can."""
    share: float = 1
    """This node's part of the quotas, where several are on one port."""
    faults: Faults = field(default_factory=lambda: Faults(seed=0))
    capacity: Capacity = UNBOUNDED
    """How many connections this node takes."""
    now: Callable[[], Millis] = clock
    """What reads the time."""
