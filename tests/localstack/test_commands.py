"""The other commands, where something is missing or wrong: a sentence, and what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from postgres import Postgres
from tests.localstack.databases import NO_ADDRESS, PASSWORD, ROLE, WRONG_ADDRESSES
from tests.support.modules import ROOT, WITH_OUR_MODULES

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHOUT_CFN_LINT = """
import sys
sys.modules["cfnlint"] = None
from infra.check import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Postgres(tmp_path_factory.mktemp("postgres"), durable=False) as dsn:
        yield dsn


def test_migrate_brings_a_database_up_to_date_and_says_so(dsn: str) -> None:
    first = migrate(DATABASE_URL=dsn)
    assert "applied sql/migrations/0001_presence.sql" in first.stdout
    again = migrate(dsn)
    assert (again.returncode, again.stdout, again.stderr) == (0, "up to date\n", "")


@pytest.mark.parametrize(("url", "reason"), WRONG_ADDRESSES)
def test_migrate_says_what_is_wrong_with_the_address(url: str, reason: str) -> None:
    for answer in (migrate(url), migrate(DATABASE_URL=url)):
        assert (answer.returncode, answer.stdout, answer.stderr.count("\n")) == (2, "", 1)
        assert answer.stderr.startswith("migrate: ")
        assert reason in answer.stderr
        assert PASSWORD not in answer.stderr


def test_a_port_that_cannot_be_is_no_address() -> None:
    answer = migrate(f"{ROLE}@127.0.0.1:99999/x")
    assert (answer.returncode, answer.stderr) == (2, f"migrate: {NO_ADDRESS}\n")


def test_migrate_says_what_the_server_refuses(dsn: str) -> None:
    role, _, place = dsn.partition("@")
    said = migrate(f"{role.rpartition(':')[0]}:{PASSWORD}@{place}").stderr
    assert said == "migrate: The database in DATABASE_URL refuses this user or password.\n"
    said = migrate(f"{dsn}?sslmode=require").stderr
    assert said.endswith(" does not speak TLS, which its sslmode asks for.\n")
    said = migrate(f"{dsn}?no_such_option={PASSWORD}").stderr
    assert 'unrecognized configuration parameter "no_such_option"' in said
    assert PASSWORD not in said


def test_migrate_without_an_address_asks_for_it() -> None:
    answer = migrate()
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert "Give a DATABASE_URL" in answer.stderr


def test_migrates_help_explains_its_argument() -> None:
    said = migrate("--help").stdout
    assert "postgresql://user:password@host:port/name" in said
    assert "default" in said


def test_infra_check_explains_itself_without_cfn_lint() -> None:
    answer = python("-c", WITHOUT_CFN_LINT, "--help")
    assert answer.returncode == 0
    assert "default: template.yaml" in answer.stdout


def test_infra_check_says_what_to_install() -> None:
    answer = python("-c", WITHOUT_CFN_LINT)
    assert (answer.returncode, answer.stdout, answer.stderr.count("\n")) == (2, "", 1)
    assert "cfnlint is not installed: `make check` does that" in answer.stderr


def migrate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "sql.migrate", *arguments, **environment)


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env=ours | WITH_OUR_MODULES | environment,
    )
