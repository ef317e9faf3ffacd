"""A browser that is not ours: the `websockets` client and plain HTTP."""

from __future__ import annotations

import asyncio
import json
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import asyncpg
import boto3
from websockets.asyncio.client import ClientConnection, connect

from tests.support.contracts import check_answer, check_exchange, check_server_frame
from tests.support.waiting import PATIENCE_SECONDS, until_answered

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from tests.support.system import Headcount


class Browser:
    """A user's tabs: connections that are closed at the end, whatever happens."""

    app: str | None = None

    def __init__(self, headcount: Headcount, stack: AsyncExitStack) -> None:
        self.headcount, self.stack = headcount, stack
        # The system is shared by all tests: each plays with users of its own.
        self.user_id = f"user-{uuid.uuid4().hex[:8]}"

    async def api(self, method: str, path: str, body: object = None) -> Any:
        return await asyncio.to_thread(self._api, method, path, body)

    def _api(self, method: str, path: str, body: object) -> Any:
        named = {"Headcount-App": self.app} if self.app else {}
        request = urllib.request.Request(  # noqa: S310  # our own gateway
            self.headcount.base_url + path,
            json.dumps(body).encode() if body is not None else None,
            {
                "Authorization": f"Bearer {self.headcount.service_token}",
                "Content-Type": "application/json",
                **named,
            },
            method=method,
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            text = answer.read().decode()
            headers = {name.lower(): value for name, value in answer.headers.items()}
            check_answer(method, path, answer.status, headers, text)
            return json.loads(text)

    async def ticket(self, user_id: str | None = None, **more: object) -> str:
        order = {"user_id": user_id or self.user_id, **more}
        ticket = await self.api("POST", "/tickets", order)
        return f"{ticket['url']}?ticket={ticket['ticket']}"

    async def tab(self, url: str | None = None) -> ClientConnection:
        connecting = connect(url or await self.ticket(), open_timeout=PATIENCE_SECONDS, proxy=None)
        return await self.stack.enter_async_context(connecting)

    async def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        db = await asyncpg.connect(self.headcount.database_url)
        try:
            return [dict(row) for row in await db.fetch(sql, *args)]
        finally:
            await db.close()

    async def invoke(self, name: str) -> Any:
        """What a function of the schedule says when it is called now."""
        functions = boto3.Session("local", "local", region_name="us-east-1").client(
            "lambda", endpoint_url=self.headcount.base_url
        )
        answer = await asyncio.to_thread(functions.invoke, FunctionName=name, Payload=b"{}")
        assert "FunctionError" not in answer
        return json.load(answer["Payload"])

    async def closed_session(self) -> dict[str, Any]:
        """The user's only session, once it is closed."""
        row: dict[str, Any] = {}

        async def is_closed() -> bool:
            nonlocal row
            (row,) = await self.rows(
                "select *, now() from watching_times where user_id = $1", self.user_id
            )
            return row["ended_at"] is not None

        await until_answered(is_closed)
        return row


async def hear(tab: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return check_server_frame(await tab.recv())


async def ask(tab: ClientConnection, message: object) -> dict[str, Any]:
    sent = message if isinstance(message, str) else json.dumps(message)
    await tab.send(sent)
    heard = await hear(tab)
    if isinstance(message, dict) and heard.get("re") == message.get("id"):
        check_exchange(sent, heard)
    return heard


async def hello(tab: ClientConnection) -> dict[str, Any]:
    return await ask(tab, {"action": "hello", "id": "h1"})


async def reply(tab: ClientConnection, message: dict[str, Any]) -> dict[str, Any]:
    """The reply; what is pushed meanwhile, perhaps late, does not matter."""
    await tab.send(json.dumps(message))
    while (heard := await hear(tab)).get("re") != message["id"]:
        pass
    check_exchange(json.dumps(message), heard)
    return heard
