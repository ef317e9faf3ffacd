"""A gateway node: its sockets, and what `gateway.py` decides about them, carried out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from functools import cached_property
from http import HTTPStatus
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Protocol

from wsgate.apis import faults_api, management, metrics_api, paths
from wsgate.apis.authorization import Authorization
from wsgate.apis.foreign_pages import ForeignPages
from wsgate.apis.paths import Addresses, Closed, InvokeFunction, Management, NoMethod
from wsgate.console.api import Console
from wsgate.console.journal import Journal, Witness
from wsgate.console.state import NodeConsoleState
from wsgate.core import actions, quotas
from wsgate.core.gateway import Gateway
from wsgate.core.quotas import Limiter
from wsgate.core.stage import Stage
from wsgate.logs import as_text
from wsgate.model.events import HERE, Handshake, Place
from wsgate.model.ids import Ids
from wsgate.model.urls import own_names
from wsgate.node.background import Background
from wsgate.node.fault_injection import FaultInjection, SlowInvoker
from wsgate.node.function_calls import FunctionCalls, QueueingPeers
from wsgate.node.invocations import Invocations
from wsgate.node.managing import Managing, ManagingPeers
from wsgate.node.performer import Performer
from wsgate.node.record import Record
from wsgate.transport import responses
from wsgate.transport.admission import FULL, Admission
from wsgate.transport.frames import Protocols
from wsgate.transport.http_protocol import HttpProtocol
from wsgate.transport.responses import Request, Response
from wsgate.transport.tls import server_context
from wsgate.transport.websocket import Socket, Upgrade

if TYPE_CHECKING:
    import ssl
    from datetime import timedelta

    from wsgate.model.invoke import Invoker
    from wsgate.model.plan import HttpApi, Plan, WebSocketApi
    from wsgate.node.settings import Settings

Answer = Response | Awaitable[Response]

FORBIDDEN = responses.message(HTTPStatus.FORBIDDEN, "Forbidden")
UPGRADE_REQUIRED = responses.message(HTTPStatus.UPGRADE_REQUIRED, "Upgrade Required")
MAX_REASONS = 100
"""Of refusals, each of which is logged once: some have in them what a client sent."""
URL_CHARACTERS = 4096  # docs/aws-behaviour.md §1.3
# GUESS: which status a longer one gets.
URL_TOO_LONG = responses.message(HTTPStatus.REQUEST_URI_TOO_LONG, "URI Too Long")


class Peers(ManagingPeers, QueueingPeers, Protocol):
    """The other nodes behind the same port, and their parent."""


class Node:
    """Everything behind one port."""

    metrics: metrics_api.Read | None = None
    """Asks for what has been counted, as text."""
    _empty: asyncio.Event | None = None
    """Set when the last socket is closed, for who waits for that."""

    def __init__(
        self, plan: Plan, invoker: Invoker, settings: Settings, peers: Peers | None = None
    ) -> None:
        """Raises ValueError, with a sentence, for what the plan asks and this gateway cannot do."""
        self.limits, self.mask, self.now = settings.limits, settings.mask, settings.now
        self.tell, self._log = settings.lines or as_text(settings.log), settings.log
        self.address, self._pages, self._reasons = settings.address, settings.pages, set[str]()
        # Not a secret, and asking the system for each id takes as long as all else about it.
        ids = Ids(Random(SystemRandom().getrandbits(128)), settings.index)  # noqa: S311
        limiter = _limiter(plan, settings)
        stages = [Stage(api, _place(api, plan, settings)) for api in plan.websockets]
        self.gateway = Gateway(stages, ids, settings.limits, settings.known, limiter)
        self._addresses, self._certificate = Addresses(plan.websockets), settings.certificate
        self._foreign_pages = ForeignPages((*own_names(plan), *settings.hosts))
        self.clients, self._sockets = dict[HttpProtocol, None](), dict[str, Socket]()
        self.admission = Admission(settings.capacity, self.tell, self.now)
        self.protocols = Protocols(settings.limits, compression=settings.compression)
        self.faults, self._fault_injection = settings.faults, FaultInjection(self, settings.faults)
        self.invocations = Invocations(SlowInvoker(invoker, settings.faults), settings.log)
        policies = plan.event_policies
        self._background = Background(self.invocations, policies, self.limits, self._log)
        self.journal = Journal(self.mask) if settings.console else None
        self._record = Record(self.tell, self.journal, self.now, log_events=settings.log_events)
        authorization = _authorization(plan, settings)
        self._calls = FunctionCalls(
            plan,
            settings.address,
            ids,
            authorization=authorization,
            limiter=limiter,
            invocations=self.invocations,
            background=self._background,
            peers=peers,
            record=self._record,
            now=self.now,
        )
        self._performer = Performer(
            self,
            self._sockets,
            record=self._record,
            calls=self._calls,
            fault_injection=self._fault_injection,
            log=settings.log,
        )
        self.perform = self._performer.perform
        self._managing = Managing(
            self,
            plan,
            self._addresses,
            authorization=authorization,
            limiter=limiter,
            record=self._record,
            index=settings.index,
            peers=peers,
        )
        self.console_state: NodeConsoleState | None = None
        self.console: Console | None = None
        if self.journal is not None:
            self.console_state = NodeConsoleState(self, plan, self.journal, self.now())
            self.console = Console(self.console_state, settings.address)

    # HTTP.

    def answer(self, request: Request) -> Answer:
        """A plain request: answered at once, or later when a function or node is asked."""
        if request.path == faults_api.PATH:
            return faults_api.answer(self.faults, request)
        if request.path == metrics_api.PATH and self.metrics is not None:
            return metrics_api.answer(self.metrics, request)
        if self.console is not None and self.console.owns(request.path):
            return self.console.answer(request)  # it lets fewer in
        reason = self._foreign_pages.refusal(request)
        return self._as_aws(request) if reason is None else self._closed(reason)

    def _as_aws(self, request: Request) -> Answer:
        match self._addresses.classify(request.path, request.host):
            case paths.Stage():
                return UPGRADE_REQUIRED  # docs/aws-behaviour.md §1.5
            case Management() as target:
                return self._manage(target, request)
            case NoMethod(route):
                return management.no_method(request.method, route)
            case Closed(reason):
                return self._closed(reason)
            case InvokeFunction(name):
                return _NOT_FOR_PAGES if _from_page(request) else self._calls.invoke(name, request)
        return self._elsewhere(request)

    def _elsewhere(self, request: Request) -> Answer:
        page = self._pages.answer(request) if self._pages else None
        return page or self._calls.http_api(request)

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """What speaks TLS on the same port; made when the first client does."""
        certificate = self._certificate
        return None if certificate is None else server_context(certificate)

    def body_limit(self, path: str) -> int:
        is_management = paths.is_management(path)
        return self.limits.message_bytes if is_management else self.limits.http_body_bytes

    def _closed(self, reason: str) -> Response:
        """Log the reason: a WebSocket client gets only a status (docs/aws-behaviour.md §1.9)."""
        if reason not in self._reasons and len(self._reasons) < MAX_REASONS:
            self._reasons.add(reason)
            self._log(f"403: {reason}")
        return FORBIDDEN

    # Sockets.

    def upgrade(self, request: Request) -> Upgrade | Response:
        """Refuse an upgrade request before any function is asked (docs/aws-behaviour.md §1.4)."""
        if request.url_characters > URL_CHARACTERS:
            return URL_TOO_LONG
        reason = self._foreign_pages.refusal(request)
        if reason is not None:
            return self._closed(reason)
        target = self._addresses.classify(request.path, request.host)
        if isinstance(target, Closed):
            return self._closed(target.reason)
        if not isinstance(target, paths.Stage):
            return FORBIDDEN
        upgrade = Upgrade(*self.protocols.greet(request))
        if upgrade.refusal is None and not self.admission.admits_connection(len(self)):
            return FULL
        return upgrade.refusal or upgrade

    def handshake(self, socket: Socket, request: Request) -> None:
        """Begin it, unless its client gave up while it waited to be accepted.

        When thousands come at once, those who gave up would take the functions' time from the rest.
        """
        if socket.has_left:
            socket.drop()
            return
        target = self._addresses.classify(request.path, request.host)
        address = target.address if isinstance(target, paths.Stage) else HERE
        handshake = Handshake(
            request.headers, request.query, request.source_ip, request.path, address
        )
        now = self.now()
        socket.connection_id, actions = self.gateway.handshake(handshake, now)
        self._sockets[socket.connection_id] = socket
        if self.journal is not None:
            self.journal.decided(actions, now)
        self.perform(actions)

    def message(self, socket: Socket, text: str) -> None:
        now = self.now()
        actions = self.gateway.message(socket.connection_id, text, now)
        if self.journal is not None:
            self.journal.said(text, actions, now)
        self.perform(actions)

    def binary(self, socket: Socket) -> None:
        self.perform(self.gateway.binary(socket.connection_id, self.now()))

    def not_utf8(self, socket: Socket) -> None:
        self.perform(self.gateway.not_utf8(socket.connection_id, self.now()))

    def broken(self, socket: Socket, ending: tuple[int, str]) -> None:
        self.gateway.broken(socket.connection_id, ending, self.now())

    def full(self, socket: Socket) -> None:
        self.gateway.full(socket.connection_id, self.now())

    def drained(self, socket: Socket) -> None:
        self.gateway.drained(socket.connection_id)

    def closed(self, socket: Socket, ending: tuple[int, str] | None) -> None:
        self._sockets.pop(socket.connection_id, None)
        now = self.now()
        actions = self.gateway.closed(socket.connection_id, ending, now)
        if self.journal is not None:
            self.journal.decided(actions, now)
        self.perform(actions)
        if self._empty is not None and not self._sockets:
            self._empty.set()

    # Time.

    def tick(self) -> None:
        now = self.now()
        self.perform(self.gateway.tick(now))
        self._fault_injection.tick(now)
        for client in [client for client in self.clients if 0 < client.deadline <= now]:
            client.expire()

    def open_ids(self) -> list[str]:
        """The connections that are open: neither in their handshake nor closing."""
        return [each for each in self._sockets if self.gateway.find(each) is not None]

    def kill(self) -> None:
        """End like a killed process: every connection is lost, and no $disconnect runs."""
        self._log(f"fault: node_kill takes {len(self)} connections with it")
        self.gateway.kill()
        for socket in list(self._sockets.values()):
            socket.drop()
        for client in list(self.clients):
            client.expire()

    def shut_down(self) -> None:
        """Tell every open connection to go away; drop plain HTTP that is doing nothing."""
        self.perform(self.gateway.shut_down(self.now()))
        for client in [client for client in self.clients if not client.is_busy]:
            client.expire()

    async def emptied(self, within: timedelta) -> None:
        """Wait until every socket is closed, or for so long."""
        if self._sockets:
            self._empty = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), within.total_seconds())

    async def end(self, within: timedelta) -> None:
        """Drop the sockets that are left, let what runs end, then drop the rest."""
        for socket in list(self._sockets.values()):
            socket.drop()
        await asyncio.sleep(0)  # the loop tells of them, and $disconnect begins
        self._fault_injection.hurry()
        self._background.close()
        await self.invocations.settle(within)
        for client in list(self.clients):
            client.expire()

    def __len__(self) -> int:
        return len(self._sockets)

    def witnessed(self, invoker: Invoker, route: str) -> Invoker:
        """The functions, for a trigger: what it asks of them goes into the journal as `route`."""
        if self.journal is None:
            return invoker
        return Witness(invoker, self.journal, route, self.now)

    # Actions.

    def noted(self, note: actions.Note) -> None:
        """Record in the journal and the log what happened without a decision of `gateway`."""
        if self.journal is not None:
            self.journal.decided([note], self.now())
        self.perform([note])

    # The other APIs.

    def _manage(self, target: Management, request: Request) -> Answer:
        connection_id = target.connection_id
        if connection_id is None or _from_page(request):
            return management.FORBIDDEN
        refusal = self._managing.refusal(target, connection_id, request)
        if refusal is not None:
            return self.refuse(request, refusal)
        if self.faults.is_on:
            return self._fault_injection.manage(connection_id, request)
        return self.manage(connection_id, request)

    def refuse(self, request: Request, response: Response) -> Response:
        """Answer before a function or a connection was asked, and record it."""
        return self._record.refusal(request, response)

    def manage(self, connection_id: str, request: Request) -> Answer:
        """A call of @connections for a connection of any node, by a caller who may."""
        return self._managing.manage(connection_id, request)

    def may_have(self, connection_id: str) -> bool:
        """Whether a connection lives, as far as this node knows."""
        return self._managing.may_have(connection_id)

    def has_socket(self, connection_id: str) -> bool:
        return connection_id in self._sockets

    def manage_here(self, connection_id: str, request: Request) -> Response:
        """A call of @connections for a connection of this node, by a caller who may."""
        return self._managing.manage_here(connection_id, request)


# A page of any site can make a browser send a POST here. It sends an Origin then; SDKs never do.
_NOT_FOR_PAGES = responses.aws_error(
    HTTPStatus.FORBIDDEN, "AccessDeniedException", "This API is not for web pages"
)


def _from_page(request: Request) -> bool:
    return "origin" in request.fields


def _place(api: WebSocketApi, plan: Plan, settings: Settings) -> Place:
    return Place(
        api.api_id, api.stage, settings.address, plan.region, plan.account, api.stage_variables
    )


def _authorization(plan: Plan, settings: Settings) -> Authorization:
    return Authorization(settings.known, plan.region, is_strict=settings.iam, log=settings.log)


def _limiter(plan: Plan, settings: Settings) -> Limiter | None:
    if settings.quotas is None:
        return None
    apis: list[WebSocketApi | HttpApi] = [*plan.websockets, *([plan.http] if plan.http else [])]
    stages = {quotas.scope(api): (api.routes, api.throttles) for api in apis}
    return Limiter(settings.quotas, stages, share=settings.share)
