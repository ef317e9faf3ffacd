"""How long a cold start spends on imports: `make bench-imports`.

Each handler is imported in fresh processes, bytecode warm as in a deployed package, and the median
counts. Exit code 1 when a WebSocket handler is above the bar: a person waits for those.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from bench.support.figures import Figures, add_write_option

ROOT = Path(__file__).resolve().parents[1]
TIMES = 9
BAR_MS = 250
WEBSOCKET = ("authorize", "connect", "disconnect", "message")
OTHERS = ("broadcast", "sweep", "award", "http")

# The clock starts after the interpreter, which on Lambda is up before the handler is loaded.
PROGRAM = """
import sys, time
start = time.perf_counter()
__import__(f"handlers.{sys.argv[1]}", fromlist=["handler"]).handler
print((time.perf_counter() - start) * 1000)
"""
# All but the network: nothing listens at that address.
FIRST_PUSH = """
import asyncio, contextlib, time
from handlers.adapters.deadline import Deadline
from handlers.adapters.gateway.api import GatewayApi
from handlers.adapters.gateway.errors import Unreachable

NOWHERE = "http://127.0.0.1:1"
deadline = Deadline()
deadline.begin(60)

async def push():
    async with contextlib.aclosing(GatewayApi(deadline, NOWHERE, random=lambda: 0)) as api:
        with contextlib.suppress(Unreachable):
            await api.close("", "id")

start = time.perf_counter()
asyncio.run(push())
print((time.perf_counter() - start) * 1000)
"""
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}


def main() -> int:
    """Print the table; 1 when a WebSocket handler takes longer than the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_write_option(parser)
    given, figures = parser.parse_args(), Figures("imports")
    print(f"import time in ms: median of {TIMES} fresh processes, least, most")
    medians = {handler: _show(handler) for handler in (*WEBSOCKET, *OTHERS)}
    first_push = _first_push_ms()
    print(f"first push  {first_push:6.0f}  of a process: the signature, TLS")
    for handler, median in medians.items():
        bar = f" (bar: {BAR_MS} ms)" if handler in WEBSOCKET else ""
        figures.add(f"cold import of `{handler}`{bar}", f"{median:.0f} ms")
    figures.add("what pushes need, at the first push of a process", f"{first_push:.0f} ms")
    if given.write:
        figures.write()
    slow = [handler for handler in WEBSOCKET if medians[handler] > BAR_MS]
    if slow:
        print(f"above the bar of {BAR_MS} ms for WebSocket handlers: {', '.join(slow)}")
    return 1 if slow else 0


def _show(handler: str) -> float:
    _import_ms(handler)  # writes the bytecode
    taken = [_import_ms(handler) for _ in range(TIMES)]
    median = statistics.median(taken)
    bar = f"bar {BAR_MS}" if handler in WEBSOCKET else ""
    print(
        f"{handler:<12}{median:6.0f}{min(taken):6.0f}{max(taken):6.0f}  {bar}".rstrip(), flush=True
    )
    return median


def _import_ms(handler: str) -> float:
    return _printed(PROGRAM, handler)


def _first_push_ms() -> float:
    """What a process pays at its first push, and not at its start."""
    return statistics.median(_printed(FIRST_PUSH) for _ in range(TIMES))


def _printed(*program: str) -> float:
    answer = subprocess.run(
        [sys.executable, "-c", *program],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
    )
    return float(answer.stdout)


if __name__ == "__main__":
    sys.exit(main())
