"""A contender's server while it runs: what it uses, and how a message is sent to all."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from bench.peers.contenders import environment
from bench.support.gateways import cpu_seconds, family, gateway, private_bytes
from bench.support.ports import free_port, listens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.peers.contenders import Contender

START_SECONDS = 180
END_SECONDS = 10


class ServerFailed(Exception):
    """A server did not start, or ended before its time."""


class Server:
    """A running server."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        port: int,
        pid: int,
        holders: Sequence[int],
        sender: subprocess.Popen[str] | None = None,
    ) -> None:
        """`holders`: the processes with the sockets. `sender` sends each line that it is given."""
        self._stack, self.port, self._pid = stack, port, pid
        self._holders, self._sender = holders, sender

    def memory(self) -> int:
        """Private memory of the processes that hold the sockets, in bytes."""
        return sum(map(private_bytes, self._holders))

    def cpu(self) -> float:
        """Processor time of the server so far, with all its processes, in seconds."""
        pids = family(self._pid)
        if self._sender is not None and self._sender.pid not in pids:
            pids.append(self._sender.pid)
        return sum(map(cpu_seconds, pids))

    def know(self, ids: Sequence[str]) -> None:
        """Give wsgate the ids to post to: it has no way to all, as API Gateway has none."""
        if ids:
            endpoint = f"http://127.0.0.1:{self.port}/live"
            command = [sys.executable, "-m", "bench.peers.post_to_all", endpoint]
            self._sender = self._stack.enter_context(_process(command))
            self.send_to_all(json.dumps(ids))

    def send_to_all(self, text: str) -> None:
        """Send a message to all connections. Raises ServerFailed if the server has ended."""
        assert self._sender is not None, "wsgate has to know the ids first"
        assert self._sender.stdin is not None
        try:
            self._sender.stdin.write(f"{text}\n")
            self._sender.stdin.flush()
        except BrokenPipeError as error:
            raise ServerFailed("it ended before the message was sent") from error


@contextlib.contextmanager
def serving(contender: Contender) -> Iterator[Server]:
    """Start a contender's server, and end it. Raises NotInstalled or ServerFailed."""
    with contextlib.ExitStack() as stack:
        if contender.name == "wsgate":
            guarded = "yes" if contender.has_authorizer else "no"
            try:
                started = gateway("--quiet", "--parameter", f"Guarded={guarded}")
                running = stack.enter_context(started)
            except SystemExit as error:
                raise ServerFailed(str(error)) from error
            yield Server(stack, running.port, running.pid, running.nodes)
            return
        port = free_port()
        output = stack.enter_context(tempfile.TemporaryFile("w+"))
        process = stack.enter_context(_process(contender.command(port), output))
        _wait(process, port, output)
        yield Server(stack, port, process.pid, [process.pid], process)


@contextlib.contextmanager
def _process(command: Sequence[str], output: Any = None) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with its standard input; killed if it does not."""
    process = subprocess.Popen(
        command,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        text=True,
        start_new_session=True,  # Ctrl-C reaches the benchmark, which ends it
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[str], port: int, output: Any) -> None:
    """Until it listens."""
    if listens(process, port, START_SECONDS):
        return
    output.seek(0)
    said = output.read().strip()[-500:] or f"it does not listen after {START_SECONDS} s"
    raise ServerFailed(f"it did not start: {said}")
