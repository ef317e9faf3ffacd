"""Handlers on a real database, with small fakes for the gateway and the queue that remember."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from handlers import connect, disconnect
from handlers.adapters.database import Database
from handlers.adapters.deadline import Deadline
from handlers.adapters.gateway.errors import GatewayRejected, Gone, Undelivered, Unreachable
from handlers.adapters.queue import Queue
from handlers.core.operations import authorize
from handlers.core.ticket import Ticket
from tests.support.contracts import check_server_frame
from tests.support.databases import aside

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from handlers.container import Container
    from handlers.core.connection import MayWatch
    from handlers.core.operation import Push
    from handlers.core.operations.broadcast import Broadcast

T = TypeVar("T")
EVENTS = Path(__file__).parents[2] / "localstack" / "wsgate" / "tests" / "events"


def golden(name: str) -> dict[str, Any]:
    """An event as the gateway sends it: the tests of wsgate hold it to the same file."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


@dataclass
class FakeConnections:
    """Every connection is open but those in `gone`.

    Those in `broken` cannot be asked for, those in `throttled` are answered 429, those in `stuck`
    never. The nodes in `dead` do not answer.
    """

    gone: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    throttled: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    inbox: list[tuple[str, Any]] = field(default_factory=list)

    async def post(self, push: Push) -> None:
        if push.node in self.dead:
            raise Unreachable("no answer")
        if push.connection_id in self.gone:
            raise Gone
        if push.connection_id in self.broken:
            raise Undelivered("no route")
        if push.connection_id in self.stuck:
            await asyncio.Event().wait()
        self.inbox.append((push.connection_id, check_server_frame(push.data)))

    async def close(self, _node: str, connection_id: str) -> None:
        if connection_id in self.gone:
            raise Gone
        if connection_id in self.broken:
            raise Undelivered("no route")
        if connection_id in self.stuck:
            await asyncio.Event().wait()
        self.gone.add(connection_id)

    async def is_open(self, node: str, connection_id: str) -> bool:
        self.asked.append((node, connection_id))
        if node in self.dead:
            raise Unreachable("no answer")
        if connection_id in self.throttled:
            raise GatewayRejected(429)
        if connection_id in self.broken:
            raise Undelivered("no credentials")
        if connection_id in self.stuck:
            await asyncio.Event().wait()
        return connection_id not in self.gone


class FakeQueue(Queue):
    """Remembers the calls, and how many seconds later each is to come."""

    def __init__(self) -> None:
        super().__init__(ample())
        self.calls: list[tuple[Broadcast, int]] = []

    @property
    def sent(self) -> list[Broadcast]:
        """What is to come at once."""
        return [broadcast for broadcast, delay_seconds in self.calls if not delay_seconds]

    async def _send(self, calls: Sequence[tuple[Broadcast, int]], _leaving_seconds: float) -> None:
        self.calls += calls


def ample() -> Deadline:
    """A deadline that no test reaches."""
    deadline = Deadline()
    deadline.begin(3600)
    return deadline


class Context:
    """Lambda's context: how much time is left."""

    def __init__(self, remaining_ms: int = 30_000) -> None:
        self.remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@dataclass
class World:
    """A function's process, and what happens to it."""

    container: Container
    connections: FakeConnections
    queue: FakeQueue
    dsn: str
    may_watch: MayWatch = "*"
    """What the tickets of this world let their connections watch."""

    def event(
        self,
        kind: str,
        connection_id: str,
        user_id: str = "ann",
        resource: str = "site",
        **request: Any,
    ) -> dict[str, Any]:
        """The golden event of a kind (`connect`, `message`, `disconnect`) for this connection."""
        event = golden(kind)
        event["requestContext"] |= {
            "connectionId": connection_id,
            "domainName": "gateway.example",
            "authorizer": authorize.context(
                Ticket(
                    f"ticket-{connection_id}",
                    user_id,
                    resource,
                    datetime.now(UTC) + timedelta(minutes=1),
                    may_watch=self.may_watch,
                )
            ),
            **request,
        }
        return event

    def come(self, connection_id: str, user_id: str = "ann", resource: str = "site") -> int:
        """$connect; the status of the handshake."""
        return self.handshake(self.event("connect", connection_id, user_id, resource))

    def leave(self, connection_id: str, user_id: str = "ann", resource: str = "site") -> None:
        """$disconnect, of a line that was lost."""
        event = self.event("disconnect", connection_id, user_id, resource)
        event["requestContext"] |= {"disconnectStatusCode": 1006, "disconnectReason": ""}
        disconnect.handle(event, Context(), self.container)

    def handshake(self, event: dict[str, Any]) -> int:
        status: int = connect.handle(event, Context(), self.container)["statusCode"]
        return status

    def age(self, minutes: float) -> None:
        """Every open connection and its session is older by so much."""
        self.rows(
            "update watching_times"
            " set joined_at = joined_at - $1::interval, seen_at = seen_at - $1::interval, nodes ="
            " (select jsonb_object_agg(node, connections) from"
            "   (select node, jsonb_object_agg(connection_id, jsonb_strip_nulls(jsonb_build_object("
            "     'at', extract(epoch from opened_at - $1), 'device', device,"
            "     'seen', extract(epoch from seen_at - $1)))) as connections"
            "      from connections(nodes) group by node) as by_node)"
            " where ended_at is null",
            timedelta(minutes=minutes),
        )

    def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        """What stands in the database."""
        return aside(self.dsn).rows(sql, *args)

    def lose_database(self) -> None:
        """Nothing listens where the database is looked for."""
        dsn = "postgresql://user:secret@127.0.0.1:1/none"
        vars(self.container)["database"] = Database(dsn, self.container.deadline)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """On the function's loop, as if it were an event of its own."""
        return self.container.run(coroutine, Context())
