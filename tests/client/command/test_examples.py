"""The page of the command is what its help says, and each example there does what it says."""

from __future__ import annotations

import os
import runpy
import sys
import uuid
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.docs.markdown import ROOT, run_by
from tests.docs.shell import Shell, Step
from tests.support.modules import WITH_OUR_MODULES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done
    from tests.support.system import Headcount

EXAMPLE_ID = "6b0f0a8e-6f0e-4f6c-9d5a-3f6f8f3c2b11"


def test_the_page_is_what_the_help_says() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "write_command.py"))
    command = "run `.venv/bin/python docs/write_command.py`"
    assert (ROOT / "docs" / "reference" / "command.md").read_text() == script["page"](), command


@pytest.mark.slow
def test_each_example_is_run(
    headcount: Headcount, command: Callable[..., Done], tmp_path: Path
) -> None:
    """What stands for the reader's own is there: a bonus, a key, and a name of a key."""
    name = f"payouts-{uuid.uuid4().hex[:8]}"
    (tmp_path / "headcount").write_text(f'#!/bin/sh\nexec {sys.executable} -m headcount "$@"\n')
    (tmp_path / "headcount").chmod(0o755)
    environment = os.environ | WITH_OUR_MODULES
    environment |= {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HEADCOUNT_API": headcount.base_url,
        "HEADCOUNT_TOKEN": headcount.service_token,
    }
    replaced = {
        "payouts": name,
        EXAMPLE_ID: "$id",
        "--for 5s": "--for 0.1s",
        "headcount plan": f"cd {ROOT}; headcount plan",
    }
    with closing(Shell(tmp_path, replaced, environment)) as shell:
        for block in run_by("docs/reference/command.md", __file__):
            for line in block.text.splitlines():
                shell.play(Step(f"id={_id(command, line, name)}", None))
                shell.play(Step(f"(rm -f payouts.token; {line})", None))


def _id(command: Callable[..., Done], line: str, name: str) -> str:
    """Of what the example is about."""
    if EXAMPLE_ID not in line:
        return ""
    if "keys" in line:
        listed = command("keys", "list").out.splitlines()
        return next(one.split()[0] for one in listed if name in one)
    order = ("drop", "5", "--user", "ann", "--window", "1m", "--json")
    return str(command(*order).document()["bonus_id"])
