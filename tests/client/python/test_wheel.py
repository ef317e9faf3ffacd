"""The Python package: what a build of it contains."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "client" / "python"

pytestmark = pytest.mark.slow


def test_its_wheel_has_its_modules_and_says_that_it_is_typed(tmp_path: Path) -> None:
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(PACKAGE))
    subprocess.run([sys.executable, *build], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name}
    sources = {file.name for file in (PACKAGE / "src" / "headcount_client").glob("*.*")}
    assert names == {f"headcount_client/{name}" for name in sources}
    assert "py.typed" in sources


def test_its_license_is_the_repositorys() -> None:
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
