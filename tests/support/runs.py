"""`make run` in a process group of its own, and what it says when it must not start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = Path(__file__).parents[2] / "localstack" / "run.py"


@dataclass
class Running:
    """A run of Headcount and the folder that it lives in."""

    process: subprocess.Popen[str]
    folder: Path
    port: int

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.output()
        with contextlib.suppress(FileNotFoundError):  # or one that a killed run left
            is_written = bool(self.about()["pid"] == self.process.pid)
            return is_written and "Ctrl-C" in self.output()  # the last line of the greeting
        return False

    def about(self) -> dict[str, Any]:
        about: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return about

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def server(self) -> int:
        """The pid of PostgreSQL."""
        return int((self.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])

    def asks(self, path: str, token: str | None = None) -> int:
        """Ask our HTTP API, with the service token if no other is given; return the status."""
        about = self.about()
        token = token or about["service_token"]
        request = urllib.request.Request(  # noqa: S310 - our own gateway
            about["base_url"] + path, headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def has_said(self, words: str, times: int) -> bool:
        return self.output().count(words) == times

    def interrupt(self) -> None:
        """Ctrl-C: the terminal signals all that was started in it, not the first process alone."""
        os.killpg(self.process.pid, signal.SIGINT)


@contextlib.contextmanager
def started(folder: Path, **environment: str) -> Iterator[Running]:
    with launched(folder, **environment) as running:
        wait_until(running.is_ready, "the run did not become ready")
        yield running


@contextlib.contextmanager
def launched(folder: Path, **environment: str) -> Iterator[Running]:
    """A run in a process group of its own, ended with the block."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    with (
        (folder / "output").open("w") as output,
        subprocess.Popen(
            command(folder, port),
            stdout=output,
            stderr=output,
            text=True,
            env=clean_environment(environment),
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Running(process, folder, port)
        finally:
            process.terminate()
            process.wait(60)


def refused(folder: Path, port: int | str | None, lines: int = 1, **environment: str) -> str:
    """What a run that must not start says, in the lines that it may take."""
    answer = subprocess.run(
        command(folder, port),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=clean_environment(environment),
    )
    assert (answer.returncode, answer.stdout) == (2, ""), answer
    assert answer.stderr.count("\n") == lines, answer.stderr
    return answer.stderr


def command(folder: Path, port: int | str | None) -> list[str]:
    port_option = [] if port is None else [f"--port={port}"]
    return [sys.executable, str(RUN), *port_option, f"--folder={folder}"]


def clean_environment(more: dict[str, str]) -> dict[str, str]:
    """Ours, without what would lead the run elsewhere."""
    ours = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL"}}
    return ours | more
