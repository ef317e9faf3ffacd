"""SQS for the plan's queues, and the pollers that bring messages to functions.

The server is moto's, a child process that gets a listening socket of 127.0.0.1. A poller does what
Lambda's event source mapping does: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
(2026-11-23). Filters and the growth beyond five batches at a time are left out.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections import deque
from dataclasses import asdict
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from wsgate import moto_program
from wsgate.functions.local_aws import session
from wsgate.metrics import SQS
from wsgate.restarts import Restarts
from wsgate.threads import in_thread
from wsgate.triggers import queue_server
from wsgate.triggers.queue_server import Order

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Iterable

    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType
    from types_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef, MessageTypeDef

    from wsgate.model.invoke import Invocation, Invoker
    from wsgate.model.plan import Plan, Queue, QueueTrigger

# ReceiveMessage gives ten messages and waits 20 seconds at most.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
# (2026-11-23)
_MAX_PER_RECEIVE: Final = 10
_LONG_POLL: Final = timedelta(seconds=20)

_SERVER_NEEDS: Final = ("moto", "flask", "flask_cors")
_START_LIMIT: Final = timedelta(seconds=30)
_PAUSE_WHEN_EMPTY: Final = timedelta(milliseconds=250)
_PAUSE_AFTER_ERROR: Final = timedelta(seconds=1)
_GRACE: Final = timedelta(seconds=1)
_LAST_LINES: Final = 50
_MAX_READ: Final = 64 * 1024


class QueueError(Exception):
    """The queue server cannot be used; the message says why."""


def _check_installed() -> None:
    """moto is an extra of the package: most templates have no queue."""
    missing = [name for name in _SERVER_NEEDS if find_spec(name) is None]
    if missing:
        words = "not installed: pip install 'wsgate[sqs]' brings what a template with queues needs"
        raise QueueError(f"{' and '.join(missing)}: {words}.")


class Queues:
    """The queue server and the pollers, as long as they run."""

    def __init__(
        self,
        plan: Plan,
        invoker: Invoker,
        *,
        listener: socket.socket,
        token: str,
        log: Callable[[str, str], None],
    ) -> None:
        """Start nothing yet. `log(name, line)` gets each failed batch, by function.

        The server accepts from `listener`, and only calls that carry `token`.
        """
        self._plan, self._invoker, self._log = plan, invoker, log
        self._server = _Server(listener, token, plan)
        self._pollers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the server, make the queues, and poll. Raises QueueError."""
        if not self._plan.queues:
            return
        _check_installed()
        await self._start_server()
        self._pollers = [
            asyncio.create_task(poller.run(), name="poll a queue") for poller in self._mappings()
        ]
        self._pollers.append(asyncio.create_task(self._keep_server(), name="queue server"))

    async def close(self) -> None:
        """Stop polling and end the server. Batches that are with a function are not waited for."""
        for task in self._pollers:
            task.cancel()
        await asyncio.gather(*self._pollers, return_exceptions=True)
        await self._server.close()
        self._server.client.close()

    def _mappings(self) -> list[_Poller]:
        return [
            _Poller(each, self._plan, self._server, self._invoker, self._log)
            for each in self._plan.queue_triggers
        ]

    async def gauges(self) -> list[tuple[str, str, dict[str, str], float]]:
        """What AWS/SQS tells of each queue: namespace, name, dimensions, value.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
        (2026-11-30)
        """
        found = []
        for queue in self._plan.queues.values():
            by, age = {"QueueName": queue.name}, self._server.ages[queue.name].oldest_seconds()
            found.append((SQS, "ApproximateAgeOfOldestMessage", by, age))
            if self._server.up.is_set():
                visible = await in_thread(_visible, self._server.client, queue)
                found.append((SQS, "ApproximateNumberOfMessagesVisible", by, visible))
        return found

    async def _start_server(self) -> None:
        await self._server.start()
        try:
            await self._server.ready()
            for queue in _dead_letters_first(self._plan.queues.values()):
                await in_thread(_create, self._server.client, queue, self._plan)
        except (BotoCoreError, ClientError) as error:
            raise QueueError(f"The queue server refuses a queue: {error}") from error
        self._server.up.set()

    async def _keep_server(self) -> None:
        """Start the server again whenever it ends by itself, until that is no use."""
        restarts, loop = Restarts(), asyncio.get_running_loop()
        words = await self._ended()
        while restarts.allow(loop.time()):
            self._log("queues", f"{words} Queued messages are lost; it is started again.")
            try:
                await self._start_server()
                words = await self._ended()
            except (QueueError, OSError) as error:
                words = " ".join(str(error).split())
                await self._server.close()
                await asyncio.sleep(_PAUSE_AFTER_ERROR.total_seconds())
        self._server.give_up()
        self._log("queues", f"{words} It does not stay up: start all of this again.")

    async def _ended(self) -> str:
        """Wait until the server has ended, and return what it said last, on one line."""
        words = await self._server.ended()
        self._server.up.clear()
        return " ".join(words.split())


def event(messages: Iterable[MessageTypeDef], arn: str) -> bytes:
    """Return Lambda's event for a batch.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
    (2026-11-23)
    """
    region = arn.split(":")[3]
    records = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": _attributes(message),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": arn,
            "awsRegion": region,
        }
        for message in messages
    ]
    return json.dumps({"Records": records}).encode()


def failed(answer: Invocation, message_ids: Collection[str], *, by_item: bool) -> set[str]:
    """Return the ids of the messages that stay in the queue.

    With ReportBatchItemFailures the function names them; an answer that does not make sense fails
    them all: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    (2026-11-23)
    """
    if answer.function_error is not None:
        return set(message_ids)
    if not by_item:
        return set()
    try:
        items = (json.loads(answer.payload) or {}).get("batchItemFailures") or []
        named = {item["itemIdentifier"] for item in items}
    except (AttributeError, KeyError, TypeError, ValueError):
        return set(message_ids)
    return named if named <= set(message_ids) else set(message_ids)


class Ages:
    """When the messages of a queue were sent that were received and not deleted.

    Those that were never received are younger: a mapping takes them in their order.
    """

    def __init__(self) -> None:
        self._sent_at: dict[str, float] = {}

    def received(self, message: MessageTypeDef) -> None:
        sent_ms = message.get("Attributes", {}).get("SentTimestamp", "0")
        self._sent_at[message["MessageId"]] = int(sent_ms) / 1000

    def ended(self, message_id: str) -> None:
        """It was deleted, or given up."""
        self._sent_at.pop(message_id, None)

    def oldest_seconds(self) -> float:
        return max((time.time() - sent_at for sent_at in self._sent_at.values()), default=0.0)


class _Poller:
    """One event source mapping."""

    def __init__(
        self,
        trigger: QueueTrigger,
        plan: Plan,
        server: _Server,
        invoker: Invoker,
        log: Callable[[str, str], None],
    ) -> None:
        self._trigger, self._queue = trigger, plan.queues[trigger.queue]
        self._arn = _arn(self._queue.name, plan)
        self._server, self._invoker, self._log = server, invoker, log
        self._ages = server.ages[self._queue.name]
        self._places = asyncio.Semaphore(trigger.concurrency)
        self._is_troubled = False

    async def run(self) -> None:
        """Poll until cancelled."""
        async with asyncio.TaskGroup() as batches:
            while True:
                await self._places.acquire()
                messages = await self._batch()
                for message in messages:
                    self._ages.received(message)
                if messages:
                    batches.create_task(self._deliver(messages))
                else:
                    self._places.release()

    async def _batch(self) -> list[MessageTypeDef]:
        """Collect a batch: until it is full, or the window has passed since its first message."""
        messages = await self._receive(self._trigger.batch_size, self._wait())
        window = self._trigger.batching_window.total_seconds()
        until = asyncio.get_running_loop().time() + window
        while messages and len(messages) < self._trigger.batch_size:
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                break
            room = self._trigger.batch_size - len(messages)
            messages += await self._receive(room, timedelta(seconds=int(min(left, 20))))
        return messages

    async def _receive(self, most: int, wait: timedelta) -> list[MessageTypeDef]:
        await self._server.up.wait()
        starts = self._server.starts
        try:
            answer = await in_thread(
                self._server.client.receive_message,
                QueueUrl=self._queue.url,
                MaxNumberOfMessages=min(most, _MAX_PER_RECEIVE),
                WaitTimeSeconds=int(wait.total_seconds()),
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except (BotoCoreError, ClientError) as error:
            await asyncio.sleep(_PAUSE_AFTER_ERROR.total_seconds())
            # What a server that ended did to its pollers is already told.
            if self._server.up.is_set() and self._server.starts == starts:
                self._be_troubled(error)
            return []
        self._is_troubled = False
        messages = answer.get("Messages", [])
        if not messages and not wait:
            await asyncio.sleep(_PAUSE_WHEN_EMPTY.total_seconds())
        return messages

    def _be_troubled(self, error: Exception) -> None:
        if not self._is_troubled:
            self._log(self._trigger.function, f"cannot poll {self._queue.name}: {error}")
        self._is_troubled = True

    def _wait(self) -> timedelta:
        # moto's long poll waits for a visible message. In a FIFO queue that may be one which a
        # failed message of its group holds back, and moto would spin; so these are asked often.
        return timedelta(0) if self._queue.fifo else _LONG_POLL

    async def _deliver(self, messages: list[MessageTypeDef]) -> None:
        try:
            answer = await self._invoker.invoke(self._trigger.function, event(messages, self._arn))
            left = failed(
                answer,
                {message["MessageId"] for message in messages},
                by_item=self._trigger.reports_item_failures,
            )
            if left:
                words = f"{len(left)} of {len(messages)} messages of {self._queue.name} failed"
                self._log(self._trigger.function, words)
            done = [message for message in messages if message["MessageId"] not in left]
            await in_thread(self._delete, done)
            for message in done:
                self._ages.ended(message["MessageId"])
        except Exception as error:  # nothing may end the poller; the messages are redelivered
            reason = f"{type(error).__name__}: {error}"
            self._log(self._trigger.function, f"a batch of {self._queue.name} failed: {reason}")
        finally:
            self._forget_given_up(messages)
            self._places.release()

    def _forget_given_up(self, messages: list[MessageTypeDef]) -> None:
        """After its last try, a message goes to the dead letters."""
        for message in messages:
            receives = int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))
            if self._queue.max_receives is not None and receives >= self._queue.max_receives:
                self._ages.ended(message["MessageId"])

    def _delete(self, messages: list[MessageTypeDef]) -> None:
        for start in range(0, len(messages), _MAX_PER_RECEIVE):
            part = messages[start : start + _MAX_PER_RECEIVE]
            self._server.client.delete_message_batch(
                QueueUrl=self._queue.url,
                Entries=[
                    {"Id": str(position), "ReceiptHandle": message["ReceiptHandle"]}
                    for position, message in enumerate(part)
                ],
            )


class _Server:
    """moto's server as a child process, started again on the same socket."""

    def __init__(self, listener: socket.socket, token: str, plan: Plan) -> None:
        self._listener, self._account = listener, plan.account
        self._order = Order(listener.fileno(), token)
        self.client = _client(listener.getsockname()[1], plan.region, token)
        self.ages = {queue.name: Ages() for queue in plan.queues.values()}
        self.up = asyncio.Event()
        """Set while it answers and has its queues."""
        self.starts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._reading: asyncio.Task[None] | None = None
        self._is_ready = asyncio.Event()

    async def start(self) -> None:
        self.starts += 1
        self._lines.clear()
        self._is_ready.clear()
        self._process = await moto_program.start(
            queue_server.__name__, asdict(self._order), (self._order.listener,), self._account
        )
        self._reading = asyncio.create_task(self._read(self._process), name="queue server's output")

    async def ready(self) -> None:
        """Wait until it answers. Raises QueueError when it ends first, or takes too long."""
        ended = asyncio.ensure_future(self.ended())
        ready = asyncio.ensure_future(self._is_ready.wait())
        seconds = _START_LIMIT.total_seconds()
        try:
            await asyncio.wait({ended, ready}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._is_ready.is_set():
                return
            if ended.done():
                raise QueueError(ended.result())
            raise QueueError(f"The queue server did not answer within {seconds:.0f} seconds.")
        finally:
            ended.cancel()
            ready.cancel()

    def give_up(self) -> None:
        """Refuse what would wait for a server that does not come."""
        self._listener.close()

    async def ended(self) -> str:
        """Wait until it has ended, and return what it said last."""
        if self._process is None or self._reading is None:
            return "The queue server was not started."
        code = await self._process.wait()
        await asyncio.wait({self._reading}, timeout=_GRACE.total_seconds())
        return "\n".join((f"The queue server ended with code {code}.", *self._lines))

    async def close(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()  # it keeps nothing
        await self._process.wait()
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=_GRACE.total_seconds())

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        while part := await process.stdout.read(_MAX_READ):
            lines = part.decode(errors="replace").splitlines()
            if moto_program.READY in lines:
                self._is_ready.set()
            self._lines.extend(line for line in lines if line != moto_program.READY)


def _dead_letters_first(queues: Iterable[Queue]) -> list[Queue]:
    """SQS refuses a redrive policy whose target does not exist yet."""
    known = list(queues)
    targets = {queue.dead_letters for queue in known}
    return sorted(known, key=lambda queue: queue.name not in targets)


def _create(client: SQSClient, queue: Queue, plan: Plan) -> None:
    attributes: dict[QueueAttributeNameType, str] = {
        "VisibilityTimeout": f"{queue.visibility_timeout.total_seconds():.0f}",
        "DelaySeconds": f"{queue.delay.total_seconds():.0f}",
    }
    if queue.dead_letters is not None:
        target = _arn(queue.dead_letters, plan)
        policy = {"deadLetterTargetArn": target, "maxReceiveCount": queue.max_receives}
        attributes["RedrivePolicy"] = json.dumps(policy)
    if queue.fifo:
        attributes["FifoQueue"] = "true"
        attributes["ContentBasedDeduplication"] = str(queue.content_deduplication).lower()
    client.create_queue(QueueName=queue.name, Attributes=attributes)


def _visible(client: SQSClient, queue: Queue) -> float:
    name: QueueAttributeNameType = "ApproximateNumberOfMessages"
    answer = client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=[name])
    return float(answer["Attributes"][name])


def _attributes(message: MessageTypeDef) -> dict[str, Any]:
    """Rename the parts of the message's own attributes to what Lambda calls them."""
    return {
        name: _attribute(attribute)
        for name, attribute in message.get("MessageAttributes", {}).items()
    }


def _attribute(attribute: MessageAttributeValueOutputTypeDef) -> dict[str, Any]:
    value: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    if "StringValue" in attribute:
        value["stringValue"] = attribute["StringValue"]
    if "BinaryValue" in attribute:
        value["binaryValue"] = base64.b64encode(attribute["BinaryValue"]).decode()
    return value | {"dataType": attribute["DataType"]}


def _arn(queue: str, plan: Plan) -> str:
    return f"arn:aws:sqs:{plan.region}:{plan.account}:{queue}"


def _client(port: int, region: str, token: str) -> SQSClient:
    # Each poll holds a connection; one more is for deletes in the meantime.
    settings = Config(
        connect_timeout=5,
        read_timeout=_LONG_POLL.total_seconds() + 10,
        retries={"total_max_attempts": 1},
        max_pool_connections=50,
    )
    endpoint = f"http://127.0.0.1:{port}"
    return session(region, token).client("sqs", endpoint_url=endpoint, config=settings)
