"""What AWS lets an account do per second, around each threshold.

docs/aws-behaviour.md §12.1, §12.2.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways import PONG, T0, Machine, frame_of, function, websocket_api
from wsgate.core.actions import Accept, Refuse
from wsgate.core.quotas import Bucket, Limiter, Quotas, parse, scope
from wsgate.model.plan import Throttle, Throttles

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.model.plan import Integration

AMPLE = Quotas(connections=1000, requests=1000, burst=1000)


def passed(take: Callable[[int], bool], now: int, most: int = 2000) -> int:
    """How many come through at one moment."""
    return next((n for n in range(most) if not take(now)), most)


class TestBucket:
    def test_it_gives_its_burst_at_once_and_no_more(self) -> None:
        assert passed(Bucket(10, 5).take, T0) == 5

    def test_a_token_comes_when_its_time_has_come(self) -> None:
        bucket = Bucket(10, 5)
        passed(bucket.take, T0)
        assert not bucket.take(T0 + 99)
        assert bucket.take(T0 + 100)
        assert not bucket.take(T0 + 100)

    def test_what_was_refused_in_between_costs_nothing(self) -> None:
        bucket = Bucket(10, 1)
        passed(bucket.take, T0)
        assert [bucket.take(T0 + at) for at in (30, 60, 90, 100)] == [False, False, False, True]

    def test_it_never_holds_more_than_its_burst(self) -> None:
        bucket = Bucket(10, 5)
        passed(bucket.take, T0)
        assert passed(bucket.take, T0 + 3_600_000) == 5

    def test_in_the_long_run_it_gives_its_rate(self) -> None:
        bucket = Bucket(100, 5)
        passed(bucket.take, T0)
        assert sum(bucket.take(T0 + at) for at in range(1, 1001)) == 100

    @settings(deadline=None)
    @given(
        rate=st.integers(0, 1000),
        burst=st.integers(1, 100),
        steps=st.lists(st.integers(0, 500), max_size=60),
    )
    def test_it_gives_all_that_came_and_never_more(
        self, rate: int, burst: int, steps: list[int]
    ) -> None:
        bucket, now = Bucket(rate, burst), T0
        taken = passed(bucket.take, now)
        for step in steps:
            now += step
            taken += passed(bucket.take, now)
            assert taken <= burst + rate * (now - T0) / 1000
        # Emptied each time and never full again, it has given all that came.
        if all(rate * step <= 1000 * (burst - 1) for step in steps):
            assert taken == burst + rate * (now - T0) // 1000

    def test_nothing_is_nothing(self) -> None:
        assert passed(Bucket(0, 0).take, T0) == 0
        assert passed(Bucket(10, 0).take, T0) == 0

    def test_a_share_of_a_small_burst_still_lets_one_pass(self) -> None:
        assert passed(Bucket(1, 0.25).take, T0) == 1

    def test_a_clock_that_goes_back_refills_nothing(self) -> None:
        bucket = Bucket(1000, 1)
        assert bucket.take(T0)
        assert not bucket.take(T0 - 5000)
        assert bucket.take(T0 - 4999)


class TestLimiter:
    def test_the_defaults_are_those_of_aws(self) -> None:
        limiter = Limiter(Quotas())
        assert passed(partial(limiter.handshake, "s"), T0) == 500
        assert passed(limiter.management, T0, 9000) == 5000 - 500

    def test_connections_come_back_within_the_second(self) -> None:
        limiter = Limiter(Quotas())
        passed(partial(limiter.handshake, "s"), T0)
        assert not limiter.handshake("s", T0 + 1)
        assert limiter.handshake("s", T0 + 2)

    def test_everything_shares_the_requests(self) -> None:
        limiter = Limiter(Quotas(connections=9, requests=1, burst=4))
        assert limiter.handshake("s", T0)
        assert limiter.request("s", "a", T0)
        assert limiter.management(T0)
        assert limiter.request("s", "GET /", T0)
        assert not limiter.handshake("s", T0)
        assert not limiter.request("s", "a", T0)
        assert not limiter.management(T0)
        assert not limiter.request("s", "GET /", T0)
        assert not limiter.request("s", None, T0)

    def test_a_node_has_its_share(self) -> None:
        limiter = Limiter(Quotas(), share=1 / 4)
        assert passed(partial(limiter.handshake, "s"), T0) == 125
        assert passed(limiter.management, T0) == 1250 - 125

    def test_a_route_has_its_own_bucket(self) -> None:
        throttles = Throttles(None, {"a": Throttle(10, 2)})
        limiter = Limiter(AMPLE, {"s": (("a", "b"), throttles)})
        assert passed(partial(limiter.request, "s", "a"), T0) == 2
        assert passed(partial(limiter.request, "s", "b"), T0) == 998
        assert not limiter.request("s", "a", T0 + 99)
        assert limiter.request("s", "a", T0 + 100)

    def test_a_stages_default_is_for_each_route_that_has_none(self) -> None:
        throttles = Throttles(Throttle(1, 3), {"a": Throttle(1, 2)})
        limiter = Limiter(AMPLE, {"s": (("a", "b", "c"), throttles)})
        for route, expected in (("a", 2), ("b", 3), ("c", 3)):
            assert passed(partial(limiter.request, "s", route), T0) == expected

    def test_connect_is_a_route_too(self) -> None:
        limiter = Limiter(AMPLE, {"s": (("$connect",), Throttles(Throttle(1, 3)))})
        assert passed(partial(limiter.handshake, "s"), T0) == 3

    def test_half_a_throttle_leaves_the_accounts_other_half(self) -> None:
        throttles = Throttles(None, {"rate": Throttle(rate=10), "burst": Throttle(burst=7)})
        limiter = Limiter(Quotas(burst=100), {"s": (("rate", "burst"), throttles)})
        assert passed(partial(limiter.request, "s", "burst"), T0) == 7
        assert passed(partial(limiter.request, "s", "rate"), T0) == 100 - 7

    def test_what_a_route_refuses_costs_the_account_nothing(self) -> None:
        limiter = Limiter(Quotas(burst=3), {"s": (("a",), Throttles(Throttle(0, 1)))})
        assert passed(partial(limiter.request, "s", "a"), T0) == 1
        assert passed(limiter.management, T0) == 2

    def test_a_route_of_one_stage_is_not_that_of_another(self) -> None:
        once = (("a",), Throttles(Throttle(1, 1)))
        limiter = Limiter(AMPLE, {"s": once, "t": once})
        assert passed(partial(limiter.request, "s", "a"), T0) == 1
        assert passed(partial(limiter.request, "t", "a"), T0) == 1
        assert limiter.request("u", "a", T0)


class TestWords:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", Quotas(500, 10_000, 5_000)),
            ("connections=5", Quotas(5, 10_000, 5_000)),
            ("burst=1,requests=2,connections=0", Quotas(0, 2, 1)),
        ],
    )
    def test_what_is_not_named_is_the_default(self, text: str, expected: Quotas) -> None:
        assert parse(text) == expected

    @pytest.mark.parametrize("text", ["nope=1", "burst", "burst=", "burst=-1", "burst=1e3", "=1"])
    def test_a_mistake_is_a_sentence(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"is none of|must be a number"):
            parse(text)

    def test_the_most_is_taken_and_more_is_not(self) -> None:
        assert parse("requests=1000000000").requests == 1_000_000_000
        for more in ("1000000001", "9" * 5000):
            with pytest.raises(ValueError, match="up to 1000000000"):
                parse(f"requests={more}")


class TestGateway:
    """What a client sees over a quota."""

    def machine(self, quotas: Quotas, throttles: Throttles | None = None) -> Machine:
        routes: dict[str, Integration] = {"$connect": function("connect"), "ping": PONG}
        api = replace(websocket_api(routes, two_way={"ping"}), throttles=throttles or Throttles())
        return Machine(api, limiter=Limiter(quotas, {scope(api): (api.routes, api.throttles)}))

    def test_a_handshake_over_the_quota_is_429_and_runs_no_function(self) -> None:
        machine = self.machine(Quotas(connections=1))
        machine.connected()
        connection_id, actions = machine.handshake()
        assert actions == [Refuse(connection_id, 429)]
        assert len(machine.gateway) == 1
        assert machine.closed(connection_id) == []

    def test_a_second_later_there_is_room(self) -> None:
        machine = self.machine(Quotas(connections=1))
        machine.connected()
        machine.now += 999
        assert isinstance(machine.handshake()[1][0], Refuse)
        machine.now += 1
        machine.connected()

    def test_a_message_too_many_is_a_frame_and_the_connection_stays(self) -> None:
        machine = self.machine(Quotas(burst=2))
        connection_id = machine.connected()
        assert frame_of(machine.say(connection_id, '{"action":"ping"}')[0])["type"] == "pong"
        [throttled] = machine.say(connection_id, '{"action":"ping"}')
        frame = frame_of(throttled)
        assert throttled.text == (  # type: ignore[union-attr]  # frame_of looked
            f'{{"message": "Too Many Requests", "connectionId":"{connection_id}", '
            f'"requestId":"{frame["requestId"]}"}}'
        )
        machine.now += 1
        assert frame_of(machine.say(connection_id, '{"action":"ping"}')[0])["type"] == "pong"

    def test_a_message_without_a_route_counts_as_well(self) -> None:
        machine = self.machine(Quotas(burst=2, requests=0))
        connection_id = machine.connected()
        frames = [frame_of(machine.say(connection_id, "{}")[0])["message"] for _ in range(2)]
        assert frames == ["Forbidden", "Too Many Requests"]

    def test_a_throttled_route_leaves_the_others_alone(self) -> None:
        machine = self.machine(Quotas(), Throttles(None, {"ping": Throttle(0, 0)}))
        connection_id = machine.connected()
        assert frame_of(machine.say(connection_id, '{"action":"ping"}')[0])["message"] == (
            "Too Many Requests"
        )
        assert frame_of(machine.say(connection_id, "{}")[0])["message"] == "Forbidden"

    def test_without_a_meter_there_is_no_quota(self) -> None:
        machine = Machine(websocket_api({"ping": PONG}, two_way={"ping"}))
        connection_id = machine.connected()
        for _ in range(20_000):
            [sent] = machine.say(connection_id, '{"action":"ping"}')
        assert json.loads(frame_of(sent)["type"] and "1") == 1
        assert isinstance(machine.handshake()[1][0], Accept)
