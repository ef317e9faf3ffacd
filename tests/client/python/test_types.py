"""The types of the Python package are those of what is published of the API."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "client" / "python"

# Generates them.
pytestmark = pytest.mark.slow


def test_the_types_are_written_from_the_documents() -> None:
    script = runpy.run_path(str(PACKAGE / "write_types.py"))
    for name, text in script["written"]().items():
        path = PACKAGE / "src" / "headcount_client" / name
        assert path.read_text() == text, "run `.venv/bin/python client/python/write_types.py`"
