"""Asynchronous events: what Lambda tries again, when, and for how long."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from gateways import Event, Functions, plan, raised, returned, running, websocket_api
from socket_clients import functions_client
from templates import HEAD, MAIN, SOCKET
from waiting import until
from wsgate.core.retries import Again, Delivery, Drop, after
from wsgate.model.invoke import InvokeError
from wsgate.model.limits import Limits
from wsgate.model.plan import EventPolicy, Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateways import Running


T = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEW = Delivery(T)
WAITS = Limits().retry_waits
FAILED = raised("boom")
THROTTLED = InvokeError(429, "TooManyRequestsException", "Rate Exceeded.")
MINUTE = timedelta(minutes=1)


def then(delivery: Delivery, ending: Any, policy: EventPolicy, at: datetime = T) -> Any:
    return after(delivery, ending, policy, WAITS, at)


class TestDecision:
    def test_success_is_the_end(self) -> None:
        assert then(NEW, returned(1), EventPolicy()) is None

    def test_a_failed_function_runs_three_times(self) -> None:
        first = then(NEW, FAILED, EventPolicy())
        assert first == Again(Delivery(T, 1), MINUTE)
        second = then(first.delivery, FAILED, EventPolicy())
        assert second == Again(Delivery(T, 2), 2 * MINUTE)
        assert then(second.delivery, FAILED, EventPolicy()) == Drop("failed 3 times")

    @pytest.mark.parametrize("retries", [0, 1, 2])
    def test_its_policy_says_how_often(self, retries: int) -> None:
        policy, delivery, runs = EventPolicy(retries), NEW, 1
        while isinstance(next_one := then(delivery, FAILED, policy), Again):
            delivery, runs = next_one.delivery, runs + 1
        assert runs == retries + 1

    def test_an_event_that_would_be_too_old_is_given_up(self) -> None:
        policy = EventPolicy(age=timedelta(seconds=90))
        assert isinstance(then(NEW, FAILED, policy, T + timedelta(seconds=30)), Again)
        late = T + timedelta(seconds=30, microseconds=1)
        assert then(NEW, FAILED, policy, late) == Drop("older than 90 s")

    def test_throttling_returns_it_ever_more_slowly_and_counts_nothing(self) -> None:
        delivery, waits = NEW, []
        for _ in range(11):
            again = then(delivery, THROTTLED, EventPolicy(0))
            delivery = again.delivery
            waits.append(again.wait.total_seconds())
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
        assert delivery.failures == 0

    def test_it_is_returned_for_as_long_as_it_may_be_old(self) -> None:
        tired = Delivery(T, returns=1000)
        assert isinstance(then(tired, THROTTLED, EventPolicy(), T + timedelta(hours=5)), Again)
        late = T + timedelta(hours=5, minutes=55, seconds=1)
        assert then(tired, THROTTLED, EventPolicy(), late) == Drop("older than 21600 s")

    @pytest.mark.parametrize(
        "ending",
        [InvokeError(500, "ServiceException", "x"), InvokeError(503, "x", "x"), TimeoutError()],
    )
    def test_faults_of_lambda_itself_pass(self, ending: Any) -> None:
        assert then(NEW, ending, EventPolicy(0)) == Again(
            Delivery(T, returns=1), timedelta(seconds=1)
        )

    def test_what_can_never_run_is_given_up(self) -> None:
        missing = InvokeError(404, "ResourceNotFoundException", "no")
        assert then(NEW, missing, EventPolicy()) == Drop("ResourceNotFoundException: no")


class TestOverSockets:
    QUICK = Limits(retry_waits=(timedelta(milliseconds=10), timedelta(milliseconds=20)))

    async def order(self, node: Running, payload: bytes = b'{"n":1}') -> None:
        client = functions_client(node)
        await asyncio.to_thread(
            client.invoke, FunctionName="note", InvocationType="Event", Payload=payload
        )

    async def test_a_function_that_fails_twice_succeeds_the_third_time(self) -> None:
        def note(event: Event) -> int:
            assert len(functions.calls) == 3, "not yet"
            return 1

        functions = Functions(note=note)
        async with running(plan(websocket_api({})), functions, limits=self.QUICK) as node:
            await self.order(node)
            await until(lambda: len(node.node._background) == 0)
            assert functions.events("note") == [{"n": 1}] * 3
            again = "note | asynchronous event: again in {} s"
            assert [line for line in node.log if "note |" in line] == [
                again.format(0.01),
                again.format(0.02),
            ]

    async def test_one_that_always_fails_is_given_up(self) -> None:
        def note(event: Event) -> None:
            raise AssertionError("never")

        functions = Functions(note=note)
        api = replace(plan(websocket_api({})), event_policies={"note": EventPolicy(retries=1)})
        async with running(api, functions, limits=self.QUICK) as node:
            await self.order(node)
            given_up = "note | asynchronous event: given up, failed 2 times"
            await until(lambda: given_up in node.log)
            assert len(functions.calls) == 2
            assert len(node.node._background) == 0

    async def test_what_waits_is_bounded_in_number_and_bytes(self) -> None:
        def note(event: Event) -> None:
            raise AssertionError("never")

        limits = replace(self.QUICK, retry_waits=(timedelta(hours=1),), background=2)
        for bounds in (limits, replace(limits, background=9, background_bytes=20)):
            async with running(
                plan(websocket_api({})), Functions(note=note), limits=bounds
            ) as node:
                for _ in range(2):
                    await self.order(node, json.dumps({"n": "x"}).encode())
                with pytest.raises(ClientError, match="TooManyRequestsException"):
                    await self.order(node, b'{"n":12}')
                assert len(node.node._background) == 2
            assert "asynchronous events that were to be tried again: 2" in node.log


CONFIG = """
  Config:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref Main
      Qualifier: $LATEST
      MaximumRetryAttempts: 0
"""
OF_SAM = """
      EventInvokeConfig:
        MaximumEventAgeInSeconds: 60
        DestinationConfig: {OnFailure: {Type: SQS}}
"""


class TestTemplate:
    def test_a_policy_of_its_own(self, plan_of: Callable[..., Plan]) -> None:
        found = plan_of(HEAD, "Resources:", SOCKET, MAIN, CONFIG).event_policies
        assert found == {"Main": EventPolicy(retries=0)}

    def test_sams_short_form(self, plan_of: Callable[..., Plan]) -> None:
        found = plan_of(HEAD, "Resources:", SOCKET, MAIN, OF_SAM)
        assert found.event_policies == {"Main": EventPolicy(age=timedelta(seconds=60))}
        [sentence] = found.left_out
        assert "DestinationConfig.OnFailure is not emulated" in sentence

    def test_dead_letters_are_told(self, plan_of: Callable[..., Plan]) -> None:
        dead = "      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Dead.Arn}\n"
        queue = "\n  Dead: {Type: AWS::SQS::Queue}\n"
        [sentence] = plan_of(HEAD, "Resources:", queue, SOCKET, MAIN, dead).left_out
        assert "Main.DeadLetterConfig is not emulated" in sentence

    @pytest.mark.parametrize("value", ["-1", "3", "x"])
    def test_what_lambda_refuses(self, plan_of: Callable[..., Plan], value: str) -> None:
        config = CONFIG.replace("Attempts: 0", f"Attempts: {value}")
        found = plan_of(HEAD, "Resources:", SOCKET, MAIN, config)
        [sentence] = found.left_out
        assert "Config.MaximumRetryAttempts" in sentence
        assert found.event_policies == {}
