"""Which browser the tests play in."""

from __future__ import annotations

import shutil

import pytest

# `.ci/browser` looks for the same names.
WITH_WINDOWS = ("chromium", "chromium-browser", "google-chrome")
# The shell first: it draws nothing, and needs half the processor.
NAMES = ("chromium-headless-shell", *WITH_WINDOWS)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """The path of a Chromium; without one the test is skipped."""
    return _first(NAMES)


def chromium_with_windows() -> str:
    """One whose tabs hide each other: each page of the shell is in front."""
    return _first(WITH_WINDOWS)


def _first(names: tuple[str, ...]) -> str:
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        pytest.skip(f"No Chromium on PATH: `apt install {names[0]}` brings one.")
    return executable
