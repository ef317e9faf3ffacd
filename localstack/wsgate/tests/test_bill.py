"""What AWS would charge: blocks of 32 KB, begun minutes (docs/aws-behaviour.md §12.4)."""

from __future__ import annotations

import pytest

from gateways import MINUTE, PONG, T0, Machine, function, websocket_api
from wsgate.core.bill import (
    BLOCK_BYTES,
    FIRST_TIER,
    MONTH,
    Meter,
    bill,
    blocks,
    bytes_of,
    cost,
    messages_of,
    minutes,
    size_of,
)


@pytest.mark.parametrize(
    ("size", "is_billed_as"),
    [(0, 1), (1, 1), (BLOCK_BYTES, 1), (BLOCK_BYTES + 1, 2), (4 * BLOCK_BYTES, 4)],
)
def test_each_32_kb_begun_are_a_message(size: int, is_billed_as: int) -> None:
    meter = Meter()
    meter.received += meter.count("x" * size)
    assert blocks(size) == is_billed_as
    assert meter.total((), T0).billed == is_billed_as


@pytest.mark.parametrize(("millis", "count"), [(0, 1), (1, 1), (MINUTE, 1), (MINUTE + 1, 2)])
def test_each_minute_begun_counts(millis: int, count: int) -> None:
    assert minutes(T0, T0 + millis) == count


def test_a_tally_holds_messages_and_their_bytes() -> None:
    meter = Meter()
    tally = meter.count("x" * 10) + meter.count("") + meter.count("ä" * 65_536)
    assert (messages_of(tally), bytes_of(tally)) == (3, 131_082)


def test_a_size_is_that_of_the_bytes_on_the_wire() -> None:
    assert [size_of(text) for text in ("", "abc", "ä", "💛", "\ud800")] == [0, 3, 2, 4, 1]


def test_the_second_billion_is_cheaper() -> None:
    assert cost(1_000_000, 0) == pytest.approx(1.00)
    assert cost(0, 1_000_000) == pytest.approx(0.25)
    assert cost(FIRST_TIER + 1_000_000, 0) == pytest.approx(1000.80)


def test_a_month_goes_on_as_the_run_went() -> None:
    preview = bill(messages=10, connection_minutes=4, elapsed=2 * MINUTE)
    assert preview["month_messages"] == 10 * MONTH // (2 * MINUTE)
    assert preview["month_minutes"] == 4 * MONTH // (2 * MINUTE)
    assert preview["usd"] == pytest.approx((10 * 1.00 + 4 * 0.25) / 1_000_000)


def test_a_run_of_an_instant_is_taken_for_a_minute() -> None:
    assert bill(1, 1, 0) | {"elapsed": MINUTE} == bill(1, 1, MINUTE)


class TestTheGatewayCounts:
    def test_messages_of_both_directions_and_by_connection(self) -> None:
        machine = Machine(websocket_api({"ping": PONG}, two_way={"ping"}))
        one, other = machine.connected(), machine.connected()
        machine.say(one, '{"action":"ping"}')
        machine.say(one, "{}")  # answered with Forbidden, which is a message as well
        machine.gateway.post(other, "ä" * 20_000, machine.now)
        first, second = reversed(machine.gateway.latest(9))
        assert (messages_of(first.received), bytes_of(first.received)) == (2, 19)
        assert messages_of(first.sent) == 2
        assert (messages_of(second.sent), bytes_of(second.sent)) == (1, 40_000)
        assert machine.gateway.total(machine.now).billed == 2 + 2 + 2

    def test_messages_of_a_connection_that_went_stay_on_the_bill(self) -> None:
        machine = Machine(websocket_api({"ping": PONG}, two_way={"ping"}))
        gone = machine.connected()
        machine.say(gone, '{"action":"ping"}')
        before = machine.gateway.total(machine.now)
        machine.closed(gone)
        assert machine.gateway.total(machine.now) == before

    def test_minutes_of_those_that_are_there_and_of_those_that_went(self) -> None:
        machine = Machine(websocket_api({}))
        gone, _ = machine.connected(), machine.connected()
        machine.now += MINUTE + 1
        machine.closed(gone)
        assert machine.gateway.meter.minutes == 2
        assert machine.gateway.total(machine.now).minutes == 4

    def test_a_refused_handshake_costs_no_minute(self) -> None:
        machine = Machine(websocket_api({"$connect": function("connect")}))
        connection_id, [invoke] = machine.handshake()
        assert machine.gateway.total(machine.now).minutes == 0
        machine.answer(invoke, {"statusCode": 403})
        machine.closed(connection_id)
        assert machine.gateway.total(machine.now).minutes == 0

    def test_the_latest_connections_come_first(self) -> None:
        machine = Machine(websocket_api({}))
        ids = [machine.connected() for _ in range(3)]
        assert [connection.id for connection in machine.gateway.latest(2)] == [ids[2], ids[1]]
