"""MigrateFunction: it migrates before a deploy changes the code, and always answers."""

from __future__ import annotations

import asyncio
import json
import re
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from handlers import migrate
from handlers.container import Container
from sql.apply import MigrationError
from sql.databases import make_database
from tests.support.databases import named, of_functions
from tests.support.served import served
from tests.support.world import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handlers.services.migrate import Outcome

RELEASE = "arn:aws:lambda:eu-west-1:123456789012:function:migrate:"


class FakeCloudFormation(BaseHTTPRequestHandler):
    """The bucket that answers are put into. It refuses the first ones, `refuses` times."""

    told: list[dict[str, Any]]
    types: list[str | None]
    refuses: int

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = type(self)
        kind.refuses -= 1
        if kind.refuses < 0:
            kind.told.append(json.loads(body))
            kind.types.append(self.headers["Content-Type"])
        self.send_response(503 if kind.refuses >= 0 else 200)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        pass


class Stack:
    """Events as CloudFormation sends them, and what it was told."""

    def __init__(self, url: str, bucket: type[FakeCloudFormation]) -> None:
        self._url, self._bucket, self._container = url, bucket, Container()

    def asks(self, kind: str, release: int = 2, before: int = 1) -> dict[str, Any]:
        event: dict[str, Any] = {
            "RequestType": kind,
            "ResponseURL": f"{self._url}/answer?signature=secret",
            "StackId": "arn:stack",
            "RequestId": "r1",
            "LogicalResourceId": "Migrations",
            "ResourceType": "Custom::Migrations",
            "ResourceProperties": {"Release": f"{RELEASE}{release}"},
        }
        if kind == "Update":
            event["OldResourceProperties"] = {"Release": f"{RELEASE}{before}"}
        if kind != "Create":
            event["PhysicalResourceId"] = "schema"
        self.call(event)
        return self._bucket.told[-1]

    def call(self, event: dict[str, Any], seconds: int = 900) -> Outcome:
        return migrate.handle(event, Context(seconds * 1000), self._container)

    def refuses(self, times: int) -> None:
        self._bucket.refuses = times

    def close(self) -> None:
        self._container.runner.close()

    @property
    def types(self) -> list[str | None]:
        return self._bucket.types


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setenv("MIGRATES", "yes")
    bucket = type(
        "Bucket", (FakeCloudFormation,), {"told": list[Any](), "types": list[Any](), "refuses": 0}
    )
    with served(bucket) as url:
        stack = Stack(url, bucket)
        yield stack
        stack.close()


@pytest.fixture
def empty(template_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database with nothing in it; the role of the functions is there, as it is in a cluster."""
    admin = named(template_dsn, "postgres")
    run(admin, "create database to_migrate template template0")
    dsn = named(template_dsn, "to_migrate")
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("FUNCTIONS_DATABASE_URL", of_functions(dsn))
    yield dsn
    run(admin, "drop database to_migrate with (force)")


def run(dsn: str, statement: str) -> list[Any]:
    async def ask() -> list[Any]:
        connection = await asyncpg.connect(dsn)
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    return asyncio.run(ask())


def has_schema(dsn: str) -> bool:
    return bool(run(dsn, "select 1 from pg_class where relname = 'watching_times'"))


def test_a_new_stack_gets_its_schema_and_lets_its_functions_in(stack: Stack, empty: str) -> None:
    assert stack.asks("Create") == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "schema",
        "StackId": "arn:stack",
        "RequestId": "r1",
        "LogicalResourceId": "Migrations",
    }
    assert stack.types == [""]
    assert run(of_functions(empty), "select * from finalize(1)")


def test_a_second_update_applies_nothing(stack: Stack, empty: str) -> None:
    assert "roles.sql" in stack.call({})["applied"]
    assert stack.asks("Update")["Status"] == "SUCCESS"
    assert stack.call({}) == {"applied": []}


def test_an_app_that_has_no_database_yet_gets_one(
    stack: Stack, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPS", "late-show")
    applied = stack.call({})["applied"]
    assert {"roles.sql", "roles.sql for late-show"} <= set(applied)
    assert stack.call({}) == {"applied": []}
    of_app = f"{empty}_late-show"
    assert run(of_functions(of_app), "select * from finalize(1)")
    monkeypatch.setenv("MIGRATES", "no")
    assert stack.asks("Update")["Status"] == "SUCCESS"
    run(empty, 'drop database "to_migrate_late-show" with (force)')
    assert stack.asks("Update")["Status"] == "FAILED"


def test_a_role_that_may_make_no_database_says_which_one_is_missing(empty: str) -> None:
    run(empty, "create role no_maker login password 'x'")
    dsn = re.sub("//.*@", "//no_maker:x@", empty)
    with pytest.raises(MigrationError, match="may not make the database to_migrate_shop"):
        asyncio.run(make_database(dsn, f"{dsn}_shop"))
    with pytest.raises(MigrationError, match="longer than 63 bytes"):
        asyncio.run(make_database(dsn, f"{dsn}_{'x' * 63}"))
    run(empty, "drop role no_maker")


@pytest.mark.parametrize("event", [("Delete",), ("Update", 1, 2)])
def test_a_stack_that_goes_or_goes_back_touches_no_schema(
    stack: Stack, empty: str, event: tuple[Any, ...]
) -> None:
    assert stack.asks(*event)["Status"] == "SUCCESS"
    assert not has_schema(empty)


def test_a_migration_that_fails_stops_the_deploy(stack: Stack, empty: str) -> None:
    run(empty, "create table watching_times ()")
    told = stack.asks("Update")
    assert told["Status"] == "FAILED"
    assert told["Reason"].startswith("sql/migrations/0001_presence.sql failed: ")
    assert not run(empty, "select 1 from pg_class where relname = 'past_sessions'")


def test_a_function_without_its_settings_answers_all_the_same(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    told = stack.asks("Create")
    assert (told["Status"], told["Reason"]) == (
        "FAILED",
        "MissingSetting: see the log of MigrateFunction",
    )


def test_a_database_that_is_not_there_is_said_without_its_password(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:secret@127.0.0.1:1/none")
    told = stack.asks("Create")
    assert told["Status"] == "FAILED"
    assert told["Reason"] == (
        "The database in DATABASE_URL cannot be reached: nothing answers at its host and port."
    )


def test_without_the_owner_a_schema_of_an_older_release_stops_the_deploy(
    stack: Stack, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATES", "no")
    told = stack.asks("Update")
    assert told["Status"] == "FAILED"
    assert "is older than this release: run make migrate" in told["Reason"]
    assert not has_schema(empty)


@pytest.mark.parametrize("newer", [False, True])
def test_without_the_owner_the_schema_of_this_or_a_newer_release_is_enough(
    stack: Stack, empty: str, monkeypatch: pytest.MonkeyPatch, newer: bool
) -> None:
    stack.call({})
    if newer:
        run(empty, "insert into migrations values ('migrations/9999_new.sql', '', now())")
    monkeypatch.setenv("MIGRATES", "no")
    assert stack.asks("Update")["Status"] == "SUCCESS"


def test_without_the_owner_a_database_that_is_not_there_stops_the_deploy(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATES", "no")
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:secret@127.0.0.1:1/none")
    told = stack.asks("Create")
    assert told["Status"] == "FAILED"
    assert told["Reason"].startswith("The database in DatabaseUrl cannot be reached")


def test_out_of_time_it_answers_before_lambda_ends_it(stack: Stack, empty: str) -> None:
    assert stack.call({}, seconds=60) == {
        "error": "The migrations take longer than 0 s: run make migrate by hand."
    }
    assert not has_schema(empty)


def test_an_answer_is_repeated(stack: Stack, empty: str) -> None:
    stack.refuses(2)
    assert stack.asks("Delete")["Status"] == "SUCCESS"


def test_an_answer_that_is_never_taken_is_an_error_so_that_lambda_repeats(stack: Stack) -> None:
    stack.refuses(3)
    with pytest.raises(OSError, match="503"):
        stack.asks("Delete")
