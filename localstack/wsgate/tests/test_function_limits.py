"""What Lambda does not let a function do, and what it survives."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import re
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from runners import SHORT, Runner, descriptors, is_gone, running
from waiting import pause, until
from wsgate.functions import environments as runner_module
from wsgate.functions.memory import MemoryWatch, is_enforced, resident_bytes
from wsgate.model.invoke import Invocation, InvokeError

if TYPE_CHECKING:
    from pathlib import Path

UUID_4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
memory_is_enforced = pytest.mark.skipif(not is_enforced(), reason="only Linux tells")


def alive(runner: Runner) -> int:
    return len(runner.environments._pools[runner.name]._alive)


async def throttled(call: asyncio.Future[Invocation]) -> InvokeError:
    with pytest.raises(InvokeError) as raised:
        await call
    assert (raised.value.status, raised.value.kind) == (429, "TooManyRequestsException")
    assert str(raised.value) == "Rate Exceeded."
    return raised.value


class TestConcurrency:
    """As AWS: refused beyond the quota. As this machine: late beyond its processes."""

    async def test_calls_beyond_the_reserved_concurrency_are_throttled(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        async with running("wait_for_file", reserved=2) as runner:
            calls = [asyncio.ensure_future(runner.invoke(file=str(file))) for _ in range(3)]
            error = await throttled(calls[2])
            assert error.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
            file.touch()
            assert [call.function_error for call in await asyncio.gather(*calls[:2])] == [None] * 2
            assert not (await runner.invoke(file=str(file))).cold

    async def test_reserved_zero_throttles_every_call(self) -> None:
        async with running("echo", reserved=0) as runner:
            await throttled(asyncio.ensure_future(runner.invoke()))
            assert alive(runner) == 0

    async def test_calls_that_wait_for_a_process_count_too(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        async with running("wait_for_file", concurrency=1, reserved=2) as runner:
            calls = [asyncio.ensure_future(runner.invoke(file=str(file))) for _ in range(3)]
            await throttled(calls[2])
            file.touch()
            await asyncio.gather(*calls[:2])

    async def test_a_failed_call_makes_room(self) -> None:
        async with running("broken", reserved=1) as runner:
            for _ in range(3):
                assert (await runner.invoke()).function_error == "Unhandled"
        async with running("leave", reserved=1) as runner:
            for _ in range(3):
                assert (await runner.invoke(code=3)).function_error == "Unhandled"

    async def test_an_abandoned_call_makes_room_when_its_turn_comes(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        async with running("wait_for_file", concurrency=1, reserved=2) as runner:
            first = asyncio.ensure_future(runner.invoke(file=str(file)))
            second = asyncio.ensure_future(runner.invoke(file=str(file)))
            await runner.wrote("running")
            second.cancel()
            file.touch()
            await first
            two = [runner.invoke(file=str(file)) for _ in range(2)]
            assert {call.function_error for call in await asyncio.gather(*two)} == {None}

    async def test_the_account_has_a_quota_when_it_counts(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        async with running("wait_for_file", account_concurrency=2) as runner:
            calls = [asyncio.ensure_future(runner.invoke(file=str(file))) for _ in range(3)]
            error = await throttled(calls[2])
            assert error.reason == "ConcurrentInvocationLimitExceeded"
            file.touch()
            await asyncio.gather(*calls[:2])

    @pytest.mark.slow
    async def test_without_it_a_crowd_waits(self) -> None:
        async with running("echo", concurrency=2) as runner:
            answers = await asyncio.gather(*(runner.invoke() for _ in range(3000)))
        assert {answer.payload for answer in answers} == {b"{}"}

    @pytest.mark.parametrize("bound", ["MAX_CALLS", "MAX_BYTES"])
    async def test_but_not_beyond_what_this_machine_keeps(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bound: str
    ) -> None:
        payload = json.dumps({"file": str(tmp_path / "f")}).encode()
        two = {"MAX_CALLS": 2, "MAX_BYTES": 2 * len(payload)}
        monkeypatch.setattr(runner_module, bound, two[bound])
        async with running("wait_for_file", concurrency=1) as runner:
            calls = [
                asyncio.ensure_future(runner.environments.invoke(runner.name, payload))
                for _ in range(3)
            ]
            await throttled(calls[2])
            (tmp_path / "f").touch()
            await asyncio.gather(*calls[:2])
            assert not (await runner.environments.invoke(runner.name, payload)).function_error


class TestMemory:
    """A function that takes more than its MemorySize is killed."""

    @memory_is_enforced
    @pytest.mark.parametrize("seconds", [0.05, 20])
    async def test_too_much_is_killed_in_the_event_or_after_it(self, seconds: float) -> None:
        async with running("take_memory", memory_mb=128) as runner:
            answer = await runner.invoke(mb=160, seconds=seconds)
            failure = json.loads(answer.payload)
            assert (answer.function_error, failure["errorType"]) == (
                "Unhandled",
                "Runtime.OutOfMemory",
            )
            assert failure["errorMessage"].endswith(
                " Error: Runtime exited with error: signal: killed"
            )
            assert any(line.endswith("Memory Size: 128 MB") for line in runner.lines)
            assert (await runner.invoke(mb=1, seconds=0)).cold

    @memory_is_enforced
    async def test_what_fits_is_left_alone(self) -> None:
        async with running("take_memory", memory_mb=256) as runner:
            answers = [await runner.invoke(mb=160, seconds=0.15) for _ in range(2)]
            assert [answer.cold for answer in answers] == [True, False]

    @memory_is_enforced
    async def test_too_much_at_import_is_killed_too(self) -> None:
        async with running("big_start.handler", memory_mb=128) as runner:
            for _ in range(2):
                assert (await runner.call())["errorType"] == "Runtime.OutOfMemory"

    async def test_the_watch_looks_only_while_something_is_busy(self) -> None:
        looked: list[int] = []

        def resident(process: int) -> int:
            looked.append(process)
            return 0

        watch = MemoryWatch(resident)
        environment = Environment()
        watch.look_at(environment)
        watch.look_at(environment)
        await until(lambda: len(looked) == 2)
        environment.busy_process = None
        await until(lambda: watch._timer is None)
        assert len(looked) == 2

    async def test_just_as_much_as_allowed_is_not_too_much(self) -> None:
        taken, looked = 100, []

        def resident(process: int) -> int:
            looked.append(process)
            return taken

        watch = MemoryWatch(resident)
        environment = Environment()
        watch.look_at(environment)
        await until(lambda: looked)
        assert not environment.is_killed
        taken = 101
        await until(lambda: environment.is_killed)

    def test_a_process_that_is_gone_has_none(self) -> None:
        assert resident_bytes(2**22 + 1) == 0


class Environment:
    busy_process: int | None = 1
    memory_bytes = 100
    is_killed = False

    def out_of_memory(self) -> None:
        self.is_killed = True


class TestEndings:
    """Whatever ends a process, its call is answered, the next is served, and nothing is left."""

    async def test_exit_with_nothing_to_say(self) -> None:
        async with running("leave_politely") as runner:
            failure = await runner.call(code=0)
        assert failure["errorType"] == "Runtime.ExitError"
        assert failure["errorMessage"].endswith(" Error: Runtime exited without providing a reason")

    async def test_exit_at_import(self) -> None:
        async with running("polite_quits.handler") as runner:
            failure = await runner.call()
        assert failure["errorMessage"].endswith(" Error: Runtime exited with error: exit status 4")

    async def test_an_exit_that_a_thread_holds_back_is_a_time_out(self) -> None:
        async with running("leave_with_a_thread", timeout=SHORT) as runner:
            assert (await runner.call())["errorType"] == "Sandbox.Timedout"

    async def test_a_thread_left_behind_runs_on_and_does_not_disturb_the_next_call(self) -> None:
        async with running("leave_a_thread") as runner:
            assert await runner.call() == await runner.call()
            await runner.wrote("the thread went on")

    async def test_a_program_left_behind_ends_with_its_environment(self) -> None:
        async with running("leave_a_child") as runner:
            pids = await runner.call()
        await until(lambda: all(map(is_gone, pids)))

    async def test_a_daemon_left_behind_ends_with_the_run(self) -> None:
        async with running("leave_a_daemon") as runner:
            pids = await runner.call()
        await until(lambda: all(map(is_gone, pids)))

    async def test_a_daemon_of_an_environment_that_died_before_ends_too(self) -> None:
        async with running("leave_a_daemon") as runner:
            environment, daemon = await runner.call()
            os.kill(environment, signal.SIGKILL)
            await until(lambda: is_gone(environment))
            await runner.call()
        await until(lambda: is_gone(daemon))

    async def test_a_start_that_takes_too_long_is_a_time_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner_module, "_START_LIMIT", timedelta(milliseconds=50))
        async with running("slow_start.handler", timeout=SHORT) as runner:
            failure = await runner.call()
            assert failure["errorType"] == "Sandbox.Timedout"
            assert failure["errorMessage"].endswith("Task timed out after 1.00 seconds")

    async def test_a_function_that_closes_its_channel_is_ended(self) -> None:
        async with running("close_everything") as runner:
            failure = await runner.call()
            assert failure["errorMessage"].endswith("signal: killed")
            assert failure["errorType"] == "Runtime.ExitError"

    async def test_the_time_out_counts_from_each_event(self) -> None:
        async with running("remaining", timeout=SHORT) as runner:
            for _ in range(3):
                before, after = await runner.call(seconds=0.5)
                assert 0 <= after <= before - 500 <= 500

    async def test_what_waited_is_served_by_a_new_environment(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        async with running("wait_for_file", concurrency=1) as runner:
            first = asyncio.ensure_future(runner.invoke(file=str(file)))
            await runner.wrote("running")
            second = asyncio.ensure_future(runner.invoke(file=str(file)))
            (environment,) = runner.environments._pools[runner.name]._all
            assert environment.busy_process is not None
            os.kill(environment.busy_process, signal.SIGKILL)  # from outside, as a person would
            assert json.loads((await first).payload)["errorType"] == "Runtime.ExitError"
            file.touch()
            answer = await second
            assert (answer.function_error, answer.cold) == (None, True)

    async def test_a_flood_of_lines_is_passed_on_and_does_not_block_the_next_call(self) -> None:
        async with running("flood") as runner:
            for _ in range(2):
                await runner.invoke(lines=20_000)
            await until(lambda: len(runner.lines) == 40_000)

    @pytest.mark.parametrize(
        ("handler", "event"),
        [
            ("leave", {"code": 1}),
            ("quits.handler", {}),
            ("explodes.handler", {}),
            ("die", {"signal": 9}),
        ],
    )
    async def test_a_storm_of_deaths_is_bounded_and_leaves_nothing(
        self, handler: str, event: dict[str, Any]
    ) -> None:
        async with running(handler, concurrency=2) as runner:
            await runner.invoke(**event)  # the loop keeps a descriptor from its first death on
            await until(lambda: alive(runner) == 0)
            before, most = descriptors(), 0
            calls = [asyncio.ensure_future(runner.invoke(**event)) for _ in range(12)]
            while not all(call.done() for call in calls):
                most = max(most, alive(runner))
                await pause()
            assert {call.result().function_error for call in calls} == {"Unhandled"}
            assert most <= 2
            await until(lambda: alive(runner) == 0)
            assert descriptors() == before
            pool = runner.environments._pools[runner.name]
            assert (pool._all, pool._idle, pool._quota.used) == (set(), [], 0)


async def test_the_context_has_all_that_lambdas_has() -> None:
    async with running("context") as runner:
        seen = await runner.call()
    documented = {
        "function_name",
        "function_version",
        "invoked_function_arn",
        "memory_limit_in_mb",
        "aws_request_id",
        "log_group_name",
        "log_stream_name",
        "identity",
        "client_context",
        "tenant_id",
        "get_remaining_time_in_millis",
        "log",
    }
    assert set(seen["names"]) == documented
    assert seen["function"] == ["context", "$LATEST"]
    assert seen["group"] == "/aws/lambda/context"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", seen["stream"])
    assert (seen["identity"], seen["client_context"]) == ([None, None], None)
    assert seen["repr"].startswith("LambdaContext([")


async def test_request_ids_are_random_uuids() -> None:
    async with running("about") as runner:
        found = [(await runner.call())["request_id"] for _ in range(2)]
    assert all(map(UUID_4.fullmatch, found))
    assert found[0] != found[1]


def test_an_error_of_invoke_travels_to_another_process() -> None:
    error = InvokeError(429, "TooManyRequestsException", "Rate Exceeded.", "Why")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 our own
    assert (copy.status, copy.kind, str(copy), copy.reason) == (
        429,
        "TooManyRequestsException",
        "Rate Exceeded.",
        "Why",
    )
