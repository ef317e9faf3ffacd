"""A shell that plays what a reader types, and compares what it prints."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.docs.markdown import Block


@dataclass(frozen=True)
class Step:
    """A command, and what it prints if the page shows it: `…` stands for anything."""

    command: str
    shown: str | None

    @property
    def may_repeat(self) -> bool:
        """Whether asking again changes nothing, as a reader looks again who was too quick."""
        return "--json" not in self.command


def steps(block: Block) -> list[Step]:
    """Of a `console` block one step per prompt; an `sh` block is one step."""
    if block.language == "sh":
        return [Step(block.text, None)]
    found: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], ""))
        elif line.startswith("> "):
            found[-1] = Step(f"{found[-1].command}\n{line[2:]}", "")
        else:
            found[-1] = Step(found[-1].command, f"{found[-1].shown}{line}\n")
    return found


class Shell:
    """One bash, so that a page's variables last from block to block."""

    def __init__(
        self, folder: Path, replaced: Mapping[str, str], environment: Mapping[str, str] = os.environ
    ) -> None:
        self._replaced = replaced
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],  # noqa: S607
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # A page's curl prints an error's JSON; here an error is a failure.
        self._run('curl() { command curl --fail-with-body "$@"; }')

    def play(self, step: Step) -> str:
        """Run the step and return what it prints: what the page shows, if that is an error, too.

        If the page shows nothing, each of the step's commands must succeed.
        """
        printed = ""

        def is_as_shown() -> bool:
            nonlocal printed
            status, printed = self._run(step.command)
            assert step.shown or status == 0, f"{step.command}\nfailed:\n{printed}"
            return not step.shown or matches(step.shown, printed)

        if step.may_repeat:
            wait_until(is_as_shown, f"{step.command}\nnever printed what the page shows")
        else:
            assert is_as_shown(), f"{step.command}\nprinted\n{printed}\nand not\n{step.shown}"
        return printed

    def close(self) -> None:
        self._bash.communicate()

    def _run(self, command: str) -> tuple[int, str]:
        """The last status that was not 0, if any, and what was printed."""
        for old, new in self._replaced.items():
            command = command.replace(old, new)
        mark = f"end-{secrets.token_hex(8)}"
        into, out = _pipes(self._bash)
        into.write(f"_failed=0; trap '_failed=$?' ERR\n{{\n{command}\n}} </dev/null\n")
        into.write(f"trap - ERR; echo; echo {mark} $_failed\n")
        into.flush()
        printed = ""
        for line in out:
            if line.startswith(mark):
                return int(line.split()[1]), printed
            printed += line
        raise AssertionError(f"{command}\nended the shell:\n{printed}")


def matches(shown: str, printed: str) -> bool:
    """Whether a page's output is what was printed; `…` is anything, a line's end too."""
    pattern = ".*?".join(re.escape(part.strip()) for part in shown.split("…"))
    return re.fullmatch(rf"\s*{pattern}\s*", printed, flags=re.DOTALL) is not None


def _pipes(bash: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert bash.stdin
    assert bash.stdout
    return bash.stdin, bash.stdout
