"""Reports over HTTP: pages, CSV, and each refusal with its code."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from handlers.adapters.statements import QUERIES, sql_of
from handlers.web import pagination
from handlers.web.pagination import is_moment
from handlers.web.schemas.audience import Audience
from handlers.web.schemas.bonuses import ListedBonus
from handlers.web.schemas.grants import Grant
from handlers.web.schemas.presence import Online, Session
from handlers.web.schemas.reports import Concurrency, WatchTime
from tests.support.web import WebContainer, answer, call, pages, table

if TYPE_CHECKING:
    from handlers.container import Container
    from handlers.core.operation import Statement
    from tests.support.world import World

HOUR = 3_600_000
T0 = 1_772_409_600_000  # 2026-03-02T00:00Z
NEVER = 253_402_300_799_999
REPORTS = ("/sessions", "/watch-time?by=user", "/concurrency", "/audience")


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, a report of a few rows is not too slow."""
    monkeypatch.setattr("handlers.services.reports.REPORT_TIMEOUT", timedelta(minutes=1))


def past(
    world: World, begins: int, ends: int, user_id: str = "ann", resource: str = "site"
) -> None:
    world.rows(
        "insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by,"
        " ended_within) select coalesce(max(id), 0) + 1, $1, $2, to_timestamp($3::float8 / 1000),"
        " to_timestamp($4::float8 / 1000), 'client', '0' from past_sessions",
        *(user_id, resource, begins, ends),
    )


def within(path: str, begins: int | str = T0, ends: int | str = T0 + HOUR) -> str:
    return f"{path}{'&' if '?' in path else '?'}from={begins}&to={ends}"


def test_sessions_of_an_interval_come_page_by_page(world: World) -> None:
    for n in range(7):
        past(world, T0, T0 + n * 1_000 + 1, f"user-{n}")
    world.come("tab-1", "bob")
    items = pages(world, within("/sessions", ends=NEVER) + "&limit=2")
    assert [one["user_id"] for one in items] == ["bob", *(f"user-{n}" for n in range(6, -1, -1))]


def test_watch_time_is_clipped_but_session_times_are_not(world: World) -> None:
    past(world, T0 - 1_000, T0 + 2_000)
    (one,) = call(world, "GET", within("/sessions"))[1]["items"]
    assert (one["joined_at"], one["ended_at"], one["watched_ms"]) == (T0 - 1_000, T0 + 2_000, 2_000)


@pytest.mark.parametrize(
    ("query", "users"),
    [
        ("min_seconds=60", {"long"}),
        ("max_seconds=59", {"short"}),
        ("resource=stream", {"short"}),
        ("ended_by=swept", set()),
        ("user_id=long", {"long"}),
    ],
)
def test_sessions_are_filtered(world: World, query: str, users: set[str]) -> None:
    past(world, T0, T0 + 60_000, "long")
    past(world, T0, T0 + 59_000, "short", "stream")
    items = call(world, "GET", within("/sessions") + f"&{query}")[1]["items"]
    assert {one["user_id"] for one in items} == users


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("user", [(None, "ann", None, 4_000), (None, "bob", None, 1_000)]),
        ("resource", [(None, None, "site", 5_000)]),
        ("user,resource", [(None, "ann", "site", 4_000), (None, "bob", "site", 1_000)]),
        ("hour", [(T0 - HOUR, None, None, 1_000), (T0, None, None, 4_000)]),
        ("day", [(T0 - 24 * HOUR, None, None, 1_000), (T0, None, None, 4_000)]),
        (
            "day,user",
            [
                (T0 - 24 * HOUR, "ann", None, 1_000),
                (T0, "ann", None, 3_000),
                (T0, "bob", None, 1_000),
            ],
        ),
    ],
)
def test_watch_time_by(world: World, by: str, rows: list[tuple[Any, ...]]) -> None:
    past(world, T0 - 1_000, T0 + 3_000)
    past(world, T0, T0 + 1_000, "bob")
    items = pages(world, within(f"/watch-time?by={by}&limit=1", T0 - HOUR))
    keys = ("starts_at", "user_id", "resource", "watched_ms")
    assert [tuple(one[key] for key in keys) for one in items] == rows


def test_concurrency_has_its_peak(world: World) -> None:
    past(world, T0, T0 + 3_000)
    past(world, T0 + 1_000, T0 + 2_000, "bob")
    _, page = call(world, "GET", within("/concurrency?step_seconds=60", ends=T0 + 300_000))
    assert [point["peak_viewers"] for point in page["items"]] == [2, 0, 0, 0, 0]
    assert page["peak"] == {"viewers": 2, "at": T0 + 1_000}
    assert page["resolution_ms"] == 0


@pytest.mark.parametrize(
    ("seconds", "step", "resolution"),
    [
        (299, 60, 0),
        (300, 60, 0),
        (301, 60, 1_000),
        (7 * 3_600, 300, 1_000),
        (168 * 3_600, 1_800, 15_000),
    ],
)
def test_concurrency_reports_its_resolution(
    world: World, seconds: int, step: int, resolution: int
) -> None:
    ends = T0 + seconds * 1_000
    path = within(f"/concurrency?step_seconds={step}", ends=ends)
    page = call(world, "GET", path)[1]
    assert (page["step_seconds"], page["resolution_ms"]) == (step, resolution)
    assert len(call(world, "GET", within("/concurrency", ends=ends))[1]["items"]) <= 300


def test_users_online_are_filtered_by_node(world: World) -> None:
    world.come("a1", "ann")
    node = quote("gateway.example/live", safe="")
    found = call(world, "GET", f"/online?node={node}")[1]
    assert (found["users"], [one["user_id"] for one in found["items"]]) == (1, ["ann"])
    nothing = call(world, "GET", "/online?node=other")[1]
    assert (nothing["users"], nothing["connections"], nothing["items"]) == (0, 0, [])


def test_counts_are_kept_for_five_seconds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("handlers.services.presence.time.monotonic", lambda: clock[0])
    world.come("a1", "ann")
    first = call(world, "GET", "/online/counts")[1]
    assert (first["users"], first["connections"]) == (1, 1)
    assert first["nodes"] == [{"node": "gateway.example/live", "connections": 1}]
    world.come("b1", "bob")
    clock[0] += 4.9
    assert call(world, "GET", "/online/counts")[1] == first
    clock[0] += 0.1
    later = call(world, "GET", "/online/counts")[1]
    assert later["users"] == 2
    assert later["counted_at"] >= first["counted_at"]


NAMES = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'x", 'a,"b"\r\nc', "Zoë 🦊", "\uff1d1"]


def test_a_name_in_csv_is_no_formula_and_can_be_restored(world: World) -> None:
    for name in NAMES:
        past(world, T0, T0 + 1_000, name)
    rows = table(answer(world, within("/sessions.csv")))
    cells = [row["user_id"] for row in rows]
    assert not [one for one in cells if one.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))]
    assert {one.removeprefix("'") for one in cells} == set(NAMES)


@pytest.mark.parametrize("path", ["/online", *REPORTS])
def test_csv_and_json_have_the_same_rows(world: World, path: str) -> None:
    past(world, T0, T0 + 1_000)
    world.come("tab-1")
    path, _, query = (path if path == "/online" else within(path)).partition("?")
    response = answer(world, f"{path}.csv?{query}")
    items = call(world, "GET", f"{path}?{query}")[1]["items"]
    assert items
    assert "\r\n" in response["body"]
    assert table(response) == [
        {key: "" if value is None else str(value) for key, value in one.items()} for one in items
    ]


@pytest.mark.parametrize("bound", ["MAX_CSV_ROWS", "MAX_RESPONSE_BYTES"])
def test_csv_links_to_the_next_rows(
    world: World, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(pagination, bound, {"MAX_CSV_ROWS": 3, "MAX_RESPONSE_BYTES": 400}[bound])
    for n in range(7):
        past(world, T0 + n, T0 + 1_000, f"user-{n} &é")
    path: str | None = within("/sessions.csv") + "&" + urlencode({"resource": "site"})
    seen = []
    while path:
        response = answer(world, path)
        seen += [row["user_id"] for row in table(response)]
        link = response["headers"].get("link")
        path = link and link.removeprefix("<").removesuffix('>; rel="next"')
        assert len(seen) <= 7
    assert seen == [f"user-{n} &é" for n in range(6, -1, -1)]


@pytest.mark.parametrize("path", REPORTS)
@pytest.mark.parametrize("suffix", ["", ".csv"])
def test_a_report_that_takes_too_long_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str, suffix: str
) -> None:
    """Sleep for half an hour before the report's own statement."""

    def slow_sql_of(statement: type[Statement[Any]]) -> str:
        if statement.query not in {"sessions", "watch_time_by", "concurrency", "audience"}:
            return sql_of(statement)
        wanted = (QUERIES / f"{statement.query}.sql").read_text()
        slow = "with s as materialized (select pg_sleep(2000)) select r.* from s, ("
        return f"{slow}{wanted.rstrip()[:-1]}) as r"

    monkeypatch.setattr("handlers.adapters.database.sql_of", slow_sql_of)
    monkeypatch.setattr("handlers.services.reports.REPORT_TIMEOUT", timedelta(milliseconds=50))
    name, _, query = within(path, 0, NEVER).partition("?")
    past(world, T0, T0 + 1_000)
    step = "&step_seconds=300000000" if name == "/concurrency" else ""
    response = answer(world, f"{name}{suffix}?{query}{step}")
    assert response["statusCode"] == 422, response
    assert json.loads(response["body"])["code"] == "narrower_range"
    monkeypatch.undo()


@pytest.mark.parametrize("path", REPORTS)
@pytest.mark.parametrize(
    ("begins", "ends", "code"),
    [
        (T0, T0, "reversed_interval"),
        (T0 + 1, T0, "reversed_interval"),
        (-1, T0, "bad_request"),
        (T0, NEVER + 1, "bad_request"),
        (T0, 10**30, "bad_request"),
        (T0, 1.5, "bad_request"),
        ("x", T0, "bad_request"),
        ("", "", "bad_request"),
        ("Infinity", "NaN", "bad_request"),
    ],
)
def test_a_bad_interval_is_refused(
    world: World, path: str, begins: Any, ends: Any, code: str
) -> None:
    status, refusal = call(world, "GET", within(path, begins, ends))
    assert (status, refusal["code"]) == (422, code)
    assert refusal["detail"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/sessions", "interval_missing"),
        (f"/sessions?from={T0}", "interval_missing"),
        (f"/sessions?to={T0}", "interval_missing"),
        (f"/sessions?user_id=ann&from={T0}&to={T0}", "reversed_interval"),
        (within("/watch-time?by=day,hour"), "unknown_by"),
        (within("/watch-time?by=user,user"), "unknown_by"),
        (within("/watch-time?by="), "bad_request"),
        (within("/watch-time?by=node"), "bad_request"),
        (within("/watch-time"), "bad_request"),
        (within("/concurrency?step_seconds=0"), "bad_request"),
        (within("/concurrency?step_seconds=-1"), "bad_request"),
        (within("/concurrency?step_seconds=2"), "too_many_points"),
        (within("/concurrency?step_seconds=1", 0, NEVER), "too_many_points"),
        (within("/audience?by=minute", 0, NEVER), "too_many_points"),
        (within("/audience?by=minute&min_seconds=61"), "too_long_minimum"),
        (within("/audience?by=minute&timezone=Europe/Berlin"), "unknown_by"),
        (within("/audience?timezone=Europe/Berlin"), "unknown_by"),
        (within("/audience?by=day&timezone=Mars/Phobos"), "unknown_timezone"),
        (within("/audience?by=week"), "bad_request"),
        (within("/audience?min_seconds=-1"), "bad_request"),
        (within("/audience?resource="), "bad_request"),
        (within("/audience?resource=a&resource=b%00"), "bad_request"),
        (within("/audience?" + "&".join(f"resource={n}" for n in range(101))), "bad_request"),
        (within(f"/audience?compare_from={T0}"), "reversed_interval"),
        (within(f"/audience?compare_from={NEVER}"), "reversed_interval"),
        (within("/audience?compare_from=2026-03-01T02:30:00"), "bad_request"),
        (within("/sessions?ended_by=magic"), "bad_request"),
        (within("/sessions?min_seconds=-1"), "bad_request"),
        (within("/sessions?resource=" + "x" * 129), "bad_request"),
        (within("/sessions?resource=a%00b"), "bad_request"),
        (within("/watch-time?by=user&user_id="), "bad_request"),
        ("/presence-events?limit=0", "bad_request"),
    ],
)
def test_a_bad_report_request_is_refused(world: World, path: str, code: str) -> None:
    status, refusal = call(world, "GET", path)
    assert (status, refusal["code"], bool(refusal["detail"])) == (422, code, True)


@pytest.mark.parametrize("path", ["/watch-time?by=user", "/watch-time?by=day", "/concurrency"])
def test_ten_years_with_few_sessions_are_reported(world: World, path: str) -> None:
    past(world, T0, T0 + 1_000)
    assert len(call(world, "GET", within(path, T0 - 3_650 * 24 * HOUR, T0 + HOUR))[1]["items"]) > 0


@pytest.mark.parametrize("path", ["/sessions", "/watch-time?by=user", "/watch-time?by=hour"])
def test_a_cursor_belongs_to_its_list_and_filters(world: World, path: str) -> None:
    for n in range(3):
        past(world, T0 + n, T0 + 1_000, f"user-{n}")
        past(world, T0 + HOUR + n, T0 + HOUR + 1_000, f"user-{n}")
    mine = within(path, ends=T0 + 2 * HOUR)
    after = call(world, "GET", f"{mine}&limit=1")[1]["next"]
    assert call(world, "GET", f"{mine}&after={after}")[0] == 200
    for other in (
        "/online?limit=1",
        within(path),
        f"{mine}&resource=site",
        "/presence-events?limit=1",
    ):
        status, refusal = call(world, "GET", f"{other}&after={after}")
        assert (status, refusal["code"]) == (422, "foreign_cursor")


@pytest.mark.parametrize("name", ["🦊" * 128, "\x01" * 128, '"' * 128, "=" * 128])
def test_a_cursor_holds_any_name(world: World, name: str) -> None:
    past(world, T0, T0 + 1_000, name, name)
    path = within("/watch-time?by=user,resource&limit=1")
    after = call(world, "GET", path)[1]["next"]
    assert call(world, "GET", f"{path}&after={quote(after)}")[1]["items"] == []


def test_an_unknown_user_has_empty_reports(world: World) -> None:
    for path in REPORTS:
        has_users = path not in {"/concurrency", "/audience"}
        unknown = "&resource=nowhere" + ("&user_id=unknown" if has_users else "")
        status, page = call(world, "GET", within(path) + unknown)
        assert status == 200
        assert not [one for one in page["items"] if one.get("peak_viewers")]


def test_each_presence_event_is_read_once_and_next_leads_on_from_the_end(world: World) -> None:
    world.come("a1", "ann")
    first = call(world, "GET", "/presence-events?limit=1")[1]
    assert [(one["type"], one["user_id"]) for one in first["items"]] == [("online", "ann")]
    assert first["has_more"] is False
    empty = call(world, "GET", f"/presence-events?after={first['next']}")[1]
    assert (empty["items"], empty["next"]) == ([], first["next"])
    world.come("b1", "bob")
    world.come("c1", "cyd")
    second = call(world, "GET", f"/presence-events?limit=1&after={empty['next']}")[1]
    assert [one["user_id"] for one in second["items"]] == ["bob"]
    assert second["has_more"] is True
    third = call(world, "GET", f"/presence-events?limit=1&after={second['next']}")[1]
    assert [one["user_id"] for one in third["items"]] == ["cyd"]
    assert third["has_more"] is False


def test_an_event_cursor_of_another_database_is_refused(world: World) -> None:
    world.come("a1", "ann")
    after = call(world, "GET", "/presence-events")[1]["next"]
    world.rows("update presence_event_log set last_seq = 0")
    assert call(world, "GET", f"/presence-events?after={after}")[1]["code"] == "foreign_cursor"
    world.rows("update presence_event_log set last_seq = 1")
    assert call(world, "GET", f"/presence-events?after={after}")[0] == 200
    (before,) = world.rows("select epoch from stream_epoch")
    world.rows("update stream_epoch set epoch = gen_random_uuid()")
    assert call(world, "GET", f"/presence-events?after={after}")[1]["code"] == "foreign_cursor"
    world.rows("update stream_epoch set epoch = $1", before["epoch"])


@pytest.mark.parametrize(("pruned", "status"), [(0, 200), (1, 200), (2, 410)])
def test_an_event_cursor_behind_the_pruned_events_is_refused(
    world: World, pruned: int, status: int
) -> None:
    for n in range(3):
        world.come(f"tab-{n}", f"user-{n}")
    after = call(world, "GET", "/presence-events?limit=1")[1]["next"]
    world.rows("delete from presence_events where seq <= $1", pruned)
    world.rows("update presence_event_log set pruned_seq = $1", pruned)
    found, page = call(world, "GET", f"/presence-events?after={after}")
    assert found == status
    assert status == 200 or page["code"] == "presence_events_pruned"
    from_start = call(world, "GET", "/presence-events")[1]["items"]
    assert [one["seq"] for one in from_start] == list(range(pruned + 1, 4))


@pytest.mark.parametrize("path", [*REPORTS, "/presence-events", "/online/counts", "/online.csv"])
def test_reports_need_the_service_token(world: World, path: str) -> None:
    assert call(world, "GET", within(path), token=None)[0] == 401


@pytest.mark.parametrize("path", REPORTS)
def test_an_interval_is_milliseconds_or_rfc_3339(world: World, path: str) -> None:
    past(world, T0, T0 + 60_000)
    answers = [
        call(world, "GET", within(path, begins, ends))[1]["items"]
        for begins, ends in (
            (T0, T0 + HOUR),
            ("2026-03-02T00:00:00Z", "2026-03-02T02:00:00%2B01:00"),
            ("2026-03-01T19:00:00.000-05:00", T0 + HOUR),
        )
    ]
    assert answers[0]
    assert answers == [answers[0]] * 3


@pytest.mark.parametrize("path", REPORTS)
@pytest.mark.parametrize(
    ("begins", "reason"),
    [
        ("2026-10-25T02:30:00", "exist twice"),
        ("2026-10-25T02:30:00+01:00", "%2B"),
        ("2026-02-30T00:00:00Z", "no such day"),
        ("2026-03-01", "RFC 3339"),
    ],
)
def test_a_moment_that_can_be_misread_is_refused(
    world: World, path: str, begins: str, reason: str
) -> None:
    status, refusal = call(world, "GET", within(path, begins, NEVER))
    assert (status, refusal["code"], refusal["fields"][0]["loc"]) == (
        *(422, "bad_request"),
        ["query", "from"],
    )
    assert reason in refusal["fields"][0]["msg"]


def test_a_cursor_goes_on_whatever_form_the_interval_has(world: World) -> None:
    for user in ("ann", "bob"):
        past(world, T0, T0 + 1_000, user)
    after = call(world, "GET", within("/watch-time?by=user&limit=1"))[1]["next"]
    other = "/watch-time?by=user&from=2026-03-02T00:00:00Z&to=2026-03-01T20:00:00-05:00"
    assert [one["user_id"] for one in call(world, "GET", f"{other}&after={after}")[1]["items"]] == [
        "bob"
    ]


# Berlin's clocks are put forward on 29 March 2026, New York's on 8 March.
@pytest.mark.parametrize(
    ("zone", "by", "starts", "lengths"),
    [
        ("Europe/Berlin", "day", "2026-03-28T23:00:00+00:00", (23, 24)),
        ("America/New_York", "day", "2026-03-08T05:00:00+00:00", (23, 24)),
        ("Asia/Kolkata", "day", "2026-03-28T18:30:00+00:00", (24, 24)),
        ("Asia/Kolkata", "hour", "2026-03-28T18:30:00+00:00", (1, 1)),
        ("UTC", "day", "2026-03-29T00:00:00+00:00", (24, 24)),
        ("Etc/GMT-14", "day", "2026-03-28T10:00:00+00:00", (24, 24)),
    ],
)
def test_days_are_those_of_the_time_zone(
    world: World, zone: str, by: str, starts: str, lengths: tuple[int, int]
) -> None:
    begins = int(datetime.fromisoformat(starts).timestamp() * 1000)
    ends = begins + sum(lengths) * HOUR
    past(world, begins - 60_000, ends + 60_000)
    path = f"/watch-time?by={by}&timezone={quote(zone, safe='')}"
    items = pages(world, within(path, begins, ends) + "&limit=1")
    assert [(one["starts_at"], one["watched_ms"]) for one in items] == [
        (begins, lengths[0] * HOUR),
        (begins + lengths[0] * HOUR, lengths[1] * HOUR),
    ]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("by=day&timezone=Mars/Phobos", "unknown_timezone"),
        ("by=hour,user&timezone=Europe/Berlim", "unknown_timezone"),
        ("by=day&timezone=Etc/GMT-15", "bad_request"),
        ("by=day&timezone=Etc/GMT%2B13", "bad_request"),
        # PostgreSQL takes these, and many a name with digits, for rules of their own.
        ("by=day&timezone=Mars/Phobos5", "bad_request"),
        ("by=day&timezone=CET", "bad_request"),
        ("by=day&timezone=%2B01:00", "bad_request"),
        ("by=day&timezone=../etc/passwd", "bad_request"),
        ("by=day&timezone=", "bad_request"),
        ("by=day&timezone=Europe/Berlin%00", "bad_request"),
        ("by=user&timezone=Europe/Berlin", "unknown_by"),
    ],
)
def test_a_time_zone_that_does_not_exist_is_refused(world: World, query: str, code: str) -> None:
    for _ in range(2):
        status, refusal = call(world, "GET", within(f"/watch-time?{query}"))
        assert (status, refusal["code"], bool(refusal["detail"])) == (422, code, True)
        past(world, T0, T0 + 1_000)


@pytest.mark.parametrize("path", ["/online", *REPORTS, "/grants", "/bonuses"])
def test_csv_has_iso_times_and_a_byte_order_mark_on_request(world: World, path: str) -> None:
    past(world, T0, T0 + 1_234)
    world.come("tab-1")
    path, _, query = (within(path) if path in REPORTS else path).partition("?")
    plain = answer(world, f"{path}.csv?{query}")
    marked = answer(world, f"{path}.csv?{query}&bom=true")
    assert marked["body"] == "\ufeff" + plain["body"]
    iso = answer(world, f"{path}.csv?{query}&times=iso")
    moments = {name for row in table(plain) for name in row if is_moment(name)}
    assert [
        {name: milliseconds_of(cell) if name in moments else cell for name, cell in row.items()}
        for row in table(iso)
    ] == table(plain)


def milliseconds_of(cell: str) -> str:
    """Of a cell with an ISO time, or an empty one."""
    assert not cell or cell.endswith("Z")
    return str(round(datetime.fromisoformat(cell).timestamp() * 1000)) if cell else ""


def test_a_column_whose_field_is_a_moment_is_named_like_one() -> None:
    """So that `times=iso` finds it."""
    fields = [
        (name, str(field.description))
        for schema in (*(Session, WatchTime, Concurrency, Audience, Online, Grant, ListedBonus),)
        for name, field in schema.model_fields.items()
    ]
    assert [
        name for name, about in fields if "since the epoch" in about and not is_moment(name)
    ] == []
    assert [
        name for name, about in fields if is_moment(name) and "since the epoch" not in about
    ] == []


def test_a_minute_on_two_resources_is_a_users_once(world: World) -> None:
    past(world, T0, T0 + 12_000, "ann", "one")
    past(world, T0, T0 + 12_000, "ann", "two")
    for by, watched in (
        ("user", [12_000]),
        ("day", [12_000]),
        ("day,user", [12_000]),
        ("resource", [12_000, 12_000]),
        ("user,resource", [12_000, 12_000]),
    ):
        items = pages(world, within(f"/watch-time?by={by}"))
        assert [one["watched_ms"] for one in items] == watched


def test_an_audience_has_the_trades_figures(world: World) -> None:
    """Ann was here before; Bob watches two resources, Cyd one that is not asked for."""
    minute = 60_000
    past(world, T0 - HOUR, T0 - HOUR + minute, "ann", "one")
    past(world, T0, T0 + 3 * minute, "ann", "one")
    past(world, T0, T0 + 2 * minute, "bob", "one")
    past(world, T0 + minute, T0 + 2 * minute, "bob", "two")
    past(world, T0, T0 + 4 * minute, "cyd", "three")
    path = within("/audience?resource=one&resource=two", ends=T0 + 4 * minute)
    status, page = call(world, "GET", path)
    assert status == 200, page
    assert (page["items"], page["compared"], page["resolution_ms"]) == (
        [
            {
                "starts_at": T0,
                "ends_at": T0 + 4 * minute,
                "unique_viewers": 2,
                "new_viewers": 1,
                "returning_viewers": 1,
                "retained_viewers": 2,
                "retention": 1.0,
                "views": 3,
                "sessions": 3,
                "watched_ms": 5 * minute,
                "average_viewers": 1.25,
                "average_view_ms": 100_000,
                "peak_viewers": 2,
                "peak_at": T0,
                "sample_percent": 100.0,
                "error_percent": 0.0,
            }
        ],
        None,
        0,
    )
    minutes = call(world, "GET", path + "&by=minute&min_seconds=60")[1]["items"]
    assert [one["retention"] for one in minutes] == [1.0, 1.0, 0.5, 0.0]
    assert [one["unique_viewers"] for one in minutes] == [2, 2, 1, 0]


def test_an_audience_stands_beside_that_of_an_earlier_show(world: World) -> None:
    past(world, T0, T0 + 60_000, "ann")
    past(world, T0 - HOUR, T0 - HOUR + 120_000, "bob")
    path, query = "/audience", f"by=minute&compare_from={T0 - HOUR}"
    page = call(world, "GET", within(f"{path}?{query}", ends=T0 + 120_000))[1]
    watched = [
        (one["watched_ms"], other["watched_ms"])
        for one, other in zip(page["items"], page["compared"], strict=True)
    ]
    assert watched == [(60_000, 60_000), (0, 60_000)]
    rows = table(answer(world, within(f"{path}.csv?{query}&times=iso", ends=T0 + 120_000)))
    assert [(int(row["watched_ms"]), int(row["compared_watched_ms"])) for row in rows] == watched
    assert [row["compared_starts_at"] for row in rows] == [
        "2026-03-01T23:00:00.000Z",
        "2026-03-01T23:01:00.000Z",
    ]


def test_of_many_sessions_an_audience_looks_at_a_sample_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The show of a week before is small, and exact."""
    for n in range(200):
        past(world, T0, T0 + 60_000, f"user-{n}")
    past(world, T0 - 7 * 24 * HOUR, T0 - 7 * 24 * HOUR + 60_000, "ann")
    path = f"?compare_from={T0 - 7 * 24 * HOUR}"
    monkeypatch.setattr("handlers.services.audience.MAX_SESSIONS", 200)
    (exact,) = call(world, "GET", within(f"/audience{path}"))[1]["items"]
    assert (exact["unique_viewers"], exact["sample_percent"]) == (200, 100)
    monkeypatch.setattr("handlers.services.audience.MAX_SESSIONS", 199)
    page = call(world, "GET", within(f"/audience{path}"))[1]
    (row,), (earlier,) = page["items"], page["compared"]
    assert (row["sample_percent"], earlier["sample_percent"]) == (12.5, 100)
    assert row["unique_viewers"] % 8 == 0
    assert abs(row["unique_viewers"] - 200) <= row["unique_viewers"] * row["error_percent"] / 100
    assert (earlier["unique_viewers"], earlier["error_percent"]) == (1, 0)
    (line,) = table(answer(world, within(f"/audience.csv{path}")))
    assert float(line["error_percent"]) == row["error_percent"]
    assert float(line["compared_sample_percent"]) == 100


def test_the_audience_of_what_has_not_begun_is_empty(world: World) -> None:
    page = call(world, "GET", within("/audience", NEVER - HOUR, NEVER))[1]
    assert (page["items"], page["compared"]) == ([], None)


def test_watch_time_and_audiences_go_by_either_clock(world: World) -> None:
    past(world, T0, T0 + 60_000)
    world.rows(
        "update past_sessions set visible = tstzmultirange("
        "tstzrange(joined_at + interval '10 s', joined_at + interval '15 s'),"
        " tstzrange(joined_at + interval '20 s', joined_at + interval '30 s'))"
    )
    for clock, watched in (("connected", 60_000), ("visible", 15_000)):
        for path in ("/watch-time?by=user", "/watch-time?by=day", "/audience?"):
            (one,) = call(world, "GET", within(f"{path}&clock={clock}"))[1]["items"]
            assert (one["watched_ms"], one["sessions"]) == (watched, 1), (path, clock)
    for path in ("/watch-time?by=user", "/audience?"):
        assert call(world, "GET", within(f"{path}&clock=wall"))[0] == 422


def test_a_cursor_belongs_to_its_clock(world: World) -> None:
    for user in ("ann", "bob"):
        past(world, T0, T0 + 1_000, user)
    after = call(world, "GET", within("/watch-time?by=user&limit=1"))[1]["next"]
    other = within(f"/watch-time?by=user&clock=visible&after={after}")
    assert call(world, "GET", other)[1]["code"] == "foreign_cursor"
