"""Queues with moto's real server, and schedules."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import pytest_asyncio

from queue_plans import (
    ACCOUNT,
    REGION,
    TOKEN,
    FakeInvoker,
    listen,
    plan,
    port_of,
    queue,
    trigger,
)
from waiting import PATIENCE_SECONDS, in_time, until
from wsgate.model.invoke import Invocation, InvokeError
from wsgate.model.plan import Queue, Schedule
from wsgate.model.timing import Once, Rate
from wsgate.restarts import Restarts
from wsgate.triggers.queues import QueueError, Queues, event, failed
from wsgate.triggers.schedules import Schedules, payload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from types_boto3_sqs import SQSClient

    from wsgate.model.plan import QueueTrigger

BROKEN = Invocation(b'{"errorMessage":"no"}', "Unhandled")


# ---- queues: what is decided without a server


MESSAGE: Any = {
    "MessageId": "m1",
    "ReceiptHandle": "r1",
    "Body": "hello",
    "MD5OfBody": "5d41",
    "Attributes": {"ApproximateReceiveCount": "1"},
    "MessageAttributes": {
        "word": {"DataType": "String", "StringValue": "a"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    },
}


def test_the_event_is_lambdas() -> None:
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:Jobs"
    empty: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    assert json.loads(event([MESSAGE], arn)) == {
        "Records": [
            {
                "messageId": "m1",
                "receiptHandle": "r1",
                "body": "hello",
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {
                    "word": {"dataType": "String", "stringValue": "a", **empty},
                    "blob": {"dataType": "Binary", "binaryValue": "AAE=", **empty},
                },
                "md5OfBody": "5d41",
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": REGION,
            }
        ]
    }


@pytest.mark.parametrize(
    ("answer", "stay"),
    [
        (b"null", ""),
        (b"{}", ""),
        (b'{"batchItemFailures":[]}', ""),
        (b'{"batchItemFailures":null}', ""),
        (b'{"batchItemFailures":[{"itemIdentifier":"b"}]}', "b"),
        (b'{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}', "ab"),
        (b'{"batchItemFailures":[{"itemIdentifier":""}]}', "ab"),
        (b'{"batchItemFailures":[{"itemIdentifier":null}]}', "ab"),
        (b'{"batchItemFailures":[{"itemIdentifier":"other"}]}', "ab"),
        (b'{"batchItemFailures":[{"item":"a"}]}', "ab"),
        (b'{"batchItemFailures":["a"]}', "ab"),
        (b'{"batchItemFailures":1}', "ab"),
        (b'"text"', "ab"),
        (b"not json", "ab"),
    ],
)
def test_which_messages_stay(answer: bytes, stay: str) -> None:
    assert failed(Invocation(answer), ["a", "b"], by_item=True) == set(stay)


def test_a_function_that_failed_fails_its_batch() -> None:
    assert failed(BROKEN, ["a", "b"], by_item=True) == {"a", "b"}
    assert failed(BROKEN, ["a", "b"], by_item=False) == {"a", "b"}


def test_without_item_failures_the_value_does_not_matter() -> None:
    answer = Invocation(b'{"batchItemFailures":[{"itemIdentifier":"a"}]}')
    assert failed(answer, ["a", "b"], by_item=False) == set()


# ---- queues: with the server


class Running:
    """The queue server with its pollers, a client beside it, and what was logged."""

    def __init__(self) -> None:
        self.listener = listen()
        self.port = port = port_of(self.listener)
        self.invoker, self.lines = FakeInvoker(), list[str]()
        again = {"visibility_timeout": timedelta(0), "dead_letters": "Lost", "max_receives": 2}
        names = ("Plain", "Broken", "Partial", "Slow", "Gathered")
        queues = [queue(name, port) for name in names]
        queues += [queue("Failing", port, **again), queue("Lost", port)]
        queues += [queue("Ordered.fifo", port, fifo=True, content_deduplication=True)]
        self.queues = Queues(
            plan(
                queues,
                [
                    trigger("Plain", "Plain"),
                    trigger("Broken", "Broken"),
                    trigger("Failing", "Failing"),
                    trigger("Partial", "Partial", by_item=True),
                    trigger("Slow", "Slow", 1, concurrency=2),
                    trigger("Gathered", "Gathered", 3, window=timedelta(seconds=10)),
                    trigger("Ordered.fifo", "Ordered", 1, concurrency=1),
                ],
            ),
            self.invoker,
            listener=self.listener,
            token=TOKEN,
            log=lambda name, line: self.lines.append(f"{name} {line}"),
        )
        self.client: SQSClient = boto3.client(
            "sqs",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name=REGION,
            aws_access_key_id="any",
            aws_secret_access_key="any",  # noqa: S106 not a secret
            aws_session_token=TOKEN,
        )

    async def send(self, name: str, *bodies: str, **more: Any) -> None:
        url = f"http://127.0.0.1:{self.port}/{ACCOUNT}/{name}"
        for body in bodies:
            await asyncio.to_thread(
                self.client.send_message, QueueUrl=url, MessageBody=body, **more
            )

    def has_delivered(self, body: str) -> bool:
        return [body] in self.invoker.bodies("Plain")

    def left(self, name: str) -> tuple[str, str]:
        """Return how many messages are visible, and how many are being worked on."""
        url = f"http://127.0.0.1:{self.port}/{ACCOUNT}/{name}"
        answer = self.client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        counts = answer["Attributes"]
        return (
            counts["ApproximateNumberOfMessages"],
            counts["ApproximateNumberOfMessagesNotVisible"],
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Running]:
    running = Running()
    await running.queues.start()
    yield running
    running.invoker.gate.set()
    await running.queues.close()
    running.client.close()
    running.listener.close()


in_one_loop = pytest.mark.asyncio(loop_scope="module")


@in_one_loop
async def test_a_message_reaches_its_function_and_is_deleted(running: Running) -> None:
    attribute = {"word": {"DataType": "String", "StringValue": "a"}}
    await running.send("Plain", "hello", MessageAttributes=attribute)
    await until(lambda: running.invoker.bodies("Plain") == [["hello"]])
    await until(lambda: running.left("Plain") == ("0", "0"))
    (seen,) = [seen for name, seen in running.invoker.inbox if name == "Plain"]
    (record,) = seen["Records"]
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["word"]["stringValue"] == "a"
    assert record["eventSourceARN"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:Plain"


@in_one_loop
async def test_a_failed_batch_stays_for_the_visibility_time_out(running: Running) -> None:
    running.invoker.answers["Broken"] = lambda _: BROKEN
    await running.send("Broken", "x")
    await until(lambda: "Broken 1 of 1 messages of Broken failed" in running.lines)
    assert running.left("Broken") == ("0", "1")


@in_one_loop
async def test_a_message_that_fails_too_often_becomes_a_dead_letter(running: Running) -> None:
    def refuse(_: Any) -> Invocation:
        raise InvokeError(500, "ServiceException", "out of order")

    running.invoker.answers["Failing"] = refuse
    await running.send("Failing", "poison")
    await until(lambda: running.invoker.bodies("Failing") == [["poison"], ["poison"]])
    await until(lambda: running.left("Lost") == ("1", "0"))
    assert "Failing a batch of Failing failed: InvokeError: out of order" in running.lines


@in_one_loop
async def test_only_the_items_that_failed_stay(running: Running) -> None:
    def fail_bad(seen: Any) -> Invocation:
        bad = [each["messageId"] for each in seen["Records"] if each["body"] == "bad"]
        items = [{"itemIdentifier": message_id} for message_id in bad]
        return Invocation(json.dumps({"batchItemFailures": items}).encode())

    running.invoker.answers["Partial"] = fail_bad
    await running.send("Partial", "good", "bad", "good")
    await until(lambda: sum(map(len, running.invoker.bodies("Partial"))) == 3)
    await until(lambda: running.left("Partial") == ("0", "1"))


@in_one_loop
async def test_batches_run_at_once_up_to_the_limit(running: Running) -> None:
    await running.send("Slow", "1", "2", "3")
    await until(lambda: len(running.invoker.bodies("Slow")) == 2)
    assert running.left("Slow") == ("1", "2")
    running.invoker.gate.set()
    await until(lambda: len(running.invoker.bodies("Slow")) == 3)


@in_one_loop
async def test_a_batching_window_ends_early_when_the_batch_is_full(running: Running) -> None:
    await running.send("Gathered", "a", "b", "c")
    await until(lambda: running.invoker.bodies("Gathered") != [])
    assert running.invoker.bodies("Gathered") == [["a", "b", "c"]]


@in_one_loop
async def test_a_fifo_queue_keeps_its_order(running: Running) -> None:
    await running.send("Ordered.fifo", "a", "b", "c", MessageGroupId="one")
    await until(lambda: len(running.invoker.bodies("Ordered")) == 3)
    assert running.invoker.bodies("Ordered") == [["a"], ["b"], ["c"]]


async def test_a_plan_without_queues_starts_no_server() -> None:
    with listen() as listener:
        queues = queues_on(listener)
        await queues.start()
        assert queues._server._process is None
        await queues.close()


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> object:
        return None if name == "moto" else object()

    monkeypatch.setattr("wsgate.triggers.queues.find_spec", find_spec)
    with listen() as listener:
        queues = queues_on(listener, queue("Jobs", 1))
        with pytest.raises(QueueError, match=r"moto: not installed: pip install 'wsgate\[sqs\]'"):
            await queues.start()
        await queues.close()


async def test_closing_waits_for_no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long poll takes 20 seconds, and one that hangs for ever."""
    polling, answer = threading.Event(), threading.Event()

    def hang(**_: Any) -> dict[str, Any]:
        polling.set()
        answer.wait()
        return {}

    with listen() as listener:
        triggers = [trigger("Jobs", "F")]
        queues = queues_on(listener, queue("Jobs", port_of(listener)), triggers=triggers)
        monkeypatch.setattr(queues._server.client, "receive_message", hang)
        await queues.start()
        await until(polling.is_set)
        await in_time(queues.close())
        assert not answer.is_set()
        answer.set()


async def test_a_server_that_cannot_start_is_refused_with_what_it_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wsgate.triggers.queue_server.__name__", "no_such_module")
    with listen() as listener:
        queues = queues_on(listener, queue("Jobs", port_of(listener)))
        with pytest.raises(QueueError, match=r"(?s)ended with code 1.*no_such_module"):
            await queues.start()
        await queues.close()


def queues_on(
    listener: socket.socket, *known: Queue, triggers: Sequence[QueueTrigger] = ()
) -> Queues:
    asked = plan([*known], [*triggers])
    return Queues(asked, FakeInvoker(), listener=listener, token=TOKEN, log=lambda *_: None)


@in_one_loop
async def test_a_server_that_ends_by_itself_is_started_again_with_its_queues(
    running: Running,
) -> None:
    before = len(running.lines)
    for times in (1, 2):
        kill(running.queues)
        await until(lambda: not running.queues._server.up.is_set())
        await until(running.queues._server.up.is_set)
        await running.send("Plain", f"after {times}")
        await until(partial(running.has_delivered, f"after {times}"))
        # Deleted, too: if the server ends before that, the batch counts as failed and is logged.
        await until(lambda: running.left("Plain") == ("0", "0"))
        assert running.left("Lost") == ("0", "0")
    ended = "queues The queue server ended with code -9."
    # A batch that was being deleted just then has a line of its own.
    lines = [line for line in running.lines[before:] if line.startswith("queues ")]
    assert lines == [f"{ended} Queued messages are lost; it is started again."] * 2


async def test_a_server_that_does_not_stay_up_is_given_up_and_can_be_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    listener = listen()
    port = port_of(listener)
    queues = Queues(
        plan([queue("Jobs", port)], [trigger("Jobs", "F")]),
        FakeInvoker(),
        listener=listener,
        token=TOKEN,
        log=lambda name, line: lines.append(f"{name}: {line}"),
    )
    await queues.start()
    monkeypatch.setattr("wsgate.triggers.queues._PAUSE_AFTER_ERROR", timedelta(seconds=0.1))
    monkeypatch.setattr("wsgate.triggers.queue_server.__name__", "no_such_module")
    kill(queues)
    await until(lambda: any("does not stay up" in line for line in lines))
    assert [line.partition(" ended")[0] for line in lines] == ["queues: The queue server"] * 6
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await queues.close()
        await queues.close()


@pytest.mark.parametrize(("since", "allowed"), [(59.9, False), (60, True), (60.1, True)])
def test_five_tries_within_a_minute_are_the_most(since: float, allowed: bool) -> None:
    restarts = Restarts()
    assert all(restarts.allow(now) for now in (0, 1, 2, 3, 4))
    assert restarts.allow(since) == allowed


def kill(queues: Queues) -> None:
    process = queues._server._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)


PARENT = """
import asyncio
import socket
from wsgate.model.plan import Plan
from wsgate.triggers.queues import _Server

async def main():
    plan = Plan({}, (), None, {}, (), (), "us-east-1", "000000000000")
    server = _Server(socket.create_server(("127.0.0.1", 0)), "token", plan)
    await server.start()
    print(server._process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_killed_parent_leaves_no_server_behind() -> None:
    localstack = Path(sys.modules["wsgate"].__path__[0]).parent
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(localstack)},
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert not is_gone(pid)
    parent.kill()
    await parent.wait()
    await until(lambda: is_gone(pid))


def is_gone(pid: int) -> bool:
    """Return whether a process ended; a zombie has, too: only its exit code is not collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


# ---- schedules


NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def schedule(**changes: Any) -> Schedule:
    facts: dict[str, Any] = {
        "name": "Minute",
        "function": "Sweep",
        "timing": Rate(timedelta(milliseconds=10)),
        "payload": None,
        "arn": "arn:aws:events:us-east-1:000000000000:rule/Minute",
    }
    return Schedule(**(facts | changes))


def test_without_an_input_the_event_is_eventbridges() -> None:
    assert json.loads(payload(schedule(), REGION, ACCOUNT, "an-id", NOON)) == {
        "version": "0",
        "id": "an-id",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": "2026-11-23T12:00:00Z",
        "region": REGION,
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/Minute"],
        "detail": {},
    }


def test_the_event_of_eventbridge_scheduler_has_its_detail_as_text() -> None:
    seen = json.loads(payload(schedule(source="aws.scheduler"), REGION, ACCOUNT, "an-id", NOON))
    assert (seen["source"], seen["detail"]) == ("aws.scheduler", "{}")


def test_an_input_is_sent_as_it_is() -> None:
    assert payload(schedule(payload='{"a": 1}'), REGION, ACCOUNT, "an-id", NOON) == b'{"a": 1}'


async def run(invoker: FakeInvoker, lines: list[str], *schedules: Schedule) -> Schedules:
    timers = Schedules(
        plan([], [], *schedules), invoker, log=lambda name, line: lines.append(f"{name} {line}")
    )
    await timers.start()
    return timers


async def test_a_schedule_runs_again_and_again_until_it_is_closed() -> None:
    invoker = FakeInvoker()
    timers = await run(invoker, [], schedule())
    await until(lambda: len(invoker.inbox) == 3)
    await timers.close()
    await timers.close()
    assert {name for name, _ in invoker.inbox} == {"Sweep"}


async def test_a_schedule_does_not_run_before_its_first_period() -> None:
    invoker = FakeInvoker()
    timers = await run(
        invoker, [], schedule(timing=Rate(MINUTE)), schedule(name="b", function="Fast")
    )
    await until(lambda: len(invoker.inbox) == 2)
    await timers.close()
    assert {name for name, _ in invoker.inbox} == {"Fast"}


async def test_a_moment_comes_once() -> None:
    invoker, lines = FakeInvoker(), list[str]()
    soon = datetime.now(UTC) + timedelta(milliseconds=20)
    past = schedule(timing=Once(NOON - timedelta(days=365)), function="Past")
    timers = await run(invoker, lines, schedule(timing=Once(soon), payload='{"a":1}'), past)
    over = "schedule Minute has no time left to run"
    await until(lambda: len(lines) == 2)
    await timers.close()
    assert sorted(lines) == [f"Past {over}", f"Sweep {over}"]
    assert [name for name, _ in invoker.inbox] == ["Sweep"]


async def test_a_long_run_is_not_met_by_another() -> None:
    invoker = FakeInvoker()
    timers = await run(invoker, [], schedule(function="Slow"), schedule(name="b", function="Fast"))
    await until(lambda: [name for name, _ in invoker.inbox].count("Fast") == 5)
    assert [name for name, _ in invoker.inbox].count("Slow") == 1
    await timers.close()


async def test_a_failed_run_is_logged_and_the_next_one_comes() -> None:
    def refuse(_: Any) -> Invocation:
        raise InvokeError(500, "ServiceException", "out of order")

    invoker, lines = FakeInvoker(), list[str]()
    invoker.answers = {"Refused": refuse, "Broken": lambda _: BROKEN}
    timers = await run(
        invoker, lines, schedule(function="Refused"), schedule(name="b", function="Broken")
    )
    refused = "Refused schedule Minute failed: InvokeError: out of order"
    broken = "Broken schedule b failed in the function"
    await until(lambda: min(lines.count(refused), lines.count(broken)) == 2)
    await timers.close()
