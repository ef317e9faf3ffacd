"""The wheel and the sdist: what is in them, and that both work away from the repository."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
import tarfile
import time
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 600
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("distribution")]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command away from this environment. Raises AssertionError with its output."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "-o", folder, ROOT, cwd=folder)
    return folder


def environment(folder: Path, *requirements: str) -> Path:
    """Create an empty environment, install into it, and return its folder of programs.

    By this environment's pip: to bring pip along, and to compile all, takes longer than the rest.
    """
    venv.create(folder / "venv")
    programs = folder / "venv" / "bin"
    pip = (sys.executable, "-m", "pip", "--python", programs / "python", "install")
    run(*pip, "--quiet", "--no-compile", *requirements, cwd=folder)
    return programs


def test_the_wheel_holds_the_package_only(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"wsgate"}
    assert "wsgate/console/static/index.html" in names
    assert "wsgate/comparison/stack/template.yaml" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not any("/tests/" in name for name in names)


def test_the_sdist_holds_what_a_packager_needs(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"}
    wanted |= {"docs/aws-behaviour.md", "examples/echo/template.yaml", "tests/conftest.py"}
    assert wanted <= names
    assert not any("node_modules" in name for name in names)


def quickstart() -> list[list[str]]:
    """The commands that README.md starts with."""
    section = (
        (ROOT / "README.md").read_text().partition("## Install and run")[2].partition("## ")[0]
    )
    typed = re.findall(r"^    ((?:pip|python|wsgate --).*)$", section, re.MULTILINE)
    return [shlex.split(command, comments=True) for command in typed]


def test_the_three_commands_of_the_readme_echo(built: Path, tmp_path: Path) -> None:
    """In an empty environment; what they say of a folder is of this one, its wheel is built."""
    install, start, talk = quickstart()
    assert install == ["pip", "install", "."]
    marks = [time.monotonic()]
    programs = environment(tmp_path, str(next(built.glob("*.whl"))))
    marks.append(time.monotonic())
    command = [str(programs / start[0]), *start[1:], "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            url = next(found[0] for line in lines if (found := re.search(r"ws://\S+", line)))
            marks.append(time.monotonic())
            answers = run(programs / talk[0], *talk[1:], url, cwd=ROOT)
            marks.append(time.monotonic())
        finally:
            process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    assert answers.splitlines() == [
        '{"type":"pong"}',
        '{"type": "echo", "text": "hello"}',
        '{"type": "later", "text": "hello"}',
    ]
    install_took, start_took, talk_took = (end - begin for begin, end in itertools.pairwise(marks))
    print(f"install {install_took:.1f} s, start {start_took:.1f} s, talk {talk_took:.1f} s")


def test_the_tests_of_the_sdist_run_from_it(built: Path, tmp_path: Path) -> None:
    """A part of them runs, and all of them are collected: the whole suite runs here already."""
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        sdist.extractall(tmp_path, filter="data")
    unpacked = next(tmp_path.glob("wsgate-*"))
    programs = environment(tmp_path, f"{unpacked}[test]")
    part = ("test_template", "test_documentation", "test_velocity", "the_sample_from_first_to_last")
    run(programs / "python", "-m", "pytest", "-q", "-k", " or ".join(part), cwd=unpacked)
