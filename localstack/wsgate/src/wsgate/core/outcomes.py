"""What an ending call means for its connection: a status, a frame, or a line of the log."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from wsgate.core import proxy
from wsgate.core.actions import Accept, Action, Call, Connection, Note, Phase, Refuse, Step
from wsgate.core.codes import (
    ABANDONED_HANDSHAKE_DISCONNECTS,
    AUTHORIZER_FAILED,
    CLIENT_ERROR,
    CONNECT_NOT_INVOKED,
    CONNECT_TIMED_OUT,
    CUSTOM_CONNECT_FAILED,
    ENDPOINT_UNREACHABLE,
    EXECUTION_ERROR,
    INTEGRATION_ERROR,
    INTERNAL_SERVER_ERROR,
    LARGE_REPLY,
    TIMED_OUT,
    error_frame,
    first_line,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.core.connections import Connections
    from wsgate.core.integrations import Answer
    from wsgate.model.ids import Millis

_SUCCESS = range(200, 300)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 6455, section 4.2.2


class Disconnect(Protocol):
    """Begins the `$disconnect` of a connection that has ended."""

    def __call__(self, connection: Connection, now: Millis) -> list[Action]: ...


class Outcomes:
    """Ends calls: each method takes a call and its outcome, and returns what to do."""

    __slots__ = ("_connections", "_disconnect")

    def __init__(self, connections: Connections, disconnect: Disconnect) -> None:
        """`disconnect` serves a client that gave up while its $connect ran."""
        self._connections, self._disconnect = connections, disconnect

    # Failures.

    def failed(self, call: Call, reason: str, now: Millis) -> list[Action]:
        """A function could not be invoked, or an endpoint not reached; or no template leads on."""
        reason = first_line(reason)
        match call.step:
            case Step.AUTHORIZE:
                return self.refuse(call, AUTHORIZER_FAILED, now, reason, EXECUTION_ERROR)
            case Step.CONNECT:
                return self.refuse(call, CONNECT_NOT_INVOKED, now, reason, EXECUTION_ERROR)
            case Step.MESSAGE:
                return self.complain(call, INTERNAL_SERVER_ERROR, now, reason, EXECUTION_ERROR)
        return [self.note(call, reason, now, EXECUTION_ERROR)]

    def unreachable(self, call: Call, reason: str, now: Millis) -> list[Action]:
        """An endpoint could not be reached, or its answer not be read."""
        if call.step is Step.CONNECT:
            status = ENDPOINT_UNREACHABLE
            return self.refuse(call, status, now, first_line(reason), EXECUTION_ERROR)
        return self.failed(call, reason, now)

    def timed_out(self, call: Call, now: Millis) -> list[Action]:
        """Handle a function past its integration's time-out. It runs on; its answer is lost."""
        match call.step:
            case Step.AUTHORIZE:
                return self.refuse(call, AUTHORIZER_FAILED, now, TIMED_OUT, EXECUTION_ERROR)
            case Step.CONNECT:
                return self.refuse(call, CONNECT_TIMED_OUT, now, TIMED_OUT, INTEGRATION_ERROR)
            case Step.MESSAGE:
                return self.complain(call, TIMED_OUT, now)
        return [self.note(call, TIMED_OUT, now, INTEGRATION_ERROR)]

    # Handshakes.

    def connect_answered(
        self, call: Call, status: int, headers: Mapping[str, str], now: Millis
    ) -> list[Action]:
        if status not in _SUCCESS:
            return self.refuse(call, status, now, error=INTEGRATION_ERROR)
        # The only header that reaches the client (docs/aws-behaviour.md §2.4, §2.6).
        subprotocol = headers.get("sec-websocket-protocol")
        if subprotocol is not None and not _TOKEN.fullmatch(subprotocol):
            words = "Sec-WebSocket-Protocol"
            return self.refuse(call, HTTPStatus.BAD_GATEWAY, now, words, INTEGRATION_ERROR)
        return self.accept(call, subprotocol, now)

    def accept(self, call: Call, subprotocol: str | None, now: Millis) -> list[Action]:
        connection, note = call.connection, self.note(call, "101", now)
        if connection.phase is Phase.KILLED:
            return [note]
        if connection.phase is Phase.GONE:
            abandoned = ABANDONED_HANDSHAKE_DISCONNECTS
            return [note, *(self._disconnect(connection, now) if abandoned else [])]
        connection.phase, connection.last_active_at = Phase.OPEN, now
        self._connections.watch(connection)
        return [Accept(connection.id, subprotocol), note]

    def refuse(
        self, call: Call, status: int, now: Millis, reason: str = "", error: str = CLIENT_ERROR
    ) -> list[Action]:
        """`error` is the metric that counts it."""
        connection = call.connection
        connection.phase = Phase.GONE
        self._connections.by_id.pop(connection.id, None)
        outcome = f"{int(status)} {reason}".strip()
        return [Refuse(connection.id, int(status)), self.note(call, outcome, now, error)]

    # Messages.

    def reply(self, call: Call, text: str, outcome: str, now: Millis) -> list[Action]:
        note = self.note(call, outcome, now)
        if not call.two_way or call.connection.phase is not Phase.OPEN:
            return [note]
        return [self._connections.send(call.connection, text, now), note]

    def complain(
        self,
        call: Call,
        message: str,
        now: Millis,
        reason: str = "",
        error: str = INTEGRATION_ERROR,
    ) -> list[Action]:
        """An error frame, on one-way routes too; the connection stays open. See `refuse`.

        docs/aws-behaviour.md §6.
        """
        note = self.note(call, f"{message} ({reason})" if reason else message, now, error)
        if call.connection.phase is not Phase.OPEN:
            return [note]
        frame = error_frame(message, call.connection.id, call.moment.request_id)
        return [self._connections.send(call.connection, frame, now), note]

    def is_too_large(self, text: str) -> bool:
        limit = self._connections.limits.message_bytes
        return len(text) * 4 > limit and len(text.encode(errors="replace")) > limit

    # Integrations that are no proxy of a function (docs/aws-behaviour.md §7.7-§7.14).

    def mapped_answer(self, call: Call, answer: Answer, now: Millis) -> list[Action]:
        match call.step:
            case Step.CONNECT:
                ours = answer.status if answer.status in proxy.STATUSES else HTTPStatus.BAD_GATEWAY
                status = CUSTOM_CONNECT_FAILED if answer.is_failure else ours
                return self.connect_answered(call, status, answer.headers, now)
            case Step.MESSAGE:
                return self._mapped_reply(call, answer, now)
        return [self.note(call, str(answer.status), now)]

    def _mapped_reply(self, call: Call, answer: Answer, now: Millis) -> list[Action]:
        if call.two_way and answer.text is None:
            reason = "there is no integration response"
            return self.complain(call, INTERNAL_SERVER_ERROR, now, reason)
        text = answer.text or ""
        if call.two_way and self.is_too_large(text):
            return self.complain(call, LARGE_REPLY, now, "the reply is too large")
        failed = " failed" if answer.is_failure else ""
        return self.reply(call, text, f"{answer.status}{failed}", now)

    def note(self, call: Call, outcome: str, now: Millis, error: str = "") -> Note:
        connection = call.connection
        note = Note(call.route, connection.id, outcome, now - call.since)
        note.request_id, note.api = call.moment.request_id, connection.stage.api.api_id
        note.error = error
        return note
