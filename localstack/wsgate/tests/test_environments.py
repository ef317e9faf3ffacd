"""The built-in runner, with real processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from command import ROOT
from runners import APP, LONG, SHORT, Runner, function, is_gone, running
from waiting import until
from wsgate.core.faults import Faults, FunctionFault
from wsgate.functions import environments as environments_module
from wsgate.functions.environments import Environments
from wsgate.functions.fault_injection import FaultyInvoker, TakesFaults
from wsgate.model.invoke import FunctionStatus, Invocation, InvokeError


async def test_the_value_of_the_handler_comes_back() -> None:
    async with running("echo") as runner:
        assert await runner.call(a=[1, "é"]) == {"a": [1, "é"]}


async def test_only_the_first_call_is_cold() -> None:
    async with running("echo") as runner:
        assert [(await runner.invoke()).cold for _ in range(3)] == [True, False, False]


async def test_an_unknown_function_is_not_found() -> None:
    async with running("echo") as runner:
        with pytest.raises(InvokeError) as raised:
            await runner.environments.invoke("Other", b"{}")
    assert (raised.value.status, raised.value.kind) == (404, "ResourceNotFoundException")


async def test_a_payload_that_is_no_json_is_refused_and_the_environment_stays() -> None:
    async with running("echo") as runner:
        with pytest.raises(InvokeError) as raised:
            await runner.environments.invoke("echo", b"{")
        assert (raised.value.status, raised.value.kind) == (400, "InvalidRequestContentException")
        assert not (await runner.invoke()).cold


@pytest.mark.parametrize(("excess", "is_refused"), [(-1, False), (0, False), (1, True)])
async def test_an_event_has_at_most_six_megabytes(excess: int, is_refused: bool) -> None:
    payload = b'"%s"' % (b"x" * (6 * 1024 * 1024 - 2 + excess))
    async with running("echo") as runner:
        if not is_refused:
            assert (await runner.environments.invoke("echo", payload)).payload == payload
            return
        with pytest.raises(InvokeError) as raised:
            await runner.environments.invoke("echo", payload)
        assert (raised.value.status, raised.value.kind) == (413, "RequestTooLargeException")


async def test_a_result_of_more_than_six_megabytes_is_an_error() -> None:
    async with running("too_much") as runner:
        answer = await runner.invoke()
    assert answer.function_error == "Unhandled"
    assert json.loads(answer.payload)["errorType"] == "Function.ResponseSizeTooLarge"


async def test_the_function_sees_its_own_environment_and_lambdas() -> None:
    async with running("about", environment={"BOTH": "own", "OWN": "yes"}) as runner:
        seen = (await runner.call())["environment"]
    expected = {
        "OWN": "yes",
        "BOTH": "own",
        "SHARED": "all",
        "AWS_ENDPOINT_URL_SQS": "http://queue",
        "AWS_LAMBDA_FUNCTION_NAME": "about",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "LAMBDA_TASK_ROOT": str(APP),
        "_HANDLER": "functions.about",
        "TZ": ":UTC",
    }
    assert expected.items() <= seen.items()


# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (2026-11-30): what is
# reserved, and what is not, as far as it is for Python. PYTHONPATH is left out.
DOCUMENTED = [
    *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
    *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
    *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    *("LANG", "PATH", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "TZ"),
]


async def test_each_documented_variable_has_a_value() -> None:
    async with running("about") as runner:
        seen = (await runner.call())["environment"]
    assert [name for name in DOCUMENTED if not seen.get(name)] == []
    assert "boto3" in os.listdir(seen["LAMBDA_RUNTIME_DIR"])  # noqa: PTH208


async def test_each_event_has_a_trace_of_its_own() -> None:
    """`Root=1-{seconds}-{24 digits};Parent={16 digits};Sampled=0`, while it runs."""
    async with running("about") as runner:
        seen = [(await runner.call())["environment"]["_X_AMZN_TRACE_ID"] for _ in range(2)]
    assert len(set(seen)) == 2
    for trace in seen:
        assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0", trace)


async def test_the_developers_shell_stays_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "of something else")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000")
    async with running("about") as runner:
        seen = (await runner.call())["environment"]
    assert {"DATABASE_PASSWORD", "AWS_PROFILE"}.isdisjoint(seen)
    assert seen["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert seen["AWS_ENDPOINT_URL_DYNAMODB"] == "http://127.0.0.1:8000"


async def test_the_code_folder_comes_first_and_wsgate_is_not_there() -> None:
    async with running("about") as runner:
        seen = await runner.call()
    assert (seen["path"][0], seen["folder"], seen["modules"]) == (str(APP), str(APP), [])
    ours = (ROOT, ROOT / "src", ROOT / "tests")
    assert not {Path(folder) for folder in seen["path"]}.intersection(ours)


async def test_the_context_is_lambdas_and_the_handler_runs_in_the_main_thread() -> None:
    async with running("about") as runner:
        seen = await runner.call()
    assert len(seen["request_id"]) == 36
    assert seen["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:about"
    assert seen["memory"] == "256"  # a text on Lambda too
    assert 19_000 < seen["remaining"] <= 20_000
    assert (seen["main_thread"], seen["stdin"]) == ("MainThread", "")


async def test_an_exception_is_told_as_lambda_tells_it() -> None:
    async with running("broken") as runner:
        answer = await runner.invoke()
        await runner.wrote("[ERROR] ValueError: no such luck", "Traceback (most recent call last):")
    failure = json.loads(answer.payload)
    assert answer.function_error == "Unhandled"
    assert (failure["errorType"], failure["errorMessage"]) == ("ValueError", "no such luck")
    assert len(failure["requestId"]) == 36
    (frame,) = failure["stackTrace"]
    assert frame.startswith(f'  File "{APP / "functions.py"}", line ')


async def test_an_environment_survives_an_exception() -> None:
    async with running("broken") as runner:
        assert [(await runner.invoke()).cold for _ in range(2)] == [True, False]


async def test_a_result_that_is_no_json_is_a_marshal_error() -> None:
    async with running("unserialisable") as runner:
        failure = await runner.call()
    assert failure["errorType"] == "Runtime.MarshalError"
    assert failure["errorMessage"] == (
        "Unable to marshal response: Object of type object is not JSON serializable"
    )


async def test_decimals_are_numbers_and_bytes_are_json_already() -> None:
    async with running("decimals") as runner:
        assert (await runner.invoke()).payload == '[2, 2.5, "é"]'.encode()
    async with running("raw") as runner:
        assert await runner.call() == {"raw": True}


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        (
            "absent.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'absent': No module named 'absent'",
        ),
        (
            "functions.absent",
            "Runtime.HandlerNotFound",
            "Handler 'absent' missing on module 'functions'",
        ),
        ("explodes.handler", "RuntimeError", "at import"),
    ],
)
async def test_a_start_that_fails_is_answered_in_lambdas_words(
    handler: str, kind: str, message: str
) -> None:
    async with running(handler) as runner:
        answers = [await runner.invoke(), await runner.invoke()]
    failure = json.loads(answers[0].payload)
    assert failure["errorType"] == kind
    assert failure["errorMessage"].startswith(message)
    assert [(answer.cold, answer.function_error) for answer in answers] == [(True, "Unhandled")] * 2


async def test_a_syntax_error_is_answered_in_lambdas_words(tmp_path: Path) -> None:
    (tmp_path / "garbled.py").write_text("def handler(event, context)")
    async with running("garbled.handler", code=tmp_path) as runner:
        failure = await runner.call()
    assert failure["errorType"] == "Runtime.UserCodeSyntaxError"
    assert failure["errorMessage"].startswith("Syntax error in module 'garbled': ")


@pytest.mark.parametrize(
    ("handler", "event", "words"),
    [
        ("leave", {"code": 3}, "Runtime exited with error: exit status 3"),
        ("leave", {"code": 0}, "Runtime exited without providing a reason"),
        ("leave_politely", {"code": 1}, "Runtime exited with error: exit status 1"),
        ("die", {"signal": signal.SIGKILL}, "Runtime exited with error: signal: killed"),
        (
            "die",
            {"signal": signal.SIGSEGV},
            "Runtime exited with error: signal: segmentation fault",
        ),
        ("quits.handler", {}, "Runtime exited with error: exit status 7"),
    ],
)
async def test_an_end_during_an_event_is_an_exit_error(
    handler: str, event: dict[str, int], words: str
) -> None:
    async with running(handler) as runner:
        answer = await runner.invoke(**event)
        failure = json.loads(answer.payload)
        assert (answer.function_error, failure["errorType"]) == ("Unhandled", "Runtime.ExitError")
        assert failure["errorMessage"].endswith(f" Error: {words}")
        assert (await runner.invoke(**event)).cold


async def test_an_end_between_events_is_not_noticed_by_the_next_call() -> None:
    async with running("answer_then_die") as runner:
        assert await runner.call() == "fine"
        pool = runner.environments._pools["answer_then_die"]
        await until(lambda: not pool._alive)
        assert (await runner.invoke()).cold


async def test_a_time_out_kills_the_environment_and_the_next_call_starts_another() -> None:
    async with running("forever", timeout=SHORT) as runner:
        answer = await runner.invoke()
        failure = json.loads(answer.payload)
        assert failure["errorType"] == "Sandbox.Timedout"
        assert failure["errorMessage"].startswith("RequestId: ")
        assert failure["errorMessage"].endswith(" Error: Task timed out after 1.00 seconds")
        assert answer.function_error == "Unhandled"
        assert (await runner.invoke()).cold


async def test_calls_beyond_the_limit_wait_for_their_turn_in_order(tmp_path: Path) -> None:
    files = [tmp_path / str(position) for position in range(3)]
    async with running("wait_for_file", concurrency=1) as runner:
        calls = [asyncio.create_task(runner.invoke(file=str(file))) for file in files]
        order: list[int] = []

        def note(position: int, _: asyncio.Task[Invocation]) -> None:
            order.append(position)

        for position, call in enumerate(calls):
            call.add_done_callback(partial(note, position))
        for file in reversed(files):
            file.touch()
        answers = await asyncio.gather(*calls)
    assert order == [0, 1, 2]
    assert len({answer.payload for answer in answers}) == 1
    assert [answer.cold for answer in answers] == [True, False, False]


async def test_callers_whose_calls_wait_take_turns(tmp_path: Path) -> None:
    """One that asks without end delays no other."""
    order: list[str] = []
    async with running("wait_for_file", concurrency=1) as runner:

        def ask(name: str, caller: str | None, word: str = "now") -> asyncio.Task[Invocation]:
            event = json.dumps({"file": str(tmp_path / word)}).encode()
            call = asyncio.create_task(runner.environments.invoke(runner.name, event, caller))
            call.add_done_callback(lambda _: order.append(name))
            return call

        (tmp_path / "now").touch()
        calls = [ask("first", None, "later")]
        await runner.wrote("running")
        calls += [ask(f"eager {n}", "eager") for n in range(3)]
        calls += [ask(f"{name} {n}", name) for name in ("one", "other") for n in range(2)]
        calls += [ask(f"unnamed {n}", None) for n in range(2)]
        await asyncio.sleep(0)
        (tmp_path / "later").touch()
        await asyncio.gather(*calls)
    assert order == [
        "first",
        *("eager 0", "one 0", "other 0", "unnamed 0", "unnamed 1"),
        *("eager 1", "one 1", "other 1", "eager 2"),
    ]


async def test_what_waited_too_long_in_a_crowd_is_throttled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller has given up by then, or soon will; what came last still has time."""
    monkeypatch.setattr(environments_module, "_CROWD", 2)
    go = tmp_path / "go"
    async with running("wait_for_file", concurrency=1) as runner:
        calls = [asyncio.create_task(runner.invoke(file=str(go))) for _ in range(6)]
        await runner.wrote("running")
        monkeypatch.setattr(environments_module, "_PATIENCE", timedelta(0))
        go.touch()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert runner.environments.status()["wait_for_file"]["waiting"] == 0
        monkeypatch.setattr(environments_module, "_PATIENCE", LONG)
        later = [asyncio.create_task(runner.invoke(file=str(go))) for _ in range(6)]
        assert {call.function_error for call in await asyncio.gather(*later)} == {None}
    throttled = [answer for answer in answers if isinstance(answer, InvokeError)]
    assert answers[1:4] == throttled
    assert {error.status for error in throttled} == {429}


async def test_a_crowd_starts_few_environments_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each start costs a core its imports, and what runs already needs one too."""
    monkeypatch.setattr(environments_module, "_STARTS", 2)
    monkeypatch.setattr(environments_module, "_START_SHARE", LONG)
    async with running("wait_for_file", concurrency=5) as runner:
        calls = [asyncio.create_task(runner.invoke(file=str(tmp_path / "go"))) for _ in range(9)]
        starting = set()

        def status() -> FunctionStatus:
            now = runner.environments.status()["wait_for_file"]
            starting.add(now["starting"])
            return now

        await until(lambda: status()["running"] == 5)
        assert max(starting) == 2
        assert status() == {"environments": 5, "starting": 0, "running": 5, "waiting": 4}
        (tmp_path / "go").touch()
        assert {call.function_error for call in await asyncio.gather(*calls)} == {None}


async def test_a_start_that_takes_long_does_not_keep_others_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments_module, "_STARTS", 1)
    monkeypatch.setattr(environments_module, "_START_SHARE", timedelta(milliseconds=50))
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\n"
        f"while not pathlib.Path({str(tmp_path / 'go')!r}).exists():\n"
        "    time.sleep(0.01)\n"
        "def handler(event, context):\n"
        "    return 1\n"
    )
    slow = replace(function("slow.handler"), name="slow", code=tmp_path)
    both = {"slow": slow, "echo": function("functions.echo")}
    environments = Environments(both, log=lambda *_: None)
    try:
        held = asyncio.create_task(environments.invoke("slow", b"{}"))
        await asyncio.sleep(0)
        assert (await environments.invoke("echo", b"7")).payload == b"7"
        assert environments.status()["slow"]["starting"] == 1
        (tmp_path / "go").touch()
        assert (await held).payload == b"1"
    finally:
        await environments.close()


async def test_calls_at_once_have_an_environment_each_and_the_last_used_is_first(
    tmp_path: Path,
) -> None:
    async with running("wait_for_file") as runner:
        files = [tmp_path / "one", tmp_path / "two"]
        first, second = [asyncio.create_task(runner.call(file=str(file))) for file in files]
        await until(lambda: runner.lines.count("running") == 2)
        files[1].touch()
        two = await second
        files[0].touch()
        one = await first
        assert one != two
        assert await runner.call(file=str(files[0])) == one


async def test_an_abandoned_call_runs_to_its_end(tmp_path: Path) -> None:
    async with running("wait_for_file", concurrency=1) as runner:
        abandoned = asyncio.create_task(runner.invoke(file=str(tmp_path / "abandoned")))
        await runner.wrote("running")
        abandoned.cancel()
        (tmp_path / "abandoned").touch()
        (tmp_path / "next").touch()
        assert not (await runner.invoke(file=str(tmp_path / "next"))).cold


async def test_each_line_is_passed_on() -> None:
    async with running("talkative") as runner:
        await runner.invoke(word="hello")
        await runner.wrote("printed", "in two", "lines")
        (logged,) = [line for line in runner.lines if line.endswith("\tlogged hello")]
    assert logged.startswith("[WARNING]\t")
    assert not any("detail" in line for line in runner.lines)


async def test_json_logs_carry_the_level_and_what_was_added() -> None:
    async with running("talkative", log_format="JSON") as runner:
        await runner.invoke(word="hello")
        await until(lambda: any('"detail"' in line for line in runner.lines))
        logged = [json.loads(line) for line in runner.lines if line.startswith("{")]
    assert [(line["level"], line["message"], line.get("word")) for line in logged] == [
        ("WARNING", "logged hello", "hello"),
        ("INFO", "detail", None),
    ]


async def test_an_endless_line_is_passed_on_in_parts() -> None:
    async with running("long_line") as runner:
        await runner.invoke(length=200_000)
        await until(lambda: sum(map(len, runner.lines)) == 200_000)
    assert max(map(len, runner.lines)) <= 128 * 1024


async def test_new_code_is_met_after_recycling(tmp_path: Path) -> None:
    module = tmp_path / "changing.py"
    module.write_text("def handler(event, context): return 'old'")
    async with running("changing.handler", code=tmp_path) as runner:
        assert await runner.call() == "old"
        module.write_text("def handler(event, context): return 'brand new'")
        runner.environments.recycle()
        assert await runner.call() == "brand new"


async def test_recycling_lets_a_busy_environment_finish(tmp_path: Path) -> None:
    file = tmp_path / "file"
    async with running("wait_for_file") as runner:
        busy = asyncio.create_task(runner.invoke(file=str(file)))
        await runner.wrote("running")
        runner.environments.recycle()
        file.touch()
        assert (await busy).function_error is None
        assert (await runner.invoke(file=str(file))).cold


async def test_closing_ends_everything_and_twice_is_fine() -> None:
    async with running("forever") as runner:
        busy = asyncio.create_task(runner.invoke())
        await runner.wrote("running")
        (environment,) = runner.environments._pools["forever"]._alive
        assert environment._process is not None
        await runner.environments.close()
        await runner.environments.close()
        with pytest.raises(InvokeError, match="closing"):
            await busy
        with pytest.raises(InvokeError, match="closing"):
            await runner.invoke()
    assert is_gone(environment._process.pid)


PARENT = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from wsgate.functions.environments import Environments
from wsgate.model.plan import Function

async def main():
    one = Function("F", Path(sys.argv[1]), "child.handler", timedelta(minutes=1), 128, {})
    await Environments({"F": one}, log=lambda _, line: print(line, flush=True)).invoke("F", b"{}")

asyncio.run(main())
"""
CHILD = """
import os, subprocess, sys, time

def handler(event, context):
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    print(os.getpid(), grandchild.pid, flush=True)
    time.sleep(60)
"""


async def test_a_killed_parent_leaves_no_process_behind(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(CHILD)
    localstack = Path(sys.modules["wsgate"].__path__[0]).parent
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        str(tmp_path),
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(localstack)},
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    parent.kill()
    await parent.wait()
    await until(lambda: all(map(is_gone, pids)))


class TestHarm:
    """What core/faults.py orders, done to the process itself."""

    async def crash_or_slow(self, runner: Runner, fault: FunctionFault, **event: Any) -> Invocation:
        payload = json.dumps(event).encode()
        return await runner.environments.invoke_with_fault(runner.name, payload, fault)

    @pytest.mark.parametrize("after", [0, 900])
    async def test_an_environment_is_killed_during_the_event_or_at_its_answer(
        self, after: float
    ) -> None:
        async with running("about") as runner:
            first = await runner.call()
            answer = await self.crash_or_slow(runner, FunctionFault(crash=after))
            failure = json.loads(answer.payload)
            assert answer.function_error == "Unhandled"
            assert failure["errorType"] == "Runtime.ExitError"
            assert failure["errorMessage"].endswith("signal: killed")
            assert (await runner.call())["pid"] != first["pid"]

    async def test_a_cold_one_is_killed_as_well(self) -> None:
        async with running("echo") as runner:
            answer = await self.crash_or_slow(runner, FunctionFault(crash=0))
            assert (answer.cold, answer.function_error) == (True, "Unhandled")

    async def test_what_it_did_before_its_answer_is_done(self, tmp_path: Path) -> None:
        async with running("wait_for_file") as runner:
            gate = tmp_path / "gate"
            call = asyncio.ensure_future(
                self.crash_or_slow(runner, FunctionFault(crash=900), file=str(gate))
            )
            await runner.wrote("running")
            gate.touch()
            assert (await call).function_error == "Unhandled"

    async def test_a_slow_one_keeps_its_environment_busy(self) -> None:
        async with running("about", concurrency=1) as runner:
            started = time.monotonic()
            slow = asyncio.ensure_future(self.crash_or_slow(runner, FunctionFault(slow=0.3)))
            await asyncio.sleep(0)  # it has the only place
            after = await runner.call()
            assert time.monotonic() - started >= 0.3
            assert json.loads((await slow).payload)["pid"] == after["pid"]

    async def test_one_that_is_too_slow_is_timed_out(self) -> None:
        async with running("echo", timeout=SHORT) as runner:
            await runner.call()
            answer = await self.crash_or_slow(runner, FunctionFault(slow=900))
            assert json.loads(answer.payload)["errorType"] == "Sandbox.Timedout"
            assert await runner.call(n=1) == {"n": 1}

    async def test_only_the_faulty_call_is_affected(self) -> None:
        async with running("echo") as runner:
            lines: list[tuple[str, str]] = []
            faults = Faults(7, {"function_crash": 0.5})
            assert isinstance(runner.environments, TakesFaults)
            invoker = FaultyInvoker(runner.environments, faults, lambda *line: lines.append(line))
            answers = [await invoker.invoke("echo", b"{}") for _ in range(10)]
            crashed = sum(answer.function_error is not None for answer in answers)
            assert 0 < crashed < 10
            assert lines == [("echo", "fault: function_crash after 0 s at most")] * crashed
