"""The recipes, run as their READMEs say, and killed at random: each thing comes once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import uuid
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler
from random import Random
from typing import TYPE_CHECKING, Any

import boto3
import duckdb
import pytest

from postgres import Postgres
from tests.docs.markdown import ROOT, run_by
from tests.docs.shell import Shell, steps
from tests.support.cloud import moto_account
from tests.support.databases import aside
from tests.support.relay import relayed
from tests.support.served import served
from tests.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.docs.markdown import Block
    from tests.support.system import Headcount

# They start programs beside the running system.
pytestmark = pytest.mark.slow

USERS = 250
"""So many grants take three pages."""
KILLS = 6
# As the sweep writes presence events.
COME = """
    with log as (
        update presence_event_log set last_seq = last_seq + cardinality($1::text[])
        returning last_seq - cardinality($1::text[]) as before
    )
    insert into presence_events (seq, type, session_id, user_id, resource, at, recorded_at)
    select before + n, 'online', n, u, 'site', now(), now()
      from log, unnest($1::text[]) with ordinality as t (u, n)
"""
EXAMPLES = ROOT / "examples"


@pytest.fixture
def grants(run: Headcount) -> set[tuple[str, str]]:
    """Some that are there to be paid: bonus and user."""
    users = [f"user-{uuid.uuid4().hex[:8]}" for _ in range(USERS)]
    audience = {"kind": "users", "user_ids": users}
    order = {"reward": {"text": "5"}, "audience": audience, "window_seconds": 600}
    bonus_id = _ask(run, "/bonuses", order)["bonus_id"]
    granted = aside(run.database_url).rows(
        "select (claim(u, 'c', $1::text::uuid)).outcome from unnest($2::text[]) as u",
        bonus_id,
        users,
    )
    assert {row["outcome"] for row in granted} == {"claimed"}
    return {(bonus_id, user) for user in users}


@pytest.fixture
def payments(tmp_path: Path) -> Iterator[str]:
    """A database of the reader's own."""
    with Postgres(tmp_path / "payments", durable=False) as dsn:
        yield dsn


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a FIFO queue; the AWS library finds it by the environment."""
    with moto_account(monkeypatch):
        made = boto3.client("sqs").create_queue(
            QueueName="grants.fifo", Attributes={"FifoQueue": "true"}
        )
        yield str(made["QueueUrl"])


def test_each_grant_is_paid_once_into_postgresql(
    run: Headcount, checkout: Path, payments: str, grants: set[tuple[str, str]]
) -> None:
    worker = [str(EXAMPLES / "payout-postgresql" / "payout.py"), "--once"]
    _kill_at_random(run, worker, {"PAYMENTS_URL": payments})
    _play(
        run_by("examples/payout-postgresql/README.md", __file__),
        checkout,
        run,
        {"postgresql://user:password@host/payments": payments},
    )
    paid = aside(payments).rows("select bonus_id::text, user_id, is_told from payments")
    assert grants <= {(one["bonus_id"], one["user_id"]) for one in paid}
    assert len(paid) == len({(one["bonus_id"], one["user_id"]) for one in paid})
    assert all(one["is_told"] for one in paid)
    (bonus_id,) = {bonus for bonus, _ in grants}
    assert _ask(run, f"/grants?bonus_id={bonus_id}&state=pending")["items"] == []


def test_each_grant_comes_once_into_a_queue(
    run: Headcount, checkout: Path, queue: str, grants: set[tuple[str, str]], tmp_path: Path
) -> None:
    cursor = checkout / "grants.cursor"
    worker = [str(EXAMPLES / "payout-queue" / "payout.py"), "--once", str(cursor)]
    _kill_at_random(run, worker, {"QUEUE_URL": queue})
    documented = "https://sqs.eu-central-1.amazonaws.com/123456789012/grants.fifo"
    _play(run_by("examples/payout-queue/README.md", __file__), checkout, run, {documented: queue})
    sent = [(one["bonus_id"], one["user_id"]) for one in _received(queue)]
    assert grants <= set(sent)
    assert len(sent) == len(set(sent))


def test_each_presence_event_is_loaded_once(run: Headcount, checkout: Path) -> None:
    """In the order of the log, with its columns; what comes later, into another file."""
    _come(run, 2_500)
    loads = run_by("examples/presence-warehouse/README.md", __file__)
    folder = checkout / "presence"
    loader = [str(EXAMPLES / "presence-warehouse" / "load.py"), str(folder)]
    _kill_at_random(run, loader, {}, lambda: _come(run, 3))
    printed = _play(loads, checkout, run, {})
    assert "online" in printed
    _come(run, 10)
    _play(loads, checkout, run, {})
    columns = 'seq, type, user_id, epoch_ms("at")'
    query = f"select {columns} from '{folder}/*.parquet' order by seq"  # noqa: S608  # ours
    assert duckdb.execute(query).fetchall() == [
        (event["seq"], event["type"], event["user_id"], event["at"]) for event in _events(run)
    ]


def test_a_chat_hears_who_came_in_one_message(run: Headcount) -> None:
    """Also when it was too much for the chat at first."""
    posted: list[str] = []
    refused: list[str] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            text = json.loads(self.rfile.read(length))["text"]
            if not refused:
                refused.append(text)
                self.send_response(429)
                self.send_header("retry-after", "1")
            else:
                posted.append(text)
                self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    (block,) = run_by("examples/online-to-chat/README.md", __file__)
    with served(Chat) as chat:
        script = _of(block.text, run, {"https://hooks.slack.com/services/…": chat})
        script = script.replace("--every 30", "--every 0.2").replace("python3", "exec python3")
        with _started(script, ROOT) as process:
            assert process.stderr
            while "following" not in process.stderr.readline():
                assert process.poll() is None
            users = _come(run, 7)
            wait_until(lambda: bool(posted), "nothing was posted")
    assert posted[0].startswith(f"{', '.join(users[:5])} and 2 more came. ")
    assert posted[0].endswith(" online.")
    assert refused


def _kill_at_random(
    run: Headcount,
    worker: list[str],
    more: Mapping[str, str],
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Start it several times, and kill it at some request or behind it."""
    dice = Random(7)  # noqa: S311  # the same in each run
    for _ in range(KILLS):
        with relayed(run.base_url) as relay:
            settings = {"HEADCOUNT_URL": relay.url, "HEADCOUNT_TOKEN": run.service_token, **more}
            process = subprocess.Popen([sys.executable, *worker], env=os.environ | settings)
            requests = dice.randint(1, 5)

            def is_far(
                process: subprocess.Popen[bytes] = process, requests: int = requests
            ) -> bool:
                return process.poll() is not None or len(relay.asked) >= requests

            wait_until(is_far, "the worker asks nothing")
            process.kill()
            process.wait()
        meanwhile()


def _play(blocks: list[Block], folder: Path, run: Headcount, replaced: Mapping[str, str]) -> str:
    """What the block of a README prints."""
    (block,) = blocks
    host = run.base_url.removeprefix("http://")
    with closing(Shell(folder, {"127.0.0.1:8080": host, **replaced})) as shell:
        (step,) = steps(block)
        return shell.play(step)


def _of(text: str, run: Headcount, replaced: Mapping[str, str]) -> str:
    known = {
        "http://127.0.0.1:8080": run.base_url,
        "$(cat .headcount/service-token)": run.service_token,
    }
    for documented, here in {**known, **replaced}.items():
        assert documented in text
        text = text.replace(documented, here)
    return text


@contextmanager
def _started(script: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        ["bash", "-e", "-c", script],  # noqa: S607
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _received(queue: str) -> list[dict[str, Any]]:
    """All that is in the queue."""
    sqs = boto3.client("sqs")
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(one["Body"]) for one in messages]
        sqs.delete_message_batch(
            QueueUrl=queue,
            Entries=[
                {"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]}
                for n, one in enumerate(messages)
            ],
        )
    return found


def _come(run: Headcount, users: int) -> list[str]:
    """So many users come online."""
    named = [f"user-{n:05}-{uuid.uuid4().hex[:6]}" for n in range(users)]
    aside(run.database_url).rows(COME, named)
    return named


def _ask(run: Headcount, path: str, body: object = None) -> Any:
    request = urllib.request.Request(  # noqa: S310  # ours
        run.base_url + path,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {run.service_token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
        return json.load(answer)


def _events(run: Headcount) -> Iterator[dict[str, Any]]:
    after, has_more = "", True
    while has_more:
        page = _ask(run, f"/presence-events?limit=1000{after}")
        yield from page["items"]
        after, has_more = f"&after={page['next']}", page["has_more"]
