"""What functions print for CloudWatch, and the ids in each line of their log."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers import authorize, http, message
from handlers.adapters import metrics
from handlers.adapters.event_log import EventIds
from handlers.adapters.metrics import LINE_SECONDS, MAX_VALUES, Metrics
from handlers.core.metrics import ACCESS_LOG, METRICS, SWEEP, counts_of
from handlers.core.operations.maintenance import PruneRow
from handlers.core.ticket import Ticket, mint
from tests.support.world import Context, golden

if TYPE_CHECKING:
    from tests.support.world import World

ARN = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/live/$connect"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counted(clock: Clock, capsys: pytest.CaptureFixture[str]) -> Metrics:
    """Past its first event, whose line has been read."""
    made = Metrics(clock)
    made.flush()
    assert lines(capsys)[0]["cold_starts"] == 1
    return made


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_ordinary_counts_of_ten_seconds_share_a_line(
    counted: Metrics, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        counted.count("handshakes_accepted")
        counted.observe("database_ms", 1.5)
        counted.flush()
    assert lines(capsys) == []
    clock.now = LINE_SECONDS
    counted.flush()
    (line,) = lines(capsys)
    assert (line["handshakes_accepted"], line["database_ms"]) == (3, [1.5, 1.5, 1.5])
    counted.flush()
    assert lines(capsys) == []


def test_what_is_rare_is_printed_with_its_event(
    counted: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    counted.count("handshakes_accepted")
    counted.count("database_unavailable")
    counted.flush()
    (line,) = lines(capsys)
    assert (line["handshakes_accepted"], line["database_unavailable"]) == (1, 1)


def test_each_line_has_as_many_values_as_the_format_allows(
    counted: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(MAX_VALUES):
        counted.observe("database_ms", 1)
        counted.flush()
    (line,) = lines(capsys)
    assert len(line["database_ms"]) == MAX_VALUES


def test_counts_by_other_dimensions_have_lines_of_their_own_and_a_sum(
    counted: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    counted.count("handshakes_refused", Reason="too_many")
    counted.count("handshakes_refused", 2, Reason="kept_out")
    counted.flush()
    first, second = lines(capsys)
    assert (first["Reason"], first["handshakes_refused"]) == ("too_many", 1)
    assert (second["Reason"], second["handshakes_refused"]) == ("kept_out", 2)
    (about,) = second["_aws"]["CloudWatchMetrics"]
    assert about["Dimensions"] == [["FunctionName"], ["FunctionName", "Reason"]]


def test_no_name_is_twice_in_the_list_and_all_but_the_access_log_s_have_a_function() -> None:
    names = [one.name for one in METRICS]
    assert len(names) == len(set(names))
    assert [one for one in METRICS if not one.functions] == list(ACCESS_LOG)


def test_a_record_of_the_log_has_the_ids_of_its_event() -> None:
    ids, record = EventIds(), logging.makeLogRecord({"msg": "hello"})
    ids.begin({"requestContext": {"requestId": "r=", "connectionId": "c=", "stage": "live"}})
    assert ids.filter(record)
    assert vars(record)["request_id"] == "r="
    assert vars(record)["connection_id"] == "c="
    ids.begin({"Records": []})
    assert ids.ids == {}


def test_a_record_has_the_id_of_its_trace_if_the_trace_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = EventIds()
    for sampled, expected in (
        ("1", {"trace_id": "1-5759e988"}),
        ("0", {}),
    ):
        header = f"Root=1-5759e988;Parent=53995c3f;Sampled={sampled}"
        monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
        ids.begin({})
        assert ids.ids == expected


def test_a_refused_ticket_is_counted_with_its_reason_and_ids(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    late = Ticket("t1", "ann", "site", datetime.now(UTC) - timedelta(seconds=1))
    for text in (mint(late, os.environ["TICKET_SECRET"]), "no ticket"):
        event = {
            "queryStringParameters": {"ticket": text},
            "methodArn": ARN,
            "requestContext": {"requestId": "r=", "connectionId": "c="},
        }
        with pytest.raises(authorize.Unauthorized):
            authorize.handler(event, None)
    printed = [line for line in lines(capsys) if "Reason" in line]
    assert [line["Reason"] for line in printed] == ["expired_ticket", "bad_ticket"]
    assert {line["request_id"] for line in printed} == {"r="}
    assert {line["connection_id"] for line in printed} == {"c="}


def counts(world: World) -> dict[tuple[str, ...], float]:
    """What the container has counted so far, by name and dimensions."""
    counted = vars(world.container.metrics)["_counts"]
    return {
        (name, *(value for _, value in dimensions)): number
        for dimensions, numbers in counted.items()
        for name, number in numbers.items()
    }


def send(world: World, connection_id: str, sent: dict[str, Any]) -> None:
    event = world.event("message", connection_id, "ann") | {"body": json.dumps(sent)}
    message.handle(event, Context(), world.container)


def test_a_release_knows_its_own_failures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of requests that Mangum answers, and of handshakes that are no failures at all."""

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
    monkeypatch.setenv("TICKET_SECRET", "s" * 32)
    monkeypatch.setattr(http, "application", lambda _: broken)
    container = http.HttpContainer()
    with container.runner:
        assert http.handle(golden("web"), Context(), container)["statusCode"] == 500
    container.metrics.flush()
    handshake = {"queryStringParameters": {"ticket": "x"}, "methodArn": ARN, "requestContext": {}}
    with pytest.raises(authorize.Unauthorized):
        authorize.handler(handshake, None)
    counted = {
        name: line["Version"]
        for line in lines(capsys)
        for name in ("requests_failed", "handshakes_unauthorized")
        if name in line
    }
    assert counted == {"requests_failed": "7", "handshakes_unauthorized": "7"}


def test_handshakes_messages_and_pushes_are_counted(world: World) -> None:
    for tab in ("tab-1", "tab-2"):
        world.come(tab)
    thief = world.event("connect", "thief")
    thief["requestContext"]["authorizer"]["ticketId"] = "ticket-tab-1"
    world.handshake(thief)
    send(world, "tab-1", {"action": "act", "id": "a1", "type": "like", "body": {}})
    send(world, "tab-1", {"action": "act", "id": "a 1"})
    counted = counts(world)
    del counted["cold_starts",]
    assert counted == {
        ("handshakes_accepted",): 2,
        ("handshakes_refused", "used_ticket"): 1,
        ("messages", "act", "done"): 1,
        ("messages", "$default", "refused"): 1,
        ("pushes_sent",): 1,
    }


def test_a_message_without_the_database_is_counted_as_unavailable(world: World) -> None:
    world.come("tab-1")
    world.lose_database()
    send(world, "tab-1", {"action": "hello", "id": "h1"})
    assert counts(world)["messages", "hello", "unavailable"] == 1


def test_a_number_that_is_no_metric_is_only_a_member() -> None:
    line = metrics.line({"pages": 1, "broadcast": 7}, {}, 1)
    (about,) = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert about["Metrics"] == [{"Name": "pages", "Unit": "Count"}]
    assert line["broadcast"] == 7


def test_each_kind_of_row_that_the_sweep_removes_has_its_metric() -> None:
    """It adds them up by these names, and fails without one."""
    removed = {f"pruned_{field}" for field in PruneRow.__struct_fields__}
    assert removed <= set(counts_of(SWEEP))
