"""Whole lists: each row once, whatever interrupts the export."""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import TYPE_CHECKING

import pytest

from headcount.reports import REPORTS
from tests.support.databases import aside
from tests.support.relay import DRIP, PASS, Said, refused, relayed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done
    from tests.support.relay import Fault
    from tests.support.system import Headcount

    Run = Callable[..., Done]

# Pages of JSON have 1,000 rows.
ROWS, PAGES = 2_500, 3
GONE = refused(403, "forbidden", "not now")
AUDIT = (
    "insert into audit (at, author, operation) select now(), $1::text, 'kick_user'"
    " from generate_series(1, $2::integer)"
)
SESSIONS = """
    insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
    select nextval('watching_times_id_seq'), $1::text, e'a "b"\\r\\n' || n,
           now() - interval '26 hours', now() - interval '25 hours', 'client', '0'
      from generate_series(1, 12) as n
"""


@pytest.fixture(scope="module")
def author(headcount: Headcount) -> str:
    """A key that has ordered much, which takes several pages."""
    name = f"key-{uuid.uuid4().hex[:8]}"
    aside(headcount.database_url).rows(AUDIT, name, ROWS)
    return name


def test_json_lines_have_each_row_once(command: Run, author: str) -> None:
    done = command("export", "audit", "--author", author)
    assert done.code == 0
    ids = [json.loads(line)["id"] for line in done.out.splitlines()]
    assert len(set(ids)) == len(ids) == ROWS
    assert done.err == f"headcount: {ROWS:,} rows\n"


def test_csv_is_what_the_api_writes(headcount: Headcount, command: Run, tmp_path: Path) -> None:
    """With ends of lines in quotes, which are no ends of rows."""
    user_id = f"user-{uuid.uuid4().hex[:8]}"
    aside(headcount.database_url).rows(SESSIONS, user_id)
    done = command("export", "sessions", "--user", user_id, "-o", "sessions.csv", "--bom")
    assert done.err == "headcount: 12 rows\n"
    text = (tmp_path / "sessions.csv").read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len({row["resource"] for row in rows}) == len(rows) == 12
    assert {row["user_id"] for row in rows} == {user_id}


def test_pages_of_csv_have_one_header_and_one_mark_also_after_an_interruption(
    command: Run, tmp_path: Path
) -> None:
    link = {"link": '</online.csv?times=iso&after=two>; rel="next"'}
    pages = Said(200, "\ufeffa,b\r\n1,x\r\n", link), Said(200, "a,b\r\n2,y\r\n")
    export = ("export", "online", "-o", "x.csv", "--bom", "--times", "iso")
    with relayed("http://127.0.0.1:1", pages[0], GONE, pages[1]) as relay:
        assert [command(*export, HEADCOUNT_API=relay.url).code for _ in range(2)] == [1, 0]
        assert relay.asked == [
            "GET /online.csv?times=iso&bom=true",
            *["GET /online.csv?times=iso&after=two"] * 2,
        ]
    assert (tmp_path / "x.csv").read_bytes().decode() == "\ufeffa,b\r\n1,x\r\n2,y\r\n"


@pytest.mark.parametrize("fault", [GONE, DRIP], ids=["refused", "drips"])
@pytest.mark.parametrize("passed", [0, 1, 2])
def test_the_same_command_goes_on_where_it_was_interrupted(  # noqa: PLR0913, PLR0917
    headcount: Headcount, command: Run, author: str, tmp_path: Path, passed: int, fault: Fault
) -> None:
    export = ("export", "audit", "--author", author, "-o", "out.jsonl", "--patience", "0.3")
    with relayed(headcount.base_url, *(PASS,) * passed, *(fault,) * 100) as relay:
        stopped = command(*export, HEADCOUNT_API=relay.url)
    assert stopped.code == 1
    assert f"{passed * 1_000:,} rows, then interrupted; the same command again" in stopped.err
    assert not (tmp_path / "out.jsonl").exists()
    with relayed(headcount.base_url) as relay:
        assert command(*export[:-2], HEADCOUNT_API=relay.url).code == 0
        assert len(relay.asked) == PAGES - passed, "what is there is not read again"
    assert _ids(tmp_path / "out.jsonl") == _ids_of(command, author)
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]


def test_killed_between_the_rows_and_their_place_each_row_stands_once(
    headcount: Headcount, command: Run, author: str, tmp_path: Path
) -> None:
    export = ("export", "audit", "--author", author, "-o", "out.jsonl")
    with relayed(headcount.base_url, PASS, GONE) as relay:
        command(*export, HEADCOUNT_API=relay.url)
    with (tmp_path / "out.jsonl.part").open("a") as part:
        part.write('{"id": 1, "half a row')
    assert command(*export).code == 0
    assert _ids(tmp_path / "out.jsonl") == _ids_of(command, author)


def test_an_interrupted_export_to_the_standard_output_names_its_cursor(
    headcount: Headcount, command: Run, author: str
) -> None:
    with relayed(headcount.base_url, PASS, GONE) as relay:
        stopped = command("export", "audit", "--author", author, HEADCOUNT_API=relay.url)
    cursor = stopped.err.split("--after ")[1].split()[0]
    rest = command("export", "audit", "--author", author, "--after", cursor)
    assert (stopped.out + rest.out).count("\n") == ROWS


def test_a_part_of_another_export_is_not_gone_on_with(
    headcount: Headcount, command: Run, author: str, tmp_path: Path
) -> None:
    with relayed(headcount.base_url, PASS, GONE) as relay:
        command("export", "audit", "--author", author, "-o", "x", HEADCOUNT_API=relay.url)
    other = command("export", "audit", "--author", "ann", "-o", "x")
    assert (other.code, "is of another export" in other.err) == (2, True)
    (tmp_path / "x.part.json").write_text("{")
    assert command("export", "audit", "--author", author, "-o", "x").code == 2


def test_a_file_that_is_there_is_kept(command: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("kept")
    done = command("export", "online", "-o", "x")
    assert (done.code, (tmp_path / "x").read_text()) == (2, "kept")


def test_a_folder_that_cannot_be_written_is_said(command: Run) -> None:
    done = command("export", "online", "-o", "no/such/folder")
    assert (done.code, "cannot be written: No such file" in done.err) == (1, True)


def test_a_list_that_grows_says_where_the_next_export_begins(command: Run) -> None:
    first = command("export", "presence-events")
    cursor = first.err.split("what comes later: --after ")[1].strip()
    again = command("export", "presence-events", "--after", cursor)
    assert (again.code, set(again.out.splitlines()) & set(first.out.splitlines())) == (0, set())


@pytest.mark.parametrize("name", REPORTS)
def test_each_report_takes_its_options(command: Run, name: str) -> None:
    """The API refuses a parameter that it does not know."""
    report = REPORTS[name]
    values = {
        **{name: "2026-03-01T19:00Z" for name in ("begins", "compare_from")},
        **{"ends": "2026-03-01T21:00Z", "by": "day", "timezone": "Europe/Berlin"},
        **{name: str(uuid.UUID(int=1)) for name in ("bonus_id", "campaign_id")},
        **{name: "7200" for name in ("step_seconds", "min_seconds", "max_seconds")},
        **{"clock": "visible", "corrections": "ignored", "ended_by": "lost", "state": "pending"},
    }
    values["compare_from"] = "2026-02-28T19:00Z"
    options = [
        f"{option.opts[0]}={values.get(option.name or '', 'a')}"
        for option in report.parameters()
        if option.param_type_name == "option"
    ]
    path = [_bonus(command)] if report.argument else []
    done = command("export", name, *path, *options)
    assert done.code == 0, done.err
    if report.has_csv:
        if report.csv_filters is not None:
            options = []
        form = ("--format", "csv", "--times", "iso", "--bom")
        assert command("export", name, *path, *options, *form).out.startswith("\ufeff")


def _bonus(command: Run) -> str:
    order = ("drop", "5", "--user", "ann", "--window", "1m", "--json")
    return str(command(*order).document()["bonus_id"])


def _ids(file: Path) -> list[int]:
    return [json.loads(line)["id"] for line in file.read_text().splitlines()]


def _ids_of(command: Run, author: str) -> list[int]:
    done = command("export", "audit", "--author", author)
    return [json.loads(line)["id"] for line in done.out.splitlines()]
