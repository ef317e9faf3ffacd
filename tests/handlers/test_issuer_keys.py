"""The keys of an issuer: how often they are fetched, and what an answer may be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from handlers import authorize
from handlers.adapters import issuer_keys
from handlers.adapters.issuer_keys import (
    FRESH_FOR_SECONDS,
    MAX_BYTES,
    RETRY_AFTER_SECONDS,
    STALE_FOR_SECONDS,
    IssuerKeys,
    MissingKeys,
    MissingLibrary,
    NotFetched,
    fetch_json,
    is_safe,
)
from tests.support.issuer import EC, PUBLIC, RSA, forged, jwk
from tests.support.served import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
ISSUER = "https://issuer.example"
JWKS = f"{ISSUER}/keys"
ARN = "arn:aws:execute-api:eu-west-1:123456789012:api/live/$connect"


class Published:
    """What an issuer publishes, and how often it was asked. None: it does not answer."""

    def __init__(self, *kids: str) -> None:
        self.kids: tuple[str, ...] | None = kids
        self.asked: list[str] = []
        self.now = 1_000.0
        self.keys = IssuerKeys(ISSUER, JWKS, fetch=self.fetch, now=lambda: self.now)

    def fetch(self, url: str) -> object:
        self.asked.append(url)
        if self.kids is None:
            raise NotFetched("down")
        return {"keys": [jwk(EC, kid) for kid in self.kids]}

    def knows(self, kid: str) -> bool:
        return self.keys.find(kid) is not None

    def cannot_tell(self, kid: str) -> bool:
        with pytest.raises(MissingKeys, match="down"):
            self.keys.find(kid)
        return True


def test_keys_are_fetched_once_while_they_are_fresh() -> None:
    issuer = Published("k1")
    assert all(issuer.knows("k1") for _ in range(100))
    issuer.now += FRESH_FOR_SECONDS - 0.001
    assert issuer.knows("k1")
    assert issuer.asked == [JWKS]
    issuer.now += 0.001
    assert issuer.knows("k1")
    assert issuer.asked == [JWKS] * 2


def test_a_crowd_with_unknown_keys_makes_one_request() -> None:
    issuer = Published("k1")
    assert not any(issuer.knows(f"unknown {n}") for n in range(1_000))
    assert len(issuer.asked) == 1
    issuer.now += RETRY_AFTER_SECONDS
    assert not any(issuer.knows(f"unknown {n}") for n in range(1_000))
    assert len(issuer.asked) == 2
    assert issuer.knows("k1")


def test_a_new_key_of_the_issuer_is_known_after_half_a_minute_at_most() -> None:
    issuer = Published("k1")
    assert issuer.knows("k1")
    issuer.kids = ("k1", "k2")
    issuer.now += RETRY_AFTER_SECONDS - 0.001
    assert not issuer.knows("k2")
    issuer.now += 0.001
    assert issuer.knows("k2")
    issuer.kids = ("k2",)
    issuer.now += FRESH_FOR_SECONDS
    assert not issuer.knows("k1")


def test_while_the_issuer_is_down_its_keys_go_on_for_a_day() -> None:
    issuer = Published("k1")
    assert issuer.knows("k1")
    issuer.kids = None
    for seconds in (FRESH_FOR_SECONDS, 10_000, STALE_FOR_SECONDS - 0.001):
        issuer.now = 1_000 + seconds
        assert all(issuer.knows("k1") for _ in range(100))
        assert issuer.cannot_tell("k2")
    assert len(issuer.asked) == 4
    issuer.now = 1_000 + STALE_FOR_SECONDS
    assert issuer.cannot_tell("k1")
    issuer.kids = ("k1",)
    issuer.now += RETRY_AFTER_SECONDS
    assert issuer.knows("k1")


def test_an_issuer_that_was_never_there_is_asked_every_half_minute() -> None:
    issuer = Published()
    issuer.kids = None
    for _ in range(3):
        assert all(issuer.cannot_tell("k1") for _ in range(100))
        issuer.now += RETRY_AFTER_SECONDS
    assert len(issuer.asked) == 3


def test_what_is_no_set_of_keys_changes_nothing() -> None:
    issuer = Published("k1")
    assert issuer.knows("k1")
    issuer.kids = ()
    issuer.now += FRESH_FOR_SECONDS
    assert issuer.knows("k1")


@pytest.mark.parametrize(
    "about", [None, {}, {"issuer": "https://another.example", "jwks_uri": JWKS}, {"issuer": ISSUER}]
)
def test_a_configuration_is_the_issuers_own(about: object) -> None:
    asked: list[str] = []

    def fetch(url: str) -> object:
        asked.append(url)
        return about

    with pytest.raises(MissingKeys, match=ISSUER):
        IssuerKeys(ISSUER, fetch=fetch).find("k1")
    assert asked == [f"{ISSUER}/.well-known/openid-configuration"]


def test_a_package_without_the_library_says_how_to_build_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingLibrary, match="ISSUER=yes sam build"):
        IssuerKeys(ISSUER)


# ---- over HTTP


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with served(Handler) as url:
        yield url


def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda it: send(it, b" " * (MAX_BYTES + 1)), "larger than"),
        (lambda it: send(it, b"<html>"), "JSONDecodeError"),
        (lambda it: send(it, b"[" * 60_000), "RecursionError"),
        (lambda it: send(it, b"{}", 500), "HTTP Error 500"),
        (lambda it: send(it, b"{}", 302, Location="/elsewhere"), "HTTP Error 302"),
    ],
    ids=["large", "no JSON", "deep", "500", "redirect"],
)
def test_other_answers_are_refused(
    answer: Callable[[BaseHTTPRequestHandler], None], why: str
) -> None:
    with answering(answer) as url, pytest.raises(NotFetched, match=why):
        fetch_json(url)


def test_an_answer_without_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "FETCH_SECONDS", 0.3)
    stop = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        send(request, b"{")
        while not stop.wait(0.01):
            try:
                request.wfile.write(b" ")
            except OSError:
                return

    with answering(drip) as url:
        try:
            with pytest.raises(NotFetched, match="did not end within"):
                fetch_json(url)
        finally:
            stop.set()


def test_nothing_is_fetched_without_tls_but_from_this_machine() -> None:
    safe = {"https://issuer.example/", "http://127.0.0.1:8/", "http://localhost/"}
    unsafe = {"http://issuer.example/", "file:///etc/passwd", "ftp://127.0.0.1/", "data:,{}", ""}
    unsafe |= {"http://127.0.0.1.example/", "http://127.0.0.1@issuer.example/", "http://["}
    assert {url for url in safe | unsafe if is_safe(url)} == safe
    for url in unsafe:
        with pytest.raises(NotFetched, match="is not https"):
            fetch_json(url)


# ---- the authorizer


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An OpenID Connect issuer that the authorizer trusts; the paths that it was asked for."""
    asked: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        about = {"issuer": url, "jwks_uri": f"{url}/keys"}
        keys = {"keys": [jwk(RSA, "k1")]}
        send(request, json.dumps(keys if request.path == "/keys" else about).encode())

    monkeypatch.setenv("TICKET_SECRET", "of-your-own-" * 3)
    with answering(answer) as url:
        monkeypatch.setenv("TICKET_ISSUER", url)
        yield asked


def claims(**more: object) -> dict[str, Any]:
    unique = uuid.uuid4().hex
    return {"aud": "headcount", "sub": "ann", "jti": unique, "exp": int(time.time()) + 30, **more}


def let_in(text: str) -> str | None:
    event = {"queryStringParameters": {"ticket": text}, "methodArn": ARN}
    try:
        answer: dict[str, Any] = authorize.handler(event, None)
    except authorize.Unauthorized:
        return None
    user: str = answer["principalId"]
    return user


def test_the_authorizer_takes_tickets_of_both(
    issuer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, secret = os.environ["TICKET_ISSUER"], os.environ["TICKET_SECRET"]
    theirs = jwt.encode(claims(iss=url), RSA, algorithm="RS256", headers={"kid": "k1"})
    assert let_in(theirs) == "ann"
    assert issuer == ["/.well-known/openid-configuration", "/keys"]
    assert let_in(jwt.encode(claims(), secret)) == "ann"
    for key in (PUBLIC, b"another secret of thirty-two bytes"):
        assert let_in(forged({"alg": "HS256", "kid": "k1"}, key, claims(iss=url))) is None
    for kid in range(100):
        unknown = jwt.encode(claims(iss=url), RSA, "RS256", headers={"kid": str(kid)})
        assert let_in(unknown) is None
    assert len(issuer) == 2
    monkeypatch.delenv("TICKET_ISSUER")
    assert let_in(theirs) is None


def test_without_an_issuer_nothing_of_it_is_imported() -> None:
    """Even the library may be missing: PyJWT imports it wherever it is installed."""
    code = f"""
import os, sys, time
sys.modules["cryptography"] = None
os.environ["TICKET_SECRET"] = "x" * 32
import jwt
from handlers import authorize
ticket = jwt.encode({{**{claims()!r}, "exp": int(time.time()) + 30}}, "x" * 32)
event = {{"queryStringParameters": {{"ticket": ticket}}, "methodArn": {ARN!r}}}
assert authorize.handler(event, None)["principalId"] == "ann"
assert "handlers.adapters.issuer_keys" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
