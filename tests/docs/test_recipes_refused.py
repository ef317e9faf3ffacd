"""The recipes before an API that does not answer as it should: they say so, and do not break."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench.support.ports import free_port
from postgres import Postgres
from tests.docs.markdown import ROOT
from tests.support.relay import Said, refused, relayed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.relay import Fault

FAULTS = {
    "429 of API Gateway": (Said(429, '{"message":"Too Many Requests"}'), "429"),
    "503 of API Gateway": (Said(503, '{"message":"Service Unavailable"}'), "503"),
    "502 of a proxy": (Said(502, "<html>Bad gateway</html>"), "502"),
    "a list": (Said(500, "[]"), "500"),
    "429 of a key": (refused(429, "too_many_requests", "wait"), "429 too_many_requests: wait"),
    "401": (refused(401, "unauthorized", "the key is wrong"), "401 unauthorized: the key is wrong"),
}
RECIPES = {
    "payout-worker": ["--once", "payments.db"],
    "payout-queue": ["--once", "cursor"],
    "presence-warehouse": ["presence"],
}


def run(recipe: str, arguments: list[str], folder: Path, **environment: str) -> tuple[int, str]:
    """The exit code, and what it says."""
    (program,) = (ROOT / "examples" / recipe).glob("*.py")
    environment |= {"HEADCOUNT_TOKEN": "t", "AWS_DEFAULT_REGION": "eu-central-1", "QUEUE_URL": "q"}
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("fault", "words"), FAULTS.values(), ids=FAULTS)
def test_a_refusal_is_said(recipe: str, fault: Fault, words: str, tmp_path: Path) -> None:
    with relayed("http://127.0.0.1:1", fault) as relay:
        code, said = run(recipe, RECIPES[recipe], tmp_path, HEADCOUNT_URL=relay.url)
        assert len(relay.asked) == 1
    assert (code, "Traceback" in said, len(said.splitlines())) == (1, False, 1), said
    assert words in said


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_api_is_said(recipe: str, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, said = run(recipe, RECIPES[recipe], tmp_path, HEADCOUNT_URL=url)
    assert (code, "Connection refused" in said, len(said.splitlines())) == (1, True, 1), said


def test_a_refusal_is_said_beside_postgresql(tmp_path: Path) -> None:
    with Postgres(tmp_path / "payments", durable=False) as dsn:
        for fault, words in FAULTS.values():
            with relayed("http://127.0.0.1:1", fault) as relay:
                url = relay.url
                code, said = run(
                    "payout-postgresql", ["--once"], tmp_path, HEADCOUNT_URL=url, PAYMENTS_URL=dsn
                )
            assert (code, "Traceback" in said, words in said) == (1, False, True), said
