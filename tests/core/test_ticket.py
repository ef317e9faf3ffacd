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

from handlers.core.ticket import (
    MAX_LIFE,
    MAX_TICKET,
    BadKeys,
    BadTicket,
    Ticket,
    TicketTooLong,
    key_id,
    keys_of,
    mint,
    read,
)

if TYPE_CHECKING:
    from handlers.core.connection import MayWatch

SECRET = "a secret of at least thirty-two characters"  # noqa: S105
NEW, OLD, OLDEST = "n" * 32, "o" * 32, "x" * 32
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANN = Ticket("t1", "ann", "site", NOW + timedelta(seconds=30))
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(NAMES.filter(lambda name: len(name) <= 128), NAMES.filter(lambda name: len(name) <= 128))
def test_a_ticket_reads_back_as_it_was_made(user_id: str, resource: str) -> None:
    ticket = Ticket("t1", user_id, resource, ANN.expires_at)
    assert read(mint(ticket, SECRET), [SECRET], NOW) == ticket


@pytest.mark.parametrize("may_list", [True, False])
def test_a_ticket_says_whether_names_may_be_listed(may_list: bool) -> None:
    ticket = replace(ANN, may_list=may_list)
    assert read(mint(ticket, SECRET), [SECRET], NOW) == ticket


@pytest.mark.parametrize("may_watch", [(), ("one",), ("one", "two 🦊"), "*", ("*",)])
def test_a_ticket_names_what_else_may_be_watched(may_watch: MayWatch) -> None:
    ticket = replace(ANN, may_watch=may_watch, device="phone")
    assert read(mint(ticket, SECRET), [SECRET], NOW) == ticket


@pytest.mark.parametrize(("length", "good"), [(1_024, True), (1_025, False)])
def test_the_list_of_may_watch_fits_in_a_url(length: int, good: bool) -> None:
    names = ["x" * 98] * 10
    names[-1] += "x" * (length - len(json.dumps(names)))
    text = mint(replace(ANN, may_watch=tuple(names)), SECRET)
    if good:
        assert read(text, [SECRET], NOW).may_watch == tuple(names)
        assert len(text) < 4_096 // 2
    else:
        with pytest.raises(BadTicket, match="bytes of JSON"):
            read(text, [SECRET], NOW)


@pytest.mark.parametrize(("seconds", "good"), [(29, True), (30, False), (31, False)])
def test_a_ticket_expires(seconds: int, good: bool) -> None:
    text, then = mint(ANN, SECRET), NOW + timedelta(seconds=seconds)
    if good:
        assert read(text, [SECRET], then) == ANN
    else:
        with pytest.raises(BadTicket, match="expired"):
            read(text, [SECRET], then)


def test_a_ticket_that_is_valid_for_too_long_is_refused_although_its_signature_is_right() -> None:
    for_years = Ticket("t1", "ann", "site", NOW + MAX_LIFE + timedelta(seconds=1))
    with pytest.raises(BadTicket, match="five minutes"):
        read(mint(for_years, SECRET), [SECRET], NOW)


def test_a_ticket_with_another_secret_is_refused() -> None:
    with pytest.raises(BadTicket, match="InvalidSignatureError"):
        read(mint(ANN, SECRET + "!"), [SECRET], NOW)


@pytest.mark.parametrize(
    ("secret", "keys"),
    [(OLD, (OLD,)), (f"{NEW},{OLD}", (NEW, OLD)), (f" {NEW} ,\n{OLD}\n", (NEW, OLD))],
)
def test_a_secret_holds_one_key_or_two(secret: str, keys: tuple[str, ...]) -> None:
    assert keys_of(secret) == keys


@pytest.mark.parametrize("secret", ["", NEW[1:], f"{NEW},", f",{OLD}", f"{NEW},{OLD},{OLDEST}"])
def test_other_secrets_are_refused_without_a_word_of_them(secret: str) -> None:
    with pytest.raises(BadKeys) as refused:
        keys_of(secret)
    assert NEW[1:] not in str(refused.value)


def test_while_keys_rotate_a_ticket_of_either_opens() -> None:
    for key in (NEW, OLD):
        assert read(mint(ANN, key), [NEW, OLD], NOW) == ANN
    with pytest.raises(BadTicket, match="InvalidSignatureError"):
        read(mint(ANN, OLDEST), [NEW, OLD], NOW)


def test_a_ticket_names_the_key_that_signed_it() -> None:
    header = jwt.get_unverified_header(mint(ANN, NEW))
    assert (header["alg"], header["kid"]) == ("HS256", key_id(NEW))
    assert key_id(NEW) != key_id(OLD)


@pytest.mark.parametrize("key", [NEW, OLD])
@pytest.mark.parametrize("header", [{}, {"kid": "of your own"}])
def test_a_ticket_of_your_backend_needs_no_key_id(key: str, header: dict[str, str]) -> None:
    text = jwt.encode(CLAIMS, key, algorithm="HS256", headers=header)
    assert read(text, [NEW, OLD], NOW).user_id == "ann"


def test_a_ticket_that_names_another_key_than_it_was_signed_with_is_refused() -> None:
    text = jwt.encode(CLAIMS, OLD, algorithm="HS256", headers={"kid": key_id(NEW)})
    with pytest.raises(BadTicket, match="InvalidSignatureError"):
        read(text, [NEW, OLD], NOW)


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_only_hs256_is_accepted(algorithm: str) -> None:
    claims = {"aud": "headcount", "jti": "t", "sub": "ann", "exp": int(ANN.expires_at.timestamp())}
    forged = jwt.encode(claims, SECRET * 2 if algorithm != "none" else "", algorithm=algorithm)
    with pytest.raises(BadTicket):
        read(forged, [SECRET * 2], NOW)


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
        {"may_list": "true"},
        {"may_list": 1},
        {"may_list": None},
        {"may_list": ["site"]},
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
        read(jwt.encode(claims, SECRET, algorithm="HS256"), [SECRET], NOW)


CLAIMS = {"aud": "headcount", "jti": "t", "sub": "ann", "exp": int(ANN.expires_at.timestamp())}


@pytest.mark.parametrize("claim", ["sub", "jti", "resource", "device", "may_watch"])
@pytest.mark.parametrize(
    "name", ["\ud800", "a\udfffb", "\ud83e", "\0", "", "🦊" * 129, 7, True, None]
)
def test_a_name_that_cannot_be_stored_is_refused_wherever_it_stands(
    claim: str, name: object
) -> None:
    claims = CLAIMS | {claim: [name] if claim == "may_watch" else name}
    if claim == "device" and name is None:
        assert read(jwt.encode(claims, SECRET), [SECRET], NOW).device is None
        return
    with pytest.raises(BadTicket):
        read(jwt.encode(claims, SECRET), [SECRET], NOW)


@pytest.mark.parametrize("name", ["🦊" * 128, "é" * 128, "\x01" * 20, "مرحبا", "e\u0301", "\ufeff"])
def test_any_other_name_is_good_wherever_it_stands(name: str) -> None:
    ticket = Ticket(name, name, name, ANN.expires_at, name, (name,))
    assert read(mint(ticket, SECRET), [SECRET], NOW) == ticket
    assert read(jwt.encode(CLAIMS | {"sub": "🦊"}, SECRET), [SECRET], NOW).user_id == "🦊"


def test_the_largest_ticket_of_ordinary_names_fits_in_a_url() -> None:
    names = ["🦊" * 126, "🦊" * 126]
    assert len(json.dumps(names, ensure_ascii=False).encode()) == 1_016
    ticket = Ticket("t" * 128, "🦊" * 128, "🦊" * 128, ANN.expires_at, "🦊" * 128, tuple(names))
    assert read(mint(ticket, SECRET), [SECRET], NOW) == ticket


def test_a_ticket_has_a_largest_length() -> None:
    """It is minted if and only if it is read."""
    most = "\x01" * 128
    are_short = set()
    for count in range(1, 129):
        ticket = Ticket("t", most, most, ANN.expires_at, most, ("\x01" * count,))
        names = {"sub": most, "resource": most, "device": most, "may_watch": ["\x01" * count]}
        text = jwt.encode(CLAIMS | names, SECRET, headers={"kid": key_id(SECRET)})
        are_short.add(len(text) <= MAX_TICKET)
        if len(text) <= MAX_TICKET:
            assert len(mint(ticket, SECRET)) == len(text)
            assert read(text, [SECRET], NOW) == ticket
        else:
            with pytest.raises(TicketTooLong):
                mint(ticket, SECRET)
            with pytest.raises(BadTicket, match="3840 characters"):
                read(text, [SECRET], NOW)
    assert are_short == {True, False}


@pytest.mark.parametrize(
    "exp", [True, False, str(CLAIMS["exp"]), " 1767268830 ", "1_767_268_830", [1], 1e400, -(2**63)]
)
def test_the_expiry_is_a_number(exp: object) -> None:
    with pytest.raises(BadTicket):
        read(jwt.encode(CLAIMS | {"exp": exp}, SECRET), [SECRET], NOW)


@pytest.mark.parametrize("levels", [498, 499, 500, 900, 1_200])
def test_claims_have_a_depth(levels: int) -> None:
    """The same in every Python: the object of the claims is the first of 500 levels."""
    payload = json.dumps(CLAIMS)[:-1] + f', "more": {"[" * levels}{"]" * levels}}}'
    text = jwt.PyJWS().encode(payload.encode(), SECRET, algorithm="HS256")
    if levels < 500:
        assert read(text, [SECRET], NOW).user_id == "ann"
    else:
        with pytest.raises(BadTicket):
            read(text, [SECRET], NOW)


@pytest.mark.parametrize(
    "header", [b"[" * 2_500, b'{"alg": "HS256", "kid": "\\ud800"}', b'{"alg": NaN}', b"7"]
)
def test_a_strange_header_is_refused(header: bytes) -> None:
    """A header is read before the signature is checked: any visitor can send one."""
    parts = [header, json.dumps(CLAIMS).encode(), b"no signature"]
    with pytest.raises(BadTicket):
        read(b".".join(map(jwt.utils.base64url_encode, parts)).decode(), [SECRET], NOW)


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadTicket):
        read(text, [SECRET], NOW)
