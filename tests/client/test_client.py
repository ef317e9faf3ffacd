"""The browser client's own tests, run by the Node on PATH or the one in Playwright's wheel."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Only a failure takes so long: a busy machine does not.
TIMEOUT_SECONDS = 300
# Ten seconds of processor time, on a machine with fifty other processes.
CROWD_TIMEOUT_SECONDS = 1_800


def test_the_browser_client() -> None:
    _run("--test", "--test-reporter=spec", *_tests(HERE), timeout_seconds=TIMEOUT_SECONDS)


@pytest.mark.slow
def test_a_crowd_of_clients() -> None:
    files = _tests(HERE / "crowd")
    _run("--test", "--test-reporter=spec", *files, timeout_seconds=CROWD_TIMEOUT_SECONDS)


@pytest.mark.parametrize("name", ["storm", "rush"])
def test_the_figures_of_a_crowd_are_printed(name: str) -> None:
    script = str(HERE / "crowd" / f"{name}.mjs")
    assert "a client" in _run(script, "200", "20", timeout_seconds=TIMEOUT_SECONDS)


def _tests(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.glob("*.test.mjs"))


def _run(*arguments: str, timeout_seconds: float) -> str:
    """What Node prints; that is also the message of a failure."""
    run = subprocess.run(
        [_node(), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    if run.returncode != 0:
        pytest.fail(run.stdout + run.stderr, pytrace=False)
    return run.stdout


def _node() -> str:
    """Node 20 or newer."""
    found = shutil.which("node")
    return found if found and _major(found) >= 20 else str(_bundled_node())


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return int(version.stdout.removeprefix("v").split(".")[0])


def _bundled_node() -> Path:
    spec = find_spec("playwright")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "driver" / "node"
