"""What the page at /_wsgate shows, and what it can do: two functions, JSON in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from wsgate.console.journal import Other
from wsgate.core.actions import Posted
from wsgate.core.bill import Tally, Total, bill, bytes_of, messages_of, size_of
from wsgate.logs import EventLine
from wsgate.model.plan import FunctionIntegration
from wsgate.model.urls import stage_urls
from wsgate.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.console.journal import Entry, Journal
    from wsgate.core.actions import Action, Connection
    from wsgate.core.faults import Faults
    from wsgate.core.gateway import Gateway
    from wsgate.logs import LogSink
    from wsgate.masking import Mask
    from wsgate.model.ids import Millis
    from wsgate.model.invoke import Reports
    from wsgate.model.limits import Limits
    from wsgate.model.plan import Function, Integration, Plan, Route, WebSocketApi
    from wsgate.model.urls import StageUrl

MAX_CONNECTIONS: Final = 200
"""The latest ones are shown, and how many there are."""

View = dict[str, Any]


class ConsoleState(Protocol):
    """What the console page shows of a gateway, whether one node or several."""

    async def look(self, since: str) -> View:
        """How it stands, and what happened after `since`, the `cursor` of an earlier look.

        A `since` that is empty or not known gives the latest that is kept.
        """
        ...

    async def act(self, command: Mapping[str, Any]) -> View:
        """`{"do": "send", "connection", "text"}`, to the client, `{"do": "say", …}` in its place;
        `{"do": "close", "connection"}`, and `{"do": "fault", "name", "value"}`.

        The answer: `{"ok": true}` or `{"ok": false, "error": …}`.
        """
        ...


class ShownNode(Protocol):
    """The node that a console shows and commands."""

    @property
    def address(self) -> str: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def mask(self) -> Mask: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def gateway(self) -> Gateway: ...
    @property
    def tell(self) -> LogSink: ...
    def now(self) -> Millis: ...
    def perform(self, actions: list[Action]) -> None: ...


class NodeConsoleState:
    """The ConsoleState of one node."""

    def __init__(self, node: ShownNode, plan: Plan, journal: Journal, started: Millis) -> None:
        self._node, self._plan, self._journal, self._started = node, plan, journal, started
        self.faults: Faults = node.faults
        self.functions: Reports | None = None
        """State of the functions; None where the runner does not report it."""

    async def look(self, since: str) -> View:
        """See ConsoleState."""
        node, now = self._node, self._node.now()
        number, total = self._number(since), node.gateway.total(now)
        events = self._journal.since(number)
        latest = node.gateway.latest(MAX_CONNECTIONS)
        return {
            "about": self._about(now, total),
            "cursor": f"{self._started}:{self._journal.last}",
            "connections": {
                "total": len(node.gateway),
                "shown": [_connection(connection, now, node.mask) for connection in latest],
            },
            "events": events,
            "missed": _missed(number, events),
            "routes": [
                _route(stage, route)
                for stage in self._plan.websockets
                for route in stage.routes.values()
            ],
            "http_routes": self._http_routes(),
            "functions": self._functions(),
            "bill": bill(total.billed, total.minutes, now - self._started),
            "faults": self.faults.describe(),
        }

    async def act(self, command: Mapping[str, Any]) -> View:
        """See ConsoleState."""
        match command:
            case {"do": "send", "connection": str(connection_id), "text": str(text)}:
                return self._send(connection_id, text)
            case {"do": "say", "connection": str(connection_id), "text": str(text)}:
                return self._say(connection_id, text)
            case {"do": "close", "connection": str(connection_id)}:
                return self._close(connection_id)
            case {"do": "fault", "name": str(name), "value": value}:
                return self._fault(name, value)
        return _refused("unknown command")

    def _number(self, since: str) -> int:
        """A cursor of another run says nothing of this one."""
        run, _, number = since.partition(":")
        is_ours = run == str(self._started) and number.isdecimal()
        return int(number) if is_ours and len(number) < _MAX_DIGITS else 0

    def _about(self, now: Millis, total: Total) -> View:
        return {
            "version": VERSION,
            "stages": [_stage(base) for base in stage_urls(self._plan, self._node.address)],
            "nodes": 1,
            "started": self._started,
            "now": now,
            "received": _tally(total.received),
            "sent": _tally(total.sent),
        }

    def _http_routes(self) -> list[View]:
        routes = self._plan.http.routes if self._plan.http else {}
        return [{"key": key, "function": _called(to)} for key, to in routes.items()]

    def _functions(self) -> list[View]:
        statuses = self.functions.status() if self.functions is not None else {}
        functions = self._plan.functions.items()
        return [_function(value) | {"status": statuses.get(name)} for name, value in functions]

    def _send(self, connection_id: str, text: str) -> View:
        if size_of(text) > self._node.limits.message_bytes:
            return _TOO_LARGE
        now = self._node.now()
        posted, actions = self._node.gateway.post(connection_id, text, now)
        self._keep("send", connection_id, _STATUS[posted], text, now)
        self._node.perform(actions)
        return _SAID[posted]

    def _say(self, connection_id: str, text: str) -> View:
        """As if the client had sent it."""
        if size_of(text) > self._node.limits.message_bytes:
            return _TOO_LARGE
        now = self._node.now()
        actions = self._node.gateway.message(connection_id, text, now)
        self._journal.said(text, actions, now)
        self._node.perform(actions)
        return _DONE if actions else GONE

    def _close(self, connection_id: str) -> View:
        now = self._node.now()
        actions = self._node.gateway.delete(connection_id, now)
        self._keep("close", connection_id, "410" if actions is None else "204", "", now)
        self._node.perform(actions or [])
        return GONE if actions is None else _DONE

    def _keep(self, what: str, connection_id: str, outcome: str, text: str, now: Millis) -> None:
        """Record a command of the page as if a function had given it."""
        pushed = text.encode(errors="replace") if what == "send" else None
        kept = Other(f"page {what}", outcome, connection_id=connection_id, pushed=pushed)
        self._journal.add(now, kept)
        self._node.tell(EventLine(now, kept.route, connection_id, outcome, 0))

    def _fault(self, name: str, value: Any) -> View:
        try:
            self.faults.set(name, value)
        except ValueError as error:
            return _refused(str(error))
        return _DONE


GONE: Final[View] = {"ok": False, "error": "the connection is gone, or not open yet"}
_FULL: Final[View] = {"ok": False, "error": "the client does not read what it was sent"}
_TOO_LARGE: Final[View] = {"ok": False, "error": "a message is at most 128 KB"}
_DONE: Final[View] = {"ok": True}
_MAX_DIGITS = 19
_STATUS = {Posted.SENT: "200", Posted.GONE: "410", Posted.FULL: "429"}
_SAID: Final = {Posted.SENT: _DONE, Posted.GONE: GONE, Posted.FULL: _FULL}


def _refused(error: str) -> View:
    return {"ok": False, "error": error}


def _missed(number: int, events: list[Entry]) -> int:
    """How many came between two looks and are not in the second; a first look misses nothing."""
    first = int(events[0]["id"].partition(".")[0]) if events else number + 1
    return first - number - 1 if number else 0


def _connection(connection: Connection, now: Millis, mask: Mask) -> View:
    agent = connection.identity.get("userAgent")
    return {
        "id": connection.id,
        "phase": connection.phase.name.lower(),
        "stage": connection.stage.api.stage,
        "age": now - connection.connected_at,
        "idle": now - connection.last_active_at,
        "source": connection.identity["sourceIp"],
        "agent": None if agent is None else mask.text(agent),
        "authorizer": connection.authorizer and mask.value(dict(connection.authorizer)),
        "received": _tally(connection.received),
        "sent": _tally(connection.sent),
    }


def _tally(tally: Tally) -> View:
    return {"messages": messages_of(tally), "bytes": bytes_of(tally)}


def _stage(base: StageUrl) -> View:
    stage = base.stage
    return {
        "address": f"ws://{base.text}",
        "api": stage.api_id,
        "stage": stage.stage,
        "selection": stage.selection_expression,
        "authorizer": stage.authorizer and stage.authorizer.function,
        "identity": list(stage.authorizer.identity_sources) if stage.authorizer else [],
    }


def _route(stage: WebSocketApi, route: Route) -> View:
    integration = route.integration
    return {
        "stage": stage.stage,
        "key": route.key,
        "function": _called(integration),
        "kind": type(integration).__name__.removesuffix("Integration"),
        "two_way": route.two_way,
    }


def _called(integration: Integration) -> str | None:
    return integration.function if isinstance(integration, FunctionIntegration) else None


def _function(function: Function) -> View:
    return {
        "name": function.name,
        "handler": function.handler,
        "timeout": function.timeout.total_seconds(),
        "memory": function.memory_mb,
    }
