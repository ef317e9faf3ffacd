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


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when it is done, 1 when it was refused or failed, 2 for a wrong command line.

    As after a signal: 130 when it was interrupted, 141 when the reader has closed the pipe.
    """
    run = Run()
    try:
        code = cli.main(arguments, "headcount", standalone_mode=False, obj=run)
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Failed as error:
        run.say_failed(error)
        return FAILED
    except ReaderGone:
        # Python flushes at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    finally:
        run.close()
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(main())
