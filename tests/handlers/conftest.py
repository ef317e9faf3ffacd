from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from handlers.adapters.database import Database
from handlers.container import Container
from tests.support.databases import of_functions
from tests.support.world import FakeConnections, FakeQueue, World

if TYPE_CHECKING:
    from collections.abc import Iterator


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
