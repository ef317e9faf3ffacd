"""Every case of the table, at each of its levels: the machine, `websockets`, and node's `ws`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import sockets
from conformance.machine import MachineWorld
from conformance.table import CASES
from conformance.vocabulary import MACHINE, SOCKETS, Case

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


def socket_rows() -> list[object]:
    """What a case says holds for clients that compress, too (docs/aws-behaviour.md §2.3)."""
    return [
        pytest.param(case, compression, id=f"{case.id}-{'deflate' if compression else 'plain'}")
        for case in CASES
        for compression in (False, True)
        if SOCKETS in case.levels and not (compression and case.setup.only_plain)
    ]


@pytest.fixture(scope="session")
def ws() -> Iterator[sockets.Library]:
    """Clients of the `ws` package, in the version and with the hash of package-lock.json."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node is not installed, so there is no `ws` client")
    if not (HERE / "node_modules" / "ws").is_dir():
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    process = sockets.NodeProcess(node)
    yield process.dialer
    process.end()


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.id) for case in CASES if MACHINE in case.levels]
)
async def test_the_machine(case: Case) -> None:
    await case.scenario(MachineWorld(case.setup))


@pytest.mark.parametrize(("case", "compression"), socket_rows())
async def test_websockets(case: Case, compression: bool) -> None:
    library = sockets.python_clients
    async with sockets.world(case.setup, library, compression=compression) as world:
        await case.scenario(world)


@pytest.mark.parametrize(("case", "compression"), socket_rows())
async def test_ws(case: Case, ws: sockets.Library, compression: bool) -> None:
    async with sockets.world(case.setup, ws, compression=compression) as world:
        await case.scenario(world)


def test_the_table_has_every_case_of_the_specification() -> None:
    assert {f"C{number}" for number in range(1, 26)} <= {case.id for case in CASES}


def test_every_row_has_its_own_id_and_says_what_it_proves() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    for case in CASES:
        assert re.match(r"§\d+", case.lines), case.id
        assert case.sentence.endswith("."), case.id
        assert case.levels, case.id
