"""Apps: their names, their databases, and the keys that sign their tickets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from handlers.core import connection
from handlers.core.apps import MAIN, MAX_APPS, BadApps, database_of, read_apps, share
from handlers.core.operations import authorize
from handlers.core.ticket import BadTicket, Ticket, app_key, key_id, mint, read

SECRET = "a secret of at least thirty-two characters"  # noqa: S105
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANN = Ticket("t1", "ann", "site", NOW + timedelta(seconds=30))
URL = (
    "postgresql://user:p%40ss@host:5432/headcount?sslmode=verify-full&sslrootcert=/var/task/ca.pem"
)
ALL = ("main", "shop", "quiz")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ("main",)),
        ("main", ("main",)),
        ("shop", ("main", "shop")),
        ("shop, late-show ,", ("main", "shop", "late-show")),
        ("shop,main,shop", ("main", "shop")),
        ("x" * 24, ("main", "x" * 24)),
    ],
)
def test_main_is_always_there(text: str, names: tuple[str, ...]) -> None:
    assert read_apps(text) == names


@pytest.mark.parametrize("text", ["Shop", "7th", "a_b", "-a", "x" * 25, "a b", "é", "a;b", "a\nb"])
def test_a_name_is_one_that_can_stand_in_a_url_and_a_key(text: str) -> None:
    with pytest.raises(BadApps, match="no name of an app"):
        read_apps(text)
    with pytest.raises(BadApps, match="no name of an app"):
        database_of(URL, text)


def test_there_are_ten_at_most() -> None:
    assert len(read_apps(",".join("abcdefghi"))) == MAX_APPS
    with pytest.raises(BadApps, match="11 apps"):
        read_apps(",".join("abcdefghij"))


def test_an_app_has_a_database_beside_that_of_main() -> None:
    assert database_of(URL, MAIN) == URL
    assert database_of(URL, "shop") == URL.replace("/headcount?", "/headcount_shop?")
    local = "postgresql:///headcount?host=/tmp/socket"
    assert database_of(local, "shop") == "postgresql:///headcount_shop?host=/tmp/socket"


@pytest.mark.parametrize(
    "url", ["postgresql://host", "postgresql://host/", "nothing", f"{URL}&dbname=other"]
)
def test_a_url_that_names_no_database_leads_to_none_of_an_app(url: str) -> None:
    assert database_of(url, MAIN) == url
    with pytest.raises(BadApps) as refused:
        database_of(url, "shop")
    assert "p%40ss" not in str(refused.value)


def test_a_quota_is_shared_in_equal_parts() -> None:
    assert [share(7_000, apps) for apps in (1, 2, 3)] == [7_000, 3_500, 2_333]
    assert share(1, 10) == 1


@pytest.mark.parametrize("app", ALL)
def test_a_ticket_of_an_app_reads_back_as_it_was_made(app: str) -> None:
    ticket = replace(ANN, app=app)
    text = mint(ticket, app_key(SECRET, app))
    assert read(text, [SECRET], NOW, ALL) == ticket
    assert read(text, ["n" * 32, SECRET], NOW, ALL) == ticket
    assert jwt.get_unverified_header(text)["kid"] == key_id(app_key(SECRET, app))


@pytest.mark.parametrize("app", ALL)
@pytest.mark.parametrize("signer", ALL)
def test_who_signs_for_one_app_cannot_sign_for_another(app: str, signer: str) -> None:
    text = mint(replace(ANN, app=app), app_key(SECRET, signer))
    if app == signer:
        assert read(text, [SECRET], NOW, ALL).app == app
    else:
        with pytest.raises(BadTicket, match="InvalidSignatureError"):
            read(text, [SECRET], NOW, ALL)


@pytest.mark.parametrize("app", ["shop", "", 7, None, ["main"], {"main": 1}, True])
def test_a_ticket_of_an_app_that_there_is_not_is_refused(app: object) -> None:
    claims = {"aud": "headcount", "jti": "t", "sub": "ann", "exp": NOW.timestamp() + 30, "app": app}
    for key in (SECRET, app_key(SECRET, str(app))):
        with pytest.raises(BadTicket, match="does not have"):
            read(jwt.encode(claims, key), [SECRET], NOW)


def test_main_may_be_named() -> None:
    claims = {"aud": "headcount", "jti": "t", "sub": "ann", "exp": NOW.timestamp() + 30}
    text = jwt.encode(claims | {"app": "main"}, SECRET)
    assert read(text, [SECRET], NOW) == read(jwt.encode(claims, SECRET), [SECRET], NOW)


def test_the_key_of_an_app_is_as_the_page_says() -> None:
    """`openssl dgst -sha256 -hmac` makes the same (docs/how-to/run-several-shows.md)."""
    assert (
        app_key("k" * 32, "shop")
        == "9ead154141c1c296742a8d54bb04db61087e48c69f5b1d6704de8db0631872d5"
    )


@pytest.mark.parametrize("app", ALL)
def test_the_authorizers_context_carries_the_app(app: str) -> None:
    context = authorize.context(replace(ANN, app=app))
    assert ("app" in context) == (app != MAIN)
    request = {"domainName": "d", "stage": "live", "connectionId": "c", "authorizer": context}
    assert connection.read_connection(request).app == app
