"""make plan: what follows from the parameters, and what contradicts each other."""

from __future__ import annotations

import pytest

from infra.plan import main, parameters, plan


def test_the_defaults_hold_for_150000(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert "clients come back within           345 s   1.15 x that, 2 s at least" in printed
    assert "a lost line is waited for         12 min" in printed


@pytest.mark.parametrize(
    ("overrides", "connections", "said"),
    [
        (["ConnectionsPerSecond=10"], 16_000, "more than 1800: have the quota raised to 11"),
        (
            ["PingSeconds=30", "PushesPerSecond=1"],
            150_000,
            "= 5,000 pings/s, more than PingsPerSecond 1,000",
        ),
        (["SweepRequestsPerSecond=10"], 150_000, "raise SweepRequestsPerSecond"),
        (["PushesPerSecond=9000"], 150_000, "more than the account's 10,000"),
        (["RotateSeconds=1200"], 150_000, "more than half of ConnectionsPerSecond 500"),
    ],
)
def test_a_contradiction_is_shown_with_its_sum(
    overrides: list[str], connections: int, said: str
) -> None:
    (contradiction,) = plan(parameters(overrides), connections).contradictions
    assert said in contradiction


def test_a_contradiction_is_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["PingSeconds=30"]) == 1
    assert "contradiction: 150,000 connections / PingSeconds 30" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("PingSeconds=541", "PingSeconds=541: CloudFormation takes whole numbers of 10 to 540"),
        ("PingSeconds=x", "PingSeconds=x: CloudFormation takes whole numbers of 10 to 540"),
        ("Pings=3", "Pings=3: give GraceSeconds=…"),
    ],
)
def test_what_the_template_does_not_take_is_refused(
    capsys: pytest.CaptureFixture[str], given: str, said: str
) -> None:
    assert main([given]) == 2
    assert said in capsys.readouterr().err


def test_a_raised_quota_is_no_contradiction() -> None:
    raised = parameters(["ConnectionsPerSecond=5000", "PingSeconds=540", "PingsPerSecond=2000"])
    assert plan(raised, 800_000).contradictions == []
