"""What webhooks are sent: all of it, in each user's order, whatever their receivers do."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
import trustme
from standardwebhooks import Webhook

from handlers import webhook
from handlers.adapters import webhook_calls
from handlers.adapters.webhook_calls import WebhookCalls
from handlers.core.operations.webhooks import CreateWebhook, ReportWebhook, TakeWebhook
from handlers.core.webhook import secret_of
from handlers.services import webhook_sender
from handlers.services.webhook_sender import Sender
from tests.support.receiver import Receiver, receiving
from tests.support.world import Context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.support.world import World

ALL = ("user.online", "user.offline", "bonus.granted")
SECRET = secret_of(b"the key of these tests, long enough")
HOLD = timedelta(seconds=60)
AMPLE = Context(3_600_000)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def hook(world: World, url: str, *types: str, resource: str | None = None) -> UUID:
    webhook_id = uuid4()
    order = CreateWebhook(webhook_id, url, types or ALL, resource, SECRET, "", 20)
    assert world.run(world.container.database.fetch_one(order)) == "created"
    return webhook_id


def happen(world: World, *users: str, type_: str = "online", resource: str = "site") -> None:
    """Write presence events, as `finalize` does."""
    for user in users:
        world.rows(
            "with log as (update presence_event_log set last_seq = last_seq + 1 returning last_seq)"
            " insert into presence_events"
            " select last_seq, $2::text::presence_event_type, last_seq, $1, $3, now(), now()"
            " from log",
            *(user, type_, resource),
        )


@asynccontextmanager
async def sending(
    world: World, remaining_ms: Callable[[], int] = lambda: 60_000, *, is_any: bool = True
) -> AsyncIterator[Sender]:
    calls = WebhookCalls(is_any=is_any)
    try:
        yield Sender(world.container.database, calls, remaining_ms)
    finally:
        calls.close()
        await asyncio.sleep(0)  # they close at the loop's next turn


def send(world: World, *, is_any: bool = True) -> dict[str, int]:
    """Send all that is due now."""

    async def all_due() -> dict[str, int]:
        async with sending(world, is_any=is_any) as one:
            await one.collect()
            for webhook_id in await one.due():
                await one.send(webhook_id)
            return one.numbers

    return world.container.run(all_due(), AMPLE)


def wait(world: World, **of: float) -> None:
    """Let time pass for what waits."""
    world.rows("update webhooks set next_at = next_at - $1::interval", timedelta(**of))
    world.rows(
        "update webhook_deliveries set due_at = due_at - $1::interval, first_at = first_at - $1,"
        " last_at = last_at - $1",
        timedelta(**of),
    )
    world.rows("update webhooks set failing_since = failing_since - $1::interval", timedelta(**of))


def deliveries(world: World) -> list[tuple[str, int, int | None, str | None]]:
    rows = world.rows("select state, attempts, status, error from webhook_deliveries order by seq")
    return [(row["state"], row["attempts"], row["status"], row["error"]) for row in rows]


def test_a_webhook_is_told_of_what_it_wants_and_the_library_verifies_it(
    world: World, receiver: Receiver
) -> None:
    hook(world, f"{receiver.origin}/hook?a=b", "user.online", resource="site")
    happen(world, "ann", "bob")
    happen(world, "cat", resource="stream")
    happen(world, "ann", type_="offline")
    assert send(world)["webhook_events_delivered"] == 2
    assert [event["subject"] for event in receiver.events] == ["ann", "bob"]
    assert set(receiver.paths) == {"/hook?a=b"}
    for body, headers in zip(receiver.bodies, receiver.headers, strict=True):
        assert Webhook(SECRET).verify(body, headers) is not None
        assert headers["content-type"] == "application/cloudevents+json"
    assert deliveries(world) == [], "what is taken at once needs no row"


def test_nothing_is_written_while_no_webhook_wants_it(world: World, receiver: Receiver) -> None:
    happen(world, "ann")
    assert send(world)["webhook_events_recorded"] == 0
    hook(world, receiver.origin, "bonus.granted")
    happen(world, "ann")
    send(world)
    assert world.rows("select from webhook_events") == []
    hook(world, receiver.origin, "user.online")
    assert send(world)["webhook_events_recorded"] == 0, "it happened before"


def test_users_who_leave_and_come_back_in_time_are_not_told_as_offline(
    world: World, receiver: Receiver
) -> None:
    """Also when all of them do at once."""
    hook(world, receiver.origin)
    users = [f"user-{n}" for n in range(30)]
    for user in users:
        world.come(f"{user}-1", user)
    for user in users:
        world.leave(f"{user}-1", user)
    for user in users[1:]:
        world.come(f"{user}-2", user)
    world.rows("select finalize(1000, now() + interval '1 day')")
    send(world)
    assert [receiver.of(user) for user in users[1:]] == [["user.online"]] * 29
    assert receiver.of(users[0]) == ["user.online", "user.offline"]


def test_both_secrets_verify_while_one_replaces_the_other(world: World, receiver: Receiver) -> None:
    hook(world, receiver.origin)
    new = secret_of(b"another key that is long enough")
    world.rows(
        "update webhooks"
        " set secret = $1, old_secret = secret, old_until = now() + interval '1 day'",
        new,
    )
    happen(world, "ann")
    send(world)
    for secret in (new, SECRET):
        Webhook(secret).verify(receiver.bodies[0], receiver.headers[0])


def test_a_grant_is_told_with_its_reward(world: World, receiver: Receiver) -> None:
    hook(world, receiver.origin, "bonus.granted")
    world.come("a1", "ann")
    bonus_id = uuid4()
    world.rows(
        """select create_bonus($1, '{"coins": 5}', 'everyone', null, '{}', '0', '1 minute', null,
                               null)""",
        bonus_id,
    )
    world.rows("select claim('ann', 'c1', $1)", bonus_id)
    send(world)
    (event,) = receiver.events
    assert event["type"] == "bonus.granted"
    assert (
        event["data"].items()
        >= {
            "user_id": "ann",
            "bonus_id": str(bonus_id),
            "reward": {"coins": 5},
        }.items()
    )
    send(world)
    assert len(receiver.events) == 1


def test_an_event_that_is_not_taken_holds_back_its_user_and_no_other(
    world: World, receiver: Receiver
) -> None:
    hook(world, receiver.origin)
    receiver.answer = lambda event: (500 if event["subject"] == "ann" else 204, {})
    happen(world, "ann", "bob", "ann", "cat")
    send(world)
    happen(world, "ann", "dan")
    send(world)
    assert [receiver.of(user) for user in ("bob", "cat", "dan")] == [["user.online"]] * 3
    assert len(receiver.of("ann")) == 1
    receiver.always(204)
    wait(world, minutes=1)
    while send(world)["webhook_events_delivered"]:
        pass
    anns = [event for event in receiver.events if event["subject"] == "ann"]
    times = [event["data"]["session_id"] for event in anns]
    assert times == sorted(times)
    assert len({event["id"] for event in anns}) == 3
    assert {state for state, *_ in deliveries(world)} == {"delivered"}


def test_a_receiver_that_fails_is_tried_with_one_event_and_then_gets_all(
    world: World, receiver: Receiver
) -> None:
    hook(world, receiver.origin)
    receiver.always(500)
    happen(world, *(f"user-{n}" for n in range(50)))
    send(world)
    tried = len(receiver.events)
    assert tried < 50
    send(world)
    assert len(receiver.events) == tried, "it is left alone for a while"
    happen(world, "zoe")
    wait(world, minutes=1)
    send(world)
    assert len(receiver.events) == tried + 1
    receiver.always(204)
    happen(world, "zac")
    wait(world, minutes=10)
    for _ in range(3):
        send(world)
    assert len(set(receiver.ids)) == 52
    assert {state for state, *_ in deliveries(world)} == {"delivered"}


def test_a_week_of_failures_loses_nothing(world: World, receiver: Receiver) -> None:
    webhook_id = hook(world, receiver.origin)
    receiver.always(500)
    happen(world, "ann", "bob", "ann")
    send(world)
    for _ in range(7):
        happen(world, "cat")
        wait(world, days=1)
        send(world)
    (row,) = world.rows("select off_by from webhooks")
    assert row["off_by"] == "failing"
    assert {"dead", "waiting"} == {state for state, *_ in deliveries(world)}
    receiver.always(204)
    world.rows("select change_webhook($1, $2, $3, null, true)", webhook_id, receiver.origin, [*ALL])
    (log,) = world.rows("select min(recorded_at) as began from webhook_events")
    world.rows("update webhooks set created_at = $1", log["began"])
    world.rows("select replay_webhook($1, $2)", webhook_id, log["began"])
    del receiver.bodies[:]
    send(world)
    (events,) = world.rows("select count(*) from webhook_events")
    assert len(set(receiver.ids)) == events["count"] == 10
    assert receiver.of("ann") == ["user.online"] * 2


def test_410_switches_it_off(world: World, receiver: Receiver) -> None:
    hook(world, receiver.origin)
    receiver.always(410)
    happen(world, "ann")
    send(world)
    happen(world, "bob")
    send(world)
    (row,) = world.rows("select off_by from webhooks")
    assert (row["off_by"], len(receiver.events)) == ("gone", 1)


@pytest.mark.parametrize(("status", "error"), [(301, "redirect"), (404, "status"), (503, "status")])
def test_what_is_not_2xx_is_not_taken_and_a_redirect_is_not_followed(
    world: World, receiver: Receiver, status: int, error: str
) -> None:
    hook(world, receiver.origin)
    receiver.always(status, location=f"{receiver.origin}/other", retry_after="7200")
    happen(world, "ann")
    send(world)
    assert receiver.paths == ["/"]
    assert deliveries(world) == [("waiting", 1, status, error)]
    (row,) = world.rows(
        "select due_at - now() > interval '119 minutes' as waits from webhook_deliveries"
    )
    assert row["waits"], "Retry-After says so"


def test_a_receiver_that_hangs_delays_no_other(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_calls, "CALL_SECONDS", 0.3)
    monkeypatch.setattr(webhook_sender, "POLL_SECONDS", 0.01)
    with receiving() as hangs:
        hangs.always(0)
        hook(world, hangs.origin)
        hook(world, receiver.origin)
        happen(world, "ann")

        def remaining_ms() -> int:
            return 0 if receiver.events and deliveries(world) else 60_000

        async def run() -> None:
            async with sending(world, remaining_ms) as one:
                await one.run()

        world.container.run(run(), AMPLE)
        assert receiver.ids == hangs.ids[:1]
    assert [(state, error) for state, *_, error in deliveries(world)] == [("waiting", "timeout")]


def test_an_answer_without_an_end_is_not_read_to_it(world: World, receiver: Receiver) -> None:
    hook(world, receiver.origin)
    receiver.answer = lambda _event: (200, {"x": "a" * 60_000, "content_length": "0"})
    happen(world, "ann")
    send(world)
    receiver.answer = lambda _event: (200, {f"x{n}": "a" * 60_000 for n in range(2)})
    happen(world, "bob")
    send(world)
    assert deliveries(world) == [("waiting", 1, None, "unreachable")]


def test_a_name_that_leads_to_this_machine_is_not_called(world: World, receiver: Receiver) -> None:
    port = receiver.origin.rpartition(":")[2]
    hook(world, f"https://localhost:{port}/")
    happen(world, "ann")
    send(world, is_any=False)
    assert (receiver.events, deliveries(world)) == ([], [("waiting", 1, None, "forbidden_address")])


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.7", "fe80::1", "::ffff:127.0.0.1"])
def test_a_name_is_refused_if_one_of_its_addresses_is_not_public(
    world: World, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def look_up(_name: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (one, port)) for one in ("8.8.8.8", address)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    hook(world, "https://rebinds.example/")
    happen(world, "ann")
    send(world, is_any=False)
    assert deliveries(world) == [("waiting", 1, None, "forbidden_address")]


def test_a_name_is_looked_up_once_and_the_checked_address_is_called(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere the second time is of no use."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(name: str, port: int, **more: Any) -> list[Any]:
        asked.append(name)
        return real("127.0.0.1", port, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    hook(world, receiver.origin.replace("127.0.0.1", "rebinds.example"))
    happen(world, "ann")
    send(world)
    assert asked.count("rebinds.example") == 1
    assert receiver.headers[0]["host"].startswith("rebinds.example:")


def test_a_certificate_of_another_name_or_of_no_authority_is_refused(
    world: World, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    with receiving(context) as receiver:
        hook(world, receiver.origin)
        happen(world, "ann")
        send(world)
        assert deliveries(world) == [("waiting", 1, None, "certificate")]
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        hook(world, receiver.origin.replace("127.0.0.1", "localhost"), "user.online")
        happen(world, "bob")
        send(world)
        assert [error for *_, error in deliveries(world)][-1] == "certificate"
        assert receiver.events == []
        wait(world, minutes=10)
        send(world)
        assert receiver.of("bob") == ["user.online"]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://no-such-name.invalid/", "unresolved"),
        ("http://127.0.0.1:1/", "unreachable"),
    ],
)
def test_a_receiver_that_is_not_there_is_tried_again(world: World, url: str, error: str) -> None:
    hook(world, url)
    happen(world, "ann")
    send(world)
    assert deliveries(world) == [("waiting", 1, None, error)]


def test_what_a_dead_sender_has_sent_comes_again_with_the_same_ids(
    world: World, receiver: Receiver
) -> None:
    webhook_id = hook(world, receiver.origin)
    happen(world, "ann", "bob")

    async def dies() -> bool:
        async with sending(world) as one:
            await one.collect()
            hold = TakeWebhook(webhook_id, uuid4(), HOLD, 10, 10)
            (taken,) = await world.container.database.fetch(hold)
            await webhook_sender.Pass(one.calls, webhook_id, taken).run(10)
            return await one.due() == []

    assert world.run(dies()), "it is still held"
    world.rows("update webhooks set held_until = now()")
    send(world)
    assert sorted(receiver.ids[:2]) == sorted(receiver.ids[2:])


def test_a_report_of_a_worker_that_lost_its_hold_changes_nothing(world: World) -> None:
    webhook_id = hook(world, "http://127.0.0.1:1/")

    async def late() -> bool:
        hold = TakeWebhook(webhook_id, uuid4(), timedelta(), 10, 10)
        await world.container.database.fetch(hold)
        await world.container.database.fetch(TakeWebhook(webhook_id, uuid4(), HOLD, 10, 10))
        report = ReportWebhook(webhook_id, hold.worker, 99, 1, "[]", None, is_gone=False)  # type: ignore[arg-type]
        return await world.container.database.fetch_one(report)

    assert world.run(late()) is False
    (row,) = world.rows("select done_seq from webhooks")
    assert row["done_seq"] == 0


def test_without_a_webhook_the_function_returns_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "POLL_SECONDS", 3_600)
    container = webhook.WebhookContainer()
    vars(container).update(database=world.container.database, runner=world.container.runner)
    vars(container)["deadline"] = world.container.deadline
    numbers = webhook.handle({}, Context(), container)
    assert set(numbers.values()) == {0}


def test_only_so_many_wait_and_the_rest_stays_in_the_log(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "MAX_WAITING", 3)
    monkeypatch.setattr(webhook_sender, "BATCH_SIZE", 2)
    hook(world, receiver.origin)
    receiver.answer = lambda event: (204 if event["subject"] == "zoe" else 400, {})
    happen(world, *(f"user-{n}" for n in range(9)), "zoe")
    for _ in range(6):
        send(world)
        wait(world, minutes=5)
    assert len(deliveries(world)) <= 4
    receiver.always(204)
    for _ in range(12):
        send(world)
        wait(world, minutes=60)
    assert len(set(receiver.ids)) == 10
