"""The commands, and the options that all of them have."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headcount.run import PATIENCE_SECONDS, Run

if TYPE_CHECKING:
    from collections.abc import Iterable

# By name, the module that has it. It is imported when it is called, or listed.
COMMANDS = {
    "tickets": "tickets",
    "drop": "drop",
    "news": "news",
    "cancel": "cancel",
    "kick": "kick",
    "follow": "follow",
    "tail": "tail",
    "export": "export",
    "keys": "keys",
    "plan": "plan",
    "doctor": "doctor",
}
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
EXIT_CODES = """\b
Exit codes: 0 done, 1 refused or failed, 2 a wrong command line, 130 interrupted, 141 the reader
of the output went away."""


def global_options() -> Iterable[click.Option]:
    """They stand before or behind the name of a command."""
    yield click.Option(
        ["--api"],
        metavar="URL",
        help="The address of the HTTP API; else HEADCOUNT_API, or that of a `make run` here.",
        expose_value=False,
        callback=_keep("given_api"),
    )
    yield click.Option(
        ["--token-file"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Has the service token or a key; else HEADCOUNT_TOKEN, or HEADCOUNT_TOKEN_FILE.",
        expose_value=False,
        callback=_keep("given_token_file"),
    )
    yield click.Option(
        ["--json"],
        is_flag=True,
        default=None,
        help="Print results as JSON, each on a line; errors too.",
        expose_value=False,
        callback=_keep("is_json"),
    )
    yield click.Option(
        ["--patience"],
        type=click.FloatRange(0.1, 3600),
        metavar="SECONDS",
        help="How long to ask again when no answer comes, or the API is busy; "
        f"{PATIENCE_SECONDS:.0f} by default.",
        expose_value=False,
        callback=_keep("patience"),
    )


def _keep(name: str) -> Any:
    """A callback: what is given behind a command's name counts before what is given there."""

    def keep(ctx: click.Context, _option: click.Parameter, value: object) -> None:
        if value is not None:
            setattr(ctx.ensure_object(Run), name, value)

    return keep


class Command(click.Command):
    """One that asks the API."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params = [*self.params, *global_options()]


class Group(click.Group):
    """One that lists its commands as they come, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class Commands(click.Group):
    """All commands."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params = [*self.params, *global_options()]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"headcount.commands.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


@click.group(cls=Commands, context_settings=HELP, epilog=EXIT_CODES)
@click.version_option(package_name="headcount-command", message="%(version)s")
def cli() -> None:
    """Headcount from a terminal: tickets, bonuses, news, kicks, keys and exports.

    Name the API with HEADCOUNT_API and give a token with HEADCOUNT_TOKEN: the service token, or a
    key with the scopes that a command needs. In the folder of a `make run` neither is needed.
    """
