"""Which browser the tests play in."""

from __future__ import annotations

import shutil

import pytest

# The shell first: it draws nothing, and needs half the processor.
# `.ci/browser` looks for the same names.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The path of a Chromium; without one the test is skipped."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip("No Chromium on PATH: `apt install chromium-headless-shell` brings one.")
    return executable
