"""The command line of the load tool."""

from __future__ import annotations

import pytest

from bench.load.options import STAGES, concurrency, parse
from bench.load.system import gateway_arguments


def test_a_small_run_has_a_faster_clock_and_a_small_quota() -> None:
    small, large = parse(["--users", "2000"]), parse(["--users", "150,000"])
    assert (small.scale, small.quota, small.connections_per_second, small.grace) == (6, 50, 300, 5)
    assert (large.scale, large.quota, large.connections_per_second, large.grace) == (
        1,
        500,
        500,
        30,
    )
    assert small.stages == STAGES


def test_stages_are_played_in_their_order() -> None:
    assert parse(["--stages", "storm,ramp"]).stages == ("ramp", "storm")


@pytest.mark.parametrize(("cpus", "environments"), [(1, 2), (2, 2), (3, 3), (10, 10), (64, 10)])
def test_a_function_has_an_environment_for_each_processor(cpus: int, environments: int) -> None:
    assert concurrency(cpus) == environments


@pytest.mark.parametrize("quota", [None, 600])
def test_the_gateway_of_a_storm_has_the_environments_that_were_asked_for(
    quota: int | None,
) -> None:
    arguments = gateway_arguments(parse(["--concurrency", "3"]), 2, quota)
    assert arguments[arguments.index("--concurrency") + 1] == "3"
    assert ("--quotas" in arguments) == (quota is not None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--users", "0"],
        ["--users", "many"],
        ["--stages", "rain"],
        ["--stages", "storm"],
        ["--scale", "0"],
        ["--quota", "-1"],
        ["--concurrency", "0"],
    ],
)
def test_a_mistake_is_a_sentence_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


TARGET = ["--target", "wss://gateway.example/live"]


def test_a_deployed_gateway_is_never_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    options = parse(TARGET)
    assert options.stages == tuple(name for name in STAGES if name not in {"node", "storm"})
    assert (options.scale, options.api) == (1, "https://gateway.example")
    assert "secret" not in repr(options)


@pytest.mark.parametrize(
    ("arguments", "token"),
    [
        ([*TARGET, "--stages", "ramp,storm"], "secret"),
        (TARGET, ""),
        (["--target", "https://gateway.example"], "secret"),
        (["--target", "wss:gateway.example"], "secret"),
    ],
)
def test_what_does_not_go_with_a_deployed_gateway_is_refused(
    arguments: list[str], token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", token)
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
