"""Blocks in which something is the reader's own: an id of a session, the address of a database."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import urllib.request
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bench.support.ports import free_port
from postgres import Postgres
from tests.docs.markdown import ROOT, commands, run_by
from tests.docs.shell import Shell, Step, steps
from tests.support.databases import aside
from tests.support.runs import clean_environment, command
from tests.support.system import Headcount
from tests.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.docs.markdown import Block

# They use the running system, or start one.
pytestmark = pytest.mark.slow

YESTERDAY = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it."""
    with Postgres(tmp_path / "database", durable=False) as dsn:
        yield dsn


def test_a_session_is_corrected(checkout: Path, run: Headcount) -> None:
    (corrects,) = run_by("docs/how-to/correct-a-session.md", __file__)
    aside(run.database_url).rows(
        "insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by,"
        " ended_within) values (4711, 'ann', 'site', $1::text::timestamptz,"
        " $2::text::timestamptz, 'swept', '1 minute')",
        f"{YESTERDAY}T18:30Z",
        f"{YESTERDAY}T22:00Z",
    )
    host = run.base_url.removeprefix("http://")
    replaced = {"127.0.0.1:8080": host, "2026-03-01": YESTERDAY}
    with closing(Shell(checkout, replaced)) as shell:
        said = {
            block: shell.play(step)
            for block in commands(ROOT / corrects.page)
            for step in steps(block)
        }
    assert '"revision":1' in said[corrects]
    assert all("4711" in answer for answer in said.values())


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        (run_by("docs/how-to/restore-a-backup.md", __file__), "that the sweep last saw"),
        (run_by("docs/how-to/recover-from-a-lost-region.md", __file__), "was restored"),
    ],
    ids=["as the sweep finds it", "in any case"],
)
def test_a_restored_database_is_made_ready(
    blocks: list[Block], says: str, checkout: Path, run: Headcount
) -> None:
    (block,) = blocks
    with closing(Shell(checkout, {"postgresql://…": run.database_url})) as shell:
        (step,) = steps(block)
        assert says in shell.play(step)


def test_a_database_of_your_own_is_migrated_and_used(
    checkout: Path, database: str, tmp_path: Path
) -> None:
    runs, migrates = run_by("docs/how-to/use-your-own-postgresql.md", __file__)
    replaced = {"postgresql://user:password@host/headcount": database}
    with closing(Shell(checkout, replaced)) as shell:
        (step,) = steps(migrates)
        assert "applied sql/migrations/0001_presence.sql" in shell.play(step)
    with typed(runs.text, tmp_path, replaced) as system:
        assert system.database_url == database


def test_a_printed_line_is_found_by_its_id(tmp_path: Path, database: str) -> None:
    (block,) = run_by("docs/how-to/follow-an-event.md", __file__)
    makes, greps = block.text.splitlines()
    with typed(f"DATABASE_URL={database} {makes}", tmp_path) as system:
        bonus_id = ordered(system)
        log = tmp_path / "run.log"
        wait_until(lambda: bonus_id in log.read_text(), "the order is not printed")
        with closing(Shell(tmp_path, {"THE_ID": bonus_id})) as shell:
            printed = shell.play(Step(greps, None))
    assert f"broadcast {bonus_id}: offer for everyone" in printed


@contextmanager
def typed(
    text: str, folder: Path, replaced: Mapping[str, str] | None = None
) -> Iterator[Headcount]:
    """What a command starts that contains `make run`, in a folder of its own, until Ctrl-C."""
    kept = folder / ".headcount"
    for old, new in {
        **(replaced or {}),
        "make run": shlex.join(command(kept, free_port())),
    }.items():
        text = text.replace(old, new)
    terminal = subprocess.Popen(
        ["bash", "--norc", "-c", text],  # noqa: S607
        cwd=folder,
        env=clean_environment({}),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    run_json = kept / "run.json"
    try:
        wait_until(run_json.exists, f"{text}\nstarts nothing")
        yield Headcount(**json.loads(run_json.read_text()))
    finally:
        os.killpg(terminal.pid, signal.SIGINT)
        terminal.wait(PATIENCE_SECONDS)
        wait_until(lambda: not _lives(terminal.pid), f"{text}\ndoes not end")


def ordered(system: Headcount) -> str:
    """The id of a bonus."""
    order = {"reward": {}, "audience": {"kind": "everyone"}, "window_seconds": 60}
    request = urllib.request.Request(  # noqa: S310  # ours
        f"{system.base_url}/bonuses",
        json.dumps(order).encode(),
        {"Authorization": f"Bearer {system.service_token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
        return str(json.load(answer)["bonus_id"])


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
