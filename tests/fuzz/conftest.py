"""The system as `make run` starts it, one for all attacks, and an honest user beside each.

`FUZZ_CASES` is how many HTTP requests are generated; the other attacks have shares of it. The same
`FUZZ_SEED` makes the same attacks.
"""

from __future__ import annotations

import os
import random
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.accounts import Accounts, Neighbour
from tests.fuzz.attack import Attack
from tests.support.system import running

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
CASES = int(os.environ.get("FUZZ_CASES") or 10_000)
SEED = int(os.environ.get("FUZZ_SEED") or secrets.randbelow(2**32))
TRIED = pytest.StashKey[dict[str, int]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.fuzz)


@pytest.fixture(scope="session")
def attack_on_all(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Attack]:
    folder = tmp_path_factory.mktemp("attacked")
    tried = pytestconfig.stash.setdefault(TRIED, {})
    with running(folder) as system:
        yield Attack(system, folder, CASES, SEED, tried)


@pytest.fixture
def attack(attack_on_all: Attack, request: pytest.FixtureRequest) -> Iterator[Attack]:
    """One attack; then all accounts are right."""
    dice = random.Random(f"{SEED} {request.node.name}")  # noqa: S311 no secret
    one = attack_on_all.of(dice)
    with Neighbour.beside(one) as neighbour:
        accounts = Accounts(one, neighbour)
        yield one
        accounts.are_right()


def pytest_report_header() -> str:
    return f"fuzz: FUZZ_CASES={CASES} FUZZ_SEED={SEED}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if tried := config.stash.get(TRIED, {}):
        counts = ", ".join(f"{count:,} {kind}" for kind, count in tried.items())
        terminalreporter.section(f"tried with FUZZ_SEED={SEED}: {counts}")
