"""A ticket opens one connection, for one user and for a limited time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.core.ticket import MAX_LIFE, BadTicket, Ticket, mint, read

if TYPE_CHECKING:
    from handlers.core.connection import MayWatch

SECRET = "a secret of at least thirty-two characters"  # noqa: S105
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANN = Ticket("t1", "ann", "site", NOW + timedelta(seconds=30))
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(NAMES.filter(lambda name: len(name) <= 128), NAMES.filter(lambda name: len(name) <= 128))
def test_a_ticket_reads_back_as_it_was_made(user_id: str, resource: str) -> None:
    ticket = Ticket("t1", user_id, resource, ANN.expires_at)
    assert read(mint(ticket, SECRET), SECRET, NOW) == ticket


@pytest.mark.parametrize("may_watch", [(), ("one",), ("one", "two 🦊"), "*", ("*",)])
def test_a_ticket_names_what_else_may_be_watched(may_watch: MayWatch) -> None:
    ticket = replace(ANN, may_watch=may_watch, device="phone")
    assert read(mint(ticket, SECRET), SECRET, NOW) == ticket


@pytest.mark.parametrize(("length", "good"), [(1_024, True), (1_025, False)])
def test_the_list_of_may_watch_fits_in_a_url(length: int, good: bool) -> None:
    names = ["x" * 98] * 10
    names[-1] += "x" * (length - len(json.dumps(names)))
    text = mint(replace(ANN, may_watch=tuple(names)), SECRET)
    if good:
        assert read(text, SECRET, NOW).may_watch == tuple(names)
        assert len(text) < 4_096 // 2
    else:
        with pytest.raises(BadTicket, match="bytes of JSON"):
            read(text, SECRET, NOW)


@pytest.mark.parametrize(("seconds", "good"), [(29, True), (30, False), (31, False)])
def test_a_ticket_expires(seconds: int, good: bool) -> None:
    text, then = mint(ANN, SECRET), NOW + timedelta(seconds=seconds)
    if good:
        assert read(text, SECRET, then) == ANN
    else:
        with pytest.raises(BadTicket, match="expired"):
            read(text, SECRET, then)


def test_a_ticket_that_is_valid_for_too_long_is_refused_although_its_signature_is_right() -> None:
    for_years = Ticket("t1", "ann", "site", NOW + MAX_LIFE + timedelta(seconds=1))
    with pytest.raises(BadTicket, match="five minutes"):
        read(mint(for_years, SECRET), SECRET, NOW)


def test_a_ticket_with_another_secret_is_refused() -> None:
    with pytest.raises(BadTicket, match="InvalidSignatureError"):
        read(mint(ANN, SECRET + "!"), SECRET, NOW)


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_only_hs256_is_accepted(algorithm: str) -> None:
    claims = {"aud": "headcount", "jti": "t", "sub": "ann", "exp": int(ANN.expires_at.timestamp())}
    forged = jwt.encode(claims, SECRET * 2 if algorithm != "none" else "", algorithm=algorithm)
    with pytest.raises(BadTicket):
        read(forged, SECRET * 2, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"sub": ""},
        {"sub": "a" * 129},
        {"sub": "a\0b"},
        {"jti": ""},
        {"resource": 7},
        {"resource": None},
        {"aud": "another service"},
        {"exp": "soon"},
        {"exp": 10**30},
        {"exp": None},
        {"may_watch": "one"},
        {"may_watch": None},
        {"may_watch": {"one": 1}},
        {"may_watch": [""]},
        {"may_watch": ["a" * 129]},
        {"may_watch": ["a\0b"]},
        {"may_watch": ["one", 2]},
        {"device": ""},
        {"device": "a" * 129},
        {"device": 7},
    ],
)
def test_a_ticket_with_a_bad_claim_is_refused(change: dict[str, object]) -> None:
    claims = {
        "aud": "headcount",
        "jti": "t",
        "sub": "ann",
        "exp": int(ANN.expires_at.timestamp()),
        **change,
    }
    with pytest.raises(BadTicket):
        read(jwt.encode(claims, SECRET, algorithm="HS256"), SECRET, NOW)


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadTicket):
        read(text, SECRET, NOW)
