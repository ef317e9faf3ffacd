"""Events to a webhook on this machine, from the log of presence to the receiver's answer.

One sender, as in Lambda, with one webhook; PostgreSQL and the receiver, a process of its own, share
the machine with it. Exit code 1 when an event did not arrive, or came twice.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg

from bench.support.figures import Figures, add_write_option
from bench.support.ports import free_port, listens
from handlers.adapters.database import Database
from handlers.adapters.deadline import Deadline
from handlers.adapters.webhook_calls import WebhookCalls
from handlers.core.operations.webhooks import CreateWebhook
from handlers.core.webhook import secret_of
from handlers.services.webhook_sender import Sender
from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

WANTED = 10_000
"""Events a second, as the design asks for."""
USERS = 20_000
PATIENCE_SECONDS = 30.0
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
HAPPEN = """
with log as (update presence_event_log set last_seq = last_seq + $1::bigint
             returning last_seq - $1::bigint as before)
insert into presence_events
    select before + n, 'online', before + n, 'user-' || n % $2::bigint, 'stream', now(), now()
      from log, generate_series(1, $1::bigint) as n
"""


def main() -> int:
    """Measure; or, with a port, be the receiver."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30_000)
    add_write_option(parser)
    parser.add_argument("--receiver", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.receiver:
        with suppress(KeyboardInterrupt):
            asyncio.run(_receive(given.receiver))
        return 0
    figures = Figures("webhooks")
    is_met = asyncio.run(_measure(given.events, figures))
    if given.write:
        figures.write()
    return 0 if is_met else 1


async def _measure(events: int, figures: Figures) -> bool:
    deadline = Deadline()
    deadline.begin(3600)
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder)) as dsn:
        await migrate(dsn)
        db, database = await asyncpg.connect(dsn), Database(dsn, deadline)
        with _receiver() as (port, process):
            url = f"http://127.0.0.1:{port}/"
            order = (url, ["user.online"], None, secret_of(b"k" * 32), "", 20)
            await database.fetch_one(CreateWebhook(uuid4(), *order))
            await db.execute(HAPPEN, events, USERS)
            await db.execute("vacuum analyze")
            sender = Sender(database, WebhookCalls(is_any=True), lambda: 3_600_000)
            began, used = time.perf_counter(), _used()
            await sender.collect()
            collected = time.perf_counter()
            for webhook_id in await sender.due():
                await sender.send(webhook_id)
            ended, cpu = time.perf_counter(), _used() - used
            sender.calls.close()  # type: ignore[attr-defined]
            process.terminate()
            said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        await database.close()
        await db.close()
    arrived, distinct = map(int, said.split())
    rate, each = events / (ended - began), cpu / events
    figures.add(f"events to one receiver, {events:,} (wanted: {WANTED:,})", f"{rate:,.0f}/s")
    figures.add("of that, from the log of presence", f"{events / (collected - began):,.0f}/s")
    figures.add(
        "processor of the sender, each", f"{each * 1e6:.0f} µs: {1 / each:,.0f} per CPU second"
    )
    figures.add("arrived; of them different ones", f"{arrived:,}; {distinct:,}")
    for what, measured in figures.rows:
        print(f"{what:55} {measured}")
    return arrived == distinct == events


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def _receiver() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Its port and its process. Raises SystemExit if it does not start."""
    port = free_port()
    command = [sys.executable, "-m", "bench.bench_webhooks", "--receiver", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            if not listens(process, port, PATIENCE_SECONDS):
                raise SystemExit("the receiver did not start")
            yield port, process
        finally:
            process.kill()


class _Connection(asyncio.Protocol):
    """Answers each request, and remembers its id."""

    ids: list[bytes] = []  # noqa: RUF012  # of all connections

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = transport.write  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(self._rest) < end + 4 + length:
                break
            self.ids.append(head.partition(b"webhook-id: ")[2][:36])
            self._rest = self._rest[end + 4 + length :]
            self._write(ANSWER)


async def _receive(port: int) -> None:
    """Until it is told to end; then say how many came, and how many different ones."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(15, over.set)
    await loop.create_server(_Connection, "127.0.0.1", port)
    await over.wait()
    print(len(_Connection.ids), len(set(_Connection.ids)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
