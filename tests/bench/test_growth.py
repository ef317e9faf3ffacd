"""The growth benchmark: what is kept of each size, its table and its picture."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET  # our own text
from typing import TYPE_CHECKING, Any

import pytest

from bench.growth.plot import svg
from bench.growth.point import STAGES, read, table
from bench.support.gateways import command, family
from tests.support.modules import ROOT, WITH_OUR_MODULES
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

FIGURES: dict[str, dict[str, Any]] = {
    "ramp": {"connects_per_second": 500.0, "processor_ms_of_a_connect": {"nodes": 0.7, "all": 2.1}},
    "hold": {
        "share_of_the_machine": 0.125,
        "memory_mib": {"nodes": 100, "clients": 80, "machine": 900},
    },
    "reports": {
        "report_ms": {"who is online": 3.5, "audience": "refused"},
        "database_bytes": 64 * 2**20,
    },
    "bonus": {"button_to_screen_ms": {"p50": 18.0, "p99": 70.0}},
    "everyone": {"bonus_to_all_ms": {"p50": 2_000.0, "max": 4_000.0}},
    "churn": {"replaced": 1_000},
}


def report(users: int, *, ended: int = len(STAGES), wrong: bool = False) -> dict[str, Any]:
    """As bench.load writes it, of a run that came to its end or did not."""
    stages = [
        {
            "name": name,
            "ended": 1.0 if number < ended else None,
            "figures": FIGURES[name] if number < ended else {},
            "latency_ms": {"connect": {"times": 5, "p50": 9.0, "p99": 40.0}},
            "wrong": [{"what": "a lie", "times": 3, "examples": []}] if wrong else [],
        }
        for number, name in enumerate(STAGES[: ended + 1])
    ]
    return {
        "users": users,
        "stages": stages,
        "moments": [{"open": users // 2}, {"open": users}, {"open": users // 3}],
        "notes": ["After 9 s the run ended before its time: it broke."] if ended < 6 else [],
        "began_at": "2026-11-30T02:00:00+00:00",
        "commit": "0123456",
    }


def keep(folder: Path, *reports: dict[str, Any]) -> None:
    for one in reports:
        (folder / str(one["users"])).mkdir()
        (folder / str(one["users"]) / "report.json").write_text(json.dumps(one))


def growth(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.bench_growth", *arguments],
        cwd=ROOT,
        env=os.environ | WITH_OUR_MODULES,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_table_has_a_column_for_each_size_and_says_what_failed() -> None:
    points = [
        read(report(10_000)),
        read(report(50_000, wrong=True)),
        read(report(400_000, ended=1)),
    ]
    lines = {line[:36].strip(): line[36:].split() for line in table(points)}
    assert lines["users"] == ["10,000", "50,000", "400,000"]
    assert lines["all come online, s"] == ["20", "100", "800"]
    assert lines["at rest, % of the machine"] == ["12.5", "12.5", "-"]
    assert lines["audience, ms"] == ["refused", "refused", "-"]
    text = "\n".join(table(points))
    assert "400,000: After 9 s the run ended before its time: it broke. At most 400,000" in text
    assert "50,000: ramp: a lie (3)" in text


@pytest.mark.parametrize("sizes", [[], [10], [10_000, 800_000]])
def test_the_picture_is_well_formed(sizes: list[int]) -> None:
    points = [*(read(report(users)) for users in sizes), read(report(900_000, ended=0))]
    ET.fromstring(svg(points))  # noqa: S314


def test_what_is_there_is_shown_without_a_run(tmp_path: Path) -> None:
    keep(tmp_path, report(10_000), report(50_000))
    (tmp_path / "notes").mkdir()
    done = growth("--from", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "10,000      50,000" in done.stdout
    assert (tmp_path / "growth.svg").exists()


def test_what_is_measured_is_not_measured_again(tmp_path: Path) -> None:
    keep(tmp_path, report(10_000))
    done = growth("--folder", str(tmp_path), "--sizes", "10000")
    assert "there already, measured on 2026-11-30 at 0123456" in done.stderr
    assert done.returncode == 0, done.stderr


def test_a_fault_is_exit_code_1(tmp_path: Path) -> None:
    keep(tmp_path, report(10_000, wrong=True))
    assert growth("--from", str(tmp_path)).returncode == 1


def test_a_folder_without_reports_is_exit_code_2(tmp_path: Path) -> None:
    done = growth("--from", str(tmp_path / "none"))
    assert (done.returncode, "no report of a size" in done.stderr) == (2, True)


def test_a_size_without_room_says_why_and_ends_the_row(tmp_path: Path) -> None:
    done = growth("--folder", str(tmp_path), "--sizes", "9000000,9500000")
    assert done.returncode == 1, done.stderr
    assert "9,000,000: load: this machine has no room for 9,000,000 users." in done.stdout
    assert not (tmp_path / "9500000").exists()


@pytest.mark.slow
def test_the_sizes_that_are_not_there_are_measured(tmp_path: Path) -> None:
    keep(tmp_path, report(50))
    done = growth("--folder", str(tmp_path), "--sizes", "50,100", "--hold", "2")
    assert done.returncode == 0, done.stderr + done.stdout
    unknown = [line for line in done.stdout.splitlines() if line.split()[-1:] == ["-"]]
    assert unknown == []
    assert (tmp_path / "100" / "report.html").exists()


@pytest.mark.slow
def test_ctrl_c_ends_the_load_and_the_same_command_begins_that_size_again(tmp_path: Path) -> None:
    arguments = ["--folder", str(tmp_path), "--sizes", "30", "--hold", "600"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.bench_growth", *arguments],
        cwd=ROOT,
        env=os.environ | WITH_OUR_MODULES,
        stderr=subprocess.PIPE,
        text=True,
    )
    stderr = process.stderr
    assert stderr
    assert any("hold" in line for line in stderr)
    pids = family(process.pid)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    wait_until(lambda: not [pid for pid in pids if command(pid)])
    (stopped,) = tmp_path.glob("*/report.json")
    assert read(json.loads(stopped.read_text())).fault.startswith("Stopped after")
