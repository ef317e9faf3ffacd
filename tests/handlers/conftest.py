from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from handlers.adapters.database import Database
from handlers.container import Container
from handlers.services.message import Messages
from tests.support.contracts import check_exchange, check_server_frame
from tests.support.databases import of_functions
from tests.support.world import FakeConnections, FakeQueue, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handlers.core.connection import Connection


@pytest.fixture(autouse=True, scope="session")
def described() -> Iterator[None]:
    """AsyncAPI describes each message that a function answers, and the request before it."""
    answer = Messages.answer

    async def checked(self: Messages, connection: Connection, body: str, *more: Any) -> bytes:
        reply = await answer(self, connection, body, *more)
        check_exchange(body, check_server_frame(reply))
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Messages, "answer", checked)
        yield


@pytest.fixture
def container_type() -> type[Container]:
    return Container


@pytest.fixture
def world(
    dsn: str, container_type: type[Container], monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setenv("DATABASE_URL", of_functions(dsn))
    monkeypatch.setenv("TICKET_SECRET", uuid.uuid4().hex)
    monkeypatch.setenv("SERVICE_TOKEN", "service-token-of-this-test")
    monkeypatch.setenv("SOCKET_URL", "wss://gateway.example/live")
    container = container_type()
    connections, queue = FakeConnections(), FakeQueue()
    database, second = (Database(of_functions(dsn), container.deadline) for _ in range(2))
    # The parts that a cached property would build at first use.
    vars(container).update(
        gateway=connections, queue=queue, database=database, second_database=second
    )
    yield World(container, connections, queue, dsn)
    for one in (database, second):
        container.runner.run(one.close())
    container.runner.close()
