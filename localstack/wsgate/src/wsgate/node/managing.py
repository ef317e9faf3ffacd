"""@connections on a node: checked here, answered here or by the node that has the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wsgate.apis import management
from wsgate.apis.authorization import MANAGE
from wsgate.apis.paths import Management
from wsgate.model.events import HERE
from wsgate.model.ids import CONNECTION_ID, node_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from wsgate.apis.authorization import Authorization
    from wsgate.apis.paths import Addresses
    from wsgate.core.actions import Action
    from wsgate.core.gateway import Gateway
    from wsgate.core.quotas import Limiter
    from wsgate.model.ids import Millis
    from wsgate.model.plan import Plan
    from wsgate.node.record import Record
    from wsgate.transport.responses import Request, Response


class ManagingPeers(Protocol):
    """The other nodes behind the same port, each with connections of its own."""

    def manage(self, node: int, connection_id: str, request: Request) -> Awaitable[Response]:
        """Return what the node that has the connection answers to a call of @connections."""
        ...


class ManagingNode(Protocol):
    """The node whose connections are managed."""

    @property
    def gateway(self) -> Gateway: ...
    def has_socket(self, connection_id: str) -> bool: ...
    def now(self) -> Millis: ...
    def perform(self, actions: list[Action]) -> None: ...


class Managing:
    """Calls of @connections, from the check of the caller to the answer."""

    def __init__(  # noqa: PLR0913 what a call has to do with
        self,
        node: ManagingNode,
        plan: Plan,
        addresses: Addresses,
        *,
        authorization: Authorization,
        limiter: Limiter | None,
        record: Record,
        index: int,
        peers: ManagingPeers | None,
    ) -> None:
        """`index` is this node's place among its peers."""
        self._node, self._plan, self._addresses = node, plan, addresses
        self._authorization, self._limiter, self._record = authorization, limiter, record
        self._index, self._peers = index, peers

    def refusal(self, target: Management, connection_id: str, request: Request) -> Response | None:
        """What AWS answers to a caller who may not do this now; None lets the request through."""
        now, stage = self._node.now(), self._plan.websockets[target.address.stage]
        arn = management.arn(stage, self._plan, request.method, connection_id)
        refusal = self._authorization.refusal(request, MANAGE, arn, now)
        if refusal is None and self._limiter is not None and not self._limiter.management(now):
            return management.LIMIT_EXCEEDED
        return refusal

    def manage(self, connection_id: str, request: Request) -> Response | Awaitable[Response]:
        """A call of @connections for a connection of whichever node, by a caller who may."""
        if self._peers is not None and CONNECTION_ID.fullmatch(connection_id):
            owner = node_of(connection_id)
            if owner != self._index:
                return self._peers.manage(owner, connection_id, request)
        return self.manage_here(connection_id, request)

    def may_have(self, connection_id: str) -> bool:
        """Whether a connection lives, as far as is known here: another node would have to say."""
        if self._peers is None or not CONNECTION_ID.fullmatch(connection_id):
            return self._node.gateway.find(connection_id) is not None
        return node_of(connection_id) != self._index or self._node.has_socket(connection_id)

    def manage_here(self, connection_id: str, request: Request) -> Response:
        """A call of @connections for a connection of this node, by a caller who may."""
        target, now = self._addresses.classify(request.path, request.host), self._node.now()
        index = target.address.stage if isinstance(target, Management) else HERE.stage
        response, actions = management.answer(
            self._node.gateway, connection_id, request, now, self._plan.websockets[index]
        )
        self._record.log_request(request, response, now)
        pushed = request.body if request.method == "POST" else None
        self._record.keep(request, response, now, connection_id=connection_id, pushed=pushed)
        self._node.perform(actions)
        return response
