"""The built-in runner: execution environments as processes, one event at a time each.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html (2026-11-23)

An environment is started when a call finds none idle, and reused by a later call. The one used
last comes first, so that the others stay idle and end. A call whose caller has given up (the
gateway's time-out) still runs to its end, as it does on AWS (docs/aws-behaviour.md §8.2).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import sys
import sysconfig
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from wsgate.functions import orphan_processes, worker
from wsgate.functions.layers import library_folders, program_folders, python_folders
from wsgate.functions.local_aws import CREDENTIALS, TOKEN
from wsgate.functions.memory import MemoryWatch
from wsgate.model.invoke import SYNCHRONOUS_BYTES, FunctionStatus, Invocation, InvokeError
from wsgate.model.reach import ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wsgate.core.faults import FunctionFault
    from wsgate.model.plan import Function

MAX_CALLS: Final = 20_000
MAX_BYTES: Final = 256 * 1024 * 1024
"""Calls that run or wait, and their events together: more than that is throttled in any case."""

_CROWD: Final = 1_000
_PATIENCE: Final = timedelta(seconds=5)
"""What waits behind more than a crowd for longer is throttled when its turn comes.

A queue that moves slower than it grows would otherwise hold every call until the caller has given
up, and the functions would only run what no caller waits for.
"""

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html (2026-11-23)
_START_LIMIT: Final = timedelta(seconds=10)

_STARTS: Final = os.cpu_count() or 1
_START_SHARE: Final = timedelta(seconds=1)
"""So many environments start at once, and each keeps its place for so long at most.

A start costs a core the time of its imports. A crowd would start all at once, and the functions
that run already would have no processor meanwhile.
"""

_AGAIN: Final = timedelta(seconds=1)
"""Between the end of an environment that is debugged and the start of the next."""
_GRACE: Final = timedelta(milliseconds=500)
"""Between asking an environment to end and killing it."""
_LAST_WORDS: Final = timedelta(milliseconds=200)
"""How long the output of a process that ended may still come."""
_MAX_LINE_BYTES: Final = 64 * 1024
_FRAME_HEAD: Final = 4
_MAX_FRAME_BYTES: Final = _FRAME_HEAD + 1 + worker.MAX_PAYLOAD
_UNHANDLED: Final = "Unhandled"

# GUESS for the answer of Invoke: REPORT lines show this type for functions whose log has the words
# `Runtime exited with error: signal: killed`, and older reports have Runtime.ExitError throughout.
# https://github.com/nasa-gcn/gcn.nasa.gov/pull/3628,
# https://github.com/aws-solutions-library-samples/cloud-intelligence-dashboards-data-collection/issues/201
# (2026-11-24)
_OUT_OF_MEMORY: Final = "Runtime.OutOfMemory"

# ThrottleReason of https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (2026-11-24)
_RESERVED_IS_USED: Final = "ReservedFunctionConcurrentInvocationLimitExceeded"
_ACCOUNT_IS_USED: Final = "ConcurrentInvocationLimitExceeded"

# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html (2026-11-23)
_DEFAULT_LEVEL: Final = {"JSON": "INFO"}

# What a program needs to run at all; the rest of the developer's shell stays out, as on Lambda.
_INHERITED: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


class Environments:
    """An Invoker that runs the plan's functions on this machine."""

    def __init__(  # noqa: PLR0913 all but two have a default
        self,
        functions: Mapping[str, Function],
        *,
        log: Callable[[str, str], None],
        variables: Mapping[str, str] | None = None,
        region: str = "us-east-1",
        account: str = "000000000000",
        concurrency: int = 10,
        account_concurrency: int | None = None,
        here: Sequence[str] = (),
        debug: Mapping[str, int] | None = None,
    ) -> None:
        """Start nothing yet.

        `log(function, line)` gets each line that a function writes. `variables` are set for every
        function, AWS_ENDPOINT_URL_SQS and the like; a function's own win over them. `here` is the
        gateway's address and the names that lead to it from inside a function. A function in
        `debug` has one environment, which waits for a debugger at that port before it starts.

        A call beyond what AWS allows (the function's reserved concurrency, or the account's) is
        throttled. Within that, at most `concurrency` environments run per function, and further
        calls wait for their turn, caller by caller: AWS has room for a thousand processes and this
        machine has not, so a call is late here rather than refused, which it would not be there.
        For the same reason None leaves the account's concurrency unlimited: a crowd that AWS serves
        in a moment is still waiting here, and would be refused.
        """
        self._memory = MemoryWatch()
        starts = _Starts()
        self._run = os.urandom(8).hex()
        reserved = sum(function.reserved or 0 for function in functions.values())
        room = _Room()
        shared = _Quota(_unreserved(account_concurrency, reserved), _ACCOUNT_IS_USED, room)
        self._pools = {
            name: _Pool(
                _Start(
                    function,
                    f"arn:aws:lambda:{region}:{account}:function:{name}",
                    _variables(function, variables or {}, region),
                    self._run,
                    " ".join(here),
                    (debug or {}).get(name, 0),
                ),
                concurrency,
                shared
                if function.reserved is None
                else _Quota(function.reserved, _RESERVED_IS_USED, room),
                starts=starts,
                memory=self._memory,
                log=log,
            )
            for name, function in functions.items()
        }

    def await_debuggers(self) -> None:
        """Start what is debugged before its first event, so that a debugger can attach."""
        for pool in self._pools.values():
            pool.await_debugger()

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        """Run `function` with `payload`; see Invoker."""
        return await self._invoke(function, payload, caller)

    async def invoke_with_fault(
        self, function: str, payload: bytes, fault: FunctionFault, caller: str | None = None
    ) -> Invocation:
        """Run `function`; its environment is slow to answer, or killed during the event."""
        return await self._invoke(function, payload, caller, fault)

    async def _invoke(
        self,
        function: str,
        payload: bytes,
        caller: str | None,
        fault: FunctionFault | None = None,
    ) -> Invocation:
        pool = self._pools.get(function)
        if pool is None:
            # https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (2026-11-23)
            raise InvokeError(404, "ResourceNotFoundException", f"Function not found: {function}")
        if len(payload) > SYNCHRONOUS_BYTES:
            words = f"Request must be smaller than {SYNCHRONOUS_BYTES} bytes for the InvokeFunction"
            raise InvokeError(413, "RequestTooLargeException", f"{words} operation")
        return await pool.submit(payload, caller, fault)

    def recycle(self) -> int:
        """Let the next calls meet new code: what is idle ends now, what is busy after its event.

        Returns how many environments that is.
        """
        return sum(pool.recycle() for pool in self._pools.values())

    def status(self) -> dict[str, FunctionStatus]:
        """How each function is doing; see Reports."""
        return {name: pool.status() for name, pool in self._pools.items()}

    async def close(self) -> None:
        """End every environment and what it started, and wait until all of them are gone."""
        self._memory.close()
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        orphan_processes.end(self._run)


def _unreserved(account_concurrency: int | None, reserved: int) -> int:
    return MAX_CALLS if account_concurrency is None else max(0, account_concurrency - reserved)


class _Room:
    """What all calls that run or wait may take of this machine."""

    __slots__ = ("calls", "size")

    def __init__(self) -> None:
        self.calls = self.size = 0

    def has(self, size: int) -> bool:
        return self.calls < MAX_CALLS and self.size + size <= MAX_BYTES


class _Quota:
    """How many calls AWS would run at once, of one function or of all that share."""

    __slots__ = ("_reason", "_room", "limit", "used")

    def __init__(self, limit: int, reason: str, room: _Room) -> None:
        self.limit, self.used = limit, 0
        self._reason, self._room = reason, room

    def take(self, size: int) -> None:
        """Count a call with so many bytes. Raises InvokeError when there is no room for it."""
        if self.used >= self.limit or not self._room.has(size):
            raise self.refusal()
        self._count(1, size)

    def give_back(self, size: int) -> None:
        self._count(-1, -size)

    def refusal(self) -> InvokeError:
        """What a call is answered that there is no room for."""
        # Type, Reason and message as Invoke's 429 was captured:
        # {"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User",
        # "message":"Rate Exceeded."} (erlcloud's tests, and many reports; 2026-11-24)
        return InvokeError(429, "TooManyRequestsException", "Rate Exceeded.", self._reason)

    def _count(self, call: int, size: int) -> None:
        self.used += call
        self._room.calls += call
        self._room.size += size


class _Call:
    """One invocation, from the moment it is accepted to its answer."""

    __slots__ = ("_quota", "answer", "fault", "payload", "request_id", "since")

    def __init__(self, payload: bytes, quota: _Quota, fault: FunctionFault | None = None) -> None:
        quota.take(len(payload))
        self.payload, self._quota, self.fault = payload, quota, fault
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Invocation] = loop.create_future()
        self.since = loop.time()
        self.request_id = _request_id()

    def succeed(self, invocation: Invocation) -> None:
        self._quota.give_back(len(self.payload))
        if not self.answer.done():
            self.answer.set_result(invocation)

    def fail(self, error: InvokeError) -> None:
        self._quota.give_back(len(self.payload))
        if not self.answer.done():
            self.answer.set_exception(error)

    def is_abandoned(self) -> bool:
        """Return whether its caller gave up before it ran, and free its room in the queue if so."""
        if not self.answer.done():
            return False
        self._quota.give_back(len(self.payload))
        return True


class _Turns:
    """Calls that wait. Their callers take turns, so that one who asks often delays no other."""

    __slots__ = ("_by_caller", "_many")

    def __init__(self) -> None:
        self._many = 0
        # Ordered: taking the first key of a plain dict again and again looks at all taken before.
        self._by_caller: OrderedDict[str, deque[_Call]] = OrderedDict()

    def __len__(self) -> int:
        return self._many

    def __iter__(self) -> Iterator[_Call]:
        return itertools.chain.from_iterable(self._by_caller.values())

    def append(self, call: _Call, caller: str) -> None:
        self._by_caller.setdefault(caller, deque()).append(call)
        self._many += 1

    def take(self) -> _Call | None:
        """The next caller's oldest call; then that caller is the last."""
        if not self._by_caller:
            return None
        caller, calls = self._by_caller.popitem(last=False)
        call = calls.popleft()
        self._many -= 1
        if calls:
            self._by_caller[caller] = calls
        return call


class _Starts:
    """The environments that start now, of all functions, and the pools that want to start one."""

    __slots__ = ("_starting", "_wanting")

    def __init__(self) -> None:
        self._starting: set[_Environment] = set()
        self._wanting: dict[_Pool, None] = {}

    def want(self, pool: _Pool) -> None:
        """Have the pool grow when there is room."""
        self._wanting.setdefault(pool)
        self._go_on()

    def began(self, environment: _Environment) -> None:
        self._starting.add(environment)
        loop = asyncio.get_running_loop()
        loop.call_later(_START_SHARE.total_seconds(), self.ended, environment)

    def ended(self, environment: _Environment) -> None:
        """It has started, or will not, or takes too long for others to wait."""
        if environment in self._starting:
            self._starting.discard(environment)
            self._go_on()

    def _go_on(self) -> None:
        while self._wanting and len(self._starting) < _STARTS:
            pool = next(iter(self._wanting))
            del self._wanting[pool]
            pool.grow()


class _Pool:
    """The environments of one function, and the calls that wait for one."""

    def __init__(  # noqa: PLR0913 what its environments share with others
        self,
        start: _Start,
        concurrency: int,
        quota: _Quota,
        *,
        starts: _Starts,
        memory: MemoryWatch,
        log: Callable[[str, str], None],
    ) -> None:
        self.start, self.starts, self.memory = start, starts, memory
        self._concurrency = 1 if start.debug else concurrency
        self._quota, self._log = quota, log
        self._all: set[_Environment] = set()
        self._idle: list[_Environment] = []
        self._waiting = _Turns()
        self._alive: dict[_Environment, asyncio.Task[None]] = {}
        self.is_closed = False

    async def submit(
        self, payload: bytes, caller: str | None, fault: FunctionFault | None
    ) -> Invocation:
        if self.is_closed:
            raise _closing()
        call = _Call(payload, self._quota, fault)
        if self._idle:
            self._idle.pop().run(call)
        else:
            self._waiting.append(call, caller or call.request_id.decode())
            self._want_more()
        return await call.answer

    def recycle(self) -> int:
        stale = len(self._all)
        for environment in self._all:
            environment.is_stale = True
        for environment in tuple(self._idle):
            environment.retire()
        return stale

    def status(self) -> FunctionStatus:
        starting = sum(environment.is_starting for environment in self._all)
        return {
            "environments": len(self._all),
            "starting": starting,
            "running": len(self._all) - len(self._idle) - starting,
            "waiting": sum(not call.answer.done() for call in self._waiting),
        }

    async def close(self) -> None:
        self.is_closed = True
        while call := self._waiting.take():
            call.fail(_closing())
        for number in (signal.SIGTERM, signal.SIGKILL):
            for environment in self._alive:
                environment.kill(number)
            if self._alive:
                await asyncio.wait(self._alive.values(), timeout=_GRACE.total_seconds())

    def say(self, line: str) -> None:
        self._log(self.start.function.name, line)

    def free(self, environment: _Environment) -> None:
        """Take back an environment that has answered."""
        if environment.is_stale or self.is_closed:
            environment.retire()
        elif call := self._next():
            environment.run(call)
        else:
            self._idle.append(environment)

    def lost(self, environment: _Environment) -> None:
        """Forget an environment that ended or will."""
        self._all.discard(environment)
        if environment in self._idle:
            self._idle.remove(environment)

    def _want_more(self) -> None:
        if self._waiting and len(self._alive) < self._concurrency:
            self.starts.want(self)

    def grow(self) -> None:
        """Start an environment for the call whose turn it is, unless none waits any more."""
        call = self._next()
        if call is not None:
            self._begin(call)

    def await_debugger(self) -> None:
        """Start the environment that is debugged, with or without a call that waits."""
        if self.start.debug and not self._alive and not self.is_closed:
            self._begin(self._next())

    def _begin(self, call: _Call | None) -> None:
        environment = _Environment(self, call)
        self.starts.began(environment)
        task = asyncio.get_running_loop().create_task(environment.live())
        self._all.add(environment)
        self._alive[environment] = task
        task.add_done_callback(lambda _: self._gone(environment))
        self._want_more()

    def _gone(self, environment: _Environment) -> None:
        """Give the place of a process to who waits: never before it has really ended.

        A function that dies at its start has then never more processes than `concurrency`.
        """
        del self._alive[environment]
        self.starts.ended(environment)
        if self.start.debug:
            asyncio.get_running_loop().call_later(_AGAIN.total_seconds(), self.await_debugger)
        else:
            self._want_more()

    def _next(self) -> _Call | None:
        """Return the call whose turn it is, leaving out abandoned ones and what came too late."""
        too_old = asyncio.get_running_loop().time() - _PATIENCE.total_seconds()
        while call := self._waiting.take():
            if call.is_abandoned():
                continue
            if call.since > too_old or len(self._waiting) < _CROWD:
                return call
            call.fail(self._quota.refusal())
        return None


class _Environment(asyncio.Protocol):
    """One process. Its answer, a time-out or its own end settles the call that it has."""

    def __init__(self, pool: _Pool, first: _Call | None) -> None:
        self.is_stale = False
        self._pool, self._function = pool, pool.start.function
        self._loop = asyncio.get_running_loop()
        self._call = first
        self._is_ready, self._is_cold = False, True
        self._is_silent = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._fatal: signal.Signals | None = None
        self._channel: asyncio.Transport | None = None
        self._received = bytearray()
        self._timeout = self._function.timeout.total_seconds()
        # One timer for many calls: it looks at the deadline when it fires, and again later if that
        # has moved on. Setting and cancelling one per call costs more than the rest of this class.
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_starting(self) -> bool:
        """Cold: its module is being imported, and its first event waits."""
        return not self._is_ready

    async def live(self) -> None:
        """Start the process and stay with it until it is gone."""
        # Lambda repeats a start that takes too long within the function's own time-out.
        self._expect(_START_LIMIT.total_seconds() + self._timeout)
        try:
            async with contextlib.AsyncExitStack() as held:
                code = await self._attend(await self._launch(held))
            self._ended(code)
        except (OSError, ValueError) as error:
            self._settle(InvokeError(500, "ServiceException", f"No environment: {error}"))
        finally:
            self.retire()
            self._settle(_closing())
            if self._timer is not None:
                self._timer.cancel()

    def run(self, call: _Call) -> None:
        """Give the process an event. It must be idle."""
        self._call = call
        self._expect(self._timeout)
        self._pool.memory.look_at(self)
        deadline = int((time.time() + self._timeout) * 1000)
        size = worker.HEAD + len(call.payload)
        head = size.to_bytes(_FRAME_HEAD, "big") + deadline.to_bytes(worker.DEADLINE, "big")
        if self._channel is not None:
            self._channel.write(head + call.request_id + call.payload)
        if call.fault is not None and call.fault.crash is not None:
            self._later(call.fault.crash, call, self._crash)

    def retire(self) -> None:
        """End the process, as Lambda ends one: at once."""
        self.kill(signal.SIGKILL)
        self._pool.lost(self)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the process and to what it started, at once or when it is there."""
        self._fatal = number
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def data_received(self, data: bytes) -> None:
        """Take in a part of a frame, or several; most come whole and alone."""
        if not self._received and len(data) >= _FRAME_HEAD:
            end = _FRAME_HEAD + int.from_bytes(data[:_FRAME_HEAD], "big")
            if end == len(data):
                self._answered(data[_FRAME_HEAD : _FRAME_HEAD + 1], data[_FRAME_HEAD + 1 :])
                return
        self._received += data
        while len(self._received) >= _FRAME_HEAD:
            end = _FRAME_HEAD + int.from_bytes(self._received[:_FRAME_HEAD], "big")
            if end > _MAX_FRAME_BYTES:
                self.kill(signal.SIGKILL)
                return
            if len(self._received) < end:
                return
            frame = bytes(self._received[_FRAME_HEAD:end])
            del self._received[:end]
            self._answered(frame[:1], frame[1:])

    def connection_lost(self, _: Exception | None) -> None:
        """The process will say nothing more: it ends by itself in a moment, or is ended."""
        self._is_silent.set()
        self._pool.lost(self)
        self._loop.call_later(_GRACE.total_seconds(), self.kill, signal.SIGKILL)

    # What the memory watch asks.

    @property
    def busy_process(self) -> int | None:
        """The process that has an event, or is starting for one."""
        process = self._process
        return None if process is None or self._call is None else process.pid

    @property
    def memory_bytes(self) -> int:
        if self._pool.start.debug:
            return sys.maxsize  # the debugger takes some, too
        return self._function.memory_mb * 1024 * 1024

    def out_of_memory(self) -> None:
        """End it as Lambda does: kill it at once, and report that to the caller."""
        limit = self._function.memory_mb
        self._break(_OUT_OF_MEMORY, _exit_words(-signal.SIGKILL), f" Memory Size: {limit} MB")
        self.retire()

    def _answered(self, kind: bytes, payload: bytes) -> None:
        if kind == worker.READY:
            self._is_ready = True
            self._pool.starts.ended(self)
            if self._call is not None:
                self.run(self._call)
            elif self._fatal is None:  # it was started for a debugger, not for a call
                self._pool.free(self)
            return
        if self._call is None:
            return
        if kind == worker.OUT_OF_MEMORY:
            self.out_of_memory()
            return
        if self._call.fault is not None:
            self._fault(self._call, self._call.fault, (kind, payload))
            return
        self._finish(kind, payload)

    def _fault(self, call: _Call, fault: FunctionFault, answer: tuple[bytes, bytes]) -> None:
        """An answer came from an environment that is to crash, or to be slow."""
        if fault.crash is not None:
            self._crash()
        else:
            self._later(fault.slow or 0, call, lambda: self._finish(*answer))

    def _crash(self) -> None:
        """Kill the process; its end answers for it."""
        self.kill(signal.SIGKILL)

    def _later(self, seconds: float, call: _Call, act: Callable[[], None]) -> None:
        """Act if the call is still this one's; a time-out may have been sooner."""

        def due() -> None:
            if self._call is call:
                act()

        asyncio.get_running_loop().call_later(seconds, due)

    def _finish(self, kind: bytes, payload: bytes) -> None:
        if kind == worker.NOT_JSON:
            words = f"Could not parse request body into json: {payload.decode()}"
            self._settle(InvokeError(400, "InvalidRequestContentException", words))
        else:
            failure = None if kind == worker.RESULT else _UNHANDLED
            self._settle(Invocation(payload, failure, self._is_cold))
        if kind == worker.FAILED_START:
            self.retire()
        else:
            self._is_cold = False
            self._pool.free(self)

    def _timed_out(self) -> None:
        words = f"Task timed out after {self._timeout:.2f} seconds"
        self._break("Sandbox.Timedout", words)
        self.retire()

    def _ended(self, code: int) -> None:
        if self._pool.is_closed:
            self._settle(_closing())
        elif self._call is not None:
            self._break("Runtime.ExitError", _exit_words(code))

    def _break(self, kind: str, words: str, remark: str = "") -> None:
        """Answer for a process that cannot, as Lambda words it; `remark` is for the log."""
        if self._call is None:
            return
        words = f"RequestId: {self._call.request_id.decode()} Error: {words}"
        self._pool.say(f"{words} {kind}{remark}")
        payload = json.dumps({"errorType": kind, "errorMessage": words}).encode()
        self._settle(Invocation(payload, _UNHANDLED, self._is_cold))

    def _settle(self, outcome: Invocation | InvokeError) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        if isinstance(outcome, Invocation):
            call.succeed(outcome)
        else:
            call.fail(outcome)

    def _expect(self, seconds: float) -> None:
        """Give the process so long for what it has been asked now."""
        self._deadline = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._call is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
        else:
            self._timed_out()

    async def _launch(self, held: contextlib.AsyncExitStack) -> asyncio.StreamReader:
        """Start the process; return what it writes. `held` closes this side's ends.

        The ends are made here rather than by asyncio, whose `wait` may otherwise wait for pipes
        that a grandchild keeps open.
        """
        start = self._pool.start
        ours, theirs = socket.socketpair()
        lifeline, kept = os.pipe()
        output, written = os.pipe()
        with contextlib.ExitStack() as given_away:
            given_away.callback(theirs.close)
            given_away.callback(os.close, lifeline)
            given_away.callback(os.close, written)
            held.callback(os.close, kept)
            lines = await _reader(output, held)
            self._channel, _ = await self._loop.create_connection(lambda: self, sock=ours)
            held.callback(self._channel.close)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # keeps the folder of wsgate out of the function's sys.path
                worker.__file__,
                str(theirs.fileno()),
                start.arn,
                start.here,
                str(start.debug),
                *map(str, python_folders(self._function.layers, self._function.runtime)),
                stdin=lifeline,
                stdout=written,
                stderr=written,
                pass_fds=(theirs.fileno(),),
                cwd=self._function.code,
                env=start.variables | {"AWS_LAMBDA_LOG_STREAM_NAME": _log_stream(start.run)},
                # Ctrl-C in the terminal reaches the gateway only, and one signal ends all of it.
                start_new_session=True,
            )
        if self._fatal is not None:
            self.kill(self._fatal)
        self._pool.memory.look_at(self)
        return lines

    async def _attend(self, output: asyncio.StreamReader) -> int:
        """Pass on what the process writes until it ends; return its exit code."""
        process = self._process
        assert process is not None  # noqa: S101 _launch made it
        passing = self._loop.create_task(self._pass_on(output))
        code = await process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it started and left behind
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS.total_seconds()):
                await self._is_silent.wait()
                await passing
        passing.cancel()
        return code

    async def _pass_on(self, output: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await output.read(_MAX_LINE_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) >= _MAX_LINE_BYTES:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._pool.say(line.decode(errors="replace"))
        if rest:
            self._pool.say(rest.decode(errors="replace"))


@dataclass(frozen=True)
class _Start:
    """What each environment of a function is started with."""

    function: Function
    arn: str
    variables: dict[str, str]
    run: str
    """In the name of each log stream, and so in the environment of whatever a function starts."""
    here: str
    """The gateway's address and the names that lead to it, with spaces between."""
    debug: int
    """The port at which it waits for a debugger; 0 does not wait."""


def _variables(function: Function, shared: Mapping[str, str], region: str) -> dict[str, str]:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (2026-11-30), in the
    # page's order. _X_AMZN_TRACE_ID comes with each event, AWS_LAMBDA_LOG_STREAM_NAME with each
    # process. Left out: PYTHONPATH, because this Python finds its packages without.
    lambdas = {
        "_HANDLER": function.handler,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        **CREDENTIALS,
        "AWS_ACCESS_KEY": CREDENTIALS["AWS_ACCESS_KEY_ID"],
        TOKEN: "local",  # of a run that has one: in `shared`
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",  # as on Lambda; nothing is there
        "LAMBDA_TASK_ROOT": str(function.code),
        # Where the SDK is on Lambda.
        "LAMBDA_RUNTIME_DIR": sysconfig.get_path("purelib"),
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "TZ": ":UTC",
        "AWS_LAMBDA_LOG_FORMAT": function.log_format,
        "AWS_LAMBDA_LOG_LEVEL": function.log_level or _DEFAULT_LEVEL.get(function.log_format, ""),
    }
    # The endpoints are where the developer runs services that are not emulated.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or name == ENDPOINT or name.startswith(f"{ENDPOINT}_")
    }
    return (
        {"LANG": "en_US.UTF-8"}
        | inherited
        | _paths(function, inherited)
        | lambdas
        | dict(shared)
        | dict(function.environment)
    )


def _paths(function: Function, inherited: Mapping[str, str]) -> dict[str, str]:
    """Where programs and shared libraries are found: a layer's own come last, as on Lambda."""
    paths = {
        "PATH": program_folders(function.layers),
        "LD_LIBRARY_PATH": library_folders(function.layers),
    }
    return {
        name: os.pathsep.join(filter(None, (inherited.get(name), *map(str, folders))))
        for name, folders in paths.items()
        if folders
    }


def _log_stream(run: str) -> str:
    return f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{run}{os.urandom(8).hex()}"


def _request_id() -> bytes:
    """A random UUID as text: what `uuid.uuid4` gives, without the object on the way."""
    text = f"{_getrandbits(128) & _UUID_MASK | _UUID_4:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}".encode()


# RFC 9562, section 5.4: the version and variant bits.
_UUID_MASK: Final = ~(0xF << 76 | 0x3 << 62)
_UUID_4: Final = 0x4 << 76 | 0x2 << 62
_getrandbits: Final = SystemRandom().getrandbits


async def _reader(descriptor: int, held: contextlib.AsyncExitStack) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    file = os.fdopen(descriptor, "rb", buffering=0)
    connect = asyncio.get_running_loop().connect_read_pipe
    transport, _ = await connect(lambda: asyncio.StreamReaderProtocol(reader), file)
    held.callback(transport.close)
    return reader


def _exit_words(code: int) -> str:
    if code == 0:
        return "Runtime exited without providing a reason"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    name = signal.strsignal(-code) or f"signal {-code}"
    return f"Runtime exited with error: signal: {name.lower()}"


def _closing() -> InvokeError:
    return InvokeError(503, "ServiceException", "The local runner is closing.")
