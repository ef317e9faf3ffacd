"""How many files this process may have open, and how many connections that makes.

A connection is an open file. So are the three ends that lead to a function's process, and what a
function, a page or the log is read from and written to. Without a bound of our own, connections
take all there are, and then everything else fails.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING, Final

from wsgate.model.capacity import Capacity

if TYPE_CHECKING:
    from collections.abc import Iterator

ENOUGH: Final = 2**20
"""No process of ours can use more, and containers have limits of a thousand millions."""
OTHERS: Final = 64
"""For what is open for a moment: files, starting functions, calls to other services."""
REQUESTS: Final = 64
PER_ENVIRONMENT: Final = 3
"""Of a function that runs: its channel, its lifeline and its output."""
PER_NEIGHBOUR: Final = 2
"""To each other node: the channel by which it is asked, and the one by which it asks."""

# The highest that macOS accepts where it calls the hard limit infinite: OPEN_MAX of
# https://developer.apple.com/library/archive/documentation/System/Conceptual/ManPages_iPhoneOS/man2/getrlimit.2.html
# (2026-11-29), or since macOS 10.15 the system's own kern.maxfilesperproc.
OPEN_MAX: Final = 10_240


def limits() -> tuple[int | None, int | None]:
    """The soft and the hard limit of this process; None where there is none, or no bound."""
    try:
        import resource  # noqa: PLC0415 not on Windows
    except ImportError:
        return None, None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unbounded = resource.RLIM_INFINITY
    return (None if soft == unbounded else soft), (None if hard == unbounded else hard)


def raise_limit() -> int:
    """Raise the limit of open files as far as this process may; return what it is then."""
    try:
        import resource  # noqa: PLC0415 not on Windows
    except ImportError:
        return ENOUGH
    kind = resource.RLIMIT_NOFILE
    soft, hard = resource.getrlimit(kind)
    if soft == resource.RLIM_INFINITY:
        return ENOUGH
    for wanted in _candidates(hard, is_bounded=hard != resource.RLIM_INFINITY):
        if soft >= wanted:
            break
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (wanted, hard))
            return wanted
    return min(soft, ENOUGH)


def _candidates(hard: int, *, is_bounded: bool) -> Iterator[int]:
    """What may be asked for, the most first."""
    if is_bounded:
        yield min(hard, ENOUGH)
    else:
        with contextlib.suppress(OSError, ValueError):
            name = ["/usr/sbin/sysctl", "-n", "kern.maxfilesperproc"]
            yield int(subprocess.run(name, capture_output=True, check=False).stdout)  # noqa: S603
    yield OPEN_MAX


def capacity(
    limit: int, environments: int = 0, *, neighbours: int = 0, is_open: int | None = None
) -> Capacity:
    """How many connections fit, beside `environments` of functions, other nodes, what is open.

    Without `is_open`, that is what this process has open now. Where the limit is too low for all,
    half of it stays for what is no connection.
    """
    free = max(0, limit - (_open_now() if is_open is None else is_open))
    others = environments * PER_ENVIRONMENT + neighbours * PER_NEIGHBOUR + OTHERS
    kept = min(others, free // 2)
    requests = min(REQUESTS, (free - kept) // 4)
    return Capacity(connections=free - kept - requests, requests=requests, open_files=limit)


def _open_now() -> int:
    try:
        return len(os.listdir("/dev/fd"))  # noqa: PTH208 a Path would need a thousand objects
    except OSError:
        return OTHERS
