"""make plan: what follows from the parameters, and what contradicts each other."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from infra import estimate
from infra.estimate import Load
from infra.plan import Quotas, main, parameters, plan

QUOTAS = Quotas(requests_per_second=10_000, concurrency=1_000)


def test_the_defaults_hold_for_150000(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert "clients come back within           345 s   1.15 x that, 2 s at least" in printed
    assert "a lost line is waited for         12 min" in printed
    # 150,000 / 7,000 = 21.4 s; 10 x 7,000 = 70,000 of 150,000.
    assert "a broadcast to all takes            22 s" in printed
    assert "a window of 10 s reaches             47%   70,000 of 150,000" in printed
    assert "a window of 30 s reaches            100%   150,000 of 150,000" in printed


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
        (["MinCapacity=17"], 150_000, "MinCapacity 17 is above MaxCapacity 16"),
        (
            ["ConnectionsPerSecond=6000", "MessagesPerSecond=5000"],
            150_000,
            # 3 x 0.05 x 6,000 + 0.02 x 5,000 + 10 + 2 + 3
            "1,015 copies of functions",
        ),
    ],
)
def test_a_contradiction_is_shown_with_its_sum(
    overrides: list[str], connections: int, said: str
) -> None:
    (contradiction,) = plan(parameters(overrides), Load(connections), QUOTAS).contradictions
    assert said in contradiction


def test_a_contradiction_is_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["PingSeconds=30"]) == 1
    assert "contradiction: 150,000 connections / PingSeconds 30" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("PingSeconds=541", "PingSeconds=541: CloudFormation takes whole numbers of 10 to 540"),
        ("PingSeconds=x", "PingSeconds=x: CloudFormation takes whole numbers of 10 to 540"),
        ("PingSeconds=20.5", "PingSeconds=20.5: CloudFormation takes whole numbers of 10 to 540"),
        ("MinCapacity=0.4", "MinCapacity=0.4: CloudFormation takes numbers of 0.5 to 256"),
        ("MinCapacity=nan", "MinCapacity=nan: CloudFormation takes numbers of 0.5 to 256"),
        ("Pings=3", "Pings=3: give Apps=…, GraceSeconds=…"),
        ("Apps=Shop", "Apps=Shop: 'Shop' is no name of an app"),
        ("Apps=" + ",".join("abcdefghij"), "lists 11 apps, main with them; there may be 10"),
    ],
)
def test_what_the_template_does_not_take_is_refused(
    capsys: pytest.CaptureFixture[str], given: str, said: str
) -> None:
    assert main([given]) == 2
    assert said in capsys.readouterr().err


def test_a_raised_quota_is_no_contradiction() -> None:
    raised = parameters(["ConnectionsPerSecond=5000", "PingSeconds=540", "PingsPerSecond=2000"])
    raised_quotas = QUOTAS._replace(concurrency=2_000)
    found = plan(raised, Load(800_000), raised_quotas)
    assert found.contradictions == []
    assert "500 by default, raise it by 4,500" in str(found.lines)


def test_apps_in_equal_parts_are_as_fast_as_one() -> None:
    one, three = (
        {line.name: line.value for line in plan(parameters(given), Load(150_000), QUOTAS).lines}
        for given in ([], ["Apps=shop,quiz"])
    )
    assert three["connections of an app"] == 50_000
    for name in ("clients come back within", "a cycle of the sweep takes"):
        # 500 / 3 and 1,000 / 3 are not whole.
        assert three[name] == pytest.approx(one[name], rel=0.01)
    assert three["a broadcast to all takes"] == one["a broadcast to all takes"]


def test_the_largest_app_has_no_more_of_the_rates() -> None:
    """100,000 of 150,000 in one of three apps: 100,000 / 2,333, and 1.15 x 100,000 / 166."""
    load = Load(150_000, largest_app=100_000)
    given = parameters(["Apps=shop,quiz", "DatabaseConnections=1000"])
    found = plan(given, load, QUOTAS)
    lines = {line.name: line for line in found.lines}
    assert lines["a broadcast to all takes"].value == 43
    assert lines["clients come back within"].value == pytest.approx(1.15 * 100_000 / 166, abs=0.1)
    assert lines["connections in use, at most"].value == 3_000
    assert lines["connections in use, at most"].sum.endswith("more than the stack's own has")
    # The quotas are the account's: how users are divided does not change what it needs.
    assert lines["admission of all takes"].value == 300


def test_an_app_that_is_too_large_for_its_share_is_a_contradiction() -> None:
    """1.15 x 150,000 / (500 / 6) = 2,078 s."""
    load = Load(150_000, largest_app=150_000)
    (said,) = plan(parameters(["Apps=a,b,c,d,e"]), load, QUOTAS).contradictions
    assert "more than 1800: have the quota raised to 96" in said
    assert said.endswith("times 6 for all apps")


def test_programs_read_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "PushesPerSecond=9000"]) == 1
    read = json.loads(capsys.readouterr().out)
    assert "more than the account's 10,000" in read["contradictions"][0]
    lines = {line["name"]: line for line in read["lines"]}
    assert (lines["pings"]["value"], lines["pings"]["unit"]) == (625, "/s")
    assert lines["a window of 10 s reaches"]["value"] == pytest.approx(9 / 15)
    assert read["parameters"]["PushesPerSecond"] == 9_000
    assert read["apps"] == 1
    bill = read["month"]["as_it_is"]
    assert bill["dollars"] == pytest.approx(sum(one["dollars"] for one in bill["meters"]), abs=0.01)
    assert read["month"]["with_heartbeats"]["dollars"] > bill["dollars"]


@pytest.mark.parametrize(
    "option", ["--hours=0", "--hours=x", "--connections=0", "--hours=nan", "--webhooks=-1"]
)
def test_an_option_that_means_nothing_is_refused(option: str) -> None:
    with pytest.raises(SystemExit):
        main([option])


# 100,000 online for 10 h of a month, each for half an hour, 2 messages an hour, no bonus.
SMALL = Load(100_000, 10, session_minutes=30, messages_per_hour=2, broadcasts_per_hour=0)


def test_a_month_is_what_comes_out_by_hand() -> None:
    one = estimate.hour(SMALL, parameters([]))
    assert one.handshakes == 200_000
    assert one.messages == 200_000 + 200_000, "a hello for each connection, and two messages each"
    assert one.pings == 100_000 * 15
    assert one.asked == 60 * 41_250, "of 100,000, in 41.25 s of each minute"
    bill = {meter.name: meter for meter in estimate.month(SMALL, one, parameters([]))}
    assert bill["connection minutes"].amount == 60_000_000
    assert bill["connection minutes"].dollars == pytest.approx(15)
    # 10 h x 2 ways x (400,000 + 1,500,000)
    assert bill["messages"].dollars == pytest.approx(38)
    # 10 h x (3 x 200,000 + 400,000), and 3 x 60 x 730 schedules
    assert bill["invocations"].amount == 10_000_000 + 131_400
    # 10 h x (2 x 200,000 + 400,000) statements
    assert bill["Aurora's writes"].dollars == pytest.approx(8_000_000 * 0.2e-6)
    assert bill["NAT gateways"].dollars == pytest.approx(2 * 730 * 0.05)


def test_a_webhook_keeps_its_function_at_work_all_month() -> None:
    given = parameters([])
    idle = Load(1, 1e-9)
    (without, sending) = (
        {meter.name: meter.amount for meter in estimate.month(load, one, given)}
        for load, one in (
            (idle, estimate.hour(idle, given)),
            (replace(idle, webhooks=3), estimate.hour(idle, given)),
        )
    )
    # 75 s of each minute, 0.5 GB
    more = 730 * 60 * 75 * 0.5
    assert sending["functions' memory"] - without["functions' memory"] == pytest.approx(more)


def test_a_stack_without_users_costs_its_database_and_network() -> None:
    """About $240 a month: what stays behind when a stack with its own database is forgotten."""
    idle = Load(1, 1e-9)
    meters = estimate.month(idle, estimate.hour(idle, parameters([])), parameters([]))
    kept = {"Aurora", "RDS Proxy", "NAT gateways"}
    dollars = sum(meter.dollars for meter in meters if meter.name in kept)
    # 2 x 0.5 x 730 x 0.12 + 8 x 730 x 0.015 + 2 x 730 x (0.045 + 0.005)
    assert dollars == pytest.approx(87.60 + 87.60 + 73.00, abs=0.01)


def test_a_heartbeat_a_minute_costs_more_than_pings_by_every_meter_it_has() -> None:
    given = parameters([])
    one = estimate.hour(SMALL, given)
    beating = estimate.with_heartbeats(one, SMALL)
    assert beating.heartbeats == 6_000_000
    # 2 writes a connection and 1 a message; a heartbeat is one more.
    assert estimate.writes_per_hour(one) == 800_000
    assert estimate.writes_per_hour(beating) == 6_800_000
    both = [
        {meter.name: meter.dollars for meter in estimate.month(SMALL, of, given)}
        for of in (one, beating)
    ]
    for name in ("messages", "invocations", "functions' memory", "Aurora's writes", "Aurora"):
        assert both[1][name] > both[0][name]


def test_each_price_has_its_source() -> None:
    facts = estimate.aws()
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", facts["read_on"])
    for one in (*facts["prices"].values(), *facts["quotas"].values()):
        assert one["source"].startswith("https://")
