"""What happens, as it happens: `tail` and `follow`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import AsyncExitStack, contextmanager
from threading import Timer
from typing import IO, TYPE_CHECKING, Any

import boto3

from headcount.logs import LogFile, LogGroups
from tests.support.browser import Browser, ask, hello
from tests.support.cloud import moto_account
from tests.support.modules import WITH_OUR_MODULES
from tests.support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from tests.support.command import Done
    from tests.support.system import Headcount

    Run = Callable[..., Done]


@contextmanager
def live(headcount: Headcount, *arguments: str) -> Iterator[Iterator[dict[str, Any]]]:
    """What a command prints that goes on until Ctrl-C, from when it says that it follows."""
    process = subprocess.Popen(
        [sys.executable, "-m", "headcount", *arguments, "--json", "--every", "0.1s"],
        env=os.environ
        | WITH_OUR_MODULES
        | {"HEADCOUNT_API": headcount.base_url, "HEADCOUNT_TOKEN": headcount.service_token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = Timer(PATIENCE_SECONDS, process.kill)  # what is waited for does not come
    watchdog.start()
    try:
        out, err = _pipes(process)
        while "following " not in err.readline():
            assert process.poll() is None
        yield map(json.loads, out)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
        watchdog.cancel()
    assert process.returncode == 130


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdout
    assert process.stderr
    return process.stdout, process.stderr


def first(lines: Iterator[dict[str, Any]], **wanted: object) -> dict[str, Any]:
    """The first line that has all of these."""
    return next(line for line in lines if wanted.items() <= line.items())


async def test_orders_grants_and_presence_are_told_as_they_come(
    headcount: Headcount, command: Run
) -> None:
    async with AsyncExitStack() as stack:
        lines = stack.enter_context(live(headcount, "tail"))
        browser = Browser(headcount, stack)
        tab = await browser.tab()
        await hello(tab)
        bonus_id = _bonus(command, browser.user_id)
        await ask(tab, {"action": "claim", "id": "c1", "bonus_id": bonus_id})
        await browser.invoke("SweepFunction")
        left = {
            ("presence", "user_id", browser.user_id),
            ("grants", "bonus_id", bonus_id),
            ("orders", "subject", bonus_id),
        }
        while left:
            line = next(lines)
            left -= {(line["list"], name, str(value)) for name, value in line.items()}


async def test_all_that_happens_to_a_user_is_told(
    headcount: Headcount, command: Run, tmp_path: Path
) -> None:
    log = tmp_path / "run.log"
    log.write_text("what was before\n")
    async with AsyncExitStack() as stack:
        browser = Browser(headcount, stack)
        lines = stack.enter_context(live(headcount, "follow", browser.user_id, "--log", str(log)))
        tab = await browser.tab()
        await hello(tab)
        opened = first(lines, list="connections", type="opened")
        with log.open("a") as written:
            written.write(f"of another\nMessageFunction {opened['connection_id']} act\n")
        assert first(lines, list="logs")["line"].startswith("MessageFunction ")
        await ask(tab, {"action": "act", "id": "a1", "type": "like", "body": {"n": 1}})
        assert first(lines, list="events", type="like")["body"] == {"n": 1}
        bonus_id = _bonus(command, browser.user_id)
        assert first(lines, list="ledger")["bonus_id"] == bonus_id
        command("kick", browser.user_id, "--reason", "enough")
        told: dict[str, dict[str, Any]] = {}
        while told.keys() != {"orders", "sessions", "connections"}:
            line = next(lines)
            told[line["list"]] = line
    assert told["orders"]["reason"] == "enough"
    assert told["sessions"]["ended_by"] == "kicked"
    assert told["connections"]["type"] == "closed"


def test_a_key_follows_what_its_scopes_allow(command: Run) -> None:
    keys = {
        scope: command("keys", "create", f"{scope}-{uuid.uuid4().hex[:8]}", *scopes, "--json")
        for scope, scopes in {
            "read": ("--scope", "read"),
            "kick": ("--scope", "kick"),
        }.items()
    }
    tokens = {scope: done.document()["token"] for scope, done in keys.items()}
    short = ("--for", "0.1s", "--every", "0.1s")
    seen = command("tail", *short, HEADCOUNT_TOKEN=tokens["read"])
    assert (seen.code, "without grants: " in seen.err) == (0, True)
    assert "following presence, orders\n" in seen.err
    assert command("tail", "grants", *short, HEADCOUNT_TOKEN=tokens["read"]).code == 1
    assert command("tail", *short, HEADCOUNT_TOKEN=tokens["kick"]).code == 1
    assert command("follow", "ann", *short, HEADCOUNT_TOKEN=tokens["read"]).code == 0
    assert command("follow", "ann", *short, HEADCOUNT_TOKEN=tokens["kick"]).code == 1
    for done in keys.values():
        command("keys", "revoke", done.document()["key_id"])


def test_a_log_is_read_on_when_it_is_written_in_parts_and_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text("id-1 before\n")
    log = LogFile(path)
    with path.open("a") as file:
        file.write("id-1 first\nid-1 sec")
    assert list(log.news(["id-1"])) == ["id-1 first"]
    with path.open("a") as file:
        file.write("ond\nid-2 other\n")
    assert list(log.news(["id-1"])) == ["id-1 second"]
    path.write_text("id-1 new\n")
    assert list(log.news(["id-1"])) == ["id-1 new"]


def test_lines_of_cloudwatch_are_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with moto_account(monkeypatch):
        logs = boto3.client("logs")
        logs.create_log_group(logGroupName="functions")
        logs.create_log_stream(logGroupName="functions", logStreamName="a")
        groups = LogGroups(["functions"])
        _put(logs, "id-1 act: pushes: 1 sent", "id-2 of another")
        assert list(groups.news([])) == []
        assert list(groups.news(["id-1", "id-3"])) == ["id-1 act: pushes: 1 sent"]
        _put(logs, "id-3 connect")
        assert list(groups.news(["id-1", "id-3"])) == ["id-3 connect"]


def _put(logs: Any, *lines: str) -> None:
    now = int(time.time() * 1_000)
    events = [{"timestamp": now, "message": line} for line in lines]
    logs.put_log_events(logGroupName="functions", logStreamName="a", logEvents=events)


def test_what_aws_refuses_is_said(command: Run) -> None:
    done = command(
        *("follow", "ann", "--for", "0.1s", "--log-group", "none"),
        AWS_PROFILE="there-is-none",
    )
    assert done.code == 2
    assert "AWS: The config profile (there-is-none) could not be found" in done.err


def _bonus(command: Run, user_id: str) -> str:
    order = ("drop", "5 coins", "--user", user_id, "--window", "5m", "--json")
    return str(command(*order).document()["bonus_id"])
