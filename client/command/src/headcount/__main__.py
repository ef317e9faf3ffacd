"""`headcount`, and `python -m headcount`: run a command and return its exit code."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from headcount.cli import cli
from headcount.errors import Failed, ReaderGone
from headcount.run import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
# As a shell has them for what a signal ends.
INTERRUPTED = 128 + signal.SIGINT
PIPE_CLOSED = 128 + signal.SIGPIPE
COMPLETION = "_HEADCOUNT_COMPLETE"
"""Set by a shell that asks click how a line may go on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when it is done, 1 when it was refused or failed, 2 for a wrong command line.

    As after a signal: 130 when it was interrupted, 141 when the reader has closed the pipe.
    """
    run = Run()
    try:
        return int(cli.main(arguments, "headcount", standalone_mode=False, obj=run) or 0)
    except click.ClickException as error:
        if _wants_json(run, arguments):
            run.say_failed(Failed(error.format_message(), "wrong_command_line"))
        else:
            error.show()
        return error.exit_code
    except Failed as error:
        run.say_failed(error)
        return FAILED
    except (click.Abort, ReaderGone, SystemExit, OSError) as error:
        return _ended(error, run)
    finally:
        run.close()


def _ended(error: BaseException, run: Run) -> int:
    """The exit code when it could not go on to its end."""
    if isinstance(error, click.Abort):
        return INTERRUPTED
    if isinstance(error, SystemExit) and COMPLETION in os.environ:
        raise error
    _drop_output()
    # click, which writes the help itself, exits when its reader goes away.
    if isinstance(error, SystemExit | ReaderGone | BrokenPipeError):
        return PIPE_CLOSED
    run.say_failed(Failed(f"the result cannot be written: {getattr(error, 'strerror', error)}"))
    return FAILED


def _wants_json(run: Run, arguments: Sequence[str] | None) -> bool:
    """Also if the command line was given up before its `--json`."""
    given = sys.argv[1:] if arguments is None else arguments
    return run.is_json or "--json" in given


def _drop_output() -> None:
    """Python flushes at its end, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
