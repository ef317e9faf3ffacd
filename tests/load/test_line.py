"""What a line leaves behind when it does not come to be."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, cast

import pytest

from bench.load.line import Line, opened


class Owner:
    """Waits for nothing."""

    def heard(self, _client: object, _payload: bytes) -> None: ...

    def lost(self, _line: object) -> None: ...


class Gate:
    """A transport without a socket."""

    is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


def test_a_refusal_that_comes_when_we_have_given_up_is_no_alarm(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()

    async def attempt() -> None:
        line = Line(b"", Owner())

        async def connect(*_: object, **__: object) -> None:
            line.transport = cast("Any", gate)
            line.data_received(b"HTTP/1.1 401 Unauthorized\r\n\r\n")
            raise asyncio.CancelledError

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", connect)
        with pytest.raises(asyncio.CancelledError):
            await opened(line)

    asyncio.run(attempt())
    gc.collect()
    assert gate.is_aborted
    assert not caplog.records
