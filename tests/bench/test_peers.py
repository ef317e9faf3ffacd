"""The comparison with other servers: what is measured is right, and what is missing is said."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.peers import contenders, crowd, report
from bench.peers.contenders import CONTENDERS, Contender, NotInstalled, environment
from bench.peers.measure import Result, Size, measure
from bench.peers.second_opinion import Latencies, read_report
from bench.peers.servers import ServerFailed
from bench.support.gateways import command as command_of
from bench.support.gateways import family
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SIZE = Size(connections=20, messages=2, settle_seconds=0)
# A server that does something else with a line than to send it to all.
WRONG = """
import asyncio, sys
from bench.peers.standard_input import lines
from websockets.asyncio.server import broadcast, serve

async def stay(connection):
    await connection.wait_closed()

async def main():
    async with serve(stay, "127.0.0.1", int(sys.argv[1])) as server:
        async for line in lines():
            DO

asyncio.run(main())
"""
# A server that speaks as Socket.IO does, and joins a client when it has answered a ping.
SOCKET_IO = """
import asyncio, json, sys
from bench.peers.standard_input import lines
from websockets.asyncio.server import broadcast, serve

async def talk(connection):
    assert connection.request.path == "/socket.io/?EIO=4&transport=websocket"
    await connection.send('0{"sid":"a","upgrades":[],"pingInterval":25000}')
    assert await connection.recv() == "40"
    await connection.send("2")
    assert await connection.recv() == "3"
    await connection.send('40{"sid":"b"}')
    await connection.wait_closed()

async def main():
    async with serve(talk, "127.0.0.1", int(sys.argv[1]), compression=None) as server:
        async for line in lines():
            text = json.dumps(["message", line], separators=(",", ":"))
            broadcast(server.connections, "42" + text)

asyncio.run(main())
"""


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Contender]:
    """A contender whose server is this Python text."""

    def program(text: str, kind: str = "plain") -> Contender:
        command = [sys.executable, "-c", text]
        monkeypatch.setitem(contenders.PROGRAMS, "own", lambda: command)
        return Contender("own", "a server of the test", kind)

    return program


@pytest.mark.parametrize(
    "contender",
    [one for one in CONTENDERS if one.name == "websockets"],
    ids=lambda one: one.title,
)
def test_a_peer_is_measured(contender: Contender) -> None:
    assert measure(contender, SIZE).connects_per_second > 0


@pytest.mark.slow
@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda one: one.title)
def test_each_that_is_installed_is_measured(contender: Contender) -> None:
    try:
        assert measure(contender, SIZE).connects_per_second > 0
    except NotInstalled as error:
        pytest.skip(str(error))


def test_the_listeners_speak_socket_io(peer: Callable[..., Contender]) -> None:
    assert measure(peer(SOCKET_IO, "socketio"), SIZE).connects_per_second > 0


@pytest.mark.parametrize(
    "does",
    [
        "broadcast(server.connections, line + '!')",
        "[broadcast(server.connections, each) for each in (line, line)]",
    ],
    ids=["another_message", "the_message_twice"],
)
def test_a_server_that_sends_something_else_has_no_result(
    does: str, peer: Callable[..., Contender]
) -> None:
    with pytest.raises(ServerFailed, match="20 connections heard something else"):
        measure(peer(WRONG.replace("DO", does)), SIZE)


@pytest.mark.parametrize(
    "does",
    ["broadcast(list(server.connections)[1:], line)", "sys.exit()"],
    ids=["one_is_left_out", "the_server_ends"],
)
def test_a_server_that_does_not_send_to_all_has_no_result(
    does: str, peer: Callable[..., Contender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "MESSAGE_TIMEOUT_SECONDS", 1)
    with pytest.raises(ServerFailed, match="connections did not hear a message to all"):
        measure(peer(WRONG.replace("DO", does)), SIZE)


def test_a_server_that_does_not_start_says_why(peer: Callable[..., Contender]) -> None:
    with pytest.raises(ServerFailed, match="did not start: no module of that name"):
        measure(peer("import sys; sys.exit('no module of that name')"), SIZE)


def test_what_is_not_installed_is_skipped_and_said(tmp_path: Path) -> None:
    answer = bench("--quick", "--only", "ws", "socketio", "gorilla", path=tmp_path)
    assert answer.returncode == 0
    said = answer.stdout.splitlines()
    missing = [line for line in said if "skipped; to measure it, " in line]
    assert len(missing) == 6
    assert all("apt-get install" in line for line in missing)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=["ctrl_c", "sigterm"])
def test_an_interrupted_run_ends_its_servers_and_says_so(sign: signal.Signals) -> None:
    command = [sys.executable, "-m", "bench.bench_peers", "--only", "websockets"]
    # As a shell starts a job in the background.
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    with subprocess.Popen(
        ignoring, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "one server after the other" in process.stdout.readline()
        wait_until(
            lambda: any("serve_websockets" in command_of(pid) for pid in family(process.pid))
        )
        started = family(process.pid)
        process.send_signal(sign)
        assert process.stdout.read().startswith("interrupted")
    assert process.returncode == 130
    wait_until(lambda: not any("bench" in command_of(pid) for pid in started))


def test_a_server_that_is_left_out_is_said_and_counts() -> None:
    answer = bench("--minutes", "0", "--only", "websockets", path=Path("/nowhere"))
    assert answer.returncode == 1
    assert answer.stdout.count("left out, 0 s are over (--minutes)") == 2


def test_a_missing_npm_package_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "node"
    node.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(contenders, "NODE_MODULES", tmp_path)
    with pytest.raises(NotInstalled, match='make bench NAME=peers OPTIONS="--install"'):
        contenders.node("ws")


@pytest.mark.parametrize("many", ["0", "15001", "-1", "many"])
def test_a_number_of_connections_that_does_not_fit_is_refused(many: str, tmp_path: Path) -> None:
    answer = bench("--connections", many, path=tmp_path)
    assert answer.returncode == 2
    assert "give a number from 1 to 15,000" in answer.stderr


def test_results_stand_beside_the_first() -> None:
    lines = report.table(
        {"wsgate": Result(2048, 2000, 0.2, 1.0, 0.1), "other": Result(20480, 1000, 0.4, 0.5, 0.05)}
    )
    assert " ".join(lines[1].split()) == "wsgate 2.0 1x 2,000 1x 0.200 1x 1.00 1x 0.100 1x"
    assert " ".join(lines[2].split()) == "other 20.0 10x 1,000 0.5x 0.400 2x 0.50 0.5x 0.050 0.5x"


def test_without_a_result_the_table_has_its_head_only() -> None:
    assert len(report.table({})) == 1


def test_the_report_of_artillery_is_read() -> None:
    summary = {"min": 1, "max": 9, "count": 3000, "median": 2, "p95": 4.1, "p99": 6.2}
    found = read_report({"aggregate": {"summaries": {"connect_ms": summary}}})
    assert found == Latencies("Artillery", 3000, 2, 4.1, 6.2)


def bench(*options: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run the benchmark where only the programs in `path` are found."""
    return subprocess.run(
        [sys.executable, "-m", "bench.bench_peers", *options],
        cwd=ROOT,
        env=environment() | {"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
