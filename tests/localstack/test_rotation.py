"""The ticket key of a running system is rotated, as docs/how-to/rotate-secrets.md says."""

from __future__ import annotations

import asyncio
import itertools
import json
import urllib.request
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from handlers.core.ticket import LIFE, Ticket, key_id, mint
from tests.docs.markdown import ROOT, blocks
from tests.docs.shell import Shell, steps
from tests.support.system import Headcount, running
from tests.support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "how-to" / "rotate-secrets.md"
ADD, REMOVE = (
    step
    for block in blocks(PAGE)
    if ".headcount/ticket-secret" in block.text
    for step in steps(block)
)
OLD, NEW = "old-" * 8, "new-" * 8
HANDSHAKES, AT_ONCE = 100, 20


async def test_a_key_rotates_as_the_page_says(tmp_path: Path) -> None:
    folder = tmp_path / ".headcount"
    secret = _folder(folder, OLD) / "ticket-secret"
    shell = Shell(tmp_path, {})
    shell.play(ADD)
    new = secret.read_text().partition(",")[0]
    with running(folder) as system:
        assert [await _handshake(system, key) for key in (OLD, new)] == [101, 101]
        assert await asyncio.to_thread(_signed_with, system) == key_id(new)
    shell.play(REMOVE)
    shell.close()
    with running(folder) as system:
        assert [await _handshake(system, key) for key in (OLD, new)] == [401, 101]


async def test_no_handshake_is_refused_while_a_deploy_replaces_functions(tmp_path: Path) -> None:
    """It replaces the authorizer first, then what signs; old and new ones serve side by side."""
    with running(_folder(tmp_path / "old", OLD)) as old:
        url = old.database_url
        with (
            running(_folder(tmp_path / "both", f"{NEW},{OLD}"), DATABASE_URL=url) as both,
            running(_folder(tmp_path / "new", NEW), DATABASE_URL=url) as new,
        ):
            for authorizers, signers in (
                ([old], [OLD]),
                ([old, both], [OLD]),
                ([both], [OLD, NEW]),
                ([both], [NEW]),
                ([both, new], [NEW]),
                ([new], [NEW]),
            ):
                assert await _crowd(authorizers, signers) == {101: HANDSHAKES}
            assert await _crowd([old], [NEW]) == {401: HANDSHAKES}  # in another order


def _folder(folder: Path, secret: str) -> Path:
    folder.mkdir()
    (folder / "ticket-secret").write_text(secret)
    return folder


async def _crowd(authorizers: list[Headcount], signers: list[str]) -> Counter[int]:
    """The statuses of many handshakes, AT_ONCE at a time, by turns of both."""
    turns = asyncio.Semaphore(AT_ONCE)
    pairs = itertools.islice(itertools.cycle(itertools.product(authorizers, signers)), HANDSHAKES)

    async def one(system: Headcount, key: str) -> int:
        async with turns:
            return await _handshake(system, key)

    return Counter(await asyncio.gather(*(one(*pair) for pair in pairs)))


async def _handshake(system: Headcount, key: str) -> int:
    """The status of a handshake with a ticket that this key signs."""
    unique = uuid.uuid4().hex
    ticket = mint(Ticket(unique, unique, "site", datetime.now(UTC) + LIFE), key)
    try:
        async with connect(
            f"{system.websocket_url}?ticket={ticket}", open_timeout=PATIENCE_SECONDS, proxy=None
        ):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


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
