"""What a team would pick instead of the gateway, beside it: `make bench-peers`.

Each server gets the same connections from the same clients, one server after the other: private
memory of an idle connection, connects per second, the time until a message to all has come to the
last connection, and the server's processor time for each. Node `ws`, Socket.IO, Python
`websockets`, uvicorn with FastAPI and Go's gorilla/websocket run at their defaults and tuned, in
one process each; so does a node of wsgate, without an authorizer and with one. Then Artillery
connects to wsgate, as a second opinion on our own client.

A program that is missing is skipped with a sentence that says how to install it. `--install` puts
the npm packages into build/peers, 700 MB with Artillery; nothing else is ever installed. Exit code
1 when a server failed (it refused connections, or a message to all did not come to each of them
once) or was left out because the time was over; then `--write` writes nothing.

Clients and servers share this machine's processors: a server that is faster than the clients is
seen by its processor time.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.peers import report
from bench.peers.contenders import CONTENDERS, NAMES, NotInstalled, install
from bench.peers.crowd import ListenersFailed
from bench.peers.measure import Size, measure
from bench.peers.second_opinion import compare
from bench.peers.servers import ServerFailed
from bench.support.figures import Figures, add_write_option
from bench.support.interrupts import interrupt_on_signals
from wsgate.open_files import raise_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL = Size(connections=10_000, messages=5, settle_seconds=2)
QUICK = Size(connections=1_000, messages=2, settle_seconds=1)
MAX_CONNECTIONS = 15_000
"""More would take more open files than a process often may have, and more than two minutes each."""
RATE, SECONDS, QUICK_SECONDS = 200, 15, 5
MINUTES = 5
"""A server that would start later is left out. On an idle machine each takes a quarter of one."""


def main() -> int:
    """Measure all that is installed; 1 when a server failed."""
    interrupt_on_signals()
    given = _given()
    raise_limit()
    if given.install:
        install()
    size, options = QUICK if given.quick else FULL, "--write"
    if given.connections:
        size = replace(size, connections=given.connections)
        options += f" --connections {given.connections}"
    figures = Figures("peers", options)
    try:
        is_right = _measure_all(given.only or NAMES, size, given.minutes * 60, figures)
        if given.only is None:
            is_right &= _second_opinion(QUICK_SECONDS if given.quick else SECONDS, figures)
    except KeyboardInterrupt:
        print("interrupted; all servers and clients are ended", flush=True)
        return 130
    if given.write and is_right and not given.quick:
        figures.write()
    return 0 if is_right else 1


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, help="measure these, without Artillery")
    parser.add_argument("--connections", type=_connections, help=f"default: {FULL.connections:,}")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help=f"for all servers; default: {MINUTES}"
    )
    parser.add_argument("--quick", action="store_true", help="a small trial, in a minute or two")
    parser.add_argument(
        "--install", action="store_true", help="install the npm packages into build/peers first"
    )
    add_write_option(parser)
    return parser.parse_args()


def _connections(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_CONNECTIONS:
        raise argparse.ArgumentTypeError(f"give a number from 1 to {MAX_CONNECTIONS:,}")
    return int(text)


def _measure_all(names: Sequence[str], size: Size, seconds: float, figures: Figures) -> bool:
    """Measure one after the other, and print what each costs beside the first."""
    results, is_right, ends = {}, True, time.monotonic() + seconds
    print(
        f"{size.connections:,} connections to each server, one server after the other", flush=True
    )
    for contender in CONTENDERS:
        if contender.name not in names:
            continue
        if time.monotonic() > ends:
            is_right = False
            print(
                f"  {contender.title}: left out, {seconds:.0f} s are over (--minutes)", flush=True
            )
            continue
        try:
            results[contender.title] = measure(contender, size)
        except NotInstalled as error:
            print(f"  {contender.title}: skipped; to measure it, {error}", flush=True)
        except (ServerFailed, ListenersFailed) as error:
            is_right = False
            print(f"  {contender.title}: FAILED, {error}", flush=True)
        else:
            print(f"  {contender.title}: measured", flush=True)
    lines = report.table(results)
    print("\n".join(["", *lines]), flush=True)
    figures.lines += [
        f"{size.connections:,} connections each; 2x: twice as much as the first",
        *lines,
    ]
    return is_right


def _second_opinion(seconds: int, figures: Figures) -> bool:
    title = f"a connect to wsgate with its authorizer, {RATE} a second for {seconds} s"
    print(f"\n{title}", flush=True)
    try:
        lines = report.latencies(compare(RATE, seconds))
    except NotInstalled as error:
        print(f"  skipped; to compare with Artillery, {error}", flush=True)
        return True
    except (ServerFailed, ListenersFailed) as error:
        print(f"  FAILED, {error}", flush=True)
        return False
    print("\n".join(lines), flush=True)
    figures.lines += ["", title, *lines]
    return True


if __name__ == "__main__":
    sys.exit(main())
