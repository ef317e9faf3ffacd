"""Draws over HTTP: who takes part, who wins, that anyone can check it, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.docs.markdown import ROOT
from tests.support.web import WebContainer, answer, call, pages, table

if TYPE_CHECKING:
    from pathlib import Path

    from handlers.container import Container
    from tests.support.world import World

VERIFY = ROOT / "examples" / "verify-draw" / "verify_draw.py"
PRESENT = {"kind": "present"}
ORDER = {"reward": {"text": "a ticket"}, "among": PRESENT, "winners": 2, "claim_within_seconds": 60}
ENTRY = {
    "reward": {"text": "you take part"},
    "audience": {"kind": "everyone"},
    "window_seconds": 60,
}
OVER = "opens_at = now() - interval '41 days', expires_at = now() - interval '40 days'"
USERS = ("ann", "bob", "cat", "dan", "eve")


@pytest.fixture
def container_type() -> type[Container]:
    return WebContainer


def come(world: World, *users: str, resource: str = "site") -> None:
    for user in users:
        assert world.come(f"{user}-{uuid4()}", user, resource) == 200


def draw(world: World, status: int = 201, **order: object) -> dict[str, Any]:
    was, body = call(world, "POST", "/draws", ORDER | order)
    assert was == status, body
    return dict(body)


def candidates(world: World, one: dict[str, Any]) -> list[dict[str, Any]]:
    return pages(world, f"/draws/{one['bonus_id']}/candidates?limit=2")


def offered(world: World, one: dict[str, Any]) -> set[str]:
    rows = world.rows("select user_id from offers where bonus_id = $1", one["bonus_id"])
    return {row["user_id"] for row in rows}


def test_all_who_are_present_take_part_once_and_the_lowest_ranks_win(world: World) -> None:
    come(world, *USERS)
    come(world, "ann", resource="other")
    one = draw(world)
    assert (one["among"], one["candidates"], one["winners"]) == ("present", 5, 2)
    listed = candidates(world, one)
    assert {row["user_id"] for row in listed} == set(USERS)
    seed = bytes.fromhex(one["seed"])
    ranks = {user: hashlib.sha256(seed + user.encode()).hexdigest() for user in USERS}
    assert [row["rank"] for row in listed] == sorted(ranks.values())
    assert all(row["rank"] == ranks[row["user_id"]] for row in listed)
    assert [row["has_won"] for row in listed] == [True, True, False, False, False]
    assert offered(world, one) == {row["user_id"] for row in listed[:2]}
    whole = b"".join(map(bytes.fromhex, sorted(ranks.values())))
    assert one["digest"] == hashlib.sha256(whole).hexdigest()
    assert call(world, "GET", f"/draws/{one['bonus_id']}") == (200, one)


def test_the_winners_bonus_is_a_bonus(world: World) -> None:
    come(world, *USERS)
    one = draw(world)
    _, bonus = call(world, "GET", f"/bonuses/{one['bonus_id']}")
    assert (bonus["audience"], bonus["state"], bonus["acknowledge"]) == ("users", "open", True)
    assert bonus["expires_at"] - bonus["opens_at"] == 60_000
    _, cancelled = call(world, "DELETE", f"/bonuses/{one['bonus_id']}")
    assert cancelled["state"] == "cancelled"


def test_only_the_viewers_of_a_resource(world: World) -> None:
    come(world, "ann", "bob")
    come(world, "cat", resource="other")
    one = draw(world, among=PRESENT | {"resource": "other"}, winners=10)
    assert (one["candidates"], offered(world, one)) == (1, {"cat"})


def test_who_has_left_takes_no_part(world: World) -> None:
    come(world, "ann", "bob")
    world.rows("update watching_times set ended_at = now(), nodes = '{}' where user_id = 'bob'")
    assert offered(world, draw(world)) == {"ann"}


def test_chance_favours_no_candidate(world: World) -> None:
    """Of 200 draws of one of five each wins 40; less than 15 happens once in a million."""
    come(world, *USERS)
    world.rows(
        "select create_draw(gen_random_uuid(), '{}', null, null, null, 1, '1 minute')"
        " from generate_series(1, 200)"
    )
    won = Counter(
        row["user_id"]
        for row in world.rows(
            "select c.user_id from draws d join draw_candidates c"
            " on c.bonus_id = d.bonus_id and c.rank = d.last_rank"
        )
    )
    assert won.total() == 200
    assert min(won[user] for user in USERS) >= 15, won


def entry(world: World, *users: str, **order: object) -> str:
    """A bonus that these users have claimed, and whose window is over."""
    _, bonus = call(world, "POST", "/bonuses", ENTRY | order)
    for user in users:
        rows = world.rows("select outcome from claim($1, 'c', $2)", user, bonus["bonus_id"])
        assert rows == [{"outcome": "claimed"}]
    return str(bonus["bonus_id"])


def end(world: World, bonus_id: str) -> None:
    world.rows(f"update bonuses set {OVER} where bonus_id = $1", bonus_id)  # noqa: S608
    world.rows(
        "update claims set claimed_at = now() - interval '41 days' where bonus_id = $1", bonus_id
    )


def among(bonus_id: str, **more: object) -> dict[str, Any]:
    return {"kind": "claims", "bonus_id": bonus_id} | more


def test_a_draw_among_claims_waits_for_the_last_of_them(world: World) -> None:
    come(world, *USERS)
    bonus_id = entry(world, "ann", "bob")
    early = draw(world, 409, among=among(bonus_id))
    assert early["code"] == "too_early"
    end(world, bonus_id)
    one = draw(world, among=among(bonus_id), winners=1)
    assert (one["among"], one["among_bonus_id"], one["candidates"]) == ("claims", bonus_id, 2)
    assert offered(world, one) < {"ann", "bob"}


def test_only_the_claims_of_the_first_seconds(world: World) -> None:
    come(world, *USERS)
    bonus_id = entry(world, "ann", "bob", "cat")
    assert draw(world, 409, among=among(bonus_id, within_seconds=10))["code"] == "too_early"
    world.rows(
        "update bonuses set opens_at = now() - interval '10.5 seconds' where bonus_id = $1",
        bonus_id,
    )
    world.rows("update claims set claimed_at = now() - interval '3 seconds' where user_id <> 'cat'")
    one = draw(world, among=among(bonus_id, within_seconds=10), winners=5)
    assert (one["within_ms"], offered(world, one)) == (10_000, {"ann", "bob"})


def test_a_cancelled_bonus_is_over(world: World) -> None:
    come(world, "ann")
    bonus_id = entry(world, "ann")
    call(world, "DELETE", f"/bonuses/{bonus_id}")
    assert draw(world, among=among(bonus_id))["candidates"] == 1


@pytest.mark.parametrize(
    ("order", "status", "code"),
    [
        ({}, 409, "no_candidates"),
        ({"among": among(str(uuid4()))}, 404, "not_found"),
        ({"among": PRESENT | {"bonus_id": str(uuid4())}}, 422, "bad_request"),
        ({"among": {"kind": "claims"}}, 422, "bad_request"),
        ({"among": among(str(uuid4()), within_seconds=0)}, 422, "bad_request"),
        ({"winners": 0}, 422, "bad_request"),
        ({"winners": 10_001}, 422, "bad_request"),
        ({"claim_within_seconds": -1}, 422, "bad_request"),
        ({"reward": {"text": "x" * 5_000}}, 409, "no_candidates"),
    ],
)
def test_a_refused_draw_has_written_nothing(
    world: World, order: dict[str, Any], status: int, code: str
) -> None:
    assert draw(world, status, **order)["code"] == code
    for name in ("draws", "draw_candidates", "bonuses", "broadcasts", "ledger"):
        assert world.rows(f"select * from {name}") == []  # noqa: S608


def test_a_reward_that_is_too_large_draws_nothing(world: World) -> None:
    come(world, "ann")
    assert draw(world, 422, reward={"text": "x" * 5_000})["code"] == "reward_too_large"
    assert world.rows("select * from draw_candidates") == []


def test_the_same_order_draws_once_and_another_is_a_conflict(world: World) -> None:
    come(world, *USERS)
    bonus_id = str(uuid4())
    first = draw(world, bonus_id=bonus_id)
    come(world, "fay")
    assert draw(world, 200, bonus_id=bonus_id) == first
    assert draw(world, 409, bonus_id=bonus_id, winners=3)["code"] == "conflict"
    assert len(world.rows("select * from draws")) == 1


def test_the_id_of_news_is_taken(world: World) -> None:
    come(world, "ann")
    news = {
        "type": "notice",
        "body": {},
        "audience": {"kind": "everyone"},
        "expires_in_seconds": 60,
    }
    news_id = str(uuid4())
    assert call(world, "POST", "/news", news | {"news_id": news_id})[0] == 201
    assert draw(world, 409, bonus_id=news_id)["code"] == "conflict"
    assert world.rows("select * from draw_candidates") == []


def test_an_unknown_draw_is_not_found(world: World) -> None:
    for path in ("", "/candidates", "/candidates.csv"):
        assert call(world, "GET", f"/draws/{uuid4()}{path}")[0] == 404


def test_an_erased_candidate_is_missing_and_does_not_come_back(world: World) -> None:
    come(world, *USERS)
    bonus_id = entry(world, "ann", "bob")
    end(world, bonus_id)
    one = draw(world, among=among(bonus_id))
    order = {"user_id": "ann", "author": "support"}
    assert call(world, "POST", "/erasures", order)[0] in (200, 201, 202)
    for _ in range(100):
        world.rows("select erase_part(erasure_id, 1000) from erasures where done_at is null")
    assert [row["user_id"] for row in candidates(world, one)] == ["bob"]
    assert offered(world, draw(world, among=among(bonus_id))) == {"bob"}


def test_draws_go_when_grants_do(world: World) -> None:
    come(world, *USERS)
    one = draw(world)
    prune = "select candidates from prune('1 day', '1 day', '30 days', 2)"
    assert world.rows(prune) == [{"candidates": 0}]
    end(world, one["bonus_id"])
    counts = [world.rows(prune)[0]["candidates"] for _ in range(4)]
    assert counts == [2, 2, 1, 0]
    assert call(world, "GET", f"/draws/{one['bonus_id']}")[0] == 404


def exported(world: World, one: dict[str, Any], folder: Path) -> list[str]:
    """The files that the program is given."""
    (folder / "draw.json").write_text(json.dumps(one))
    text = answer(world, f"/draws/{one['bonus_id']}/candidates.csv")["body"]
    (folder / "candidates.csv").write_text(text, newline="")
    return [str(folder / "draw.json"), str(folder / "candidates.csv")]


def verify(*args: str) -> tuple[int, str]:
    command = [sys.executable, str(VERIFY), *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


NAMES = (*USERS, "=1+1", "'quoted", "''twice", "-dash", "Zoë 🎈", "a,b\nc")


def test_a_draw_can_be_checked_from_its_export(world: World, tmp_path: Path) -> None:
    come(world, *NAMES)
    one = draw(world, winners=3)
    files = exported(world, one, tmp_path)
    code, said = verify(*files, "--digest", one["digest"])
    assert (code, said) == (0, "3 of 11 candidates have won; the draw is what it says\n")


def rewritten(path: Path, change: Any) -> None:
    rows = table({"headers": {"content-type": "text/csv"}, "body": path.read_bytes().decode()})
    rows = change(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["user_id", "rank", "has_won"])
        writer.writeheader()
        writer.writerows(rows)


def swapped(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    first, last = rows[0], rows[-1]
    return [first | {"user_id": last["user_id"]}, *rows[1:-1], last | {"user_id": first["user_id"]}]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (swapped, "the rank is not that of this user"),
        (lambda rows: rows[1:], "5 took part and 4 are in the files"),
        (lambda rows: [rows[0], *rows], "the ranks do not ascend"),
        (lambda rows: [rows[0] | {"has_won": "false"}, *rows[1:]], "has_won is false"),
        (lambda rows: [rows[1], rows[0], *rows[2:]], "the ranks do not ascend"),
    ],
)
def test_a_tampered_export_is_found_out(
    world: World, tmp_path: Path, change: Any, says: str
) -> None:
    come(world, *USERS)
    files = exported(world, draw(world), tmp_path)
    rewritten(tmp_path / "candidates.csv", change)
    code, said = verify(*files)
    assert code == 1
    assert says in said


def test_another_seed_is_found_out_and_so_is_another_digest(world: World, tmp_path: Path) -> None:
    come(world, *USERS)
    one = draw(world)
    files = exported(world, one, tmp_path)
    assert verify(*files, "--digest", "0" * 64)[0] == 1
    (tmp_path / "draw.json").write_text(json.dumps(one | {"seed": "0" * 64}))
    assert verify(*files)[0] == 1


def test_files_that_cannot_be_read_are_not_a_verdict(tmp_path: Path) -> None:
    assert verify(str(tmp_path / "no.json"), str(tmp_path / "no.csv"))[0] == 2
    (tmp_path / "draw.json").write_text("{}")
    (tmp_path / "candidates.csv").write_text("name\nann\n")
    assert verify(str(tmp_path / "draw.json"), str(tmp_path / "candidates.csv"))[0] == 2
