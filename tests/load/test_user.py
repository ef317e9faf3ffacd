"""A user of the load tool does what the browser client does when it is refused."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest

from bench.load import company as shared
from bench.load import user as module
from bench.load.company import Company, Shown
from bench.load.line import Line
from bench.load.tally import Tally
from bench.load.user import User
from bench.support.clients import Refused
from tests.support.waiting import until

if TYPE_CHECKING:
    from bench.load.line import Owner


class Wire:
    """The transport of a line: it keeps what is said."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def write(self, frame: bytes) -> None:
        start = frame.find(b"{")
        if start >= 0:
            self.said.append(json.loads(frame[start:]))

    def abort(self) -> None:
        """The far side has answered by now."""


class Door:
    """Refuses so many handshakes, then lets all in."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals, self.attempts = refusals, 0

    async def open(self, _user_id: str, owner: Owner, _source: str | None) -> Line:
        self.attempts += 1
        if self.attempts <= self.refusals:
            raise Refused("HTTP/1.1 429 Too Many Requests")
        line = Line(b"", owner)
        line.transport = cast("Any", Wire())
        line.opened_at, line.connection_id = line.started_at, f"c{self.attempts}"
        line.welcomed.set_result(None)
        return line


def company(door: Door) -> Company:
    return Company(door, [None], Random(1), Tally())  # noqa: S311 not a secret


@pytest.fixture
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are over at once."""
    monkeypatch.setattr(module, "in_window", lambda *_: 0.0)
    monkeypatch.setattr(shared, "retry", lambda *_: 0.0)


@pytest.mark.usefixtures("prompt")
def test_a_connection_is_kept_until_the_one_that_replaces_it_is_there() -> None:
    async def play() -> None:
        door = Door()
        ann = User("ann", company(door))
        await ann.come()
        (old,) = ann.lines
        door.attempts, door.refusals = 0, 3
        await ann.rotate()
        assert door.attempts == 4
        assert old.is_ours
        assert not ann.lines[1].ended_at

    asyncio.run(play())


@pytest.mark.usefixtures("prompt")
@pytest.mark.parametrize("code", ["unavailable", "slow_down"])
@pytest.mark.parametrize("what", ["act", "hello", "ack"])
def test_a_request_that_is_put_off_is_sent_again(code: str, what: str) -> None:
    async def play() -> None:
        here = company(Door())
        ann = User("ann", here)
        await ann.come()
        (line,) = ann.lines
        said = cast("Wire", line.transport).said
        if what == "act":
            ann.act()
        elif what == "hello":
            ann.greet()
        else:
            bonus = {"bonus_id": "b1", "outcome": None, "acknowledge": True}
            ann.heard(line, json.dumps({"type": "bonus", "bonus": bonus}).encode())
        first = said[-1]
        error = {"type": "error", "re": first["id"], "code": code, "retry_after_ms": 0}
        ann.heard(line, json.dumps(error).encode())
        before = len(said)
        await until(lambda: len(said) > before)
        assert said[before:] == [first]
        assert here.tally.take_wrong() == []

    asyncio.run(play())


@pytest.mark.usefixtures("prompt")
def test_an_error_of_the_gateway_sends_all_again_that_has_no_answer() -> None:
    async def play() -> None:
        here = company(Door())
        ann = User("ann", here)
        await ann.come()
        (line,) = ann.lines
        ann.act()
        here.shown["b1"] = Shown(unacked={line.connection_id})
        said = cast("Wire", line.transport).said
        before = len(said)
        ann.heard(line, b'{"message": "Internal server error"}')
        await until(lambda: len(said) > before + 1)
        assert sorted(one["action"] for one in said[before:]) == ["ack", "act"]

    asyncio.run(play())


def test_pauses_grow_from_refusal_to_refusal_until_there_is_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []

    def retry(_code: str, before: int, *_: float) -> float:
        tries.append(before)
        return 60.0

    monkeypatch.setattr(shared, "retry", retry)

    async def play() -> None:
        here = company(Door())
        ann = User("ann", here)
        await ann.come()
        (line,) = ann.lines
        here.shown["b1"] = Shown()
        ann.greet()
        for _ in range(3):
            ann.heard(line, b'{"message": "Too Many Requests"}')
        ann.heard(line, b'{"type": "acked", "re": "b1"}')
        ann.heard(line, b'{"message": "Too Many Requests"}')

    asyncio.run(play())
    assert tries == [0, 1, 2, 0]


def test_another_error_is_wrong() -> None:
    async def play() -> None:
        here = company(Door())
        ann = User("ann", here)
        await ann.come()
        error = {"type": "error", "re": "hello", "code": "bad_message"}
        ann.heard(ann.lines[0], json.dumps(error).encode())
        assert [one.what for one in here.tally.take_wrong()] == ["an error bad_message"]

    asyncio.run(play())


def test_a_line_that_the_run_cut_was_there_until_then() -> None:
    async def play() -> None:
        here = company(Door())
        ann = User("ann", here)
        await ann.come()
        (line,) = ann.lines
        here.is_leaving = True
        here.cut_at, line.ended_at = line.opened_at + 10, line.opened_at + 17
        ann.lost(line)
        (spell,) = ann.record()
        assert (spell.left_at, spell.ended_at) == (line.opened_at + 10, line.opened_at + 17)

    asyncio.run(play())
