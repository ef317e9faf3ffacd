"""A wrong command line, a refused token, and an API that does not answer as it should."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import pytest

from bench.support.ports import free_port
from tests.support.relay import DRIP, HANG, LOSE, PASS, Said, refused, relayed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done
    from tests.support.relay import Fault
    from tests.support.system import Headcount

    Run = Callable[..., Done]

WINDOW = ("--window", "1m")
BUSY = refused(429, "slow_down", "later")
DOWN = refused(503, "unavailable", "the database does not answer; send the same request again")
TOKEN = "hk_not-to-be-shown"  # noqa: S105  # of nothing


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("drop", "5", *WINDOW), "say who is told: one of --everyone, --resource and --user"),
        (("drop", "5", *WINDOW, "--everyone", "--resource", "a"), "say who is told"),
        (("drop", "5", "--everyone"), "Missing option '--window'"),
        (("drop", "5", "--everyone", "--window", "soon"), "'soon' is no length of time"),
        (("drop", "5", "--everyone", "--window", "-5"), "'-5' is no length of time"),
        (("drop", "{5", "--everyone", *WINDOW), "this is no JSON"),
        (("drop", '{"a":' + "[" * 50_000, "--everyone", *WINDOW), "nested too deep"),
        (("drop", "5", "--everyone", "--window", "9" * 400), "3650d is the most"),
        (("drop", "5", *WINDOW, "--user", "a", "--opens-at", "9" * 5_000), "is no moment"),
        (("tail", "--every", "3651d"), "3651d is too long"),
        (("keys", "rotate", "x", "--old-valid", "never"), "'never' is no length of time"),
        (
            ("keys", "create", "x", "--scope", "pay", "--requests-per-minute", "0"),
            "not in the range",
        ),
        (("drop", "5", *WINDOW, "--user", "a", "--opens-at", "noon"), "'noon' is no moment"),
        (("drop", "5", *WINDOW, "--user", "a", "--id", "1"), "'1' is not a valid UUID"),
        (("drop", "5", *WINDOW, "--users-file", "none"), "'none': No such file"),
        (("news", "goal", "[]", "--everyone", "--expires-in", "1m"), "give a JSON object"),
        (("news", "goal", "{}", "--expires-in", "1m"), "one of --everyone and --resource"),
        (("cancel", "ann"), "'ann' is not a valid UUID"),
        (("cancel",), "Missing argument 'ID...'"),
        (("kick", "ann", "--session", "0"), "0 is not in the range"),
        (("keys", "create", "x"), "Missing option '--scope'"),
        (("export", "audit", "--format", "csv"), "this list is no CSV"),
        (("export", "grants", "--times", "iso"), "are of CSV"),
        (("export", "grants", "--format", "csv", "--user", "a"), "no filter by user_id"),
        (("export", "nothing"), "No such command 'nothing'"),
        (("fly",), "No such command 'fly'"),
        (("tickets", "ann", "--patience", "0"), "0.0 is not in the range"),
        (("tickets", "ann", "--token-file", "none"), "none cannot be read: No such file"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_asked(
    command: Run, arguments: tuple[str, ...], reason: str
) -> None:
    with relayed("http://127.0.0.1:1") as relay:
        done = command(*arguments, HEADCOUNT_API=relay.url)
        assert (done.code, done.out, relay.asked) == (2, "", [])
    assert reason in done.err


@pytest.mark.parametrize(
    "arguments", [("--json", "fly"), ("keys", "create", "x", "--json"), ("drop", "--json")]
)
def test_a_wrong_command_line_is_json_where_that_is_asked_for(
    command: Run, arguments: tuple[str, ...]
) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert json.loads(done.err)["error"]["code"] == "wrong_command_line"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ftp://headcount.example", "is no address"),
        ("headcount.example", "is no address"),
        ("https://", "is no address"),
        ("https://[", "is no address"),
        ("https://host:99999", "is no address"),
        ("https://ann:secret@host", "is no address"),
        ("https://host/?stage=live", "is no address"),
        ("http://headcount.example", "is not encrypted"),
        ("http://10.0.0.1", "is not encrypted"),
    ],
)
def test_a_token_goes_to_no_wrong_address(alone: Run, address: str, reason: str) -> None:
    done = alone("tickets", "ann", "--api", address, HEADCOUNT_TOKEN=TOKEN)
    assert (done.code, done.out) == (2, "")
    assert reason in done.err
    assert TOKEN not in done.err


def test_without_an_address_or_a_token_it_says_how_to_give_them(alone: Run) -> None:
    assert "name the API: --api" in alone("tickets", "ann").err
    without = alone("tickets", "ann", "--api", "http://127.0.0.1:1")
    assert (without.code, without.out) == (2, "")
    assert "HEADCOUNT_TOKEN in the environment" in without.err


def test_a_run_in_the_folder_is_found_and_its_token_goes_nowhere_else(
    headcount: Headcount, alone: Run, tmp_path: Path
) -> None:
    (tmp_path / ".headcount").mkdir()
    about = {"base_url": headcount.base_url, "service_token": headcount.service_token}
    (tmp_path / ".headcount" / "run.json").write_text(json.dumps(about))
    assert alone("tickets", "ann").code == 0
    other = alone("tickets", "ann", "--api", "http://127.0.0.1:1")
    assert (other.code, "give the service token" in other.err) == (2, True)


def test_options_of_all_commands_stand_before_or_behind_a_name(
    headcount: Headcount, alone: Run
) -> None:
    for place in (0, 2):
        arguments = ["tickets", "ann"]
        arguments[place:place] = ["--json", "--api", headcount.base_url]
        assert alone(*arguments, HEADCOUNT_TOKEN=headcount.service_token).document()["url"]


def test_a_wrong_token_is_said_and_not_shown(command: Run) -> None:
    done = command("tickets", "ann", HEADCOUNT_TOKEN=TOKEN)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("headcount: 401 unauthorized: the key is missing or wrong")
    assert TOKEN not in done.err


def test_a_token_that_cannot_be_one_is_refused(command: Run) -> None:
    done = command("tickets", "ann", HEADCOUNT_TOKEN="two words")  # noqa: S106
    assert (done.code, "two words" in done.err) == (2, False)


def test_a_missing_scope_is_named(command: Run) -> None:
    name = f"reader-{uuid.uuid4().hex[:8]}"
    key = command("keys", "create", name, "--scope", "read", "--json").document()
    for order in (("kick", "ann"), ("keys", "list"), ("tickets", "ann")):
        done = command(*order, "--json", HEADCOUNT_TOKEN=key["token"])
        assert done.code == 1
        error = json.loads(done.err)["error"]
        assert (error["status"], error["code"]) == (403, "missing_scope")
    assert command("keys", "revoke", key["key_id"]).code == 0


@pytest.mark.parametrize(
    "script",
    [
        (BUSY, BUSY),
        (DOWN,),
        (LOSE,),
        (Said(502, "<html>Bad gateway</html>"),),
        (Said(500, '{"message":"Internal Server Error"}'), LOSE, BUSY),
    ],
    ids=["429", "503", "lost answer", "502", "all of it"],
)
def test_an_order_whose_answer_does_not_come_is_done_once(
    headcount: Headcount, command: Run, script: tuple[Fault, ...]
) -> None:
    with relayed(headcount.base_url, *script) as relay:
        order = ("drop", "5 coins", "--user", "ann", *WINDOW, "--json")
        done = command(*order, HEADCOUNT_API=relay.url)
        assert done.code == 0, done.err
        assert relay.asked == ["POST /bonuses"] * (len(script) + 1)
        assert len(set(relay.bodies)) == 1, "the same order under the same id"
    assert done.err.count(": asking again\n") == len(script)
    assert done.document()["bonus_id"] in relay.bodies[0]


def test_an_order_without_an_answer_names_the_id_to_ask_with(
    headcount: Headcount, command: Run
) -> None:
    with relayed(headcount.base_url, *(LOSE,) * 100) as relay:
        order = ("drop", "5 coins", "--user", "ann", *WINDOW, "--json")
        lost = command(*order, "--patience", "0.5", HEADCOUNT_API=relay.url)
    assert (lost.code, lost.out) == (1, "")
    own_id = json.loads(relay.bodies[0])["bonus_id"]
    again = command(*order, "--id", own_id).document()
    assert again["bonus_id"] == own_id


def test_a_key_is_not_made_twice_when_its_answer_gets_lost(
    headcount: Headcount, command: Run
) -> None:
    name = f"lost-{uuid.uuid4().hex[:8]}"
    with relayed(headcount.base_url, BUSY, LOSE) as relay:
        lost = command("keys", "create", name, "--scope", "read", HEADCOUNT_API=relay.url)
        assert len(relay.asked) == 2, "refused by 429, then lost"
    assert lost.code == 1
    assert "look for it with `headcount keys list`" in lost.err
    (listed,) = [line for line in command("keys", "list").out.splitlines() if name in line]
    assert command("keys", "revoke", listed.split()[0]).code == 0


def test_a_key_whose_revoking_gets_lost_is_revoked(headcount: Headcount, command: Run) -> None:
    name = f"revoked-{uuid.uuid4().hex[:8]}"
    key = command("keys", "create", name, "--scope", "read", "--json").document()
    with relayed(headcount.base_url, LOSE) as relay:
        done = command("keys", "revoke", key["key_id"], HEADCOUNT_API=relay.url)
    assert (done.code, done.out) == (0, f"key {key['key_id']} is revoked\n")


@pytest.mark.parametrize("fault", [HANG, DRIP, BUSY, DOWN, Said(503, "{}", {"retry-after": "60"})])
def test_no_api_is_waited_for_without_an_end(command: Run, fault: Fault) -> None:
    with relayed("http://127.0.0.1:1", *(fault,) * 100) as relay:
        done = command("keys", "list", "--patience", "0.3", HEADCOUNT_API=relay.url)
    assert (done.code, done.out) == (1, "")
    assert done.err


def test_nothing_that_listens_is_said(command: Run) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    done = command("keys", "list", "--patience", "0.1", HEADCOUNT_API=address)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"headcount: {address}: no connection: [Errno 111] Connection refused\n"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Said(200, "<html>A page</html>"), "the answer is no JSON object"),
        (Said(200, "[]"), "the answer is no JSON object"),
        (Said(200, "[" * 50_000), "the answer is no JSON object"),
        (Said(404, "[" * 50_000), "404 not_found: Not Found"),
        (Said(200, "{}"), "the answer has no `items`"),
        (Said(404, "nothing"), "404 not_found: Not Found"),
        (Said(403, '{"message":"Forbidden"}'), "403 forbidden: Forbidden"),
        (Said(599, '["x"]'), "599 unknown_status: Unknown status"),
        (
            Said(302, "", {"location": "https://elsewhere.example/keys"}),
            "sends this on to https://elsewhere.example/keys",
        ),
        (Said(200, " " * (33 * 2**20)), "more than 32 MiB"),
        (refused(422, "x", "\x1b[2Ja name"), "422 x: \ufffd[2Ja name"),
    ],
)
def test_an_answer_that_is_not_the_apis_is_said(command: Run, fault: Said, reason: str) -> None:
    with relayed("http://127.0.0.1:1", fault) as relay:
        done = command("keys", "list", HEADCOUNT_API=relay.url)
        assert len(relay.asked) == 1
    assert (done.code, done.out) == (1, "")
    assert reason in done.err


@pytest.mark.parametrize(("people", "code"), [(1_000, 0), (1_001, 2)])
def test_a_bonus_for_everyone_is_confirmed_from_a_thousand_and_one_people_on(
    headcount: Headcount, command: Run, people: int, code: int
) -> None:
    counts = Said(200, json.dumps({"users": people, "resources": []}))
    with relayed(headcount.base_url, counts) as relay:
        done = command("drop", "5 coins", "--everyone", *WINDOW, HEADCOUNT_API=relay.url)
        assert (done.code, "POST /bonuses" in relay.asked) == (code, code == 0)
    if done.code == 0:
        command("cancel", done.out.split()[1])


def test_an_audience_that_cannot_be_counted_is_confirmed(
    headcount: Headcount, command: Run
) -> None:
    forbidden = refused(403, "missing_scope", "read")
    with relayed(headcount.base_url, forbidden, PASS) as relay:
        done = command("drop", "5 coins", "--resource", "a", *WINDOW, HEADCOUNT_API=relay.url)
    assert (done.code, relay.asked) == (2, ["GET /online/counts"])
    assert "this key may not count them" in done.err
