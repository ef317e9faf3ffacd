"""The lines of a server's standard input: each is a message to all of its connections."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_LINE_BYTES = 4 * 1024 * 1024  # the ids of all connections are one line


async def lines() -> AsyncIterator[str]:
    """Each line without its end; over when standard input is closed."""
    reader = asyncio.StreamReader(MAX_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().rstrip("\n")
