"""Which part of the gateway a request belongs to, by path and host.

docs/aws-behaviour.md §1, §11.5.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateways import websocket_api
from wsgate.apis.paths import (
    Addresses,
    Closed,
    Elsewhere,
    InvokeFunction,
    Management,
    NoMethod,
    Stage,
    Target,
    is_management,
)
from wsgate.model.events import Address
from wsgate.model.plan import BasePath

LIVE = websocket_api({})


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/live", Stage()),
        ("/live/", Stage()),
        ("/l%69ve", Stage()),
        ("/live//", Elsewhere()),
        ("/Live", Elsewhere()),
        ("/other", Elsewhere()),
        ("/", Elsewhere()),
        ("/live/@connections/abc=", Management("abc=")),
        ("/live/@connections/abc%3D", Management("abc=")),
        ("/live/%40connections/abc%3D", Management("abc=")),
        ("/live/@connections/a%2Fb", Management("a/b")),
        ("/live/@connections", Management(None)),
        ("/live/@connections/a/b", Management(None)),
        ("/other/@connections/abc%3D", Management(None)),
        ("/live/x", Elsewhere()),
        ("/2015-03-31/functions/hello/invocations", InvokeFunction("hello")),
        ("/2015-03-31/functions/arn%3Aaws/invocations", InvokeFunction("arn:aws")),
        ("/2015-03-31/functions/hello", Elsewhere()),
        ("*", Elsewhere()),
    ],
)
def test_a_path(path: str, target: Target) -> None:
    assert Addresses([LIVE]).classify(path, "127.0.0.1:8080") == target


DOMAIN = "ws.example.com"
SENT = "WS.Example.com:8080"
# Live has the domain itself and two keys; test has one level of live's longer key.
MAPPED = Addresses(
    [
        replace(LIVE, base_paths=(BasePath(DOMAIN), BasePath(DOMAIN, "a/b"))),
        replace(LIVE, stage="test", base_paths=(BasePath(DOMAIN, "a"),)),
    ]
)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", Stage(Address(0, SENT))),
        ("/", Stage(Address(0, SENT))),
        ("/a", Stage(Address(1, SENT))),
        ("/a/", Stage(Address(1, SENT))),
        ("/a/b", Stage(Address(0, SENT, True))),
        ("/@connections/x", Management("x", Address(0, SENT))),
        ("/a/@connections/x%3D", Management("x=", Address(1, SENT))),
        ("/a/b/%40connections/x", Management("x", Address(0, SENT, True))),
        ("/live/@connections/x", NoMethod("live/@connections/x")),
        ("/a/@connections", NoMethod("a/@connections")),
        ("/A", Closed("no API mapping of the domain has this path")),
        ("/live", Closed("no API mapping of the domain has this path")),
        (
            "/2015-03-31/functions/f/invocations",
            Closed("no API mapping of the domain has this path"),
        ),
    ],
)
def test_a_path_on_a_custom_domain(path: str, target: Target) -> None:
    assert MAPPED.classify(path, SENT) == target


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "other.example.com", ""])
def test_any_other_host_has_the_stages_by_name(host: str) -> None:
    assert MAPPED.classify("/live", host) == Stage(Address(0))
    assert MAPPED.classify("/test/@connections/x", host) == Management("x", Address(1))
    assert MAPPED.classify("/a", host) == Elsewhere()


def test_the_default_host_may_be_closed() -> None:
    path = BasePath(DOMAIN, "k")
    closed = Addresses([replace(LIVE, base_paths=(path,), has_default_endpoint=False)])
    assert isinstance(closed.classify("/live", "127.0.0.1:8080"), Closed)
    assert isinstance(closed.classify("/live/@connections/x", "127.0.0.1:8080"), Closed)
    assert closed.classify("/k", DOMAIN) == Stage(Address(0, DOMAIN))


def test_two_apis_with_a_stage_of_one_name_are_told_apart_by_the_host() -> None:
    two = Addresses([LIVE, replace(LIVE, api_id="z9y8x7w6v5"), replace(LIVE, stage="test")])
    for index, api_id in enumerate(["a1b2c3d4e5", "z9y8x7w6v5"]):
        host = f"{api_id}.execute-api.eu-west-1.amazonaws.com"
        assert two.classify("/live", host) == Stage(Address(index, host))
    assert two.classify("/test", "127.0.0.1:8080") == Stage(Address(2))
    assert two.classify("/test", "z9y8x7w6v5.localhost:8080") == Elsewhere()
    closed = two.classify("/live", "127.0.0.1:8080")
    assert isinstance(closed, Closed)
    assert "a1b2c3d4e5.localhost or z9y8x7w6v5.localhost" in closed.reason


@pytest.mark.parametrize("path", ["/live/@connections/x", "/a/b/%40connections/x"])
def test_management_is_known_before_the_host(path: str) -> None:
    assert is_management(path)
    assert not is_management("/live")


def test_each_connection_of_a_place_is_asked_for_by_its_own_name() -> None:
    """The place is remembered: with a host of its own, another API."""
    two = Addresses([LIVE, replace(LIVE, api_id="z9y8x7w6v5")])
    mine, other = f"{LIVE.api_id}.localhost", "z9y8x7w6v5.localhost"
    for name, sent in (("aA=", "aA%3D"), ("b", "b"), ("", ""), ("c/d", "c%2Fd")):
        path = f"/live/@connections/{sent}"
        assert two.classify(path, mine) == Management(name, Address(0, mine))
        assert two.classify(path, other) == Management(name, Address(1, other))
        assert two.classify(f"/nope/@connections/{sent}", mine) == Management(None)
