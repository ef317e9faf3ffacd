"""All come online, or the run says that they are not let in."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.load import waiting
from bench.load.stages import Scene, _all_come
from bench.load.system import Down


class Crowds:
    """Clients that all come at once, or never."""

    def __init__(self, *, are_let_in: bool) -> None:
        self.are_let_in = are_let_in
        self.is_cancelled = False

    async def ask(self, _what: str, _rate: float) -> None:
        try:
            if not self.are_let_in:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise


def scene(crowds: Crowds) -> Scene:
    parts: Any = SimpleNamespace(
        crowds=crowds,
        options=SimpleNamespace(users=3, rate=1.0),
        record=SimpleNamespace(open=0),
        share=lambda rate: rate,
    )
    return cast("Scene", parts)


async def test_a_gateway_that_lets_no_client_in_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "HANG_SECONDS", 0.0)
    crowds = Crowds(are_let_in=False)
    with pytest.raises(Down, match="3 users are not let in"):
        await _all_come(scene(crowds))
    await asyncio.sleep(0)
    assert crowds.is_cancelled


async def test_the_run_goes_on_when_all_have_come() -> None:
    await _all_come(scene(Crowds(are_let_in=True)))
