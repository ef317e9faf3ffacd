"""Plan a deployment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from headcount.errors import Failed

PLAN = Path("infra") / "plan.py"


@click.command(
    "plan",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS] [NAME=VALUE...]")
def command(arguments: tuple[str, ...]) -> int:
    """Show what follows from the template's parameters, and what it costs.

    It runs in a clone of Headcount, or in a folder below, for the template is there: the same as
    `make plan`. `headcount plan --help` has its options. Exit code 1 if parameters contradict each
    other, or the account's quotas.

    \b
      headcount plan --connections 50000 PingSeconds=480
    """
    # Not in this process: it reads our functions, which need more than this package.
    asks = [sys.executable, "-m", "infra.plan", *arguments]
    return subprocess.run(asks, cwd=_clone(), check=False).returncode  # noqa: S603


def _clone() -> Path:
    """Raises Failed."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / PLAN).is_file() and (folder / "template.yaml").is_file():
            return folder
    raise Failed(f"there is no {PLAN} here or above: run it in a clone of Headcount")
