"""What a node remembers, and how much of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateways import (
    PONG,
    T0,
    TIMEOUT,
    Functions,
    Machine,
    allow,
    function,
    raised,
    returned,
    websocket_api,
)
from wsgate.console.journal import MAX_ANSWER, Entry, Journal, Other, Witness
from wsgate.core.actions import Fetch, Invoke
from wsgate.core.integrations import HttpAnswer
from wsgate.masking import Mask
from wsgate.model.events import Handshake
from wsgate.model.invoke import Invocation, InvokeError
from wsgate.model.plan import Endpoint, HttpProxyIntegration
from wsgate.transport.fetch import FetchError

PLAIN_HANDSHAKE = Handshake((("Host", "example.org"),), "", "203.0.113.7")
KEYS = {
    *("id", "at", "route", "connection", "outcome", "tone", "ms", "cold"),
    *("function", "event", "said", "answer", "frame", "received", "sent"),
}


class Kept:
    """A machine, and a journal that is filled as a node fills it."""

    def __init__(self, **routes: Any) -> None:
        two_way = {"ping", "echo"}
        self.machine = Machine(websocket_api({"ping": PONG, **routes}, two_way=two_way))
        self.journal = Journal(Mask())
        self.connection_id = self.machine.connected()

    def say(self, text: str) -> list[Any]:
        actions = self.machine.gateway.message(self.connection_id, text, self.machine.now)
        self.journal.said(text, actions, self.machine.now)
        return actions

    def ends(self, invoke: Invoke | Fetch, ending: Any) -> None:
        gateway, now = self.machine.gateway, self.machine.now
        if isinstance(ending, HttpAnswer):
            actions = gateway.fetched(invoke.call, ending, now)
        elif isinstance(ending, FetchError):
            actions = gateway.unreachable(invoke.call, str(ending), now)
        elif isinstance(ending, Invocation):
            actions = gateway.answered(invoke.call, ending, now)
        elif isinstance(ending, InvokeError):
            actions = gateway.failed(invoke.call, str(ending), now)
        else:
            actions = gateway.timed_out(invoke.call, now)
        self.journal.ended(invoke, ending, actions, now)

    def one(self) -> Entry:
        [entry] = self.journal.since(0)
        assert set(entry) == KEYS
        return entry


def test_a_message_that_no_function_gets_is_kept_with_its_answer() -> None:
    kept = Kept()
    kept.say('{"action":"ping"}')
    entry = kept.one()
    assert (entry["route"], entry["outcome"], entry["tone"]) == ("ping", "200", "good")
    assert (entry["said"], entry["event"]) == ('{"action":"ping"}', None)
    assert json.loads(entry["frame"])["type"] == "pong"
    assert (entry["received"], entry["sent"]) == (17, len(entry["frame"]))


def test_a_message_without_a_route_shows_the_frame_that_says_so() -> None:
    kept = Kept()
    kept.say("ä")
    entry = kept.one()
    assert (entry["route"], entry["outcome"], entry["tone"]) == ("-", "Forbidden", "bad")
    assert json.loads(entry["frame"])["message"] == "Forbidden"
    assert entry["received"] == 2


def test_an_invocation_is_kept_once_with_the_very_bytes_of_its_event() -> None:
    kept = Kept(echo=function("f"))
    [invoke] = kept.say('{"action":"echo","text":"ä"}')
    assert len(kept.journal) == 0
    kept.machine.now += 12
    kept.ends(invoke, Invocation(b'{"statusCode":200,"body":"hi"}', cold=True))
    entry = kept.one()
    assert entry["event"].encode() == invoke.event
    assert (entry["function"], entry["cold"], entry["ms"], entry["at"]) == ("f", True, 12, T0 + 12)
    assert (entry["answer"], entry["frame"]) == ('{"statusCode":200,"body":"hi"}', "hi")
    assert (entry["received"], entry["sent"]) == (29, 2)


@pytest.mark.parametrize(
    ("ending", "outcome", "answer"),
    [
        (HttpAnswer(200, (), b"pong"), "200", "200\npong"),
        (FetchError("refused"), "Internal server error", "not reached: refused"),
        (TimeoutError(), "Endpoint request timed out", "no answer in time"),
    ],
)
def test_what_an_endpoint_was_asked_is_shown_without_its_query(
    ending: Any, outcome: str, answer: str
) -> None:
    uri = "http://127.0.0.1:9/rooms?token=secret"
    kept = Kept(echo=HttpProxyIntegration(Endpoint(uri, "POST"), TIMEOUT))
    [fetch] = kept.say('{"action":"echo"}')
    kept.ends(fetch, ending)
    entry = kept.one()
    assert entry["outcome"].startswith(outcome)
    assert entry["function"] == "POST http://127.0.0.1:9/rooms"
    assert (entry["said"], entry["event"]) == ('{"action":"echo"}', None)
    assert entry["answer"].startswith(answer)


@pytest.mark.parametrize(
    ("ending", "outcome", "answer"),
    [
        (raised("boom"), "Internal server error", "boom"),
        (InvokeError(429, "TooManyRequests", "busy"), "Internal server error", "not invoked: Too"),
        (TimeoutError(), "Endpoint request timed out", "no answer in time"),
    ],
)
def test_a_failure_shows_what_the_client_got_and_why(
    ending: Any, outcome: str, answer: str
) -> None:
    kept = Kept(echo=function("f"))
    [invoke] = kept.say('{"action":"echo"}')
    kept.ends(invoke, ending)
    entry = kept.one()
    assert entry["outcome"].startswith(outcome)
    assert answer in entry["answer"]
    assert json.loads(entry["frame"])["message"] == outcome
    assert entry["tone"] == "bad"


def test_a_handshake_without_a_function_is_kept() -> None:
    machine, journal = Machine(websocket_api({})), Journal(Mask())
    _, actions = machine.gateway.handshake(PLAIN_HANDSHAKE, machine.now)
    journal.decided(actions, machine.now)
    [entry] = journal.since(0)
    assert (entry["route"], entry["outcome"]) == ("$connect", "101")
    assert entry["event"] is None


def test_an_authorizer_before_a_connect_that_is_not_there_makes_two_entries() -> None:
    machine, journal = Machine(websocket_api({}, sources=())), Journal(Mask())
    _, [invoke] = machine.gateway.handshake(PLAIN_HANDSHAKE, machine.now)
    assert isinstance(invoke, Invoke)
    ending = returned(allow())
    journal.ended(invoke, ending, machine.gateway.answered(invoke.call, ending, T0), T0)
    first, second = journal.since(0)
    assert (first["route"], first["outcome"]) == ("authorizer", "allow")
    assert (second["route"], second["event"]) == ("$connect", None)
    assert first["event"].encode() == invoke.event
    assert first["id"] != second["id"]


def test_a_long_answer_is_cut_and_an_event_is_not() -> None:
    journal, long = Journal(Mask()), b"x" * (MAX_ANSWER + 1)
    journal.add(T0, Other("POST /", "200", event=long, answer=long))
    [entry] = journal.since(0)
    assert len(entry["event"]) == MAX_ANSWER + 1
    assert entry["answer"] == "x" * MAX_ANSWER + "…"


class TestTheRing:
    def add(self, journal: Journal, *sizes: int) -> None:
        for size in sizes:
            journal.add(T0, Other("POST /", "200", answer=b"x" * size))

    def test_it_holds_so_many_and_no_more(self) -> None:
        journal = Journal(Mask(), most=3)
        self.add(journal, 0, 0, 0, 0)
        assert len(journal) == 3
        assert [entry["id"] for entry in journal.since(0)] == ["2.0", "3.0", "4.0"]

    def test_it_holds_so_many_bytes_and_no_more(self) -> None:
        journal = Journal(Mask(), most_bytes=30_000)
        self.add(journal, 10_000, 10_000, 10_000)
        assert len(journal) == 2
        assert journal.size <= 30_000
        self.add(journal, 40_000)  # larger than all: it is alone
        assert [entry["id"] for entry in journal.since(0)] == ["4.0"]
        self.add(journal, 1)
        assert len(journal) == 1

    def test_since_gives_what_came_later_and_the_latest_of_too_much(self) -> None:
        journal = Journal(Mask())
        self.add(journal, *[0] * 5)
        assert [entry["id"] for entry in journal.since(3)] == ["4.0", "5.0"]
        assert [entry["id"] for entry in journal.since(0, most=2)] == ["4.0", "5.0"]
        assert journal.since(5) == journal.since(99) == []
        assert journal.last == 5


class TestTriggers:
    async def test_a_batch_is_kept_with_its_event_and_answer(self) -> None:
        journal = Journal(Mask())
        witness = Witness(Functions(work=lambda event: "done"), journal, "queue", lambda: T0)
        assert json.loads((await witness.invoke("work", b'{"Records":[]}')).payload) == "done"
        [entry] = journal.since(0)
        assert (entry["route"], entry["function"], entry["outcome"]) == ("queue", "work", "200")
        assert (entry["event"], entry["answer"]) == ('{"Records":[]}', '"done"')

    async def test_an_invocation_that_failed_is_kept_and_raised(self) -> None:
        journal = Journal(Mask())
        witness = Witness(Functions(), journal, "schedule", lambda: T0)
        with pytest.raises(InvokeError):
            await witness.invoke("work", b"{}")
        [entry] = journal.since(0)
        assert (entry["outcome"], entry["tone"]) == ("404", "bad")
