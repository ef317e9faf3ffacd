"""A hostile website in the developer's browser reaches nothing; the app's own pages do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateways import Functions, Running, function, plan, running, websocket_api
from wsgate.apis.foreign_pages import ForeignPages
from wsgate.transport.responses import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = "127.0.0.1:8080"
ON_AWS = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
NAMES = (ON_AWS, "ws.example.com", "*.tunnel.example.net")


def refusal(method: str = "GET", **fields: str) -> str | None:
    return refusal_of(NAMES, method, **fields)


def refusal_of(names: tuple[str, ...], method: str = "GET", **fields: str) -> str | None:
    headers = {"Host": HERE, **{name.replace("_", "-"): value for name, value in fields.items()}}
    sent = tuple(headers.items())
    return ForeignPages(names).refusal(Request(method, "/", "", sent, b"", "127.0.0.1"))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "LOCALHOST:8080", "[::1]:8080", "127.0.0.2:8080"),
        *("a1b2c3d4e5.localhost:8080", "host.docker.internal:8080", "192.168.1.7:8080", "wsgate"),
        *(ON_AWS, f"{ON_AWS}:443", "WS.example.com", "team.tunnel.example.net", ""),
    ],
)
def test_names_of_this_gateway(host: str) -> None:
    assert refusal(Host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example"),
        *("a.ws.example.com", "tunnel.example.net", "a.b.tunnel.example.net", "localhost."),
        *("zzzzzzzzzz.execute-api.eu-west-1.amazonaws.com", "localhost@evil.example"),
    ],
)
def test_a_name_that_somebody_else_leads_here(host: str) -> None:
    """DNS rebinding: to the browser such a page and this gateway are of one origin."""
    reason = refusal(Host=host, Origin=f"http://{host}", Sec_Fetch_Site="same-origin")
    assert reason == f"the Host {host.partition(':')[0]!r} is no name of this gateway; " + (
        "--allow-host lets it in"
    )


@pytest.mark.parametrize(
    "origin",
    [
        *(f"http://{HERE}", "http://localhost:3000", "https://localhost", "http://[::1]:5173"),
        *("http://127.0.0.2:1", "http://app.localhost:3000", "https://ws.example.com"),
        *("https://team.tunnel.example.net", "chrome-extension://abcdef", "file://"),
    ],
)
def test_pages_of_this_machine_and_of_the_apps_own_names(origin: str) -> None:
    assert refusal(Origin=origin, Sec_Fetch_Site="cross-site") is None


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example"),
        *("null", "http://93.184.216.34", "http://evil.example:8080", "http://x"),
        "HTTP://Evil.example",
    ],
)
def test_pages_of_other_sites(origin: str) -> None:
    reason = refusal("POST", Origin=origin)
    assert reason == (f"a page of {origin!r} may not ask this machine; --allow-host lets a name in")


def test_a_page_without_an_origin_is_let_in_where_that_is_said() -> None:
    assert refusal_of(("null",), Origin="null") is None


def test_a_page_of_the_name_that_was_asked_for() -> None:
    assert refusal(Host="192.168.1.7:8080", Origin="http://192.168.1.7:3000") is None


FETCH = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}
LINK = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


def test_what_sends_no_origin_is_judged_by_what_the_browser_says_of_it() -> None:
    """An image of another site is not fetched; a link that leads here, from a login say, is."""
    assert refusal() is None
    assert refusal(**LINK) is None
    assert refusal(**{**FETCH, "Sec_Fetch_Site": "same-site"}) is None
    assert refusal(**FETCH) is not None
    assert refusal("POST", **LINK) is not None
    assert refusal(**{**LINK, "Sec_Fetch_Dest": "iframe"}) is not None


def test_what_is_logged_is_short_and_has_no_control_characters() -> None:
    reason = refusal(Host="\x1b[2J." + "x" * 1000)
    assert reason is not None
    assert reason.isprintable()
    assert len(reason) < 200


@asynccontextmanager
async def gateway(*hosts: str) -> AsyncIterator[Running]:
    api = websocket_api({"$default": function("act")})
    functions = Functions(act=lambda _: {"statusCode": 200}, web=lambda _: {"statusCode": 200})
    async with running(plan(api, {"$default": function("web")}), functions, hosts=hosts) as node:
        yield node


async def status(node: Running, method: str, path: str, **fields: str) -> int:
    headers = {"Host": f"127.0.0.1:{node.port}", **fields, "Content-Length": "2"}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n{{}}".encode())
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


EVERYTHING = [
    ("GET", "/rooms"),
    ("POST", "/rooms"),
    ("OPTIONS", "/rooms"),
    ("POST", "/live/@connections/abc="),
    ("POST", "/2015-03-31/functions/act/invocations"),
    ("GET", "/_wsgate"),
    ("GET", "/_wsgate/look"),
    ("POST", "/_wsgate/act"),
    ("GET", "/_wsgate/faults"),
    ("POST", "/_wsgate/faults"),
]


@pytest.mark.parametrize(
    "fields",
    [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}],
    ids=str,
)
async def test_another_site_reaches_nothing(fields: dict[str, str]) -> None:
    async with gateway() as node:
        found = {at: await status(node, *at, **fields) for at in EVERYTHING}
        assert set(found.values()) == {403}, found
        [line] = [line for line in node.log if line.startswith("403: ")]
        assert "--allow-host" in line


async def handshake(node: Running, **fields: str) -> int:
    headers = {name: value for name, value in fields.items() if name != "Host"}
    url = f"ws://{fields.get('Host', '127.0.0.1')}:{node.port}/live"
    try:
        async with connect(
            url, host="127.0.0.1", port=node.port, additional_headers=headers
        ) as client:
            await client.ping()
    except InvalidStatus as refused:
        return refused.response.status_code
    return 101


async def test_the_apps_own_page_on_another_port_has_its_websocket() -> None:
    async with gateway() as node:
        assert await handshake(node, Origin="http://localhost:3000") == 101
        assert await handshake(node) == 101
        assert await handshake(node, Origin="https://evil.example") == 403
        assert await handshake(node, Host="evil.example", Origin="http://evil.example") == 403
        assert await status(node, "GET", "/rooms", Origin="http://localhost:3000") == 200


async def test_a_tunnels_name_is_let_in_where_that_is_said() -> None:
    async with gateway("team.example.net") as node:
        origin = "https://team.example.net"
        assert await handshake(node, Host="team.example.net", Origin=origin) == 101
        assert await status(node, "GET", "/rooms", Host="team.example.net", Origin=origin) == 200
        assert await status(node, "GET", "/_wsgate", Host="team.example.net") == 403
