"""Find out what is wrong."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from headcount.api import Api, Request
from headcount.cli import Command
from headcount.errors import Failed, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headcount.run import Run

UNAUTHORIZED, FORBIDDEN = 401, 403
# A ticket that a backend signs lives for 30 seconds.
MAX_CLOCK_SECONDS = 5.0
# It begins each minute.
MAX_SWEEP_SECONDS = 180.0
# The queue takes an order within a second.
MAX_ORDER_SECONDS = 60.0
SOCKET_SECONDS = 10.0
# Of the connection that it opens, for a moment.
NAME = "headcount-doctor"


class Check(NamedTuple):
    name: str
    state: Literal["ok", "failed", "skipped"]
    detail: str
    do: str = ""


class Known(NamedTuple):
    """What GET /health/work says, and when that was."""

    work: dict[str, Any]
    clock_seconds: float
    within_seconds: float


@click.command("doctor", cls=Command)
@click.option("--no-socket", is_flag=True, help="Open no connection.")
@click.pass_obj
def command(run: Run, /, *, no_socket: bool) -> int:
    """Check whether all is well, and say what to do if not.

    Is the API reached, does its database answer with the right schema, what may the token do, does
    this machine's clock agree, do the sweep and the queue work, does a WebSocket open? For that it
    is the user headcount-doctor on a resource of this name, for a moment.

    \b
      headcount doctor
    """
    checks = []
    for check in _checks(run, opens=not no_socket):
        checks.append(check)
        if not run.is_json:
            run.show({}, f"{check.state:8} {check.name:9} {check.detail}")
            if check.do:
                run.show({}, f"{'':18} {check.do}")
    is_ok = all(check.state != "failed" for check in checks)
    if run.is_json:
        run.show({"is_ok": is_ok, "checks": [check._asdict() for check in checks]})
    return 0 if is_ok else 1


def _checks(run: Run, *, opens: bool) -> Iterator[Check]:
    # A command says that it asks again; here only the result counts.
    patience = min(run.patience, SOCKET_SECONDS)
    with_token = Api(run.address, run.token, patience, lambda _: None)
    without = Api(run.address, "", patience, lambda _: None)
    try:
        reached = _reached(without)
        yield from reached
        if all(check.state == "ok" for check in reached):
            yield from _with_token(with_token)
            yield _socket(with_token) if opens else Check("socket", "skipped", "as you say")
    finally:
        with_token.close()
        without.close()


def _reached(api: Api) -> list[Check]:
    """The API, its database, and the schema."""
    began = time.monotonic()
    health: dict[str, Any]
    try:
        health = api.get("/health")
    except Unanswered as error:
        do = "Is this the address (the output ApiUrl of the stack), and is the stack there?"
        return [Check("api", "failed", str(error), do)]
    except Failed as error:
        health = error.answer
        if "migrations" not in health:
            return [Check("api", "failed", str(error), "Does something stand before the API?")]
    took = time.monotonic() - began
    checks = [Check("api", "ok", f"{api.url} answers in {took * 1_000:.0f} ms")]
    if health["database"] != "ok":
        do = "See the runbook database-unavailable."
        return [*checks, Check("database", "failed", health["database"], do)]
    migrations = health["migrations"]
    if migrations in {"behind", "missing"}:
        do = "Run `make migrate`, for a stack on AWS `make migrate STACK=…`."
        return [*checks, Check("schema", "failed", f"migrations are {migrations}", do)]
    said = "is this release's" if migrations == "ok" else f"serves this release ({migrations})"
    return [*checks, Check("schema", "ok", said)]


def _with_token(api: Api) -> Iterator[Check]:
    try:
        key = api.get("/keys/own")
        yield Check("token", "ok", f"{key['name']}: {', '.join(key['scopes'])}")
        known = _known(api)
    except Failed as error:
        if error.status == FORBIDDEN:
            yield Check("token", "ok", "a key without the scope `read`")
            yield Check("clock", "skipped", "it takes the scope `read`")
            yield Check("work", "skipped", "it takes the scope `read`")
            return
        do = "Give the service token or a key that exists: `headcount keys list`."
        yield Check("token", "failed", str(error), do if error.status == UNAUTHORIZED else "")
        return
    yield _clock(known)
    yield from _work(known.work)


def _known(api: Api) -> Known:
    began, clock = time.monotonic(), time.time()
    work: dict[str, Any] = api.get("/health/work")
    took = time.monotonic() - began
    return Known(work, clock + took / 2 - work["server_now"] / 1_000, took / 2)


def _clock(known: Known) -> Check:
    said = f"{known.clock_seconds:+.1f} s from the database's, within {known.within_seconds:.1f} s"
    if abs(known.clock_seconds) - known.within_seconds <= MAX_CLOCK_SECONDS:
        return Check("clock", "ok", said)
    do = (
        "Set this machine's clock (NTP): moments that it gives, and tickets that it signs, are off."
    )
    return Check("clock", "failed", said, do)


def _work(work: dict[str, Any]) -> Iterator[Check]:
    now = work["server_now"]

    def seconds_since(name: str) -> float:
        return 0.0 if work[name] is None else (now - work[name]) / 1_000

    began = f"began {seconds_since('swept_at'):.0f} s ago"
    if work["swept_at"] is None:
        yield Check("sweep", "skipped", "has not begun yet: look again in a minute")
    elif seconds_since("swept_at") > MAX_SWEEP_SECONDS:
        yield Check("sweep", "failed", began, "See the runbook sweep-behind.")
    else:
        yield Check("sweep", "ok", began)
    if seconds_since("broadcasts_since") > MAX_ORDER_SECONDS:
        waits = f"an order waits for {seconds_since('broadcasts_since'):.0f} s"
        yield Check("queue", "failed", waits, "See the runbook queue-unavailable.")
    else:
        yield Check("queue", "ok", "no order waits")
    for node in work["unreachable_nodes"]:
        yield Check("node", "failed", f"{node['node']} is not reached", "See node-unreachable.")


def _socket(api: Api) -> Check:
    """Mint a ticket, open a connection with it, and ping."""
    order = {"user_id": NAME, "resource": NAME, "device": NAME}
    try:
        ticket = api.send(Request("POST", "/tickets", order)).json()
    except Failed as error:
        if error.status == FORBIDDEN:
            return Check("socket", "skipped", "it takes the scope `tickets`")
        return Check("socket", "failed", f"no ticket: {error}")
    # Only here: importing it takes longer than all the rest.
    from websockets.exceptions import InvalidStatus, WebSocketException  # noqa: PLC0415
    from websockets.sync.client import connect  # noqa: PLC0415

    url = ticket["url"]
    began = time.monotonic()
    try:
        with connect(
            f"{url}?ticket={ticket['ticket']}", open_timeout=SOCKET_SECONDS, proxy=None
        ) as socket:
            socket.send(json.dumps({"action": "ping", "id": NAME}))
            pong = json.loads(socket.recv(SOCKET_SECONDS))
    except InvalidStatus as error:
        status = error.response.status_code
        do = (
            'Is the ticket secret of the API that of the authorizer? See "Rotate secrets".'
            if status in {UNAUTHORIZED, FORBIDDEN}
            else "Look into the logs of AuthorizeFunction and ConnectFunction."
        )
        return Check("socket", "failed", f"{url} refuses the ticket with {status}", do)
    except (OSError, TimeoutError, WebSocketException, ValueError) as error:
        do = "Is this the address that browsers reach (the parameter SocketUrl)?"
        return Check("socket", "failed", f"{url}: {error or 'no answer in time'}", do)
    took = time.monotonic() - began
    if pong.get("type") != "pong":
        return Check("socket", "failed", f"{url} answers a ping with {pong}", "Is it Headcount's?")
    return Check("socket", "ok", f"{url} opens and answers a ping in {took * 1_000:.0f} ms")
