"""Plan a deployment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headcount.errors import Failed

if TYPE_CHECKING:
    from headcount.run import Run

PLAN = Path("infra") / "plan.py"


@click.command(
    "plan",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS] [NAME=VALUE...]")
@click.pass_obj
def command(run: Run | None, /, arguments: tuple[str, ...]) -> int:
    """Show what follows from the template's parameters, and what it costs.

    It runs in a clone of Headcount, or in a folder below, for the template is there: the same as
    `make plan`. `headcount plan --help` has its options. Exit code 1 if parameters contradict each
    other, or the account's quotas. With --json it prints one object.

    \b
      headcount plan --connections 50000 PingSeconds=480
    """
    # Not in this process: it reads our functions, which need more than this package.
    as_json = ["--json"] if run and run.is_json else []
    asks = [sys.executable, "-m", "infra.plan", *as_json, *arguments]
    return subprocess.run(asks, cwd=_clone(), check=False).returncode  # noqa: S603


def _clone() -> Path:
    """Raises Failed."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / PLAN).is_file() and (folder / "template.yaml").is_file():
            return folder
    raise Failed(f"there is no {PLAN} here or above: run it in a clone of Headcount")
