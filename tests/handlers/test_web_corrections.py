"""Corrections over HTTP: what an order is answered, what reports say then, and each refusal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from tests.support.web import WebContainer, answer, call, pages, table

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World

ROOT = Path(__file__).parents[2]
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
T0 = 1_772_409_600_000  # 2026-03-02T00:00Z
WITHIN = f"from={T0 - DAY}&to={T0 + DAY}"


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, a report of a few rows is not too slow."""
    monkeypatch.setattr("handlers.services.reports.REPORT_TIMEOUT", timedelta(minutes=1))


def past(  # noqa: PLR0913, PLR0917  # a row has as many columns
    world: World, session_id: int, begins: int, ends: int, user: str = "ann", on: str = "site"
) -> None:
    """A part of a session, whose moments lie between milliseconds."""
    world.rows(
        "insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by,"
        " ended_within) values ($1, $2, $3,"
        " to_timestamp($4::float8 / 1000) + interval '1 microsecond',"
        " to_timestamp($5::float8 / 1000) - interval '1 microsecond', 'swept', '1 minute')",
        *(session_id, user, on, T0 + begins, T0 + ends),
    )


def order(world: World, *times: tuple[int, int], **fields: Any) -> tuple[int, Any]:
    body = {
        "user_id": "ann",
        "session_id": 7,
        "times": [{"joined_at": T0 + begins, "ended_at": T0 + ends} for begins, ends in times],
        "reason": "the sweep stood still",
        "author": "support, case 12",
    }
    return call(world, "POST", "/corrections", body | fields)


def watched(world: World, corrections: str) -> list[int]:
    """What each report says is watched."""
    found = []
    for path in ("/watch-time?by=user&", "/watch-time?by=day&", "/audience?", "/sessions?"):
        query = f"{path}{WITHIN}&corrections={corrections}"
        rows = call(world, "GET", query)[1]["items"]
        found.append(sum(row["watched_ms"] for row in rows))
        as_csv = table(answer(world, query.replace("?", ".csv?")))
        assert sum(int(row["watched_ms"]) for row in as_csv) == found[-1], path
    return found


def test_reports_are_corrected_and_can_show_what_was_recorded(world: World) -> None:
    past(world, 7, 0, HOUR)
    status, made = order(world, (0, 10 * MINUTE), (20 * MINUTE, 30 * MINUTE))
    assert status == 201
    assert made == made | {"user_id": "ann", "session_id": 7, "resource": "site", "revision": 1}
    assert [one["ended_at"] - T0 for one in made["times"]] == [10 * MINUTE, 30 * MINUTE]
    assert (made["reason"], made["author"]) == ("the sweep stood still", "support, case 12")
    assert set(watched(world, "applied")) == {20 * MINUTE}
    assert set(watched(world, "ignored")) == {HOUR}
    totals = call(world, "GET", "/sessions?user_id=ann")[1]
    assert totals["watched_ms"] == 20 * MINUTE
    for is_csv in ("", ".csv"):
        path = f"/concurrency{is_csv}?{WITHIN}&step_seconds=86400"
        assert call_or_table(world, f"{path}&corrections=ignored") == 1
        assert call_or_table(world, path) == 1


def call_or_table(world: World, path: str) -> int:
    if ".csv" in path:
        return max(int(row["peak_viewers"]) for row in table(answer(world, path)))
    return max(int(row["peak_viewers"]) for row in call(world, "GET", path)[1]["items"])


def test_the_documented_order_is_accepted(world: World) -> None:
    """Its command is not run: it is of a session that is not there."""
    page = (ROOT / "docs" / "how-to" / "correct-a-session.md").read_text()
    body = page.split('/corrections" -H "Authorization: Bearer $token" --json \'')[1].split("'")[0]
    past(world, 4711, -6 * HOUR, 0)
    assert call(world, "POST", "/corrections", body)[0] == 201


def test_sessions_say_which_correction_made_or_replaced_them(world: World) -> None:
    past(world, 7, 0, HOUR)
    order(world, (0, MINUTE))
    order(world, (0, 2 * MINUTE), revision=1)

    def listed(corrections: str) -> list[tuple[int, int, int | None]]:
        rows = call(world, "GET", f"/sessions?user_id=ann&corrections={corrections}")[1]["items"]
        return [(one["watched_ms"], one["revision"], one["replaced_by"]) for one in rows]

    assert listed("applied") == [(2 * MINUTE, 2, None)]
    assert listed("ignored") == [(HOUR, 0, 1)]


def test_a_moment_that_is_shown_stays_exactly_that_one(world: World) -> None:
    past(world, 7, 0, HOUR)
    assert order(world, (0, HOUR))[1]["code"] == "nothing_to_correct"
    order(world, (0, MINUTE))
    (row,) = world.rows("select joined_at from past_sessions where revision = 1")
    assert row["joined_at"].microsecond == 1


def test_the_same_request_is_made_once_and_another_one_is_refused(world: World) -> None:
    past(world, 7, 0, HOUR)
    own_id = str(uuid4())
    status, made = order(world, (0, MINUTE), correction_id=own_id)
    assert (status, made["correction_id"]) == (201, own_id)
    for _ in range(2):
        assert order(world, (0, MINUTE), correction_id=own_id) == (200, made)
    assert order(world, (0, MINUTE), revision=1)[0] == 422
    status, refusal = order(world, (0, 2 * MINUTE), correction_id=own_id)
    assert (status, refusal["code"]) == (409, "conflict")
    assert order(world, (0, 2 * MINUTE), revision=1)[0] == 201
    assert order(world, (0, MINUTE), correction_id=own_id) == (200, made | {"is_in_force": False})


REFUSED: tuple[tuple[list[tuple[int, int]], dict[str, Any], int, str], ...] = (
    ([(0, MINUTE)], {"session_id": 8}, 404, "not_found"),
    ([(0, MINUTE)], {"user_id": "bob"}, 404, "not_found"),
    ([(0, MINUTE)], {"revision": 1}, 409, "already_corrected"),
    ([(0, 2 * HOUR)], {}, 409, "sessions_overlap"),
    ([(0, HOUR)], {}, 422, "nothing_to_correct"),
    ([(-DAY - 1, HOUR)], {}, 422, "far_from_recorded"),
    ([(0, MINUTE), (DAY, DAY + HOUR + 1)], {}, 422, "far_from_recorded"),
    ([(0, 10_000 * DAY)], {}, 422, "in_future"),
    ([(MINUTE, 0)], {}, 422, "bad_request"),
    ([(MINUTE, MINUTE)], {}, 422, "bad_request"),
    ([(0, 2 * MINUTE), (MINUTE, HOUR)], {}, 422, "bad_request"),
    ([(MINUTE, HOUR), (0, MINUTE)], {}, 422, "bad_request"),
    ([(0, MINUTE)], {"revision": -1}, 422, "bad_request"),
    ([(0, MINUTE)], {"reason": ""}, 422, "bad_request"),
    ([(0, MINUTE)], {"reason": "x" * 1001}, 422, "bad_request"),
    ([(0, MINUTE)], {"reason": "a\0b"}, 422, "bad_request"),
    ([(0, MINUTE)], {"author": ""}, 422, "bad_request"),
    ([(0, MINUTE)], {"session_id": 0}, 422, "bad_request"),
    ([], {"times": [{"joined_at": "2026-03-02T00:00:00", "ended_at": T0}]}, 422, "bad_request"),
    ([(n, n + 1) for n in range(1001)], {}, 422, "bad_request"),
)


def test_what_is_wrong_is_refused_with_its_reason_and_changes_nothing(world: World) -> None:
    past(world, 7, 0, HOUR)
    past(world, 9, HOUR, 3 * HOUR)
    past(world, 10, 0, 3 * HOUR, on="stream")
    before = everything(world)
    for times, fields, status, code in REFUSED:
        refusal = order(world, *times, **fields)
        assert (refusal[0], refusal[1]["code"]) == (status, code), (times, fields, refusal)
        assert refusal[1]["detail"]
    assert everything(world) == before


def everything(world: World) -> list[list[dict[str, Any]]]:
    return [
        world.rows(f"select * from {name} order by 1, 2, 3")  # noqa: S608
        for name in ("past_sessions", "corrections", "watch_totals")
    ]


def test_a_refusal_names_what_stands_against_it(world: World) -> None:
    past(world, 7, 0, HOUR)
    past(world, 9, HOUR, 3 * HOUR)
    assert "session 9" in order(world, (0, 2 * HOUR))[1]["detail"]
    order(world)
    assert "revision 1" in order(world, (0, MINUTE))[1]["detail"]


def test_an_open_session_is_ended_first(world: World) -> None:
    world.come("tab-1")
    (row,) = world.rows("select id from watching_times")
    assert order(world, session_id=row["id"])[1]["code"] == "session_open"
    call(world, "POST", f"/sessions/{row['id']}/end", {"user_id": "ann"})
    world.rows("select finalize(10, now() + interval '1 hour')")
    assert order(world, session_id=row["id"])[0] == 201
    # There it is still, though it did not happen.
    assert call(world, "POST", f"/sessions/{row['id']}/end", {"user_id": "ann"})[0] == 200


def test_corrections_are_listed_by_user_session_and_time(world: World) -> None:
    for number, user in ((7, "ann"), (8, "ann"), (9, "bob")):
        past(world, number, number * DAY, number * DAY + HOUR, user)
    for number, user, revision in ((7, "ann", 0), (8, "ann", 0), (9, "bob", 0), (7, "ann", 1)):
        times = [(number * DAY, number * DAY + MINUTE)] * revision
        assert order(world, *times, user_id=user, session_id=number, revision=revision)[0] == 201

    def listed(query: str) -> list[tuple[int, int, bool]]:
        found = pages(world, f"/corrections?limit=1&{query}")
        return [(one["session_id"], one["revision"], one["is_in_force"]) for one in found]

    assert listed("") == [(7, 2, True), (9, 1, True), (8, 1, True), (7, 1, False)]
    assert listed("user_id=ann") == [(7, 2, True), (8, 1, True), (7, 1, False)]
    assert listed("session_id=7") == [(7, 2, True), (7, 1, False)]
    assert listed("session_id=7&user_id=bob") == listed("from=0&to=1") == []
    assert listed("from=0") == listed("")
    (first, *_) = call(world, "GET", "/corrections")[1]["items"]
    assert call(world, "GET", f"/corrections/{first['correction_id']}") == (200, first)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/corrections?from=2&to=1", 422, "reversed_interval"),
        ("/corrections?session_id=x", 422, "bad_request"),
        ("/corrections?after=x", 422, "foreign_cursor"),
        (f"/corrections/{UUID(int=1)}", 404, "not_found"),
        (f"/sessions?{WITHIN}&corrections=no", 422, "bad_request"),
    ],
)
def test_a_wrong_question_is_refused(world: World, path: str, status: int, code: str) -> None:
    found, refusal = call(world, "GET", path)
    assert (found, refusal["code"]) == (status, code)


def test_a_users_data_has_their_corrections_and_an_erasure_takes_the_id(world: World) -> None:
    past(world, 7, 0, HOUR)
    own_id = str(uuid4())
    order(world, correction_id=own_id, reason="ann was ill", author="support of ann")
    rows, after = [], ""
    while after is not None:
        page = call(world, "GET", f"/user-data?user_id=ann{after and f'&after={after}'}")[1]
        rows += [page["table"]] * len(page["rows"])
        after = page["next"]
    assert "corrections" in rows
    erased = call(world, "POST", "/erasures", {"user_id": "ann", "author": "privacy"})[1]
    kept = call(world, "GET", f"/corrections/{own_id}")[1]
    assert (kept["user_id"], kept["reason"]) == (erased["pseudonym"], "* was ill")
    assert kept["author"] == "support of *"
    assert order(world, correction_id=own_id, reason="ann was ill")[1]["code"] == "conflict"
