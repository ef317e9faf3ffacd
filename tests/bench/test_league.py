"""The league: wsgate passes each case, and what hangs, is missing or refuses is said."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import TYPE_CHECKING

import pytest

from bench.league import __main__ as league
from bench.league import judge, play
from bench.league.api import BARE, GUARDED, OPEN, THROTTLED
from bench.league.cases import CASES, Case, same
from bench.league.contenders import NotInstalled, NotServed, Served, Wsgate
from bench.league.judge import Measured, Turn, Verdict, play_all
from bench.league.play import Place, Play
from bench.league.report import table
from tests.support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.league.api import Api
    from bench.league.contenders import Contender

PAGE = """<!-- bench:league -->
old
<!-- /bench:league -->
"""


@pytest.mark.parametrize("api", [OPEN, GUARDED, BARE, THROTTLED], ids=lambda api: api.name)
async def test_wsgate_passes_each_case(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play, "ANSWER_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(judge, "CASE_SECONDS", PATIENCE_SECONDS)
    cases = [case for case in CASES if case.api is api and not case.is_long]
    with Wsgate().serve(api, tmp_path) as served:
        found = await judge.judge(cases, Play(served.place, tmp_path), time.monotonic() + 600)
    assert {title: it.reason for title, it in found.items() if not it.passes} == {}


class Fake:
    """An emulator that does nothing."""

    title = "fake"

    def version(self) -> str:
        return "1"

    @contextlib.contextmanager
    def serve(self, api: Api, folder: Path) -> Iterator[Served]:
        raise NotServed("it refuses the API: no sockets")
        yield


class Missing(Fake):
    title = "missing"

    def version(self) -> str:
        raise NotInstalled("it needs Node.js")


class Hanging(Fake):
    """It listens and never answers."""

    title = "hanging"

    @contextlib.contextmanager
    def serve(self, api: Api, folder: Path) -> Iterator[Served]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            base = f"127.0.0.1:{server.getsockname()[1]}"
            yield Served(Place(f"ws://{base}/dev", f"http://{base}"), [])


def test_what_hangs_is_bounded_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "CASE_SECONDS", 0.01)
    turn = play_all(Hanging(), is_measured=False)
    assert set(turn.verdicts.values()) == {Verdict(False, "no answer came")}
    assert len(turn.verdicts) == len([case for case in CASES if not case.is_long])


def test_all_cases_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "TURN_SECONDS", 0)
    turn = play_all(Hanging(), is_measured=False)
    assert set(turn.verdicts.values()) == {Verdict(False, "left out: 0 s are over")}


def test_an_api_that_is_not_served_fails_its_cases() -> None:
    turn = play_all(Fake())
    assert turn.measured is None
    assert set(turn.verdicts.values()) == {Verdict(False, "it refuses the API: no sockets")}


def test_a_wrong_answer_is_said(tmp_path: Path) -> None:
    async def scenario(play: Play) -> None:
        same(await asyncio.sleep(0, 502), 401)

    case = Case("wrong", OPEN, "page", "1.1", scenario)
    found = asyncio.run(judge.verdict(case, Play(Place("", ""), tmp_path)))
    assert found == Verdict(False, "502, not 401")


def test_the_table_stands_side_by_side_with_reasons() -> None:
    first, second = CASES[0].title, CASES[1].title
    measured = Measured(1.04, 500, 2048, 1.5, 2345)
    written = table(
        {
            "wsgate 1": Turn({first: Verdict(True), second: Verdict(True)}, measured),
            "other 2": Turn({first: Verdict(True), second: Verdict(False, "502, not `401`")}),
        }
    )
    assert "| cases that pass | 2 of 2 | 1 of 2 |" in written
    assert "| memory per idle connection | 2.0 KiB | - |" in written
    assert f"[{second}](" in written
    assert "| yes | **no** |" in written
    assert f"What other 2 did instead:\n\n- {second}: `502, not '401'`" in written
    assert "What wsgate" not in written


@pytest.mark.parametrize(
    ("contender", "said"),
    [(Missing(), "missing: skipped, it needs Node.js"), (Fake(), "fake 1: 0 of")],
)
def test_the_command_says_and_writes_what_it_played(
    contender: Contender,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = tmp_path / "league.md"
    page.write_text(PAGE)
    monkeypatch.setattr(league, "CONTENDERS", (contender,))
    monkeypatch.setattr(league, "TITLES", [contender.title])
    monkeypatch.setattr(league, "PAGE", page)
    monkeypatch.setattr("sys.argv", ["league", "--write"])
    assert league.main() == 0
    assert said in capsys.readouterr().out
    assert '`make league OPTIONS="--write"` (' in page.read_text()


def test_each_case_names_its_source() -> None:
    assert len({case.title for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.source.replace("-", "").isalpha()
