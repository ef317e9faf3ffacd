"""Questions over HTTP and WebSocket: asked, answered, tallied, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from handlers import broadcast, message
from tests.support.web import WebContainer, call, pages
from tests.support.world import Context

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

ORDER = {
    "text": "Who scores next?",
    "options": ["ann", "bob"],
    "correct": 1,
    "audience": {"kind": "everyone"},
    "window_seconds": 60,
}
PRIZE: dict[str, Any] = {"prize": {"reward": {"coins": 5}, "claim_within_seconds": 60}}


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def ask(world: World, status: int = 201, **order: object) -> dict[str, Any]:
    was, body = call(world, "POST", "/questions", ORDER | order)
    assert was == status, body
    return dict(body)


def answer(world: World, tab: str, user: str, question: dict[str, Any], option: int) -> Any:
    said = {
        **{"action": "answer", "id": uuid4().hex},
        **{"question_id": question["question_id"], "option": option},
    }
    event = world.event("message", tab, user) | {"body": json.dumps(said)}
    return json.loads(message.handle(event, Context(), world.container)["body"])


def work(world: World) -> None:
    """Workers take all that is in the queue, whenever it was to come."""
    calls, world.queue.calls = world.queue.calls, []
    records = [
        {"messageId": str(n), "body": one.to_json()} for n, (one, _delay) in enumerate(calls)
    ]
    failed = broadcast.handle({"Records": records}, Context(), world.container)
    assert failed == {"batchItemFailures": []}


def end(world: World, question: dict[str, Any]) -> None:
    """Let the time of a question pass."""
    world.rows(
        "update questions set opens_at = opens_at - interval '61 seconds',"
        " expires_at = expires_at - interval '61 seconds' where question_id = $1",
        question["question_id"],
    )
    world.rows("update scheduled_broadcasts set due_at = due_at - interval '61 seconds'")


def heard(world: World, tab: str) -> list[Any]:
    return [said["news"] for to, said in world.connections.inbox if to == tab and "news" in said]


def test_it_is_asked_answered_and_its_tally_is_told_to_each_connection_once(world: World) -> None:
    for tab, user in (("a1", "ann"), ("a2", "ann"), ("b1", "bob")):
        assert world.come(tab, user) == 200
    question = ask(world)
    assert (question["state"], question["tally"]) == ("open", [0, 0])
    delays = [delay for _, delay in world.queue.calls]
    assert (delays[0], 58 <= delays[1] <= 60) == (0, True)
    ends, world.queue.calls = world.queue.calls[1:], world.queue.calls[:1]
    work(world)
    opened = heard(world, "a1")
    assert [one["type"] for one in opened] == ["question.opened"]
    assert "correct" not in json.dumps(opened), "told with the tally"

    reply = answer(world, "a1", "ann", question, 1)
    assert (reply["type"], reply["outcome"], reply["option"]) == ("answer", "answered", 1)
    told = [said["event"] for to, said in world.connections.inbox if to == "a2" and "event" in said]
    assert [one["type"] for one in told] == ["question.answered"]
    assert answer(world, "a2", "ann", question, 0)["outcome"] == "already_answered"
    assert answer(world, "b1", "bob", question, 0)["outcome"] == "answered"
    assert call(world, "GET", f"/questions/{question['question_id']}")[1]["tally"] == [1, 1]

    end(world, question)
    world.queue.calls = ends * 2
    work(world)
    for tab in ("a1", "a2", "b1"):
        assert [one["type"] for one in heard(world, tab)] == ["question.opened", "question.closed"]
    closed = heard(world, "b1")[1]["body"]
    assert closed == {"question_id": question["question_id"], "tally": [1, 1], "correct": 1}
    _, read = call(world, "GET", f"/questions/{question['question_id']}")
    assert (read["state"], read["tally"], read["closed_at"] is None) == ("closed", [1, 1], False)
    assert (read["broadcast"]["sent"], read["result_broadcast"]["sent"]) == (3, 3)


def test_who_was_right_is_offered_the_prize(world: World) -> None:
    for user in ("ann", "bob"):
        assert world.come(user, user) == 200
    question = ask(world, **PRIZE)
    answer(world, "ann", "ann", question, 1)
    answer(world, "bob", "bob", question, 0)
    end(world, question)
    work(world)
    offers = [
        (to, said["event"]["body"]["bonus_id"])
        for to, said in world.connections.inbox
        if said.get("event", {}).get("type") == "bonus.offered"
    ]
    assert offers == [("ann", question["bonus_id"])]
    assert call(world, "GET", f"/bonuses/{question['bonus_id']}")[1]["audience"] == "users"


def test_the_same_order_asks_once(world: World) -> None:
    own: dict[str, Any] = {"question_id": str(uuid4())}
    first = ask(world, **own)
    again = ask(world, 200, **own)
    assert again["question_id"] == first["question_id"]
    assert ask(world, 409, **own, text="Another?")["code"] == "conflict"
    assert len(pages(world, "/questions?limit=1")) == 1


def test_the_newest_comes_first(world: World) -> None:
    asked = [ask(world, text=f"{n}?")["text"] for n in range(3)]
    assert [one["text"] for one in pages(world, "/questions?limit=2")] == asked[::-1]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"options": ["ann"]}, {"options": [str(n) for n in range(11)]}),
        *({"options": ["ann", "ann"]}, {"options": ["ann", ""]}, {"options": ["a", "b" * 101]}),
        *({"text": ""}, {"text": "?" * 301}, {"text": "nul\0"}),
        {"text": "€" * 300, "options": ["€" * 99 + str(n) for n in range(10)]},
        *({"correct": 2}, {"correct": -1}, PRIZE | {"correct": None}),
        *({"window_seconds": 0.5}, {"window_seconds": 86_401}, {"opens_in_seconds": -1}),
        *({"audience": {"kind": "users"}}, {"audience": {"kind": "users", "user_ids": []}}),
        {"audience": {"kind": "users", "user_ids": ["ann", ""]}},
        {"opens_in_seconds": 1, "opens_at": 1_900_000_000_000},
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    world: World, wrong: dict[str, Any]
) -> None:
    assert ask(world, 422, **wrong)["code"] == "bad_request"
    assert world.rows("select from questions") == []


def test_a_window_in_the_past_is_refused(world: World) -> None:
    assert ask(world, 422, opens_at=1_600_000_000_000)["code"] == "window_over"
    assert world.rows("select from questions") == []


def test_a_reward_that_grows_as_it_is_stored_is_refused(world: World) -> None:
    prize = {"reward": {"n": [1e308] * 20}, "claim_within_seconds": 60}
    assert ask(world, 422, prize=prize)["code"] == "reward_too_large"
    assert world.rows("select from questions") == []


def test_it_is_cancelled_and_those_who_were_asked_are_told(world: World) -> None:
    world.come("a1", "ann")
    question = ask(world)
    world.queue.calls = world.queue.calls[:1]
    work(world)
    path = f"/questions/{question['question_id']}"
    assert [call(world, "DELETE", path)[1]["state"] for _ in range(2)] == ["cancelled"] * 2
    work(world)
    assert [one.get("cancels") for one in heard(world, "a1")] == [None, 1]
    assert answer(world, "a1", "ann", question, 0)["outcome"] == "cancelled"
    assert call(world, "DELETE", f"/questions/{uuid4()}")[0] == 404


LISTED: dict[str, Any] = {"audience": {"kind": "users", "user_ids": ["ann", "ann", "cyd"]}}


def own(world: World, tab: str) -> list[str]:
    """The types of the events that a connection was told."""
    return [
        said["event"]["type"]
        for to, said in world.connections.inbox
        if to == tab and "event" in said
    ]


def test_a_question_for_listed_users_is_told_to_them_and_counts_theirs_alone(world: World) -> None:
    for user in ("ann", "bob"):
        world.come(user, user)
    question = ask(world, **LISTED)
    assert (question["audience"], question["resource"]) == ("users", None)
    ends, world.queue.calls = world.queue.calls[1:], world.queue.calls[:1] * 2
    work(world)
    assert answer(world, "bob", "bob", question, 1)["outcome"] == "unknown_question"
    assert answer(world, "ann", "ann", question, 1)["outcome"] == "answered"
    end(world, question)
    world.queue.calls = ends
    work(world)
    assert own(world, "ann") == ["question.opened", "question.closed"], "each once"
    assert [said for to, said in world.connections.inbox if to == "bob"] == []
    _, read = call(world, "GET", f"/questions/{question['question_id']}")
    assert (read["tally"], read["broadcast"]["sent"]) == ([0, 1], 1)
    missed = world.rows("select type, body from user_events where user_id = 'cyd' order by seq")
    assert [one["type"] for one in missed] == ["question.opened", "question.closed"], "later"


def test_a_cancelled_question_is_told_to_listed_users(world: World) -> None:
    for user in ("ann", "bob"):
        world.come(user, user)
    question = ask(world, **LISTED)
    world.queue.calls = world.queue.calls[:1]
    work(world)
    call(world, "DELETE", f"/questions/{question['question_id']}")
    work(world)
    assert own(world, "ann") == ["question.opened", "question.cancelled"]
    assert own(world, "bob") == []
    assert answer(world, "ann", "ann", question, 0)["outcome"] == "cancelled"
    assert answer(world, "bob", "bob", question, 0)["outcome"] == "unknown_question"


def test_it_is_no_news(world: World) -> None:
    question = ask(world)
    world.queue.calls = world.queue.calls[:1]
    work(world)
    path = f"/news/{question['question_id']}"
    assert [call(world, method, path)[0] for method in ("GET", "DELETE")] == [404, 404]
    assert pages(world, "/news?limit=1") == []
    assert call(world, "GET", f"/questions/{question['question_id']}")[1]["state"] == "open"


def test_the_audit_has_who_asked(world: World) -> None:
    question = ask(world)
    assert question["ordered_by"] == "the service token"
    noted = world.rows("select operation, subject from audit")
    assert noted == [{"operation": "create_question", "subject": question["question_id"]}]
