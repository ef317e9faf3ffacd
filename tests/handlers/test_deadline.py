"""Every call outside ends before the function does: the deadline, and who has to ask it."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from handlers.adapters import queue as queues
from handlers.adapters.database import Database, Unavailable
from handlers.adapters.deadline import Deadline, NoEvent
from handlers.adapters.gateway.api import GatewayApi
from handlers.adapters.gateway.errors import Unreachable
from handlers.adapters.queue import NotQueued, Queue
from handlers.core.operation import Push
from handlers.core.operations.broadcast import Broadcast
from handlers.services.health import ReadSchema
from handlers.services.reports import REPORT_TIMEOUT
from tests.support.silence import silent_port

if TYPE_CHECKING:
    from collections.abc import Callable

HANDLERS = Path(__file__).parents[2] / "handlers"
# The modules that reach the network. What else does must come here, and bound its calls.
OUTSIDE = {
    *("adapters/database.py", "adapters/queue.py", "adapters/gateway/connection_pool.py"),
    "adapters/cloudformation.py",  # three calls of ten seconds, in the last minute of fifteen
    "adapters/issuer_keys.py",  # two calls of four seconds at most, and nothing comes after them
    "adapters/webhook_calls.py",  # each call has ten seconds, and the function ends long after them
}
NETWORK = {
    *("aiohttp", "asyncpg", "boto3", "httptools", "httpx", "requests", "socket", "urllib3"),
    "websockets",
}


# ---- the deadline


def test_a_call_may_take_what_is_left_of_the_event_but_for_what_comes_after_it() -> None:
    now = [100.0]
    deadline = Deadline(lambda: now[0])
    deadline.begin(20)
    assert deadline.allow(10, leaving_seconds=2) == 10
    now[0] += 7.9
    assert deadline.allow(10, leaving_seconds=2) == 10
    now[0] += 0.2
    assert deadline.allow(10, leaving_seconds=2) == pytest.approx(9.9)
    now[0] += 10
    assert deadline.allow(10, leaving_seconds=2) == 0
    assert deadline.allow(10, leaving_seconds=0.5) == pytest.approx(1.4)
    deadline.begin(5)
    assert deadline.allow(10, leaving_seconds=2) == 3


# ---- the adapters


@dataclass(frozen=True)
class Call:
    """One method of an adapter, and how it fails."""

    adapter: type
    method: str
    ask: Callable[[Any], Any]
    error: type[Exception]


PUSH = Push("ann", "gateway.example/live", "a1", b"{}")
ONE = Broadcast("b")
CALLS = [
    Call(Database, "fetch", lambda it: it.fetch(ReadSchema()), Unavailable),
    Call(Database, "fetch_one", lambda it: it.fetch_one(ReadSchema()), Unavailable),
    Call(Database, "report", lambda it: it.report(ReadSchema(), REPORT_TIMEOUT), Unavailable),
    Call(Queue, "enqueue", lambda it: it.enqueue(ONE), NotQueued),
    Call(Queue, "enqueue_backup", lambda it: it.enqueue_backup(ONE), NotQueued),
    Call(Queue, "wake", lambda it: it.wake(ONE), NotQueued),
    Call(Queue, "wake_many", lambda it: it.wake_many(ONE, 2), NotQueued),
    Call(GatewayApi, "post", lambda it: it.post(PUSH), Unreachable),
    Call(GatewayApi, "is_open", lambda it: it.is_open(PUSH.node, "a1"), Unreachable),
    Call(GatewayApi, "close", lambda it: it.close(PUSH.node, "a1"), Unreachable),
]


@pytest.fixture(autouse=True)
def in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def built(adapter: type, deadline: Deadline, port: int) -> Any:
    if adapter is Database:
        return Database(f"postgresql://user:secret@127.0.0.1:{port}/none", deadline)
    return Queue(deadline) if adapter is Queue else GatewayApi(deadline, f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.adapter.__name__}.{call.method}")
def test_an_adapter_does_not_wait_beyond_the_event(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The thread of a call that nothing waits for ends by itself, and the loop waits for that.
    monkeypatch.setattr(queues, "READ_SECONDS", 0.05)
    monkeypatch.setattr(queues, "MAX_ATTEMPTS", 1)
    with silent_port() as silent:
        for name in ("BROADCAST_QUEUE_URL", "NEWS_QUEUE_URL", "AWS_ENDPOINT_URL_SQS"):
            monkeypatch.setenv(name, silent.url)
        deadline = Deadline()
        adapter = built(call.adapter, deadline, silent.port)

        async def play() -> None:
            with pytest.raises(NoEvent):
                await call.ask(adapter)
            deadline.begin(0)
            with pytest.raises(call.error):
                await call.ask(adapter)
            if hasattr(adapter, "aclose"):
                await adapter.aclose()

        asyncio.run(play())


def test_these_are_all_calls_of_all_adapters() -> None:
    for adapter in (Database, Queue, GatewayApi):
        methods = {
            name
            for name, _ in inspect.getmembers(adapter, inspect.iscoroutinefunction)
            if not name.startswith("_") and name not in {"close", "aclose"}
        }
        if adapter is GatewayApi:
            methods.add("close")  # a connection; aclose is what ends the adapter
        assert methods == {call.method for call in CALLS if call.adapter is adapter}
        assert "deadline" in inspect.signature(adapter).parameters


def test_only_the_adapters_reach_the_network() -> None:
    found = {
        path.relative_to(HANDLERS).as_posix()
        for path in HANDLERS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
        if module.split(".")[0] in NETWORK or module in {"http.client", "urllib.request"}
    }
    assert found == OUTSIDE


FIRST_PUSH = """
import sys
from handlers.container import Container
container = Container()
print("httptools" in sys.modules)
container.broadcast_ports()
print("httptools" in sys.modules)
"""


FIRST_REQUEST = """
import threading
from handlers.http import HttpContainer
before = set(threading.enumerate())
HttpContainer().mangum
for thread in set(threading.enumerate()) - before:
    thread.join()
import sys
print("httptools" in sys.modules)
"""


def run_fresh(program: str) -> list[str]:
    """What a program prints in a process that has imported nothing yet."""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=HANDLERS.parent,
        env=os.environ | {"DATABASE_URL": "postgresql://unused"},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.split()


def test_the_http_api_is_ready_to_push_before_the_first_bonus_is_ordered() -> None:
    """The first bonus to one user was 200 ms late, by the import alone."""
    assert run_fresh(FIRST_REQUEST) == ["True"]


def test_what_a_first_push_imports_takes_nothing_of_a_page_s_time() -> None:
    """A function that has just started imports for seconds on a busy machine."""
    assert run_fresh(FIRST_PUSH) == ["False", "True"]
