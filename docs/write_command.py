"""Write docs/reference/command.md from the command's own help.

Run `.venv/bin/python docs/write_command.py`. A test compares the page with the command, so do it
after a change to `client/command`.
"""

from __future__ import annotations

import sys
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "command.md"

MARK = "<!-- From here on written by docs/write_command.py: change client/command instead. -->\n"
SHARED = """
## Options of all commands

They stand before or behind the name of a command.
"""


def main() -> None:
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(ROOT)}")


def page() -> str:
    """The whole page: what stands before the mark is written by hand."""
    sys.path.insert(0, str(ROOT / "client" / "command" / "src"))
    from headcount.cli import cli, global_options  # noqa: PLC0415  # the path is set just above

    shared = list(global_options())
    by_hand, mark, _ = PAGE.read_text().partition(MARK)
    parts = [by_hand + mark, SHARED, *_table(shared), "\n## Commands\n"]
    common = {option.name for option in shared}
    for name, command in _leaves(cli, "headcount"):
        parts += ["", *_section(name, command, common)]
    return "".join(f"{part}\n" for part in parts).replace("\n\n\n", "\n\n")


def _leaves(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Each command that does something, by what is typed for it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _leaves(command, f"{path} {name}")
        elif command:
            yield f"{path} {name}", command


def _section(name: str, command: click.Command, common: set[str | None]) -> Iterator[str]:
    context = click.Context(command)
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    text, _, examples = cleandoc(command.help or "").partition("\b\n")
    yield f"### {name}\n"
    if arguments:
        typed = " ".join(one.make_metavar(context) for one in arguments)
        yield f"`{name} {typed}`\n"
    yield f"{text.strip()}\n"
    yield "<!-- run by: tests/client/command/test_examples.py -->"
    lines = (line.strip() for line in examples.splitlines())
    yield "\n".join(("```sh", *lines, "```\n"))
    own = [one for one in command.params if one.name not in common]
    yield from _table([one for one in own if isinstance(one, click.Option)])


def _table(options: Sequence[click.Option]) -> Iterator[str]:
    if options:
        yield "| option | |\n|---|---|"
    for option in options:
        record = option.get_help_record(click.Context(click.Command("headcount")))
        spelt, text = record or ("", "")
        yield f"| `{spelt.replace('|', chr(92) + '|')}` | {text} |"


if __name__ == "__main__":
    main()
