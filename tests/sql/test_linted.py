"""What squawk finds in a migration, with the settings that `make lint` uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SQUAWK = Path(sys.executable).with_name("squawk")


def findings(migration: str) -> str:
    command = [str(SQUAWK), "--reporter", "gcc", "--stdin-filepath", "sql/migrations/9999.sql"]
    ended = subprocess.run(
        command, cwd=ROOT, input=migration, capture_output=True, text=True, check=False
    )
    assert bool(ended.returncode) == bool(ended.stdout)
    return ended.stdout


@pytest.mark.parametrize(
    ("migration", "rule"),
    [
        ("alter table claims drop column claim_id;", "ban-drop-column"),
        ("create index on claims (user_id);", "require-concurrent-index-creation"),
        ("alter table claims rename column user_id to person_id;", "renaming-column"),
        ("alter table claims add column n text not null;", "adding-required-field"),
        ("alter table claims add check (claim_id <> '');", "constraint-missing-not-valid"),
        (
            "create table t (n bigint); create index concurrently a on claims (user_id);",
            "ban-concurrent-index-creation-in-transaction",
        ),
    ],
)
def test_what_users_would_notice_is_found(migration: str, rule: str) -> None:
    assert rule in findings(migration)


@pytest.mark.parametrize(
    "migration",
    [
        "create table t (id bigint primary key, n integer not null); create index on t (n);",
        "alter table claims add column is_late boolean not null default false;",
        "-- Outside a transaction.\n"
        "-- squawk-ignore-file ban-concurrent-index-creation-in-transaction\n"
        "drop index concurrently if exists a;\n"
        "create index concurrently if not exists a on claims (user_id);",
    ],
)
def test_what_users_do_not_notice_is_let_pass(migration: str) -> None:
    assert findings(migration) == ""
