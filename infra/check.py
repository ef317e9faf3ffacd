"""Checks template.yaml and infra/ without AWS: `python -m infra.check`.

cfn-lint reads the files as they are; AWS's own translator expands the SAM resources; cfn-lint reads
that too, and sees references and types that it could not see before; and this project's own rules
compare it with the handlers' code. Exit code 1, and a line per finding, if there is any; 2 where
cfn-lint is not installed.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT: Final = Path(__file__).parent.parent
REGION: Final = "us-east-1"
# W3002: a nested template's path is a local one until `sam package` has uploaded it.
# W2001: the translator puts in what Shift is, so nothing refers to it any more.
EXPANDED_IGNORES: Final = ["W3002", "W2001"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the findings and return the exit code.

    What it needs beside this file is imported late: `--help` works without it.
    """
    parser = argparse.ArgumentParser(prog="python -m infra.check", description=__doc__)
    parser.add_argument(
        "template",
        nargs="?",
        type=Path,
        default=ROOT / "template.yaml",
        help="a SAM template; default: template.yaml of this project",
    )
    template = parser.parse_args(arguments).template
    try:
        found = findings(template)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        print(
            f"infra.check: {missing} is not installed: `make check` does that, "
            "or `pip install -r requirements-dev.txt` and "
            "`pip install --no-deps ./localstack/wsgate`.",
            file=sys.stderr,
        )
        return 2
    for finding in found:
        print(finding)
    print(f"{template.name}: {len(found)} findings" if found else f"{template.name}: ok")
    return 1 if found else 0


def findings(template: Path) -> list[str]:
    """Every finding about a SAM template and the nested ones in the infra/ beside it."""
    from wsgate.template.expand import TemplateError, expand, read  # noqa: PLC0415 see main

    files = [template, *sorted(template.parent.glob("infra/*.yaml"))]
    written = [finding for file in files for finding in linted(file)]
    try:
        expanded = expand(read(template), {}, REGION)
    except TemplateError as error:
        return [*written, str(error)]
    return [*written, *linted_expansion(expanded), *broken_rules(expanded, template.parent)]


def linted(file: Path) -> list[str]:
    """What cfn-lint finds in a file."""
    # cfn-lint carries annotations but no py.typed marker.
    from cfnlint.api import ManualArgs, lint_file  # type: ignore[import-untyped]  # noqa: PLC0415

    return _lines(file.name, lint_file(file, ManualArgs(regions=[REGION])))


def linted_expansion(expanded: dict[str, Any]) -> list[str]:
    """What cfn-lint finds in an expanded template."""
    from cfnlint.api import ManualArgs, lint  # noqa: PLC0415 see main

    # It looks for the nested templates beside a file that this one does not have, and logs that.
    logging.getLogger("cfnlint").setLevel(logging.CRITICAL)
    arguments = ManualArgs(regions=[REGION], ignore_checks=EXPANDED_IGNORES)
    return _lines("expanded", lint(json.dumps(expanded, indent=1), config=arguments))


def broken_rules(expanded: dict[str, Any], root: Path) -> list[str]:
    """What this project's own rules find in an expanded template."""
    from infra.rules import RULES  # noqa: PLC0415 see main
    from infra.stack import Stack  # noqa: PLC0415 see main

    stack = Stack(expanded, root)
    return [f"{rule.__name__}: {finding}" for rule in RULES for finding in rule(stack)]


def _lines(name: str, matches: Iterable[Any]) -> list[str]:
    return [f"{name}:{match.linenumber}: {match.rule.id} {match.message}" for match in matches]


if __name__ == "__main__":
    sys.exit(main())
