"""Webhooks in the HTTP API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from handlers.core.webhook import MAX_WEBHOOKS, secret_of
from tests.support.web import WebContainer, call

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

URL = "https://hooks.example/headcount"
WEAK = secret_of(b"k" * 23)


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def make(world: World, **order: Any) -> dict[str, Any]:
    status, made = call(world, "POST", "/webhooks", {"url": URL, "types": ["user.online"]} | order)
    assert status == 201, made
    return dict(made)


def test_a_secret_is_shown_when_it_is_made_and_never_again(world: World) -> None:
    made = make(world)
    path = f"/webhooks/{made['webhook_id']}"
    assert made["secret"].startswith("whsec_")
    assert "secret" not in call(world, "GET", path)[1]
    (listed,) = call(world, "GET", "/webhooks")[1]["items"]
    assert listed == {name: one for name, one in made.items() if name != "secret"}


def test_the_same_order_again_makes_nothing_and_shows_no_secret(world: World) -> None:
    order = {"webhook_id": str(uuid4()), "url": URL, "types": ["user.online"]}
    first, again = (call(world, "POST", "/webhooks", order) for _ in range(2))
    assert (first[0], again[0], again[1]["secret"]) == (201, 200, None)
    other = call(world, "POST", "/webhooks", order | {"types": ["user.offline"]})
    assert (other[0], other[1]["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"url": "http://hooks.example/"}, "bad_url"),
        ({"url": "https://127.0.0.1/"}, "bad_url"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "bad_url"),
        ({"secret": WEAK}, "weak_secret"),
        ({"types": ["user.sleeping"]}, "bad_request"),
        ({"types": []}, "bad_request"),
    ],
)
def test_a_bad_order_is_refused_and_makes_nothing(
    world: World, wrong: dict[str, Any], code: str
) -> None:
    order = {"url": URL, "types": ["user.online"]} | wrong
    status, refusal = call(world, "POST", "/webhooks", order)
    assert (status, refusal["code"]) == (422, code)
    assert call(world, "GET", "/webhooks")[1]["items"] == []


def test_there_are_at_most_twenty(world: World) -> None:
    for _ in range(MAX_WEBHOOKS):
        make(world)
    status, refusal = call(world, "POST", "/webhooks", {"url": URL, "types": ["user.online"]})
    assert (status, refusal["code"]) == (409, "too_many_webhooks")


def test_a_webhook_is_changed_switched_and_deleted(world: World) -> None:
    path = f"/webhooks/{make(world)['webhook_id']}"
    edit = {"url": f"{URL}/2", "types": ["bonus.granted"], "resource": "stream", "is_on": False}
    changed = call(world, "PUT", path, edit)[1]
    assert {name: changed[name] for name in ("url", "types", "resource", "off_by")} == {
        **{"url": f"{URL}/2", "types": ["bonus.granted"], "resource": "stream"},
        "off_by": "order",
    }
    assert call(world, "PUT", path, edit | {"is_on": True})[1]["off_at"] is None
    assert call(world, "DELETE", path)[0] == 204
    assert [call(world, method, path)[0] for method in ("GET", "DELETE")] == [404, 404]


def test_a_new_secret_leaves_the_old_one_for_a_day(world: World) -> None:
    made = make(world)
    path = f"/webhooks/{made['webhook_id']}/secret"
    rotated = call(world, "POST", path, {})[1]
    assert rotated["secret"] != made["secret"]
    assert rotated["old_until"] > made["created_at"] + 23 * 3_600_000
    status, refusal = call(world, "POST", path, {"secret": WEAK})
    assert (status, refusal["code"]) == (422, "weak_secret")


@pytest.mark.parametrize("microseconds", [0, 1, 499, 500, 999])
def test_a_replay_reaches_back_to_the_making_of_the_webhook_and_no_further(
    world: World, microseconds: int
) -> None:
    webhook_id = make(world)["webhook_id"]
    path = f"/webhooks/{webhook_id}/replay"
    world.rows(
        "update webhooks set created_at = date_trunc('second', created_at) - interval '1 second'"
        " + $1::bigint * interval '1 microsecond'",
        microseconds,
    )
    made = call(world, "GET", f"/webhooks/{webhook_id}")[1]
    assert call(world, "POST", path, {"begins_at": made["created_at"]})[0] == 200
    status, refusal = call(world, "POST", path, {"begins_at": made["created_at"] - 1})
    assert (status, refusal["code"]) == (410, "webhook_events_pruned")
    begins_at = int(refusal["detail"].split(" from ")[1].split(" ")[0])
    assert call(world, "POST", path, {"begins_at": begins_at})[0] == 200


def test_one_that_was_off_until_its_events_were_deleted_says_so(world: World) -> None:
    made = make(world)
    path = f"/webhooks/{made['webhook_id']}"
    edit = {"url": URL, "types": ["user.online"], "is_on": False}
    call(world, "PUT", path, edit)
    call(world, "POST", f"{path}/test")
    world.rows("update webhook_events set recorded_at = now() - interval '8 days'")
    world.rows("select prune_webhook_events(10)")
    status, refusal = call(world, "PUT", path, edit | {"is_on": True})
    assert (status, refusal["code"]) == (410, "webhook_events_pruned")
    assert call(world, "POST", f"{path}/replay", {"begins_at": made["created_at"] + 1000})[0] == 200
    assert call(world, "PUT", path, edit | {"is_on": True})[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "", {"url": URL, "types": ["user.online"], "is_on": True}),
        ("POST", "/secret", {}),
        ("POST", "/test", None),
        ("POST", "/replay", {"begins_at": 0}),
        ("GET", "/deliveries", None),
    ],
)
def test_there_is_nothing_to_do_with_a_webhook_that_is_not_there(
    world: World, method: str, path: str, body: dict[str, Any] | None
) -> None:
    assert call(world, method, f"/webhooks/{uuid4()}{path}", body)[0] == 404


def test_each_order_is_in_the_audit(world: World) -> None:
    path = f"/webhooks/{make(world)['webhook_id']}"
    call(world, "POST", f"{path}/secret", {})
    call(world, "POST", f"{path}/replay", {"begins_at": "2999-01-01T00:00:00Z"})
    call(world, "PUT", path, {"url": URL, "types": ["user.online"], "is_on": True})
    call(world, "DELETE", path)
    listed = call(world, "GET", "/audit")[1]["items"]
    assert [entry["operation"] for entry in listed] == [
        *("delete_webhook", "change_webhook", "replay_webhook", "rotate_webhook_secret"),
        "create_webhook",
    ]
