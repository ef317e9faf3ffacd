"""Tickets, bonuses, news, kicks and keys, against the running system."""

from __future__ import annotations

import json
import stat
import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.browser import Browser, hear, hello

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done
    from tests.support.system import Headcount

    Run = Callable[..., Done]


async def test_a_ticket_opens_a_connection_of_its_user(headcount: Headcount, command: Run) -> None:
    async with AsyncExitStack() as stack:
        browser = Browser(headcount, stack)
        ticket = command("tickets", browser.user_id, "--resource", "final", "--device", "phone")
        tab = await browser.tab(ticket.out.strip())
        welcome = await hello(tab)
        assert (welcome["user_id"], welcome["resource"]) == (browser.user_id, "final")


def test_each_user_gets_a_ticket_of_their_own(command: Run) -> None:
    done = command("tickets", "ann", "bob", "--json")
    assert done.code == 0
    assert [line.split('"')[3] for line in done.out.splitlines()] == ["ann", "bob"]


async def test_a_bonus_is_told_to_its_audience_and_cancelled(
    headcount: Headcount, command: Run
) -> None:
    async with AsyncExitStack() as stack:
        browser = Browser(headcount, stack)
        tab = await browser.tab()
        await hello(tab)
        dropped = command("drop", "5 coins", "--user", browser.user_id, "--window", "2m")
        assert dropped.code == 0, dropped.err
        bonus_id = dropped.out.split()[1]
        while bonus_id not in (told := json.dumps(await hear(tab))):
            pass  # what is for everyone is told as well
        assert '"reward": {"text": "5 coins"}' in told
        assert f"headcount cancel {bonus_id}\n" in dropped.out
        assert command("cancel", bonus_id).out == f"bonus {bonus_id}: cancelled\n"


def test_the_options_of_a_bonus_arrive(command: Run) -> None:
    options = ("--stock", "3", "--min-watched", "15m", "--clock", "visible", "--opens-in", "1h")
    dropped = command(
        *("drop", '{"coins": 5}', "--resource", "final", "--window", "2h", "--json"),
        *(*options, "--acknowledge"),
    ).document()
    assert dropped["reward"] == {"coins": 5}
    assert (dropped["audience"], dropped["resource"]) == ("resource", "final")
    assert dropped["expires_at"] - dropped["opens_at"] == 7_200_000
    assert (dropped["stock"], dropped["min_watched_ms"], dropped["clock"]) == (
        3,
        900_000,
        "visible",
    )
    assert (dropped["state"], dropped["acknowledge"]) == ("upcoming", True)


def test_the_same_order_with_the_same_id_is_done_once(command: Run) -> None:
    own_id = str(uuid.uuid4())
    order = ("--user", "ann", "--window", "1m", "--id", own_id, "--json")
    first, again = (command("drop", "5 coins", *order).document() for _ in range(2))
    assert first["bonus_id"] == again["bonus_id"] == own_id
    assert first["created_at"] == again["created_at"]
    other = command("drop", "6 coins", *order)
    assert other.code == 1
    assert '"code": "conflict"' in other.err


def test_a_list_of_users_comes_from_a_file(command: Run, tmp_path: Path) -> None:
    (tmp_path / "users").write_text("ann\nbob\n\nann\n")
    order = ("drop", "5 coins", "--users-file", "users", "--window", "1m")
    assert "for 2 listed users" in command(*order).out


def test_more_than_a_thousand_people_are_confirmed(command: Run, tmp_path: Path) -> None:
    users = [f"user-{n}" for n in range(1_001)]
    (tmp_path / "users").write_text("\n".join(users))
    own_id = str(uuid.uuid4())
    order = ("drop", "5", "--users-file", "users", "--window", "1m", "--id", own_id)
    refused = command(*order)
    assert refused.code == 2
    assert "1,001 people now. Say so with --yes." in refused.err
    assert command("cancel", own_id, "--kind", "bonus").code == 1, "it was not ordered"
    assert command(*order, "--yes").code == 0


def test_news_are_told_and_cancelled(command: Run) -> None:
    told = command("news", "goal", '{"score": "2:1"}', "--resource", "final", "--expires-in", "1m")
    news_id = told.out.split()[1]
    assert command("cancel", news_id).out == f"news {news_id}: cancelled\n"


def test_what_is_not_there_cannot_be_cancelled(command: Run) -> None:
    unknown = str(uuid.uuid4())
    done = command("cancel", unknown)
    assert (done.code, done.out) == (1, "")
    assert unknown in done.err


async def test_a_user_is_kicked(headcount: Headcount, command: Run) -> None:
    async with AsyncExitStack() as stack:
        browser = Browser(headcount, stack)
        tab = await browser.tab()
        await hello(tab)
        kicked = command("kick", browser.user_id, "--reason", "members only", "--json")
        assert kicked.document()["closed"] == 1
        while (heard := await hear(tab)).get("code") != "kicked":
            pass
        assert heard["words"] == "members only"
        with pytest.raises(ConnectionClosed):
            await tab.recv()
    assert command("kick", browser.user_id).out.endswith(
        ": 0 closed, 0 gone before, 0 unreachable\n"
    )


async def test_one_session_is_ended(headcount: Headcount, command: Run) -> None:
    async with AsyncExitStack() as stack:
        browser = Browser(headcount, stack)
        await hello(await browser.tab())
        (open_one,) = (await browser.api("GET", f"/sessions?user_id={browser.user_id}"))["items"]
        session = str(open_one["session_id"])
        assert "1 closed" in command("kick", browser.user_id, "--session", session).out
    assert command("kick", "someone-else", "--session", session).code == 1


def test_a_key_is_made_rotated_and_revoked(command: Run, tmp_path: Path) -> None:
    name = f"payouts-{uuid.uuid4().hex[:8]}"
    made = command("keys", "create", name, "--scope", "pay", "--scope", "read", "--json").document()
    assert command("export", "grants", HEADCOUNT_TOKEN=made["token"]).code == 0
    file = tmp_path / "new.token"
    rotated = command("keys", "rotate", name, "--token-to", "new.token")
    assert "the old token stays good for 3,600 s" in rotated.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() not in rotated.out + rotated.err
    (listed,) = [line for line in command("keys", "list").out.splitlines() if name in line]
    assert listed.endswith("  pay, read"), "it is the same key"
    for token in (made["token"], file.read_text().strip()):
        assert command("export", "grants", HEADCOUNT_TOKEN=token).code == 0
    assert command("keys", "revoke", made["key_id"]).code == 0
    assert command("keys", "revoke", made["key_id"]).code == 1
    assert command("keys", "rotate", made["key_id"]).code == 1


def test_a_token_that_leaked_is_replaced(command: Run) -> None:
    name = f"leaked-{uuid.uuid4().hex[:8]}"
    made = command("keys", "create", name, "--scope", "pay", "--json").document()
    new = command("keys", "rotate", name, "--old-valid", "0", "--json").document()
    assert (new["key_id"], new["name"]) == (made["key_id"], name)
    # Not used before: no process remembers it.
    assert command("export", "grants", HEADCOUNT_TOKEN=made["token"]).code == 1
    assert command("export", "grants", HEADCOUNT_TOKEN=new["token"]).code == 0


def test_of_a_name_with_two_keys_one_is_rotated_by_its_id(command: Run) -> None:
    name = f"two-{uuid.uuid4().hex[:8]}"
    order = ("keys", "create", name, "--scope", "pay", "--json")
    ids = {command(*order).document()["key_id"] for _ in range(2)}
    refused = command("keys", "rotate", name)
    assert (refused.code, [one for one in ids if one not in refused.err]) == (1, [])
    for one in ids:
        assert command("keys", "rotate", one, "--json").document()["key_id"] == one


def test_a_key_is_made_with_its_bounds(command: Run) -> None:
    name = f"bound-{uuid.uuid4().hex[:8]}"
    bounds = ("--expires-in-days", "1", "--requests-per-minute", "2")
    made = command("keys", "create", name, "--scope", "read", *bounds, "--json").document()
    listed = [json.loads(line) for line in command("keys", "list", "--json").out.splitlines()]
    (key,) = [one for one in listed if one["key_id"] == made["key_id"]]
    assert key["requests_per_minute"] == 2
    assert key["expires_at"] > key["created_at"]
    asked = ("export", "online", "--patience", "10")
    # One of them is beyond the limit, even if a minute ends between two.
    said = [command(*asked, HEADCOUNT_TOKEN=made["token"]).err for _ in range(4)]
    assert any("429 too_many_requests: this key has made as many" in one for one in said)


def test_a_key_that_is_refused_leaves_no_file(command: Run, tmp_path: Path) -> None:
    made = command("keys", "create", "x", "--scope", "everything", "--token-to", "x.token")
    assert made.code == 1
    assert "422 bad_request" in made.err
    assert "scopes" in made.err
    assert not (tmp_path / "x.token").exists()


def test_a_token_goes_into_no_file_that_is_there(command: Run, tmp_path: Path) -> None:
    (tmp_path / "x.token").write_text("kept")
    made = command("keys", "create", "x", "--scope", "pay", "--token-to", "x.token")
    assert (made.code, (tmp_path / "x.token").read_text()) == (2, "kept")
