"""While a release comes, the events of one client meet two versions of the code.

The alias of a function leads to both for some minutes (docs/explanation/releases.md), on the schema
of the newer one. Here each event meets the other version than the event before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import count, cycle
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import asyncpg
import pytest

from sql.migrate import migrate
from tests.support import web
from tests.support.base import ROOT
from tests.support.databases import of_functions
from tests.support.pinning import forget
from tests.support.served import served
from tests.support.world import golden

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.base import Base

PROGRAM = ROOT / "tests" / "support" / "functions_of_version.py"


class Outside(BaseHTTPRequestHandler):
    """SQS and the API of connections: it takes everything, and remembers it."""

    protocol_version = "HTTP/1.1"
    queued: list[str]
    pushed: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "X-Amz-Target" in self.headers:
            now = [entry for entry in body["Entries"] if not entry["DelaySeconds"]]
            self.queued.extend(entry["MessageBody"] for entry in now)
        else:
            self.pushed.append((unquote(self.path.rpartition("/")[2]), body))
        answer = json.dumps({"Successful": [], "Failed": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_args: Any) -> None:
        pass


@contextmanager
def version(code: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The functions of the code in a folder."""
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)],
        env=os.environ | environment | {"PYTHONPATH": str(code)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:  # which ends with its input
        yield process


class Shift:
    """Functions whose aliases lead to two versions in turn, and their only user, ann."""

    def __init__(self, *versions: subprocess.Popen[str]) -> None:
        self._turn, self._ids = cycle(versions), count()

    def call(self, function: str, event: dict[str, Any]) -> Any:
        """Lambda's answer to an event."""
        process = next(self._turn)
        assert process.stdin
        assert process.stdout
        print(json.dumps([function, event]), file=process.stdin, flush=True)
        said = json.loads(process.stdout.readline())
        assert "answer" in said, said
        return said["answer"]

    def api(self, method: str, path: str, body: object = None) -> Any:
        answer = self.call("http", web.request(method, path, body))
        assert answer["statusCode"] in (200, 201), answer
        return json.loads(answer["body"])

    def come(self, connection_id: str) -> Any:
        """A ticket, a handshake; return what the gateway keeps of the connection."""
        ticket = self.api("POST", "/tickets", {"user_id": "ann", "may_watch": ["final"]})["ticket"]
        asked = golden("authorize") | {"queryStringParameters": {"ticket": ticket}}
        kept = {
            "connectionId": connection_id,
            "authorizer": self.call("authorize", asked)["context"],
        }
        assert self.call("connect", _of(kept, "connect"))["statusCode"] == 200
        return kept

    def say(self, kept: Any, action: str, **more: object) -> Any:
        """A message; the reply."""
        body = json.dumps({"action": action, "id": f"m{next(self._ids)}", **more})
        return json.loads(self.call("message", _of(kept, "message") | {"body": body})["body"])

    def leave(self, kept: Any) -> None:
        self.call("disconnect", _of(kept, "disconnect"))


def _of(kept: Any, kind: str) -> dict[str, Any]:
    event = golden(kind)
    event["requestContext"] |= kept
    return event


@pytest.fixture(params=["the version before first", "the new version first"])
async def shift(
    request: pytest.FixtureRequest, base: Base, base_dsn: str, outside: type[Outside]
) -> AsyncIterator[Shift]:
    await migrate(base_dsn)
    with ExitStack() as stack:
        url = stack.enter_context(served(outside))
        environment = {
            "DATABASE_URL": of_functions(base_dsn),
            "TICKET_SECRET": "a-ticket-secret-of-both-versions",
            "SERVICE_TOKEN": web.TOKEN,
            "SOCKET_URL": "wss://gateway.example/live",
            "PUSH_ENDPOINT": f"{url}/live",
            "BROADCAST_QUEUE_URL": f"{url}/000000000000/broadcast",
            "NEWS_QUEUE_URL": f"{url}/000000000000/news",
            "AWS_ENDPOINT_URL": url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        versions = [stack.enter_context(version(code, environment)) for code in (base.tree, ROOT)]
        yield Shift(*(versions if "before" in request.param else reversed(versions)))
    await forget(base_dsn)  # what the version before sent may have pinned connections


@pytest.fixture
def outside() -> type[Outside]:
    return type("Fresh", (Outside,), {"queued": [], "pushed": []})


async def test_a_client_is_served_by_both_versions(
    shift: Shift, outside: type[Outside], base_dsn: str
) -> None:
    phone, laptop = shift.come("phone"), shift.come("laptop")
    assert shift.say(phone, "hello")["session"]["connections"] == 2
    assert shift.say(laptop, "hello")["user_id"] == "ann"
    acted = shift.say(phone, "act", type="like", body={"n": 1}, patch={"likes": 1})
    assert outside.pushed == [("laptop", outside.pushed[0][1])]
    assert outside.pushed[0][1]["event"] == acted["event"]
    assert shift.say(laptop, "hello")["state"] == {"likes": 1}

    order = {"reward": {}, "audience": {"kind": "everyone"}, "window_seconds": 600, "stock": 3}
    bonus_id = shift.api("POST", "/bonuses", order)["bonus_id"]
    outside.pushed.clear()
    (wake_up,) = outside.queued
    record = {"messageId": "m1", "body": wake_up}
    assert shift.call("broadcast", {"Records": [record]}) == {"batchItemFailures": []}
    told = {name: message["bonus"]["bonus_id"] for name, message in outside.pushed}
    assert told == {"phone": bonus_id, "laptop": bonus_id}
    assert shift.say(phone, "claim", bonus_id=bonus_id)["outcome"] == "claimed"
    assert shift.say(laptop, "claim", bonus_id=bonus_id)["outcome"] == "already_claimed"
    assert shift.api("GET", f"/bonuses/{bonus_id}")["left"] == 2
    last = shift.say(phone, "ledger")["entries"][0]
    assert (last["entry"], last["bonus_id"]) == ("claimed", bonus_id)

    assert shift.say(laptop, "watch", resource="final")["type"] == "watching"
    shift.leave(phone)
    assert shift.api("GET", "/sessions?user_id=ann")["online"] is True
    shift.leave(laptop)
    shift.call("sweep", {})
    db = await asyncpg.connect(base_dsn)
    ends = await db.fetch("select resource, ended_by from watching_times order by resource")
    await db.close()
    assert [tuple(row) for row in ends] == [("final", "idle"), ("site", "idle")]
