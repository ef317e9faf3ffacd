"""`doctor` finds each fault and says what to do; `plan` is that of the clone."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from bench.support.ports import free_port
from headcount.__main__ import main
from tests.docs.markdown import ROOT
from tests.support.browser import Browser
from tests.support.relay import HANG, PASS, Said, refused, relayed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command import Done
    from tests.support.relay import Fault
    from tests.support.system import Headcount

    Run = Callable[..., Done]

MINUTE = 60_000
FORBIDDEN = refused(403, "missing_scope", "no")


def _health(database: str, migrations: str) -> Said:
    status = "ok" if migrations in {"ok", "newer"} else "schema"
    body = {"status": status, "database": database, "migrations": migrations}
    return Said(200 if status == "ok" else 503, json.dumps(body))


def _work(**changed: object) -> Said:
    """What GET /health/work says, with times from now."""
    now = int(time.time() * 1_000)
    work: dict[str, Any] = {
        "server_now": now,
        "swept_at": now,
        "presence_events_since": None,
        "broadcasts_since": None,
        "rolled_up_to": None,
        "unreachable_nodes": [],
    }
    given = {
        name: now + value if isinstance(value, int) else value for name, value in changed.items()
    }
    return Said(200, json.dumps(work | given))


def _ticket(url: str) -> Said:
    return Said(201, json.dumps({"url": url, "ticket": "wrong", "expires_at": 1}))


def checks(done: Done) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in done.document()["checks"]}


async def test_a_healthy_system_is_found_so(headcount: Headcount, command: Run) -> None:
    async with AsyncExitStack() as stack:
        await Browser(headcount, stack).invoke("SweepFunction")
    done = command("doctor", "--json")
    assert done.code == 0
    assert list(checks(done)) == ["api", "schema", "token", "clock", "sweep", "queue", "socket"]
    assert {check["state"] for check in checks(done).values()} == {"ok"}
    printed = command("doctor", "--no-socket")
    assert printed.code == 0
    assert "ok       schema    is this release's\n" in printed.out
    assert "skipped  socket" in printed.out


@pytest.mark.parametrize(
    ("script", "name", "says"),
    [
        ((HANG,) * 9, "api", "no answer within"),
        ((Said(404, "nothing"),), "api", "404 not_found"),
        ((_health("does not answer", "unknown"),) * 99, "database", "does not answer"),
        ((_health("ok", "behind"),) * 99, "schema", "migrations are behind"),
        ((PASS, refused(401, "unauthorized", "wrong")), "token", "401 unauthorized"),
        (
            (PASS, PASS, lambda: _work(server_now=-60 * MINUTE, swept_at=-60 * MINUTE)),
            "clock",
            "s from the database's",
        ),
        (
            (PASS, PASS, lambda: _work(server_now=MINUTE, swept_at=MINUTE)),
            "clock",
            "s from the database's",
        ),
        ((PASS, PASS, _work(swept_at=-5 * MINUTE)), "sweep", "began 300 s ago"),
        ((PASS, PASS, _work(broadcasts_since=-2 * MINUTE)), "queue", "waits for 120 s"),
        (
            (PASS, PASS, _work(unreachable_nodes=[{"node": "n/live", "since": 1}])),
            "node",
            "n/live is not reached",
        ),
        ((PASS, PASS, PASS, Said(422, "{}")), "socket", "no ticket: 422"),
        ((PASS, PASS, PASS, _ticket(f"ws://127.0.0.1:{free_port()}/")), "socket", "refused"),
    ],
)
def test_a_fault_is_found(
    headcount: Headcount,
    command: Run,
    script: tuple[Fault | Callable[[], Fault], ...],
    name: str,
    says: str,
) -> None:
    patience = "1" if name in {"api", "database", "schema"} else "60"
    faults = [one() if callable(one) else one for one in script]
    with relayed(headcount.base_url, *faults) as relay:
        done = command("doctor", "--json", "--patience", patience, HEADCOUNT_API=relay.url)
    found = checks(done)[name]
    assert (done.code, done.document()["is_ok"], found["state"]) == (1, False, "failed")
    assert says in found["detail"]
    assert found["do"] or name in {"socket"}


def test_a_ticket_that_the_authorizer_refuses_is_found(headcount: Headcount, command: Run) -> None:
    wrong = _ticket(headcount.websocket_url)
    with relayed(headcount.base_url, PASS, PASS, PASS, wrong) as relay:
        found = checks(command("doctor", "--json", HEADCOUNT_API=relay.url))["socket"]
    assert "refuses the ticket with 401" in found["detail"]
    assert "Rotate secrets" in found["do"]


def test_a_schema_of_the_next_release_is_no_fault(headcount: Headcount, command: Run) -> None:
    with relayed(headcount.base_url, _health("ok", "newer")) as relay:
        done = command("doctor", "--json", "--no-socket", HEADCOUNT_API=relay.url)
    assert checks(done)["schema"]["state"] == "ok"


def test_what_a_key_may_not_ask_is_skipped(command: Run) -> None:
    name = f"kicks-{uuid.uuid4().hex[:8]}"
    key = command("keys", "create", name, "--scope", "kick", "--json").document()
    done = command("doctor", "--json", HEADCOUNT_TOKEN=key["token"])
    states = {name: check["state"] for name, check in checks(done).items()}
    assert done.code == 0
    assert {name for name, state in states.items() if state == "skipped"} == {
        *("clock", "work", "socket"),
    }
    command("keys", "revoke", key["key_id"])


def test_a_plan_is_that_of_the_clone(alone: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert alone("plan").code == 1, "there is no clone here"
    monkeypatch.chdir(ROOT / "docs")
    assert alone("plan", "--connections", "50000", "PingSeconds=480").code == 0
    assert alone("plan", "PingSeconds=7").code == 2


@pytest.mark.parametrize("words", [("--json", "plan"), ("plan", "--json")])
def test_a_plan_is_one_object_for_programs(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main((*words, "--connections", "50000")) == 0
    assert json.loads(capfd.readouterr().out)["load"]["connections"] == 50_000
