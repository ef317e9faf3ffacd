"""Questions, reveals and campaigns in the Python client, and the server's clock."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from handlers.core.sealing import seal
from headcount_client import Headcount, Show
from headcount_client.clock import Clock
from tests.client.python.world import FakeServer, pass_time, play, until_status
from tests.support.browser import Browser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.system import Headcount as System

KEY = bytes(range(32))
CONTENT = {"winner": "Zoë"}
# "AAECAw…", as the server writes it.
TOLD_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
AHEAD_MS = 5_000_000
NAMES = ("question", "answer", "result", "sealed", "reveal", "unreadable", "cancelled")


class Told:
    """A client with a show, online; the server's clock is AHEAD_MS ahead of the loop's."""

    def __init__(self, server: FakeServer, show: Show) -> None:
        self.server, self.show = server, show
        self.heard: list[tuple[str, Any]] = []
        for name in NAMES:
            show.on(name, partial(self._hear, name))

    def _hear(self, name: str, detail: Any) -> None:
        self.heard.append((name, detail))

    def news(self, seq: int, kind: str, body: dict[str, Any], **more: Any) -> None:
        place = {"seq": seq, "follows": seq - 1}
        news = {"seq": seq, "type": kind, "body": body, **more}
        message = {"type": "news", "broadcast": place, "news": news}
        self.server.push(message | {"server_now": server_now()})

    def sealed(self, seq: int, reveals_at: int) -> None:
        text = seal(json.dumps(CONTENT), KEY)
        body = {"reveal_id": "r", "reveals_at": reveals_at, "sealed": text}
        self.news(seq, "reveal.sealed", body)

    def key(self, seq: int, reveals_at: int, key: str = TOLD_KEY) -> None:
        self.news(seq, "reveal.key", {"reveal_id": "r", "reveals_at": reveals_at, "key": key})


def server_now() -> int:
    return round(AHEAD_MS + asyncio.get_running_loop().time() * 1_000)


@asynccontextmanager
async def _told() -> AsyncIterator[Told]:
    server = FakeServer(Random(1))  # noqa: S311  # the same in each run
    server.answers["ping"] = lambda ping: {"type": "pong", "server_now": server_now()}
    server.answers["hello"] = lambda hello: server.welcome(hello) | {"server_now": server_now()}
    client = server.client()
    show = Show(client, random=lambda: 0.5)
    told = Told(server, show)
    async with client:
        await until_status(client, "online")
        client.wake()
        await pass_time(1)
        yield told


def test_a_question_is_asked_answered_once_and_tallied() -> None:
    async def story() -> None:
        async with _told() as told:
            question = {"question_id": "q", "text": "Who?", "options": ["Ann", "Bob"]}
            told.news(1, "question.opened", question)
            await pass_time(1)
            told.server.answers["answer"] = lambda asked: {
                **{"type": "answer", "re": asked["id"], "server_now": server_now()},
                **{"question_id": "q", "outcome": "answered", "option": asked["option"]},
            }
            answer = await told.show.answer("q", 1)
            assert answer == {"question_id": "q", "outcome": "answered", "option": 1}
            push = told.server.add(kind="question.answered")
            push["event"]["body"] = {"question_id": "q", "option": 1}
            told.server.push(push)
            result = {"question_id": "q", "tally": [0, 1], "correct": 1}
            told.news(2, "question.closed", result)
            await pass_time(1)
            assert told.heard[0] == ("question", question)
            assert told.heard.count(("answer", answer)) == 2, "here, and on another device"
            assert ("result", result) in told.heard

    play(story())


def test_listed_users_are_told_a_question_by_events_each_once() -> None:
    def event(told: Told, kind: str, body: dict[str, Any]) -> None:
        push = told.server.add(kind=f"question.{kind}")
        push["event"] |= {"body": body, "at": server_now()}
        told.server.push(push)

    async def story() -> None:
        async with _told() as told:
            question = {"question_id": "q", "text": "Who?", "expires_at": server_now() + 60_000}
            over = question | {"question_id": "over", "expires_at": server_now() - 1}
            result = {"question_id": "q", "tally": [0, 1], "correct": 1}
            event(told, "opened", over)
            event(told, "opened", question)
            event(told, "closed", result)
            event(told, "opened", question | {"question_id": "r"})
            event(told, "cancelled", {"question_id": "r"})
            event(told, "opened", question | {"question_id": "r"})
            await pass_time(1)
            assert told.heard == [
                *(("question", question), ("result", result)),
                *(
                    ("question", question | {"question_id": "r"}),
                    ("cancelled", {"question_id": "r"}),
                ),
            ]

    play(story())


def test_a_reveal_is_shown_at_the_instant_and_not_before() -> None:
    async def story() -> None:
        async with _told() as told:
            instant = server_now() + 10_000
            told.sealed(1, instant)
            await pass_time(1)
            told.key(2, instant)
            told.show.on("reveal", lambda one: shown.append(server_now()))
            shown: list[int] = []
            pings = len(told.server.live[0].of("ping"))
            await pass_time(20)
            assert told.heard == [
                ("sealed", {"reveal_id": "r", "reveals_at": instant}),
                ("reveal", {"reveal_id": "r", "content": CONTENT}),
            ]
            # Half of the slowest round trip of this network, which takes up to 0.6 s.
            assert abs(shown[0] - instant) <= 300
            assert len(told.server.live[0].of("ping")) - pings == 2

    play(story())


def test_a_client_that_comes_later_is_shown_it_at_once_whichever_part_comes_first() -> None:
    async def story() -> None:
        async with _told() as told:
            instant = server_now() - 10_000
            told.key(1, instant)
            await pass_time(1)
            told.sealed(2, instant)
            await pass_time(1)
            assert told.heard[1:] == [("reveal", {"reveal_id": "r", "content": CONTENT})]

    play(story())


def test_a_cancelled_reveal_is_not_shown() -> None:
    async def story() -> None:
        async with _told() as told:
            instant = server_now() + 10_000
            told.sealed(1, instant)
            await pass_time(1)
            told.key(2, instant)
            await pass_time(1)
            told.news(3, "reveal.sealed", {}, cancels=1)
            await pass_time(20)
            assert told.heard[1:] == [("cancelled", {"reveal_id": "r"})]

    play(story())


@pytest.mark.parametrize("key", ["AAAA", "no base64!", "A" * 43 + "="])
def test_a_wrong_key_is_told_and_ends_nothing(key: str) -> None:
    async def story() -> None:
        async with _told() as told:
            told.sealed(1, server_now())
            await pass_time(1)
            told.key(2, server_now(), key)
            await pass_time(1)
            assert [name for name, _ in told.heard] == ["sealed", "unreadable"]

    play(story())


def test_progress_and_campaigns() -> None:
    async def story() -> None:
        server = FakeServer(Random(1))  # noqa: S311  # the same in each run
        heard: list[Any] = []
        client = server.client()
        client.on("progress", heard.append)
        async with client:
            await until_status(client, "online")
            progress = {"campaign_id": "c", "watched_ms": 450_000}
            server.push({"type": "progress", "server_now": 1, "progress": progress})
            server.answers["campaigns"] = lambda asked: {
                **{"type": "campaigns", "re": asked["id"], "server_now": 1},
                **{"campaigns": [{"campaign_id": asked.get("after", "c")}], "next": "c"},
            }
            first = await client.list_campaigns()
            assert first == {"campaigns": [{"campaign_id": "c"}], "next": "c"}
            assert (await client.list_campaigns("d"))["campaigns"] == [{"campaign_id": "d"}]
            await pass_time(1)
            assert heard and set(map(str, heard)) == {str(progress)}

    play(story())


def test_the_clock_lies_between_what_a_round_trip_allows() -> None:
    clock = Clock()
    assert not clock.is_set
    clock.learn(100.0, 1.0, None)
    assert clock.offset == 99.0, "written before it was received"
    clock.learn(102.0, 3.0, 2.5)
    assert clock.offset == pytest.approx(99.25, abs=0.002)
    clock.learn(50.0, 4.0, 3.9)
    assert clock.offset == pytest.approx(46.05), "it was set: the last one alone counts"


async def test_a_question_and_a_reveal_reach_it_on_the_real_system(headcount: System) -> None:
    async with AsyncExitStack() as stack:
        user = Browser(headcount, stack)

        async def ticket(resource: str | None) -> Any:
            return await user.api("POST", "/tickets", {"user_id": user.user_id})

        client = Headcount(ticket)
        show = Show(client)
        asked: asyncio.Queue[Any] = asyncio.Queue()
        revealed: asyncio.Queue[Any] = asyncio.Queue()
        show.on("question", asked.put_nowait)
        show.on("reveal", revealed.put_nowait)
        async with client:
            await until_status(client, "online")
            audience = {"kind": "everyone"}
            order = {"text": "Who?", "options": ["Ann", "Bob"], "window_seconds": 60}
            question = await user.api("POST", "/questions", order | {"audience": audience})
            # Other tests may ask the same system.
            while (await asked.get())["question_id"] != question["question_id"]:
                pass
            answer = await show.answer(question["question_id"], 1)
            assert (answer["outcome"], answer["option"]) == ("answered", 1)
            content = {"content": CONTENT, "audience": audience, "reveals_in_seconds": 6}
            reveal = await user.api("POST", "/reveals", content)
            while (one := await revealed.get())["reveal_id"] != reveal["reveal_id"]:
                pass
            assert one["content"] == CONTENT
            assert client.server_now() >= reveal["reveals_at"] - 50
