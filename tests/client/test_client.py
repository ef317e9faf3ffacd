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


def test_the_browser_client() -> None:
    """Run `node --test`; its output is the message of a failure."""
    files = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    run = subprocess.run(
        [_node(), "--test", "--test-reporter=spec", *files],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if run.returncode != 0:
        pytest.fail(run.stdout + run.stderr, pytrace=False)


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
