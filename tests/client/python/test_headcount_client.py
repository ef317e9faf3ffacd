"""The Python client: its line, its requests, its bonuses, its end; then the real system."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from headcount_client import Headcount, HeadcountError, TicketRefused
from headcount_client.line import COMES_BACK
from tests.client.python.world import PING_SECONDS, FakeServer, pass_time, play, until_status
from tests.support.browser import Browser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.support.system import Headcount as System

BONUS = {
    "bonus_id": "b",
    "reward": {},
    "opens_at": 1,
    "expires_at": 2,
    "outcome": None,
    "acknowledge": True,
}


def _server() -> FakeServer:
    return FakeServer(Random(1))  # noqa: S311  # the same in each run  # noqa: S311  # the same in each run


@asynccontextmanager
async def _online(server: FakeServer) -> AsyncIterator[Headcount]:
    async with server.client() as client:
        await until_status(client, "online")
        yield client


def test_a_request_that_nothing_answers_finds_a_new_line_within_ten_seconds() -> None:
    async def story() -> None:
        server = _server()
        async with _online(server) as client:
            server.live[-1].is_dead = True
            began = asyncio.get_running_loop().time()
            act = asyncio.create_task(client.act("like"))
            await until_status(client, "offline")
            assert asyncio.get_running_loop().time() - began <= 10.2
            assert (await act)["type"] == "like"
            [before], [after] = (one.of("act") for one in server.sockets)
            assert before == after

    play(story())


def test_a_quiet_line_that_is_dead_is_found_within_the_told_period_and_ten_seconds() -> None:
    async def story() -> None:
        server = _server()
        async with _online(server) as client:
            server.live[-1].is_dead = True
            began = asyncio.get_running_loop().time()
            await until_status(client, "offline")
            assert asyncio.get_running_loop().time() - began <= PING_SECONDS + 10.2

    play(story())


def test_a_slow_answer_is_no_dead_line() -> None:
    """The gateway answers pings while a function takes its time."""

    async def story() -> None:
        server = _server()
        async with _online(server) as client:
            server.answers["act"] = lambda act: None
            act = asyncio.create_task(client.act("like"))
            await pass_time(25)
            del server.answers["act"]
            await act
            assert len(server.sockets) == 1
            assert len(server.sockets[0].of("act")) == 2

    play(story())


@pytest.mark.parametrize(
    ("ticket", "missing"),
    [({"url": "ws://gateway"}, "ticket"), ({"url": 7, "ticket": "t"}, "url"), (None, "url")],
)
def test_what_the_ticket_function_returns_is_checked(ticket: Any, missing: str) -> None:
    async def answer(resource: str | None) -> Mapping[str, Any]:
        return ticket  # type: ignore[no-any-return]

    async def story() -> None:
        async with Headcount(answer) as client:
            await pass_time(0.01)
            assert client.status.status == "offline"
            assert f"returned no {missing}" in client.status.reason

    play(story())


def test_a_refused_ticket_stops_the_client_and_its_requests() -> None:
    async def refuse(resource: str | None) -> Mapping[str, Any]:
        raise TicketRefused("sign in first")

    async def story() -> None:
        async with Headcount(refuse) as client:
            with pytest.raises(HeadcountError, match="stopped: sign in first"):
                await client.act("like")
            assert client.status.status == "stopped"
            with pytest.raises(HeadcountError, match="stopped"):
                await client.act("like")

    play(story())


def test_a_request_of_one_user_is_not_sent_for_another() -> None:
    async def story() -> None:
        server = _server()
        async with _online(server) as client:
            server.answers["act"] = lambda act: None
            act = asyncio.create_task(client.act("like", patch={"a": 1}))
            await pass_time(1)
            server.user_id, server.epoch, server.state = "bob", "e2", {"b": 2}
            server.live[-1].drop()
            with pytest.raises(HeadcountError, match="another_user"):
                await act
            assert client.state == {"b": 2}
            assert server.sockets[-1].of("act") == []

    play(story())


def test_a_bonus_is_told_once_acknowledged_once_and_claimed() -> None:
    async def story() -> None:
        server = _server()
        told: list[Any] = []
        client = server.client()
        client.on("bonus", lambda bonus: told.append(bonus["outcome"]))
        async with client:
            await until_status(client, "online")
            server.bonuses = [BONUS]
            for _ in range(3):
                server.push({"type": "bonus", "broadcast": None, "bonus": BONUS})
            server.live[-1].drop()
            await pass_time(60)
            assert told == [None]
            assert server.acknowledged == ["b"]
            assert (await client.claim("b"))["outcome"] == "claimed"
            assert told == [None, "claimed"]
            assert [one["outcome"] for one in client.bonuses] == ["claimed"]

    play(story())


def test_cancelled_news_is_to_be_removed_and_not_told_later() -> None:
    async def story() -> None:
        server = _server()
        told: list[Any] = []
        client = server.client()
        client.on("news", lambda one: told.append(one["seq"]))
        client.on("news_cancelled", lambda one: told.append(-one["seq"]))
        async with client:
            await until_status(client, "online")
            for seq, more in ((1, {}), (3, {"cancels": 2}), (3, {"cancels": 2}), (2, {})):
                place = {"seq": seq, "follows": seq - 1}
                server.push({"type": "news", "broadcast": place, "news": {"seq": seq, **more}})
                await pass_time(1)
            assert told == [1, -2]

    play(story())


@pytest.mark.parametrize(
    ("code", "is_rejected"),
    [("conflict", True), ("not_allowed", True), ("unavailable", False), ("slow_down", False)],
)
def test_a_refusal_has_an_end(code: str, is_rejected: bool) -> None:
    async def story() -> None:
        server = _server()
        async with _online(server) as client:
            refusals = iter([{"code": code, "reason": "a reason", "retry_after_ms": 400}])

            def answer(act: dict[str, Any]) -> dict[str, Any]:
                refusal = next(refusals, None)
                return {"type": "error", "re": act["id"], **refusal} if refusal else done(act)

            done = server._done
            server.answers["act"] = answer
            if is_rejected:
                with pytest.raises(HeadcountError, match=code):
                    await client.act("like")
            else:
                assert (await client.act("like"))["type"] == "like"

    play(story())


def test_a_message_that_is_no_json_or_too_large_is_not_sent() -> None:
    async def story() -> None:
        async with _server().client() as client:
            with pytest.raises(HeadcountError, match="bad_request"):
                await client.act("like", {"at": object()})
            with pytest.raises(HeadcountError, match="too_large"):
                await client.act("like", {"text": "x" * 17_000})

    play(story())


def test_a_server_that_says_when_to_come_again_is_obeyed() -> None:
    async def story() -> None:
        server = _server()
        async with _online(server) as client:
            reply = {"type": "error", "re": None, "code": "kept_out", "reason": "too many"}
            server.push({**reply, "retry_after_ms": 30_000})
            await pass_time(29)
            assert client.status.status == "offline"
            assert server.sockets[0].closed == COMES_BACK
            await until_status(client, "online")

    play(story())


def test_a_listener_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        server = _server()
        client = server.client()
        client.on("welcome", lambda welcome: 1 / 0)
        async with client:
            await until_status(client, "online")
            assert (await client.act("like"))["seq"] == 1

    play(story())
    assert "a listener of 'welcome' failed" in caplog.text


def test_its_end_answers_all_requests() -> None:
    async def story() -> None:
        server = _server()
        server.answers["hello"] = lambda hello: None
        async with server.client() as client:
            act = asyncio.create_task(client.act("like"))
            await pass_time(1)
        with pytest.raises(HeadcountError, match="closed"):
            await act
        assert client.status.status == "stopped"
        assert server.sockets[-1].closed == 1000

    play(story())


def test_a_line_is_replaced_by_one_that_is_open_before_it_ends() -> None:
    async def story() -> None:
        server = FakeServer(Random(1))  # noqa: S311  # the same in each run
        server.told["rotate_within_ms"] = 60_000
        client = server.client()
        statuses, seqs, fewest = [], [], 9
        client.on("status", lambda status: statuses.append(status.status))
        client.on("event", lambda event: seqs.append(event["seq"]))
        async with client:
            await until_status(client, "online")
            acts: list[asyncio.Task[Any]] = []
            for _ in range(1_300):
                await pass_time(0.1)
                fewest = min(fewest, len(server.live))
                if len(acts) < 40:
                    server.push(server.add())
                    acts.append(asyncio.create_task(client.act("like")))
            assert len(server.sockets) == 3
            assert [await act for act in acts]
        assert statuses == ["online", "stopped"]
        assert seqs == list(range(1, 81))
        assert fewest == 1

    play(story())


def test_a_line_whose_hello_has_no_answer_is_left_by_a_client_that_comes_back() -> None:
    async def story() -> None:
        server = _server()
        server.answers["hello"] = lambda hello: None
        async with server.client() as client:
            await pass_time(31)
            assert server.sockets[0].closed == COMES_BACK
            del server.answers["hello"]
            await until_status(client, "online")

    play(story())


def test_a_line_that_was_to_replace_a_dead_one_is_left_by_a_client_that_comes_back() -> None:
    async def story() -> None:
        server = _server()
        server.told["rotate_within_ms"] = 60_000
        async with server.client() as client:
            await until_status(client, "online")
            server.answers["hello"] = lambda hello: None
            while len(server.sockets) == 1:
                await pass_time(1)
            server.sockets[0].drop()
            await until_status(client, "offline")
            assert server.sockets[1].closed == COMES_BACK

    play(story())


def test_a_line_stays_in_use_while_the_next_one_is_refused_or_says_nothing() -> None:
    async def story() -> None:
        server = FakeServer(Random(2))  # noqa: S311  # the same in each run
        server.told["rotate_within_ms"] = 60_000
        client = server.client()
        async with client:
            await until_status(client, "online")
            server.refusals = 2
            server.answers["hello"] = lambda hello: None
            await pass_time(80)
            first, *others = server.sockets
            assert first.closed is None
            assert others
            await client.act("like")
            assert first.of("act")
            del server.answers["hello"]
            await pass_time(60)
            assert first.closed is not None
            assert client.status.status == "online"
            assert len(server.live) == 1

    play(story())


async def test_two_clients_of_a_user_stay_in_step_on_the_real_system(headcount: System) -> None:
    async with AsyncExitStack() as stack:
        user = Browser(headcount, stack)

        async def ticket(resource: str | None) -> Any:
            may = {"may_watch": "*", "resource": resource or "final"}
            return await user.api("POST", "/tickets", {"user_id": user.user_id, **may})

        async with Headcount(ticket) as laptop, Headcount(ticket) as phone:
            liked, offered = asyncio.Event(), asyncio.Event()
            phone.on("state", lambda state: liked.set() if state.get("likes") == 1 else None)
            phone.on("bonus", lambda bonus: offered.set())
            await laptop.act("like", {"photo": 7}, patch={"likes": 1})
            await liked.wait()
            audience = {"kind": "users", "user_ids": [user.user_id]}
            order = {"reward": {"text": "5 coins"}, "audience": audience, "window_seconds": 600}
            bonus = await user.api("POST", "/bonuses", order)
            await offered.wait()
            assert (await phone.claim(bonus["bonus_id"]))["outcome"] == "claimed"
            assert (await laptop.watch("lobby"))["resource"] == "lobby"
            ledger = await laptop.ledger()
            assert "claimed" in [entry["entry"] for entry in ledger["entries"]]
