"""The ticket key of a running system is rotated, as docs/how-to/rotate-secrets.md says."""

from __future__ import annotations

import asyncio
import itertools
import json
import urllib.request
import uuid
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from handlers.core.ticket import MAX_LIFE, Ticket, key_id, mint
from tests.docs.markdown import ROOT, run_by
from tests.docs.shell import Shell, steps
from tests.support.system import Headcount, running
from tests.support.waiting import PATIENCE_SECONDS, until
from tests.support.world import golden
from wsgate.functions.environments import Environments
from wsgate.model.plan import Function

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

S = TypeVar("S")
A = TypeVar("A")
pytestmark = pytest.mark.slow

ADD, REMOVE = (
    step for block in run_by("docs/how-to/rotate-secrets.md", __file__) for step in steps(block)
)
OLD, NEW = "old-" * 8, "new-" * 8
BOTH = f"{NEW},{OLD}"
# The ticket secrets of the authorizers that serve side by side, and the keys that sign: a deploy
# replaces the authorizer first.
ROTATION = (
    ([OLD], [OLD]),
    ([OLD, BOTH], [OLD]),
    ([BOTH], [OLD, NEW]),
    ([BOTH], [NEW]),
    ([BOTH, NEW], [NEW]),
    ([NEW], [NEW]),
)
IN_ANOTHER_ORDER = ([OLD], [NEW])
# Each comes when it is due, whatever has been answered. How fast the answers came is printed
# (`pytest -s`), not judged: that depends on the machine.
PER_SECOND, SECONDS = 500, 1
HANDSHAKES = PER_SECOND * SECONDS


async def test_a_key_rotates_as_the_page_says(tmp_path: Path) -> None:
    folder = tmp_path / ".headcount"
    secret = _folder(folder, OLD) / "ticket-secret"
    with closing(Shell(tmp_path, {})) as shell:
        shell.play(ADD)
        new = secret.read_text().partition(",")[0]
        with running(folder) as system:
            assert [await _handshake(system, key) for key in (OLD, new)] == [101, 101]
            assert await asyncio.to_thread(_signed_with, system) == key_id(new)
        shell.play(REMOVE)
    with running(folder) as system:
        assert [await _handshake(system, key) for key in (OLD, new)] == [401, 101]


async def test_no_handshake_is_refused_while_a_deploy_replaces_functions(tmp_path: Path) -> None:
    """500 come in a second, of the whole system: the gateway, its functions, the database."""
    with running(_folder(tmp_path / "old", OLD)) as old:
        url = old.database_url
        with (
            running(_folder(tmp_path / "both", BOTH), DATABASE_URL=url) as both,
            running(_folder(tmp_path / "new", NEW), DATABASE_URL=url) as new,
        ):
            systems = {OLD: old, BOTH: both, NEW: new}
            for secrets, keys in ROTATION:
                found = await _arriving(_handshake, [systems[one] for one in secrets], keys)
                assert found == {101: HANDSHAKES}
            secrets, keys = IN_ANOTHER_ORDER
            found = await _arriving(_handshake, [systems[one] for one in secrets], keys)
            assert found == {401: HANDSHAKES}


async def test_none_of_500_tickets_a_second_is_refused_while_a_deploy_replaces_the_authorizer() -> (
    None
):
    """The authorizer in processes, as the gateway calls it."""
    environments = Environments(
        {one: _authorizer(one) for one in (OLD, BOTH, NEW)}, log=lambda *_: None
    )
    try:
        for secrets, keys in ROTATION:
            assert await _authorized(environments, secrets, keys) == {None: HANDSHAKES}
        refused = await _authorized(environments, *IN_ANOTHER_ORDER)
        assert refused == {"Unauthorized": HANDSHAKES}
    finally:
        await environments.close()


def _authorizer(secret: str) -> Function:
    return Function(
        name="AuthorizeFunction",
        code=ROOT,
        handler="handlers.authorize.handler",
        timeout=timedelta(seconds=PATIENCE_SECONDS),
        memory_mb=512,
        environment={"TICKET_SECRET": secret},
    )


async def _authorized(
    environments: Environments, secrets: list[str], keys: list[str]
) -> Counter[str | None]:
    """What the authorizers say of tickets, by turns of both: None, or the refusal."""

    async def authorize(secret: str, key: str) -> str | None:
        event = golden("authorize")
        event["queryStringParameters"]["ticket"] = _ticket(key)
        answer = await environments.invoke(secret, json.dumps(event).encode())
        said = json.loads(answer.payload)
        return said["errorMessage"] if answer.function_error else None

    return await _arriving(authorize, secrets, keys)


async def _arriving(
    answer: Callable[[S, str], Awaitable[A]], servers: list[S], keys: list[str]
) -> Counter[A]:
    """The answers to HANDSHAKES that come PER_SECOND, by turns of servers and keys."""
    loop = asyncio.get_running_loop()
    pairs = itertools.cycle(itertools.product(servers, keys))
    calls: list[asyncio.Task[tuple[A, float]]] = []

    async def call(server: S, key: str, due: float) -> tuple[A, float]:
        return await answer(server, key), loop.time() - due

    began = loop.time()
    for n, (server, key) in enumerate(itertools.islice(pairs, HANDSHAKES)):
        due = began + n / PER_SECOND
        loop.call_at(
            due, lambda *given: calls.append(loop.create_task(call(*given))), server, key, due
        )
    await until(lambda: len(calls) == HANDSHAKES)
    answers = await asyncio.gather(*calls)
    took = sorted(1000 * seconds for _, seconds in answers)
    rate = HANDSHAKES / (loop.time() - began)
    p50, p99 = (took[HANDSHAKES * part // 100] for part in (50, 99))
    print(f"\n{rate:.0f}/s, p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    return Counter(said for said, _ in answers)


def _folder(folder: Path, secret: str) -> Path:
    folder.mkdir()
    (folder / "ticket-secret").write_text(secret)
    return folder


async def _handshake(system: Headcount, key: str) -> int:
    """The status of a handshake with a ticket that this key signs."""
    url = f"{system.websocket_url}?ticket={_ticket(key)}"
    try:
        async with connect(url, open_timeout=PATIENCE_SECONDS, proxy=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def _ticket(key: str) -> str:
    unique = uuid.uuid4().hex
    return mint(Ticket(unique, unique, "site", datetime.now(UTC) + MAX_LIFE / 2), key)


def _signed_with(system: Headcount) -> str:
    """The id of the key that signs what POST /tickets gives out."""
    request = urllib.request.Request(  # noqa: S310  # our own gateway
        f"{system.base_url}/tickets",
        json.dumps({"user_id": "ann"}).encode(),
        {
            "Authorization": f"Bearer {system.service_token}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
        kid: str = jwt.get_unverified_header(json.load(answer)["ticket"])["kid"]
        return kid
