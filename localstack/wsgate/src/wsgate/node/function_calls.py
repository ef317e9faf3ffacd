"""Functions that plain HTTP calls: by the routes of an HTTP API, or by Lambda's Invoke API."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from wsgate.apis import http_api, lambda_api
from wsgate.apis.authorization import INVOKE_FUNCTION
from wsgate.apis.lambda_api import InvocationType
from wsgate.core import quotas
from wsgate.model import events
from wsgate.model.invoke import Ending, Invocation, InvokeError
from wsgate.model.plan import FailingIntegration

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.apis.authorization import Authorization
    from wsgate.core.quotas import Limiter
    from wsgate.model.ids import Ids, Millis
    from wsgate.model.plan import Plan
    from wsgate.node.background import Background
    from wsgate.node.invocations import Invocations
    from wsgate.node.record import Record
    from wsgate.transport.responses import Request, Response


class QueueingPeers(Protocol):
    """The parent of several nodes, which has the queue of asynchronous events."""

    async def queue(self, function: str, payload: bytes) -> bool:
        """Run a function without waiting for it; False if there is no room for the event."""
        ...


class FunctionCalls:
    """Runs a function for a request, and answers with what it returned."""

    def __init__(  # noqa: PLR0913 what a call has to do with
        self,
        plan: Plan,
        address: str,
        ids: Ids,
        *,
        authorization: Authorization,
        limiter: Limiter | None,
        invocations: Invocations,
        background: Background,
        peers: QueueingPeers | None,
        record: Record,
        now: Callable[[], Millis],
    ) -> None:
        """`address` is host and port, as clients write them."""
        self._plan, self._ids, self._record, self._now = plan, ids, record, now
        self._authorization, self._limiter = authorization, limiter
        self._invocations, self._background, self._peers = invocations, background, peers
        self._scope = quotas.scope(plan.http) if plan.http else ""
        self._site, self._routes = _site(plan, address), plan.http and http_api.Routes(plan.http)

    async def http_api(self, request: Request) -> Response:
        now = self._now()
        match = self._routes and self._routes.match(request.method, request.path)
        route = match.route_key if match else None
        if self._limiter is not None and not self._limiter.request(self._scope, route, now):
            return self._record.refusal(request, http_api.TOO_MANY_REQUESTS, self._site.api_id)
        if not match:
            return http_api.NOT_FOUND
        integration = match.integration
        if isinstance(integration, FailingIntegration):
            return self._record.refusal(request, http_api.FAILED, self._site.api_id)
        content = http_api.event(self._site, match, request, self._ids, now)
        event, request_id = events.encode(content), content["requestContext"]["requestId"]
        ending = await self._invocations.run(integration.function, event, integration.timeout)
        response = _http_response(ending)
        cold = ending.cold if isinstance(ending, Invocation) else None
        ids = {"request_id": request_id, "api": self._site.api_id}
        self._record.log_request(request, response, now, cold, **ids)
        called = integration.function
        self._record.keep(request, response, now, function=called, event=event, answer=ending)
        return response

    async def invoke(self, name: str, request: Request) -> Response:
        now = self._now()
        try:
            order = lambda_api.parse(name, request)
            response = self._authorization.refusal(
                request, INVOKE_FUNCTION, lambda_api.arn(order, self._plan), now
            ) or await self._order(order)
        except lambda_api.OrderError as error:
            response = error.response
        self._record.log_request(request, response, now)
        answer, event = response.body, request.body
        self._record.keep(request, response, now, function=name, event=event, answer=answer)
        return response

    async def _order(self, order: lambda_api.Order) -> Response:
        match order.type:
            case InvocationType.DRY_RUN:
                return lambda_api.accepted(order.type)
            case InvocationType.EVENT:
                is_taken = await self.queue(order.function, order.payload)
                return lambda_api.accepted(order.type) if is_taken else lambda_api.overloaded()
        ending = await self._invocations.run(order.function, order.payload, None)
        if isinstance(ending, Invocation):
            return lambda_api.response(ending)
        return lambda_api.failure(_as_invoke_error(ending))

    async def queue(self, function: str, payload: bytes) -> bool:
        if self._peers is not None:
            return await self._peers.queue(function, payload)
        return self._background.accept(function, payload)


def _site(plan: Plan, address: str) -> http_api.Site:
    api_id, stage = (plan.http.api_id, plan.http.stage) if plan.http else ("", "$default")
    port = int(address.rpartition(":")[2])
    return http_api.Site(api_id, stage, address, plan.account, "http", port)


def _http_response(ending: Ending) -> Response:
    if isinstance(ending, Invocation):
        return http_api.response(ending)
    return http_api.FAILED if isinstance(ending, InvokeError) else http_api.TIMED_OUT


def _as_invoke_error(ending: InvokeError | TimeoutError) -> InvokeError:
    if isinstance(ending, InvokeError):
        return ending
    return InvokeError(HTTPStatus.GATEWAY_TIMEOUT, "ServiceException", "timed out")
