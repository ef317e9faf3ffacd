"""A gateway node: its sockets, and what `gateway.py` decides about them, carried out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from functools import cached_property, partial
from http import HTTPStatus
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, Protocol

from wsgate.apis import faults_api, http_api, lambda_api, management, paths
from wsgate.apis.authorization import INVOKE_FUNCTION, MANAGE, Authorization
from wsgate.apis.lambda_api import InvocationType
from wsgate.apis.paths import Addresses, Closed, InvokeFunction, Management, NoMethod
from wsgate.console.api import Console
from wsgate.console.journal import Journal, Other, Witness
from wsgate.console.state import NodeConsoleState
from wsgate.core import actions, quotas
from wsgate.core.actions import Accept, Action, Close, Drop, Refuse, Step
from wsgate.core.gateway import Gateway
from wsgate.core.integrations import HttpAnswer
from wsgate.core.quotas import Limiter
from wsgate.core.stage import Stage
from wsgate.logs import EventLine, RequestLine, as_text
from wsgate.model import events
from wsgate.model.events import HERE, Handshake, Place
from wsgate.model.ids import CONNECTION_ID, Ids, Millis, node_of
from wsgate.model.invoke import Ending, Invocation, InvokeError, Invoker
from wsgate.node.background import Background
from wsgate.node.fault_injection import FaultInjection, SlowInvoker
from wsgate.node.invocations import Invocations
from wsgate.transport import responses
from wsgate.transport.fetch import Fetched, FetchError
from wsgate.transport.frames import Protocols
from wsgate.transport.responses import Request, Response
from wsgate.transport.tls import server_context
from wsgate.transport.websocket import Socket, Upgrade

if TYPE_CHECKING:
    import ssl
    from datetime import timedelta

    from wsgate.model.plan import HttpApi, Plan, WebSocketApi
    from wsgate.node.settings import Settings
    from wsgate.transport.http_protocol import HttpProtocol

Answer = Response | Coroutine[Any, Any, Response]

FORBIDDEN = responses.message(HTTPStatus.FORBIDDEN, "Forbidden")
UPGRADE_REQUIRED = responses.message(HTTPStatus.UPGRADE_REQUIRED, "Upgrade Required")
URL_CHARACTERS = 4096  # APIGW.md §1.3
# GUESS: which status a longer one gets.
URL_TOO_LONG = responses.message(HTTPStatus.REQUEST_URI_TOO_LONG, "URI Too Long")


class Peers(Protocol):
    """The other nodes behind the same port."""

    async def manage(self, node: int, connection_id: str, request: Request) -> Response:
        """What the node that has the connection answers to a call of @connections."""
        ...

    async def queue(self, function: str, payload: bytes) -> bool:
        """Let a function run for nobody; False if there is no room for the event."""
        ...


class Node:
    """Everything behind one port."""

    def __init__(
        self, plan: Plan, invoker: Invoker, settings: Settings, peers: Peers | None = None
    ) -> None:
        """Raises ValueError, with a sentence, for what the plan asks and this gateway cannot do."""
        self.limits, self._log = settings.limits, settings.log
        self.tell, self.address = settings.lines or as_text(settings.log), settings.address
        self._log_events = settings.log_events
        # Not a secret, and asking the system for each id takes as long as all else about it.
        self._ids = Ids(Random(SystemRandom().getrandbits(128)), settings.index)  # noqa: S311
        self._index, self._peers = settings.index, peers
        self._limiter = _limiter(plan, settings)
        self._scope = quotas.scope(plan.http) if plan.http else ""
        stages = [Stage(api, _place(api, plan, settings)) for api in plan.websockets]
        self.gateway = Gateway(stages, self._ids, settings.limits, settings.known, self._limiter)
        self._addresses, self._plan = Addresses(plan.websockets), plan
        self._authorization = Authorization(
            settings.known, plan.region, is_strict=settings.iam, log=settings.log
        )
        self._told = set[str]()
        self.faults, self._fault_injection = settings.faults, FaultInjection(self, settings.faults)
        self.invocations = Invocations(SlowInvoker(invoker, settings.faults), settings.log)
        self.clients: set[HttpProtocol] = set()
        self.protocols = Protocols(settings.limits, compression=settings.compression)
        self._sockets: dict[str, Socket] = {}
        self._pages = settings.pages
        self._site, self._routes = _site(plan, settings), plan.http and http_api.Routes(plan.http)
        self._background = Background(
            self.invocations, plan.event_policies, settings.limits, settings.log
        )
        self._queueing = set[asyncio.Future[None]]()
        self._certificate = settings.certificate
        self._empty: asyncio.Event | None = None
        self.journal = Journal() if settings.console else None
        self.console_state: NodeConsoleState | None = None
        self.console: Console | None = None
        if self.journal is not None:
            self.console_state = NodeConsoleState(self, plan, self.journal, self.now())
            self.console = Console(self.console_state, settings.address)

    # HTTP.

    def answer(self, request: Request) -> Answer:
        """A plain request: answered at once, or by a coroutine when a function must run."""
        if request.path == faults_api.PATH:
            return faults_api.answer(self.faults, request)
        return self._as_aws(request)

    def _as_aws(self, request: Request) -> Answer:
        match self._addresses.classify(request.path, request.host):
            case paths.Stage():
                return UPGRADE_REQUIRED  # APIGW.md §1.5
            case Management() as target:
                return self._manage(target, request)
            case NoMethod(route):
                return management.no_method(request.method, route)
            case Closed(reason):
                return self._closed(reason)
            case InvokeFunction(name):
                return _NOT_FOR_PAGES if _from_page(request) else self._invoke_api(name, request)
        return self._elsewhere(request)

    def _elsewhere(self, request: Request) -> Answer:
        if self.console is not None and self.console.owns(request.path):
            return self.console.answer(request)
        page = self._pages.answer(request) if self._pages else None
        return page or self._http_api(request)

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """What speaks TLS on the same port; made when the first client does."""
        certificate = self._certificate
        return None if certificate is None else server_context(certificate)

    def body_limit(self, path: str) -> int:
        is_management = paths.is_management(path)
        return self.limits.message_bytes if is_management else self.limits.http_body_bytes

    def _closed(self, reason: str) -> Response:
        """The reason is told once: a client of WebSocket hears a status only (APIGW.md §1.9)."""
        if reason not in self._told:
            self._told.add(reason)
            self._log(f"403: {reason}")
        return FORBIDDEN

    # Sockets.

    def upgrade(self, request: Request) -> Upgrade | Response:
        """What becomes of an upgrade request before anybody is asked (APIGW.md §1.4)."""
        if request.url_characters > URL_CHARACTERS:
            return URL_TOO_LONG
        target = self._addresses.classify(request.path, request.host)
        if isinstance(target, Closed):
            return self._closed(target.reason)
        if not isinstance(target, paths.Stage):
            return FORBIDDEN
        upgrade = Upgrade(*self.protocols.greet(request))
        return upgrade.refusal or upgrade

    def handshake(self, socket: Socket, request: Request) -> None:
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

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000

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
        """Die as a process that is killed: whoever is connected is lost, no $disconnect tells."""
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
        """Something happened that nobody decided in `gateway`: into the journal and the log."""
        if self.journal is not None:
            self.journal.decided([note], self.now())
        self.perform([note])

    def perform(self, actions: list[Action]) -> None:
        for action in actions:
            self._perform(action)

    def _perform(self, action: Action) -> None:
        # By class, in the order of how often: patterns with captures take three times as long.
        if isinstance(action, actions.SendText):
            socket = self._sockets.get(action.connection_id)
            if socket is not None:
                socket.send(action.text)
        elif isinstance(action, actions.Note):
            if self._log_events:
                self._log_note(action)
        elif isinstance(action, actions.Invoke):
            self._invoke(action)
        elif isinstance(action, actions.Fetch):
            self.invocations.fetch(action.request, action.timeout, self._done(action))
        elif isinstance(action, actions.Enqueue):
            task = asyncio.ensure_future(self._enqueue(action))
            self._queueing.add(task)
            task.add_done_callback(self._queueing.discard)
        else:
            self._perform_rare(action)

    def _perform_rare(self, action: Accept | Refuse | Close | Drop) -> None:
        """The socket may have gone since the action was decided."""
        socket = self._sockets.get(action.connection_id)
        match action:
            case _ if socket is None:
                pass
            case Accept(connection_id, _) if self._is_lost(connection_id):
                socket.drop()
            case Accept(_, subprotocol):
                socket.accept(subprotocol)
            case Refuse(_, status):
                socket.refuse(status)
            case Close(_, code, reason):
                socket.close(code, reason)
            case Drop():
                socket.drop()

    def _is_lost(self, connection_id: str) -> bool:
        return self.faults.is_on and self._fault_injection.loses_client(connection_id)

    def _invoke(self, action: actions.Invoke) -> None:
        done = self._done(action)
        if self.faults.is_on:
            self._fault_injection.start(action, done)
        else:
            self.invocations.start(action.function, action.event, action.timeout, done)

    def _done(self, action: actions.Invoke | actions.Fetch) -> Callable[[Ending | Fetched], None]:
        socket = self._sockets.get(action.call.connection.id)
        if socket is not None and action.call.step is Step.MESSAGE:
            socket.invoked(1)
        return partial(self._invoked, action, socket)

    def _invoked(
        self,
        action: actions.Invoke | actions.Fetch,
        socket: Socket | None,
        ending: Ending | Fetched,
    ) -> None:
        now = self.now()
        actions = self._after(action.call, ending, now)
        if self.journal is not None:
            self.journal.ended(action, ending, actions, now)
        self.perform(actions)
        if socket is not None and action.call.step is Step.MESSAGE:
            socket.invoked(-1)

    def _after(self, call: actions.Call, ending: Ending | Fetched, now: Millis) -> list[Action]:
        match ending:
            case Invocation():
                return self.gateway.answered(call, ending, now)
            case HttpAnswer():
                return self.gateway.fetched(call, ending, now)
            case FetchError():
                return self.gateway.unreachable(call, str(ending), now)
            case InvokeError():
                return self.gateway.failed(call, f"{ending.kind}: {ending}", now)
        return self.gateway.timed_out(call, now)

    # The other APIs.

    def _manage(self, target: Management, request: Request) -> Answer:
        connection_id = target.connection_id
        if connection_id is None or _from_page(request):
            return management.FORBIDDEN
        now, stage = self.now(), self._plan.websockets[target.address.stage]
        arn = management.arn(stage, self._plan, request.method, connection_id)
        refusal = self._authorization.refusal(request, MANAGE, arn, now)
        if refusal is None and self._limiter is not None and not self._limiter.management(now):
            refusal = management.LIMIT_EXCEEDED
        if refusal is not None:
            return self.refuse(request, refusal)
        if self.faults.is_on:
            return self._fault_injection.manage(connection_id, request)
        return self.manage(connection_id, request)

    def refuse(self, request: Request, response: Response) -> Response:
        """Answer before anybody was asked, and say so in the log."""
        now = self.now()
        self._log_request(request, response, now)
        self._keep(request, response, now, answer=response.body)
        return response

    def manage(self, connection_id: str, request: Request) -> Answer:
        """A call of @connections for a connection of whichever node, by a caller who may."""
        if self._peers is not None and CONNECTION_ID.fullmatch(connection_id):
            owner = node_of(connection_id)
            if owner != self._index:
                return self._peers.manage(owner, connection_id, request)
        return self.manage_here(connection_id, request)

    def may_have(self, connection_id: str) -> bool:
        """Whether a connection lives, as far as is known here: another node would have to say."""
        if self._peers is None or not CONNECTION_ID.fullmatch(connection_id):
            return self.gateway.find(connection_id) is not None
        return node_of(connection_id) != self._index or connection_id in self._sockets

    def manage_here(self, connection_id: str, request: Request) -> Response:
        """A call of @connections for a connection of this node, by a caller who may."""
        target, now = self._addresses.classify(request.path, request.host), self.now()
        index = target.address.stage if isinstance(target, Management) else HERE.stage
        response, actions = management.answer(
            self.gateway, connection_id, request, now, self._plan.websockets[index]
        )
        self._log_request(request, response, now)
        pushed = request.body if request.method == "POST" else None
        self._keep(request, response, now, connection_id=connection_id, pushed=pushed)
        self.perform(actions)
        return response

    async def _http_api(self, request: Request) -> Response:
        now = self.now()
        match = self._routes and self._routes.match(request.method, request.path)
        route = match.route_key if match else None
        if self._limiter is not None and not self._limiter.request(self._scope, route, now):
            return self.refuse(request, http_api.TOO_MANY_REQUESTS)
        if not match:
            return http_api.NOT_FOUND
        event = events.encode(http_api.event(self._site, match, request, self._ids, now))
        integration = match.integration
        ending = await self.invocations.run(integration.function, event, integration.timeout)
        response = _http_response(ending)
        cold = ending.cold if isinstance(ending, Invocation) else None
        self._log_request(request, response, now, cold)
        called = integration.function
        self._keep(request, response, now, function=called, event=event, answer=ending)
        return response

    async def _invoke_api(self, name: str, request: Request) -> Response:
        now = self.now()
        try:
            order = lambda_api.parse(name, request)
            response = self._authorization.refusal(
                request, INVOKE_FUNCTION, lambda_api.arn(order, self._plan), now
            ) or await self._order(order)
        except lambda_api.OrderError as error:
            response = error.response
        self._log_request(request, response, now)
        answer, event = response.body, request.body
        self._keep(request, response, now, function=name, event=event, answer=answer)
        return response

    async def _order(self, order: lambda_api.Order) -> Response:
        match order.type:
            case InvocationType.DRY_RUN:
                return lambda_api.accepted(order.type)
            case InvocationType.EVENT:
                is_taken = await self._queue(order.function, order.payload)
                return lambda_api.accepted(order.type) if is_taken else lambda_api.overloaded()
        ending = await self.invocations.run(order.function, order.payload, None)
        if isinstance(ending, Invocation):
            return lambda_api.response(ending)
        return lambda_api.failure(_as_invoke_error(ending))

    async def _queue(self, function: str, payload: bytes) -> bool:
        if self._peers is not None:
            return await self._peers.queue(function, payload)
        return self._background.accept(function, payload)

    async def _enqueue(self, action: actions.Enqueue) -> None:
        if not await self._queue(action.function, action.event):
            self._log(f"{action.function} | asynchronous event: given up, too many wait")

    def _log_request(
        self, request: Request, response: Response, since: Millis, cold: bool | None = None
    ) -> None:
        """Never the query: it may hold a token."""
        if self._log_events:
            now, status = self.now(), int(response.status)
            path = request.path[:200]  # the parser took printable ASCII only
            self.tell(RequestLine(now, request.method, path, status, now - since, cold))

    def _log_note(self, note: actions.Note) -> None:
        id_, now = note.connection_id, self.now()
        self.tell(EventLine(now, note.route, id_, note.outcome, note.elapsed, note.cold))

    def _keep(  # noqa: PLR0913 what a request had to do with
        self,
        request: Request,
        response: Response,
        since: Millis,
        *,
        connection_id: str | None = None,
        function: str | None = None,
        event: bytes | None = None,
        answer: Ending | bytes | None = None,
        pushed: bytes | None = None,
    ) -> None:
        if self.journal is not None:
            now = self.now()
            kept = Other(
                f"{request.method} {request.path[:200]}",
                str(int(response.status)),
                elapsed=now - since,
                connection_id=connection_id,
                function=function,
                event=event,
                answer=answer,
                pushed=pushed,
            )
            self.journal.add(now, kept)


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


def _site(plan: Plan, settings: Settings) -> http_api.Site:
    api_id, stage = (plan.http.api_id, plan.http.stage) if plan.http else ("", "$default")
    port = int(settings.address.rpartition(":")[2])
    return http_api.Site(api_id, stage, settings.address, plan.account, "http", port)


def _limiter(plan: Plan, settings: Settings) -> Limiter | None:
    if settings.quotas is None:
        return None
    apis: list[WebSocketApi | HttpApi] = [*plan.websockets, *([plan.http] if plan.http else [])]
    stages = {quotas.scope(api): (api.routes, api.throttles) for api in apis}
    return Limiter(settings.quotas, stages, share=settings.share)


def _http_response(ending: Ending) -> Response:
    if isinstance(ending, Invocation):
        return http_api.response(ending)
    return http_api.FAILED if isinstance(ending, InvokeError) else http_api.TIMED_OUT


def _as_invoke_error(ending: InvokeError | TimeoutError) -> InvokeError:
    if isinstance(ending, InvokeError):
        return ending
    return InvokeError(HTTPStatus.GATEWAY_TIMEOUT, "ServiceException", "timed out")
