"""Campaigns over HTTP: created, read, edited, paused, resumed, ended, and refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from handlers import award
from tests.support.web import WebContainer, call
from tests.support.world import Context

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

COIN = {"reward": {"text": "1 coin"}, "claim_within_seconds": 60}
FIRST, SECOND = COIN | {"watched_seconds": 600}, COIN | {"watched_seconds": 1_200.5}
NEVER = 4_102_444_800_000
CAMPAIGN: dict[str, Any] = {"milestones": [FIRST, SECOND]}
UNKNOWN = "/campaigns/00000000-0000-0000-0000-000000000001"
CHANGES = (("PUT", CAMPAIGN, ""), ("POST", None, "/pause"), ("POST", None, "/resume"))
STORED = "select c::text, m::text from campaigns c join campaign_milestones m using (campaign_id)"


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def later(**length: float) -> int:
    return round((datetime.now(UTC) + timedelta(**length)).timestamp() * 1000)


def begin(world: World, **order: Any) -> dict[str, Any]:
    status, campaign = call(world, "POST", "/campaigns", CAMPAIGN | order)
    assert status == 201, campaign
    return dict(campaign)


def has_begun(world: World, minutes: int) -> None:
    """All campaigns, so many minutes ago."""
    world.rows(
        "update campaigns set starts_at = starts_at - $1::interval,"
        " times = tstzmultirange(tstzrange(starts_at - $1::interval, ends_at))",
        timedelta(minutes=minutes),
    )


def path(campaign: dict[str, Any], what: str = "") -> str:
    return f"/campaigns/{campaign['campaign_id']}{what}"


def test_a_campaign_says_what_was_ordered(world: World) -> None:
    starts, ends = later(hours=1), later(hours=2)
    campaign = begin(
        world,
        resources=["one", "two"],
        clock="visible",
        overlap="each",
        starts_at=starts,
        ends_at=ends,
    )
    assert call(world, "GET", path(campaign)) == (200, campaign)
    assert (campaign["resources"], campaign["clock"]) == (["one", "two"], "visible")
    assert (campaign["overlap"], campaign["state"]) == ("each", "upcoming")
    assert (campaign["starts_at"], campaign["ends_at"]) == (starts, ends)
    first, second = campaign["milestones"]
    assert first == FIRST | {"milestone": 1, "days": None, "repeats": False, "awarded": 0}
    assert (second["milestone"], second["watched_seconds"]) == (2, 1_200.5)


LIMITS = {"per_user": 9, "per_day": 2, "in_all": 100, "cool_down_seconds": 300.5}
NO_LIMITS: dict[str, Any] = dict.fromkeys(LIMITS)
STREAK = COIN | {"watched_seconds": 900, "days": 7, "repeats": True}


def test_a_campaign_says_its_limits_its_days_and_its_test(world: World) -> None:
    order = {
        "limits": LIMITS,
        "timezone": "Europe/Berlin",
        "milestones": [FIRST, STREAK],
        "test_user_ids": ["ann"],
        "announced_at": later(minutes=1),
        "starts_at": later(hours=1),
    }
    campaign = begin(world, **order)
    assert call(world, "GET", path(campaign)) == (200, campaign)
    streak = campaign["milestones"][1]
    assert (streak["days"], streak["milestone"]) == (7, 2)
    for name in ("limits", "timezone", "test_user_ids", "announced_at"):
        assert campaign[name] == order[name]
    edit = order | {"limits": {"in_all": 5}, "test_user_ids": None}
    edited = call(world, "PUT", path(campaign), edit)[1]
    assert edited["limits"] == NO_LIMITS | {"in_all": 5}
    assert edited["test_user_ids"] is None


def test_without_more_it_counts_everything_from_now_on(world: World) -> None:
    campaign = begin(world)
    assert (campaign["resources"], campaign["clock"]) == (None, "connected")
    assert (campaign["overlap"], campaign["state"]) == ("once", "running")
    assert (campaign["ends_at"], campaign["paused_at"]) == (None, None)
    assert (campaign["timezone"], campaign["limits"]) == (None, NO_LIMITS)
    assert (campaign["announced_at"], campaign["test_user_ids"]) == (None, None)
    assert campaign["starts_at"] == campaign["created_at"]


def test_campaigns_are_listed_the_newest_first(world: World) -> None:
    ids = [begin(world)["campaign_id"] for _ in range(3)]
    call(world, "DELETE", f"/campaigns/{ids[0]}")
    found, following = [], ""
    while following is not None:
        page = call(world, "GET", f"/campaigns?limit=1{following}")[1]
        found += page["items"]
        following = page["next"] and f"&after={page['next']}"
    assert [one["campaign_id"] for one in found] == ids[::-1]
    assert [one["state"] for one in found] == ["running", "running", "over"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "dcba"),
        ("?state=running", "ba"),
        ("?state=upcoming", "c"),
        ("?state=over", "d"),
        ("?state=paused", ""),
        ("?resource=one", "dba"),
        ("?resource=two", "dca"),
        ("?resource=one&state=running", "ba"),
        ("?from={hour}", "cba"),
        ("?from={hour}&to={day}", "ba"),
        ("?to={hour}", "dba"),
        ("?from={day}", "cba"),
    ],
)
def test_campaigns_are_found_by_state_resource_and_time(
    world: World, query: str, found: str
) -> None:
    day = 24 * 3_600_000
    orders: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {"resources": ["one"]},
        "c": {"resources": ["two"], "starts_at": later(hours=0) + day},
        "d": {},
    }
    ids = {begin(world, **order)["campaign_id"]: name for name, order in orders.items()}
    call(world, "DELETE", f"/campaigns/{list(ids)[-1]}")
    query = query.format(hour=later(hours=1), day=later(hours=23))
    status, page = call(world, "GET", f"/campaigns{query}")
    assert (status, "".join(ids[one["campaign_id"]] for one in page["items"])) == (200, found)


def test_a_page_of_other_filters_is_not_gone_on_with(world: World) -> None:
    for _ in range(2):
        begin(world)
    after = call(world, "GET", "/campaigns?limit=1&state=running")[1]["next"]
    assert call(world, "GET", f"/campaigns?limit=1&state=running&after={after}")[0] == 200
    assert call(world, "GET", f"/campaigns?limit=1&after={after}")[1]["code"] == "foreign_cursor"
    assert call(world, "GET", "/campaigns?state=ended")[0] == 422
    assert call(world, "GET", f"/campaigns?from={later(hours=2)}&to={later(hours=1)}")[0] == 422


def test_a_milestone_is_awarded_and_counted(world: World) -> None:
    campaign = begin(world)
    world.come("a1")
    has_begun(world, 60)
    world.age(minutes=15)
    assert award.handle({}, Context(), world.container)["made"] == 1
    (bonus,) = call(world, "GET", "/bonuses")[1]["items"]
    assert (bonus["campaign_id"], bonus["milestone"]) == (campaign["campaign_id"], 1)
    assert (bonus["reward"], bonus["acknowledge"]) == (COIN["reward"], True)
    milestones = call(world, "GET", path(campaign))[1]["milestones"]
    assert [one["awarded"] for one in milestones] == [1, 0]


def test_the_progress_of_a_user_is_of_now(world: World) -> None:
    campaign = begin(world)
    world.come("a1")
    has_begun(world, 60)
    world.age(minutes=15)
    award.handle({}, Context(), world.container)
    status, progress = call(world, "GET", path(campaign, "/progress?user_id=ann"))
    assert (status, progress["watched_ms"] // 60_000) == (200, 15)
    assert [one["awarded"] for one in progress["milestones"]] == [1, 0]
    assert [one["watched_seconds"] for one in progress["milestones"]] == [600, 1_200.5]
    assert (progress["watched_today_ms"], progress["milestones"][0]["days_in_a_row"]) == (None,) * 2
    stranger = call(world, "GET", path(campaign, "/progress?user_id=eve"))[1]
    assert (stranger["watched_ms"], stranger["milestones"][0]["awarded"]) == (0, 0)
    assert call(world, "GET", f"{UNKNOWN}/progress?user_id=ann")[0] == 404


def test_a_campaign_that_has_ended_counts_no_more(world: World) -> None:
    one, other = begin(world), begin(world)
    world.come("a1")
    has_begun(world, 60)
    status, ended = call(world, "DELETE", path(one))
    assert (status, ended["state"]) == (200, "over")
    assert call(world, "DELETE", path(one)) == (200, ended)
    world.age(minutes=15)
    world.rows("update campaigns set times = '{}', ends_at = starts_at where ends_at is not null")
    assert award.handle({}, Context(), world.container)["made"] == 1
    (bonus,) = call(world, "GET", "/bonuses")[1]["items"]
    assert bonus["campaign_id"] == other["campaign_id"]


def test_the_same_request_does_not_restart_a_campaign(world: World) -> None:
    order = CAMPAIGN | {"campaign_id": str(uuid4())}
    call(world, "POST", "/campaigns", order)
    call(world, "DELETE", f"/campaigns/{order['campaign_id']}")
    status, campaign = call(world, "POST", "/campaigns", order)
    assert (status, campaign["state"]) == (200, "over")


def test_a_pause_is_taken_twice_and_so_is_its_end(world: World) -> None:
    campaign = begin(world)
    status, paused = call(world, "POST", path(campaign, "/pause"))
    assert (status, paused["state"], paused["paused_at"] is None) == (200, "paused", False)
    assert call(world, "POST", path(campaign, "/pause")) == (200, paused)
    assert call(world, "POST", path(campaign, "/resume")) == (200, campaign)
    assert call(world, "POST", path(campaign, "/resume")) == (200, campaign)
    paused = call(world, "POST", path(campaign, "/pause"))[1]
    assert call(world, "DELETE", path(campaign))[1]["state"] == "over"


def test_before_its_start_a_campaign_may_become_another(world: World) -> None:
    campaign = begin(world, starts_at=later(hours=1))
    edit = {
        "milestones": [FIRST | {"watched_seconds": 9, "reward": {"n": 1}}],
        "resources": ["one"],
        "clock": "visible",
        "starts_at": later(hours=2),
    }
    status, edited = call(world, "PUT", path(campaign), edit)
    assert (status, edited["clock"], edited["resources"]) == (200, "visible", ["one"])
    assert edited["starts_at"] == edit["starts_at"]
    (milestone,) = edited["milestones"]
    assert (milestone["watched_seconds"], milestone["reward"]) == (9, {"n": 1})
    assert call(world, "PUT", path(campaign), edit) == (200, edited)


@pytest.mark.parametrize(
    "edit",
    [
        {"milestones": [FIRST | {"watched_seconds": 500}, SECOND]},
        {"milestones": [FIRST, SECOND | {"repeats": True}]},
        {"milestones": [FIRST | {"claim_within_seconds": 2_592_000}, SECOND]},
        {"milestones": [COIN | {"watched_seconds": 60, "milestone": 3}, FIRST, SECOND]},
        {"ends_at": 253_402_300_000_000},
        {},
    ],
)
def test_a_running_campaign_may_give_more(world: World, edit: dict[str, Any]) -> None:
    campaign = begin(world)
    wanted = CAMPAIGN | {"starts_at": campaign["starts_at"]} | edit
    wanted["milestones"] = [
        one if "milestone" in one else one | {"milestone": 2 if one["watched_seconds"] > 1e3 else 1}
        for one in wanted["milestones"]
    ]
    status, edited = call(world, "PUT", path(campaign), wanted)
    assert (status, len(edited["milestones"])) == (200, len(wanted["milestones"]))
    found = {one["milestone"]: one for one in edited["milestones"]}
    for one in wanted["milestones"]:
        assert one.items() <= found[one["milestone"]].items()


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        ({"milestones": [FIRST]}, "milestone 2"),
        ({"milestones": [FIRST | {"watched_seconds": 601}, SECOND]}, "milestone 1"),
        ({"milestones": [FIRST | {"claim_within_seconds": 59}, SECOND]}, "milestone 1"),
        ({"milestones": [FIRST, SECOND | {"reward": {"text": "none"}}]}, "milestone 2"),
        ({"resources": ["one"]}, "resources"),
        ({"clock": "visible"}, "clock"),
        ({"overlap": "each"}, "overlap"),
        ({"starts_at": 253_402_300_000_000}, "starts_at"),
        ({"timezone": "UTC"}, "timezone"),
        ({"test_user_ids": ["ann"]}, "test_user_ids"),
        ({"limits": {"per_user": 2}}, "limits.per_user"),
        ({"limits": {"in_all": 10**9}}, "limits.in_all"),
        ({"limits": {"cool_down_seconds": 1}}, "limits.cool_down_seconds"),
    ],
)
def test_an_edit_that_takes_back_is_refused_and_writes_nothing(
    world: World, edit: dict[str, Any], what: str
) -> None:
    campaign = begin(world)
    before = world.rows(STORED)
    status, refusal = call(world, "PUT", path(campaign), CAMPAIGN | edit)
    assert (status, refusal["code"]) == (409, "would_take_back")
    assert f"would take back {what} from" in refusal["detail"]
    assert world.rows(STORED) == before


LIMITED = {"timezone": "UTC", "limits": LIMITS, "milestones": [FIRST, STREAK]}


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        ({"limits": LIMITS | {"per_day": 1}}, "limits.per_day"),
        ({"limits": LIMITS | {"per_user": 8}}, "limits.per_user"),
        ({"limits": LIMITS | {"in_all": 99}}, "limits.in_all"),
        ({"limits": LIMITS | {"cool_down_seconds": 300.6}}, "limits.cool_down_seconds"),
        ({"milestones": [FIRST, STREAK | {"days": 8}]}, "milestone 2"),
        ({"milestones": [FIRST, STREAK | {"days": None}]}, "milestone 2"),
        ({"milestones": [FIRST, STREAK | {"watched_seconds": 901}]}, "milestone 2"),
        ({"timezone": "Europe/Berlin"}, "timezone"),
    ],
)
def test_an_edit_that_narrows_a_limit_or_a_streak_is_refused(
    world: World, edit: dict[str, Any], what: str
) -> None:
    campaign = begin(world, **LIMITED)
    before = world.rows(STORED)
    status, refusal = call(world, "PUT", path(campaign), LIMITED | edit)
    assert (status, refusal["code"]) == (409, "would_take_back")
    assert f"would take back {what} from" in refusal["detail"]
    assert world.rows(STORED) == before


@pytest.mark.parametrize(
    "edit",
    [
        {"limits": LIMITS | {"per_day": 3, "in_all": None, "cool_down_seconds": 1}},
        {"limits": {}},
        {"milestones": [FIRST, STREAK | {"days": 6, "watched_seconds": 60}]},
    ],
)
def test_a_limit_may_be_widened_and_a_streak_be_shorter(world: World, edit: dict[str, Any]) -> None:
    campaign = begin(world, **LIMITED)
    status, edited = call(world, "PUT", path(campaign), LIMITED | edit)
    assert status == 200
    assert edited["limits"] == NO_LIMITS | (edit.get("limits", LIMITS))
    assert call(world, "PUT", path(campaign), LIMITED | edit) == (200, edited)


def test_a_milestone_that_repeats_goes_on_doing_so(world: World) -> None:
    campaign = begin(world, milestones=[FIRST | {"repeats": True}])
    _, refusal = call(world, "PUT", path(campaign), {"milestones": [FIRST]})
    assert refusal["code"] == "would_take_back"


def test_what_is_over_is_not_changed(world: World) -> None:
    campaign = begin(world)
    call(world, "DELETE", path(campaign))
    for method, body, what in CHANGES:
        status, refusal = call(world, method, path(campaign, what), body)
        assert (status, refusal["code"]) == (409, "campaign_over")


def test_an_unknown_campaign_is_404(world: World) -> None:
    for method, body, what in CHANGES:
        status, refusal = call(world, method, f"{UNKNOWN}{what}", body)
        assert (status, refusal["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"milestones": []}, "bad_request"),
        ({"milestones": [SECOND, FIRST]}, "bad_request"),
        ({"milestones": [FIRST, FIRST]}, "bad_request"),
        ({"milestones": [FIRST | {"watched_seconds": n} for n in range(1, 14)]}, "bad_request"),
        ({"milestones": [FIRST | {"milestone": 1}, SECOND | {"milestone": 1}]}, "bad_request"),
        ({"milestones": [FIRST | {"milestone": 12}, SECOND]}, "bad_request"),
        ({"milestones": [FIRST | {"milestone": 13}]}, "bad_request"),
        ({"milestones": [FIRST | {"watched_seconds": 0.5}]}, "bad_request"),
        ({"milestones": [FIRST | {"watched_seconds": 3_600_001}]}, "bad_request"),
        ({"milestones": [FIRST | {"watched_seconds": float("nan")}]}, "bad_request"),
        ({"milestones": [FIRST | {"claim_within_seconds": 0}]}, "bad_request"),
        ({"milestones": [FIRST | {"claim_within_seconds": 2_592_001}]}, "bad_request"),
        ({"milestones": [FIRST | {"reward": {"n": [1e308] * 60}}]}, "reward_too_large"),
        ({"milestones": [FIRST | {"reward": {"text": "\0"}}]}, "unstorable"),
        ({"resources": []}, "bad_request"),
        ({"resources": ["one", "one"]}, "bad_request"),
        ({"resources": [""]}, "bad_request"),
        ({"resources": [f"r{n}" for n in range(101)]}, "bad_request"),
        ({"clock": None}, "bad_request"),
        ({"overlap": "both"}, "bad_request"),
        ({"starts_at": 9_000_000_000_000, "ends_at": 9_000_000_000_000}, "bad_request"),
        # Shorter than its last milestone; two days of a streak of three.
        ({"starts_at": NEVER, "ends_at": NEVER + 1_200_499}, "bad_request"),
        (
            {
                "starts_at": NEVER,
                "ends_at": NEVER + 82_799_999,
                "milestones": [STREAK | {"days": 3}],
            }
            | {"timezone": "UTC"},
            "bad_request",
        ),
        ({"milestones": [STREAK]}, "bad_request"),
        ({"timezone": "UTC", "milestones": [STREAK, FIRST]}, "bad_request"),
        ({"timezone": "UTC", "milestones": [STREAK | {"days": 0}]}, "bad_request"),
        ({"timezone": "UTC", "milestones": [STREAK | {"days": 367}]}, "bad_request"),
        (
            {"timezone": "UTC", "milestones": [STREAK | {"watched_seconds": 82_801}]},
            "bad_request",
        ),
        ({"timezone": "Europe/Atlantis"}, "unknown_timezone"),
        ({"timezone": "EST5EDT,M3"}, "bad_request"),
        ({"limits": {"per_day": 1}}, "bad_request"),
        ({"limits": {"per_user": 0}}, "bad_request"),
        ({"limits": {"per_user": -1}}, "bad_request"),
        ({"limits": {"in_all": 10**12 + 1}}, "bad_request"),
        ({"limits": {"cool_down_seconds": 0.5}}, "bad_request"),
        ({"limits": {"cool_down_seconds": 2_592_001}}, "bad_request"),
        ({"limits": {"per_user": 1}}, "bad_request"),
        ({"limits": {"per_user": 3}}, "bad_request"),
        ({"limits": {"per_user": 2, "in_all": 1}}, "bad_request"),
        ({"limits": {"per_user": 2, "per_day": 3}, "timezone": "UTC"}, "bad_request"),
        ({"limits": None}, "bad_request"),
        ({"test_user_ids": []}, "bad_request"),
        ({"test_user_ids": ["ann", "ann"]}, "bad_request"),
        ({"test_user_ids": [f"u{n}" for n in range(101)]}, "bad_request"),
        ({"announced_at": 4_102_444_800_000}, "bad_request"),
        ({"announced_at": 4_102_444_800_000, "starts_at": 4_102_444_800_000}, "bad_request"),
        ({"announced_at": 1_000, "starts_at": 4_102_444_800_000}, "in_past"),
        ({"starts_at": 0}, "in_past"),
        ({"ends_at": 1_000}, "in_past"),
    ],
)
def test_a_bad_campaign_is_refused_and_writes_nothing(
    world: World, wrong: dict[str, Any], code: str
) -> None:
    status, refusal = call(world, "POST", "/campaigns", CAMPAIGN | wrong)
    assert (status, refusal["code"], bool(refusal["detail"])) == (422, code, True)
    running = begin(world)
    before = world.rows(STORED)
    if code != "in_past" or "ends_at" in wrong:
        status, refusal = call(world, "PUT", path(running), CAMPAIGN | wrong)
        assert status in {409, 422}, refusal
    assert world.rows(STORED) == before


@pytest.mark.parametrize(
    "order",
    [
        {"ends_at": NEVER + 1_200_500},
        # A minute on two resources at once is two.
        {
            "ends_at": NEVER + 600_250,
            "overlap": "each",
            "resources": ["one", "two"],
        },
        {"ends_at": NEVER + 82_800_000, "milestones": [STREAK | {"days": 3}], "timezone": "UTC"},
    ],
)
def test_a_campaign_may_be_as_long_as_its_last_milestone(
    world: World, order: dict[str, Any]
) -> None:
    campaign = begin(world, starts_at=NEVER, **order)
    assert campaign["state"] == "upcoming"
    sooner = CAMPAIGN | order | {"starts_at": NEVER, "ends_at": NEVER + 1_000}
    assert call(world, "PUT", path(campaign), sooner)[0] == 200, "it may end sooner than planned"


def test_a_request_of_a_minute_ago_may_begin_then(world: World) -> None:
    """Its minutes count from now on all the same."""
    campaign = begin(world, starts_at=later(seconds=-30))
    assert campaign["starts_at"] == campaign["created_at"]


def test_twelve_rewards_of_four_kilobytes_are_one_campaign(world: World) -> None:
    reward = {"text": "x" * 4_000}
    twelve = [FIRST | {"watched_seconds": n, "reward": reward} for n in range(1, 13)]
    campaign = begin(world, milestones=twelve)
    assert len(json.dumps(call(world, "GET", "/campaigns")[1])) > 48_000
    assert len(campaign["milestones"]) == 12
