"""The event loop that every process of the gateway runs on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where there is one; it has none for Windows."""
    try:
        import uvloop  # noqa: PLC0415 see above
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
