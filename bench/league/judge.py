"""A contender's turn: its figures, and a verdict on each case."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING

from websockets.exceptions import WebSocketException

from bench.league.api import OPEN
from bench.league.cases import CASES
from bench.league.contenders import NotServed
from bench.league.play import Play, ask
from bench.support.gateways import private_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.asyncio.client import ClientConnection

    from bench.league.cases import Case
    from bench.league.contenders import Contender, Served

CASE_SECONDS = 60
LONG_CASE_SECONDS = 700
TURN_SECONDS = 600
"""Of all cases of a contender but the long ones."""
FIRST_SECONDS = 120
"""From listening to the first connection that opens."""
IDLE, IDLE_SECONDS = 500, 30
"""So many connections are opened, within so long."""
CLIENTS, ECHO_SECONDS, ALONE = 8, 5, 20


@dataclass(frozen=True)
class Verdict:
    """What came of a case."""

    passes: bool
    reason: str = ""


@dataclass(frozen=True)
class Measured:
    """What a contender costs; None where no connection could be opened."""

    start_seconds: float
    """From the command to the first open connection."""
    connections: int
    bytes_per_connection: float
    """Private memory of the processes that hold the sockets."""
    round_trip_ms: float
    """Median, of a message that a function answers, one at a time."""
    messages_per_second: float
    """That a function answers, by eight clients which each wait for their answer."""


@dataclass
class Turn:
    """Everything about a contender."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """By a case's title."""
    measured: Measured | None = None


def play_all(contender: Contender, *, is_long: bool = False, is_measured: bool = True) -> Turn:
    """Play each case. A contender that is not served, or hangs, has a verdict that says so."""
    turn, ends = Turn(), time.monotonic() + TURN_SECONDS
    cases = [case for case in CASES if is_long or not case.is_long]
    for api in dict.fromkeys(case.api for case in cases):
        of_api = [case for case in cases if case.api is api]
        with tempfile.TemporaryDirectory(prefix="league-") as folder:
            begins = time.monotonic()
            try:
                with contender.serve(api, Path(folder).resolve()) as served:
                    play = Play(served.place, Path(folder).resolve())
                    if api is OPEN and is_measured:
                        turn.measured = asyncio.run(_measure(play, served, begins))
                    turn.verdicts |= asyncio.run(judge(of_api, play, ends))
            except NotServed as error:
                reason = str(error)
                turn.verdicts |= {case.title: Verdict(False, reason) for case in of_api}
    return turn


async def judge(cases: Sequence[Case], play: Play, ends: float) -> dict[str, Verdict]:
    """Play the cases one after the other, until `ends`; the long ones beside each other."""
    found = {
        case.title: await verdict(case, play)
        if time.monotonic() < ends
        else Verdict(False, f"left out: {TURN_SECONDS} s are over")
        for case in cases
        if not case.is_long
    }
    long = [case for case in cases if case.is_long]
    verdicts = await asyncio.gather(*(verdict(case, play) for case in long))
    return found | dict(zip((case.title for case in long), verdicts, strict=True))


async def verdict(case: Case, play: Play) -> Verdict:
    """Play a case, which may take CASE_SECONDS at most."""
    try:
        async with asyncio.timeout(LONG_CASE_SECONDS if case.is_long else CASE_SECONDS):
            await case.scenario(play)
    except TimeoutError:
        return Verdict(False, "no answer came")
    except AssertionError as error:
        return Verdict(False, str(error) or extract_tb(error.__traceback__)[-1].line or "")
    except Exception as error:  # whatever an emulator makes of a client
        return Verdict(False, f"{type(error).__name__}: {str(error)[:80]}")
    return Verdict(True)


async def _measure(play: Play, served: Served, begins: float) -> Measured | None:
    try:
        async with asyncio.timeout(FIRST_SECONDS):
            first = await _first(play)
        start_seconds = time.monotonic() - begins
        async with first:
            await ask(first, "echo")  # what comes with the first call is not a connection's
            before = sum(map(private_bytes, served.holders))
            idle = await _idle(play)
            grown = sum(map(private_bytes, served.holders)) - before
            await asyncio.gather(*(client.close() for client in idle))
            alone = [await _timed(first) for _ in range(ALONE)]
            count = await _echoes(play)
    except (TimeoutError, OSError, WebSocketException):
        return None
    return Measured(
        start_seconds,
        len(idle),
        grown / max(len(idle), 1),
        statistics.median(alone) * 1000,
        count / ECHO_SECONDS,
    )


async def _first(play: Play) -> ClientConnection:
    """The first connection that opens."""
    while True:
        try:
            return await play.open()
        except (OSError, WebSocketException):
            await asyncio.sleep(0.05)


async def _idle(play: Play) -> list[ClientConnection]:
    """Connections that open within IDLE_SECONDS."""
    idle: list[ClientConnection] = []
    ends = time.monotonic() + IDLE_SECONDS
    while len(idle) < IDLE and time.monotonic() < ends:
        idle += await asyncio.gather(*(play.open() for _ in range(10)))
    return idle


async def _timed(client: ClientConnection) -> float:
    begins = time.perf_counter()
    await ask(client, "echo")
    return time.perf_counter() - begins


async def _echoes(play: Play) -> int:
    """How many answers eight clients get within ECHO_SECONDS."""
    clients = [await play.open() for _ in range(CLIENTS)]
    ends = time.monotonic() + ECHO_SECONDS

    async def count(client: ClientConnection) -> int:
        answers = 0
        while time.monotonic() < ends:
            await ask(client, "echo")
            answers += 1
        return answers

    answers = sum(await asyncio.gather(*map(count, clients)))
    await asyncio.gather(*(client.close() for client in clients))
    return answers
