"""The tutorial "Add a message type", carried out in a copy of the repository."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING

import pytest

from tests.docs.markdown import ROOT, blocks, run_by
from tests.docs.shell import Shell, steps
from tests.support.browser import Browser
from tests.support.system import running

if TYPE_CHECKING:
    from pathlib import Path

# A copy of the repository, and a system of its own.
pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "tutorials" / "add-a-message-type.md"
CREATE = re.compile(r"Create\s`([^`]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
FOLDERS = ("client", "handlers", "localstack", "pages", "sql", "tests")
FILES = ("pyproject.toml", "template.yaml")
# What tests that run at the same time write there, and take away.
NOT_OURS = shutil.ignore_patterns("__pycache__", "node_modules", ".hypothesis", ".pytest_cache")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository after the tutorial."""
    copy = tmp_path_factory.mktemp("copy")
    for folder in FOLDERS:
        shutil.copytree(
            ROOT / folder,
            copy / folder,
            ignore=NOT_OURS,
        )
    for file in FILES:
        shutil.copy(ROOT / file, copy)
    (copy / "bench").symlink_to(ROOT / "bench")
    for path, text in CREATE.findall(PAGE.read_text()):
        assert not (copy / path).exists(), f"{path} is there already"
        (copy / path).write_text(text)
    for block in blocks(PAGE):
        if block.language == "diff":
            _apply(block.text, copy)
    return copy


async def test_the_system_answers_the_new_message(copy: Path, tmp_path: Path) -> None:
    with running(tmp_path, root=copy) as system:
        async with AsyncExitStack() as stack:
            tab = await Browser(system, stack).tab()
            # Not by what this process knows of the messages.
            await tab.send('{"action": "viewers", "id": "v1"}')
            answer = json.loads(await tab.recv())
    assert answer == {"type": "viewers", "re": "v1", "viewers": 1}


def test_the_tutorials_own_test_passes(copy: Path) -> None:
    (block,) = run_by("docs/tutorials/add-a-message-type.md", __file__)
    with closing(Shell(copy, {".venv/bin/python": sys.executable})) as shell:
        (step,) = steps(block)
        assert " passed" in shell.play(step)


def test_the_new_code_keeps_to_the_style(copy: Path) -> None:
    for command in ("check", "format --check"):
        arguments = [*command.split(), "handlers", "tests/sql/test_viewers.py"]
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout


def _apply(diff: str, folder: Path) -> None:
    """Replace what each hunk shows with `-` and ` ` by what it shows with `+` and ` `.

    A hunk of the page has no line numbers, for they would be wrong tomorrow; its old lines stand
    in the file exactly once.
    """
    head, *hunks = re.split(r"^@@\n", diff, flags=re.MULTILINE)
    path = re.search(r"^\+\+\+ b/(.+)$", head, flags=re.MULTILINE)
    assert path
    text = (folder / path[1]).read_text()
    for hunk in hunks:
        lines = hunk.rstrip("\n").split("\n")
        old = "\n".join(line[1:] for line in lines if line[:1] != "+")
        new = "\n".join(line[1:] for line in lines if line[:1] != "-")
        assert text.count(old) == 1, f"{path[1]} has these lines {text.count(old)} times:\n{old}"
        text = text.replace(old, new)
    (folder / path[1]).write_text(text)
