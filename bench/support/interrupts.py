"""How a benchmark is ended before its time."""

from __future__ import annotations

import signal


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt on Ctrl-C and SIGTERM, so that what was started is ended.

    A shell starts its background jobs with SIGINT ignored, and so would we.
    """
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.default_int_handler)
