"""The load tool on a real system: the truth passes, each lie fails, and nothing is left.

All stages are played by `make load` in .ci/run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvloop

from bench.load import stages, truth
from bench.load.meter import KINDS
from bench.load.options import KILLING, STAGES, parse
from bench.load.record import Record
from bench.load.room import Room
from bench.load.run import Run
from bench.load.system import Down, OwnSystem
from bench.support.gateways import command, family
from tests.support.modules import ROOT, WITH_OUR_MODULES
from tests.support.waiting import until, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.load.record import Stage
    from bench.load.stages import Scene

pytestmark = pytest.mark.slow


# Environments of a function, at most: to start them takes most of so small a run's time.
FEW = ("--concurrency", "2")


def play(*names: str, users: int = 30) -> Record:
    record = Record()
    options = parse(["--users", str(users), "--stages", ",".join(names), "--hold", "1", *FEW])
    run = Run(options, Room(nodes=2, processes=2, needs=()), record, lambda *_: None)
    uvloop.run(run.play())
    return record


def said(record: Record) -> set[str]:
    return {wrong.what for wrong in record.wrong}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What is wrong is not waited for."""
    monkeypatch.setattr(truth, "SETTLE_SECONDS", 1.0)
    return monkeypatch


def test_a_gateway_that_takes_long_to_start_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its users are back after more than the grace, which the clock of the run has shortened."""
    start = OwnSystem.start_gateway

    async def slow(scene: Scene, stage: Stage) -> None:
        async def start_late(system: OwnSystem, *, quota: int | None = None) -> None:
            tries = 3 * scene.options.users
            await until(lambda: stage.counts["tries to come back"] >= tries)
            await start(system, quota=quota)

        monkeypatch.setattr(OwnSystem, "start_gateway", start_late)
        await stages.storm(scene, stage)

    monkeypatch.setitem(stages.PLAYED, "storm", slow)
    record = play("ramp", "storm")
    assert said(record) == set()
    assert record.stages[1].figures["gateway_gone_for_s"] > 0


def test_users_send_pings_from_the_first_stage_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway closes what is silent, however long the others take to come."""

    async def wait(scene: Scene, stage: Stage) -> None:
        await stages.ramp(scene, stage)
        await until(lambda: stage.counts["pings"] > 0)

    monkeypatch.setattr(stages, "USUAL_PING_SECONDS", 3.0)
    monkeypatch.setitem(stages.PLAYED, "ramp", wait)
    assert said(play("ramp")) == set()


def test_a_row_that_is_deleted_fails_the_run(impatient: pytest.MonkeyPatch) -> None:
    async def lie(scene: Scene, stage: Stage) -> None:
        await scene.own.database.execute(
            "delete from watching_times where user_id = (select min(user_id) from watching_times)"
        )
        await stages.hold(scene, stage)

    impatient.setitem(stages.PLAYED, "hold", lie)
    assert "a client's connection is not in the database" in said(play("ramp", "hold"))


def test_claims_whose_answers_are_lost_fail_the_run(impatient: pytest.MonkeyPatch) -> None:
    async def lie(scene: Scene, stage: Stage) -> None:
        await stages.everyone(scene, stage)
        assert scene.offer
        await fault(scene, "message_late_seconds", 900)
        await fault(scene, "message_late", 1)
        scene.offer = replace(scene.offer, ends_at=time.time())  # its window is not waited for
        await stages.rush(scene, stage)

    impatient.setitem(stages.PLAYED, "rush", lie)
    impatient.setattr(stages, "ANSWER_SECONDS", 6)
    assert "a claim has no answer" in said(play("ramp", "rush"))


def test_a_bonus_that_comes_twice_fails_the_run(impatient: pytest.MonkeyPatch) -> None:
    async def lie(scene: Scene, stage: Stage) -> None:
        await stages.rush(scene, stage)
        bonus_id = await scene.own.database.fetchval("select bonus_id from bonuses")
        bonus = {"bonus_id": str(bonus_id), "outcome": None, "acknowledge": False}
        connection_id = next(iter((await scene.crowds.ask("lines"))[0]))
        message = json.dumps({"type": "bonus", "bonus": bonus}).encode()
        url = f"{scene.system.base_url}/live/@connections/{connection_id}"
        await asyncio.to_thread(urllib.request.urlopen, urllib.request.Request(url, message))  # noqa: S310

    impatient.setitem(stages.PLAYED, "rush", lie)
    # The pings of `hold` come behind it.
    assert "a bonus came twice on one connection" in said(play("ramp", "rush", "hold"))


def test_the_bonus_to_all_is_claimed_by_the_rush_and_no_second_one(
    impatient: pytest.MonkeyPatch,
) -> None:
    bonuses: list[int] = []

    async def count(scene: Scene, stage: Stage) -> None:
        await stages.rush(scene, stage)
        bonuses.append(await scene.own.database.fetchval("select count(*) from bonuses"))

    impatient.setitem(stages.PLAYED, "rush", count)
    record = play("ramp", "hold", "reports", "everyone", "rush")
    assert said(record) == set()
    assert bonuses == [1]
    _, hold, reports, everyone, rush = (stage.figures for stage in record.stages)
    assert set(hold["memory_mib"]) == {*KINDS, "machine"}
    assert "refused" not in reports["report_ms"].values()
    assert everyone["bonus_to_all_ms"]["times"] + everyone["brought_by_a_hello"] == 30
    assert sum(rush["answers"].values()) == 30


def test_a_gateway_that_dies_ends_the_run_with_a_sentence(impatient: pytest.MonkeyPatch) -> None:
    async def die(scene: Scene, _: Stage) -> None:
        for pid in family(os.getpid()):
            if "-m wsgate --template" in command(pid):
                os.kill(pid, signal.SIGKILL)
        await asyncio.Event().wait()

    impatient.setitem(stages.PLAYED, "hold", die)
    with pytest.raises(Down, match="gateway"):
        play("ramp", "hold")


def test_a_gateway_elsewhere_is_loaded_and_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def elsewhere() -> Record:
        system = OwnSystem(tmp_path, parse([*FEW]), nodes=1)
        try:
            await system.start()
            await system.ask("GET", "/online?limit=1")  # its function has started, as elsewhere
            monkeypatch.setenv("TOKEN", system.token)
            target = f"ws://127.0.0.1:{system.port}/live"
            options = parse(["--target", target, "--users", "20", "--hold", "1", "--bonuses", "3"])
            record = Record()
            await Run(options, Room(1, 2, ()), record, lambda *_: None).play()
            online = await system.ask("GET", "/online?limit=1")
            assert (online["users"], online["connections"]) == (0, 0)
            return record
        finally:
            await system.close()

    record = uvloop.run(elsewhere())
    assert said(record) == set()
    assert [stage.name for stage in record.stages] == [
        name for name in STAGES if name not in KILLING
    ]


async def fault(scene: Scene, name: str, value: float) -> None:
    body = {"name": name, "value": value}
    await scene.system.ask("POST", "/_wsgate/faults", body)


# The command.


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load", "--folder", str(folder), *FEW, *arguments],
        cwd=ROOT,
        env=os.environ | WITH_OUR_MODULES,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate()


def test_ctrl_c_leaves_a_report_and_nothing_else(tmp_path: Path) -> None:
    with started(tmp_path, "--users", "30", "--stages", "ramp,hold", "--hold", "600") as process:
        assert process.stdout
        assert any("hold" in line for line in process.stdout)
        pids = family(process.pid)
        assert len(pids) > 5
        if sys.platform == "linux":
            scores = {score for pid in pids if (score := out_of_memory_score(pid))}
            assert scores == {"500"}, "without memory, all of it goes before anything else"
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate()
        assert process.returncode == 130, output
    wait_until(lambda: not [pid for pid in pids if command(pid)])
    report = json.loads((tmp_path / "report.json").read_text())
    assert "Stopped after" in report["notes"][-1]
    assert report["stages"][-1]["ended"] is None
    assert (tmp_path / "report.html").exists()


def out_of_memory_score(pid: int) -> str:
    """Nothing of a process that has just ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/oom_score_adj").read_text().strip()
    return ""


def test_a_database_that_stops_is_in_the_report(tmp_path: Path) -> None:
    with started(tmp_path, "--users", "30", "--stages", "ramp,hold", "--hold", "600") as process:
        assert process.stdout
        assert any("hold" in line for line in process.stdout)
        (server,) = [pid for pid in family(process.pid) if " -D /" in command(pid)]
        os.kill(server, signal.SIGKILL)
        output, _ = process.communicate()
        assert process.returncode == 1, output
    report = json.loads((tmp_path / "report.json").read_text())
    assert "PostgreSQL ended with signal 9" in report["notes"][-1]


def test_a_machine_without_room_is_told_before_anything_starts(tmp_path: Path) -> None:
    said_so = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -n 512 && exec "$@"', "sh", sys.executable, "-m", "bench.load",
         "--users", "150000", "--folder", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | WITH_OUR_MODULES,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert said_so.returncode == 2, said_so.stderr
    assert "open files of one process" in said_so.stderr
    assert "users fit: make load USERS=" in said_so.stderr
    assert list(tmp_path.iterdir()) == []
