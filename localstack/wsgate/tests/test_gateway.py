"""The state machine, case by case; the numbers are sections and cases of docs/aws-behaviour.md."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from gateways import (
    HOUR,
    MINUTE,
    PONG,
    SECOND,
    T0,
    Event,
    Machine,
    allow,
    event_of,
    frame_of,
    function,
    raised,
    websocket_api,
)
from wsgate.core.actions import Accept, Close, Drop, Invoke, Note, Posted, Refuse, SendText
from wsgate.model.invoke import Invocation, InvokeError
from wsgate.model.limits import Limits
from wsgate.model.plan import Integration, IntegrationResponse, MockIntegration

FULL: dict[str, Integration] = {
    "$connect": function("connect"),
    "$disconnect": function("disconnect"),
    "hello": function("hello"),
    "tell": function("tell"),
    "ping": PONG,
}


def machine(**changes: Any) -> Machine:
    return Machine(websocket_api(FULL, two_way={"hello", "ping"}, **changes))


class TestHandshake:
    def test_without_a_connect_route_every_upgrade_is_accepted(self) -> None:
        connection_id, actions = Machine(websocket_api({})).handshake()
        assert actions == [Accept(connection_id, None)]

    def test_nothing_is_promised_before_connect_has_answered(self) -> None:
        _, actions = machine().handshake()
        assert [type(action) for action in actions] == [Invoke]

    @pytest.mark.parametrize("status", [200, 201, 299])
    def test_success_opens(self, status: int) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        assert gateway.answer(connect, {"statusCode": status}) == [Accept(connection_id, None)]

    @pytest.mark.parametrize("status", [300, 301, 400, 401, 403, 501, 599])
    def test_another_status_goes_through(self, status: int) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        assert gateway.answer(connect, {"statusCode": status}) == [Refuse(connection_id, status)]

    @pytest.mark.parametrize(
        "answer", [None, {}, "ok", [], {"statusCode": "ok"}, {"statusCode": 101}, {"statusCode": 0}]
    )
    def test_a_malformed_answer_is_502(self, answer: Any) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        assert gateway.answer(connect, answer) == [Refuse(connection_id, 502)]

    def test_an_exception_is_502(self) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        assert gateway.end(connect, raised("boom")) == [Refuse(connection_id, 502)]

    def test_a_time_out_is_504(self) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        assert gateway.time_out(connect) == [Refuse(connection_id, 504)]

    def test_a_function_that_cannot_be_invoked_is_500(self) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        assert gateway.fail(connect) == [Refuse(connection_id, 500)]

    @pytest.mark.parametrize("kind", ["headers", "multiValueHeaders"])
    def test_the_subprotocol_comes_from_the_answers_header_only(self, kind: str) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake(Sec_WebSocket_Protocol="chat1,chat2")
        value: Any = "chat2" if kind == "headers" else ["chat1", "chat2"]
        answer = {"statusCode": 200, kind: {"Sec-WebSocket-Protocol": value}}
        assert gateway.answer(connect, answer) == [Accept(connection_id, "chat2")]

    def test_a_subprotocol_that_is_no_header_value_is_502(self) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        answer = {"statusCode": 200, "headers": {"sec-websocket-protocol": "a\r\nX-Evil: 1"}}
        assert gateway.answer(connect, answer) == [Refuse(connection_id, 502)]

    def test_a_refused_handshake_is_never_disconnected(self) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        gateway.answer(connect, {"statusCode": 401})
        assert gateway.closed(connection_id) == []

    def test_an_abandoned_handshake_that_was_accepted_is_disconnected(self) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        assert gateway.closed(connection_id) == []
        [disconnect] = gateway.answer(connect, {"statusCode": 200})
        assert event_of(disconnect)["requestContext"]["disconnectStatusCode"] == 1006

    def test_an_abandoned_handshake_that_was_refused_is_over(self) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        gateway.closed(connection_id)
        assert gateway.answer(connect, {"statusCode": 401}) == [Refuse(connection_id, 401)]
        assert len(gateway.gateway) == 0

    @pytest.mark.parametrize(
        ("status", "expected"), [(200, None), (299, None), (403, 403), (101, 500), (1000, 500)]
    )
    def test_a_mock_connect_answers_with_its_status(
        self, status: int, expected: int | None
    ) -> None:
        mock = MockIntegration(
            None,
            {"$default": json.dumps({"statusCode": status})},
            (IntegrationResponse("$default", None, {}),),
            timedelta(seconds=1),
        )
        connection_id, [action] = Machine(websocket_api({"$connect": mock})).handshake()
        assert action == (
            Accept(connection_id, None) if expected is None else Refuse(connection_id, expected)
        )


class TestAuthorizer:
    SOURCES = ("route.request.querystring.ticket",)

    def guarded(self) -> Machine:
        return machine(sources=self.SOURCES)

    @pytest.mark.parametrize("query", ["", "ticket=", "other=1"])
    def test_a_missing_identity_source_is_401_without_an_authorizer_call(self, query: str) -> None:
        connection_id, actions = self.guarded().handshake(query)
        assert actions == [Refuse(connection_id, 401)]

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            (raised("Unauthorized"), 401),
            (raised("Unauthorized."), 500),
            (raised("boom"), 500),
            (Invocation(b'{"isAuthorized": true}'), 500),
            (Invocation(b"null"), 500),
        ],
    )
    def test_what_is_no_policy(self, answer: Invocation, status: int) -> None:
        gateway = self.guarded()
        connection_id, [authorize] = gateway.handshake("ticket=t")
        assert gateway.end(authorize, answer) == [Refuse(connection_id, status)]

    def test_a_time_out_and_a_failure_are_500(self) -> None:
        gateway = self.guarded()
        connection_id, [authorize] = gateway.handshake("ticket=t")
        assert gateway.time_out(authorize) == [Refuse(connection_id, 500)]
        connection_id, [authorize] = gateway.handshake("ticket=t")
        assert gateway.fail(authorize) == [Refuse(connection_id, 500)]

    def test_an_allow_for_another_api_is_403(self) -> None:
        gateway = self.guarded()
        connection_id, [authorize] = gateway.handshake("ticket=t")
        answer = allow(resource="arn:aws:execute-api:eu-west-1:000000000000:another/*")
        assert gateway.answer(authorize, answer) == [Refuse(connection_id, 403)]

    def test_its_context_reaches_every_later_event_and_its_latency_connect_alone(self) -> None:
        gateway = self.guarded()
        connection_id, [authorize] = gateway.handshake("ticket=t")
        gateway.now += 21
        [connect] = gateway.answer(authorize, allow({"user": "ann", "age": 7, "staff": True}))
        gateway.answer(connect, {"statusCode": 200})
        [message] = gateway.say(connection_id, '{"action":"hello"}')
        [disconnect] = gateway.closed(connection_id)
        context = {"user": "ann", "age": "7", "staff": "true", "principalId": "ann"}
        seen = [
            event_of(call)["requestContext"]["authorizer"]
            for call in (connect, message, disconnect)
        ]
        assert seen == [{**context, "integrationLatency": 21}, context, context]
        assert list(seen[0])[-1] == "integrationLatency"

    def test_it_is_asked_with_the_connection_id_that_connect_sees(self) -> None:
        gateway = self.guarded()
        connection_id, [authorize] = gateway.handshake("ticket=t")
        [connect] = gateway.answer(authorize, allow())
        seen = [event_of(call)["requestContext"]["connectionId"] for call in (authorize, connect)]
        assert seen == [connection_id, connection_id]

    def test_a_client_that_gave_up_is_not_connected(self) -> None:
        gateway = self.guarded()
        connection_id, [authorize] = gateway.handshake("ticket=t")
        gateway.closed(connection_id)
        assert gateway.answer(authorize, allow()) == []


class TestRoutes:
    @pytest.mark.parametrize(
        ("text", "route"),
        [
            ('{"action":"hello"}', "hello"),
            ('{"action":"Hello"}', "$default"),
            ('{"action":"unknown"}', "$default"),
            ('{"action":null}', "$default"),
            ('{"action":"$connect"}', "$default"),
            ('{"action":"$disconnect"}', "$default"),
            ("{}", "$default"),
            ('["hello"]', "$default"),
            ('"hello"', "$default"),
            ("hello", "$default"),
            ("", "$default"),
            ('{"action":NaN}', "$default"),
            ("[" * 100_000, "$default"),
        ],
    )
    def test_by_the_body(self, text: str, route: str) -> None:
        gateway = Machine(websocket_api({**FULL, "$default": function("default")}))
        [call] = gateway.say(gateway.connected(), text)
        event = event_of(call)
        assert (event["requestContext"]["routeKey"], event["body"]) == (route, text)

    @pytest.mark.parametrize(
        ("expression", "text", "route"),
        [
            ("$request.body.service.do", '{"service":{"do":"hello"}}', "hello"),
            ("${request.body.a}-${request.body.b}", '{"a":"x","b":5}', "x-5"),
            ("${request.body.a}-${request.body.b}", '{"a":"join"}', "join-"),
            ("$request.body.list", '{"list":["a","b"]}', "[a, b]"),
            ("hello", "whatever", "hello"),
            (r"\$default", '{"action":"hello"}', "$default"),
        ],
    )
    def test_by_other_expressions(self, expression: str, text: str, route: str) -> None:
        keys = ("hello", "x-5", "join-", "[a, b]", "$default")
        api = websocket_api(dict.fromkeys(keys, function("any")), selection=expression)
        gateway = Machine(api)
        [call] = gateway.say(gateway.connected(), text)
        assert event_of(call)["requestContext"]["routeKey"] == route

    def test_no_route_at_all_is_the_forbidden_frame_to_the_byte(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        [frame] = gateway.say(connection_id, "{}")
        request_id = frame_of(frame)["requestId"]
        assert frame == SendText(
            connection_id,
            f'{{"message": "Forbidden", "connectionId":"{connection_id}", '
            f'"requestId":"{request_id}"}}',
        )

    def test_two_messages_are_two_calls_at_once(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        first, second = (gateway.say(connection_id, '{"action":"hello"}')[0] for _ in "12")
        assert gateway.answer(second, {"statusCode": 200, "body": "2"}) == [
            SendText(connection_id, "2")
        ]
        assert gateway.answer(first, {"statusCode": 200, "body": "1"}) == [
            SendText(connection_id, "1")
        ]


class TestReplies:
    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            ({"statusCode": 200, "body": "hi"}, "hi"),
            ({"statusCode": 500, "body": "hi"}, "hi"),
            ({"statusCode": 200}, ""),
            ({"statusCode": 200, "body": None}, ""),
            ({"statusCode": "200", "body": "hi"}, "hi"),
            ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}, "hi"),
        ],
    )
    def test_a_two_way_route_sends_the_body(self, answer: Event, text: str) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        [call] = gateway.say(connection_id, '{"action":"hello"}')
        assert gateway.answer(call, answer) == [SendText(connection_id, text)]

    @pytest.mark.parametrize("status", [200, 301, 401, 501])
    def test_a_one_way_route_is_silent_whatever_the_status(self, status: int) -> None:
        gateway = machine()
        [call] = gateway.say(gateway.connected(), '{"action":"tell"}')
        assert gateway.answer(call, {"statusCode": status, "body": "unheard"}) == []

    @pytest.mark.parametrize("route", ["hello", "tell"])
    @pytest.mark.parametrize(
        "answer",
        [
            None,
            "text",
            {},
            {"body": "no status"},
            {"statusCode": 200, "body": {"not": "text"}},
            {"statusCode": 200, "surprise": 1},
            {"statusCode": 200, "headers": ["x"]},
        ],
    )
    def test_a_malformed_answer_is_an_error_frame(self, route: str, answer: Any) -> None:
        gateway = machine()
        [call] = gateway.say(gateway.connected(), json.dumps({"action": route}))
        assert frame_of(gateway.answer(call, answer)[0])["message"] == "Internal server error"

    @pytest.mark.parametrize("route", ["hello", "tell"])
    def test_an_exception_is_the_error_frame_to_the_byte(self, route: str) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        [call] = gateway.say(connection_id, json.dumps({"action": route}))
        request_id = event_of(call)["requestContext"]["requestId"]
        assert gateway.end(call, raised("boom")) == [
            SendText(
                connection_id,
                f'{{"message": "Internal server error", "connectionId":"{connection_id}", '
                f'"requestId":"{request_id}"}}',
            )
        ]

    @pytest.mark.parametrize("route", ["hello", "tell"])
    def test_a_time_out_is_a_frame_and_the_late_answer_is_dropped(self, route: str) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        [call] = gateway.say(connection_id, json.dumps({"action": route}))
        [frame] = gateway.time_out(call)
        assert frame_of(frame)["message"] == "Endpoint request timed out"

    def test_a_function_that_cannot_be_invoked_is_an_error_frame(self) -> None:
        gateway = machine()
        [call] = gateway.say(gateway.connected(), '{"action":"tell"}')
        assert frame_of(gateway.fail(call)[0])["message"] == "Internal server error"

    @pytest.mark.parametrize(("size", "is_error"), [(131_072, False), (131_073, True)])
    def test_a_reply_has_the_size_of_a_message_at_most(self, size: int, is_error: bool) -> None:
        gateway = machine()
        [call] = gateway.say(gateway.connected(), '{"action":"hello"}')
        [sent] = gateway.answer(call, {"statusCode": 200, "body": "x" * size})
        assert isinstance(sent, SendText)
        assert ("Internal server error" in sent.text) is is_error

    def test_a_reply_to_a_connection_that_left_is_dropped(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        [call] = gateway.say(connection_id, '{"action":"hello"}')
        gateway.closed(connection_id)
        assert gateway.answer(call, {"statusCode": 200, "body": "hi"}) == []
        assert gateway.end(call, raised("boom")) == []

    def test_a_mock_answers_without_a_function(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        gateway.now = T0 + 5
        pong = SendText(connection_id, f'{{"type":"pong","at":{T0 + 5}}}')
        assert gateway.say(connection_id, '{"action":"ping"}') == [pong]

    def test_a_one_way_mock_is_silent(self) -> None:
        gateway = Machine(websocket_api({"ping": PONG}))
        assert gateway.say(gateway.connected(), '{"action":"ping"}') == []

    def test_a_mock_whose_templates_lead_nowhere_is_an_error_frame(self) -> None:
        mock = MockIntegration(None, {"$default": "{}"}, (), timedelta(seconds=1))
        gateway = Machine(websocket_api({"ping": mock}, two_way={"ping"}))
        [frame] = gateway.say(gateway.connected(), '{"action":"ping"}')
        assert frame_of(frame)["message"] == "Internal server error"


class TestEnds:
    @pytest.mark.parametrize(
        ("ending", "code", "reason"),
        [
            ((1005, ""), 1005, "Client-side close frame status not set"),
            ((1001, ""), 1001, ""),
            ((1000, ""), 1000, ""),
            ((4000, "bye"), 4000, "bye"),
            (None, 1006, ""),
        ],
    )
    def test_what_disconnect_is_told_when_the_client_closes(
        self, ending: tuple[int, str] | None, code: int, reason: str
    ) -> None:
        gateway = machine()
        [call] = gateway.closed(gateway.connected(), ending)
        context = event_of(call)["requestContext"]
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (code, reason)

    def test_the_same_socket_ends_once(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        assert len(gateway.closed(connection_id)) == 1
        assert gateway.closed(connection_id) == []

    def test_without_a_disconnect_route_nothing_runs(self) -> None:
        gateway = Machine(websocket_api({}))
        assert gateway.closed(gateway.connected()) == []

    @pytest.mark.parametrize("outcome", ["answer", "fail", "time_out"])
    def test_how_disconnect_ends_changes_nothing(self, outcome: str) -> None:
        gateway = machine()
        [call] = gateway.closed(gateway.connected())
        endings = {"answer": lambda: gateway.answer(call, None), "fail": lambda: gateway.fail(call)}
        assert endings.get(outcome, lambda: gateway.time_out(call))() == []

    def test_a_binary_frame_closes_with_1003_and_the_event_says_so(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        assert gateway.gateway.binary(connection_id, T0) == [Close(connection_id, 1003, "")]
        [call] = gateway.closed(connection_id, (1003, ""))
        assert event_of(call)["requestContext"]["disconnectStatusCode"] == 1003

    def test_what_is_not_utf8_closes_with_1007(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        assert gateway.gateway.not_utf8(connection_id, T0) == [Close(connection_id, 1007, "")]

    def test_a_frame_too_large_is_told_to_disconnect(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        gateway.gateway.broken(connection_id, (1009, "too large"), T0)
        [call] = gateway.closed(connection_id)
        assert event_of(call)["requestContext"]["disconnectStatusCode"] == 1009

    def test_a_connection_that_is_closing_hears_and_says_nothing(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        gateway.gateway.delete(connection_id, T0)
        assert gateway.say(connection_id, '{"action":"hello"}') == []
        assert gateway.gateway.delete(connection_id, T0) is None
        assert gateway.gateway.binary(connection_id, T0) == []

    def test_delete_closes_with_1000_and_the_event_has_the_reason(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        normally = Close(connection_id, 1000, "Connection Closed Normally")
        assert gateway.gateway.delete(connection_id, T0) == [normally]
        [call] = gateway.closed(connection_id, (1000, ""))
        assert event_of(call)["requestContext"]["disconnectReason"] == "Connection Closed Normally"

    def test_shutting_down_tells_every_open_connection_once(self) -> None:
        gateway = machine()
        opened = gateway.connected()
        gateway.handshake()
        assert gateway.gateway.shut_down(T0) == [Close(opened, 1001, "Going away")]
        assert gateway.gateway.shut_down(T0) == []


class TestTime:
    IDLE = 10 * MINUTE

    def test_idle_for_ten_minutes_closes(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        assert gateway.tick(T0 + self.IDLE - 1) == []
        assert gateway.tick(T0 + self.IDLE) == [Close(connection_id, 1001, "Going away")]
        assert gateway.tick(T0 + self.IDLE + 1) == []

    def test_idle_is_told_to_disconnect(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        gateway.tick(T0 + self.IDLE)
        [call] = gateway.closed(connection_id, (1005, ""))
        context = event_of(call)["requestContext"]
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (
            1001,
            "Going away",
        )

    @pytest.mark.parametrize("direction", ["message", "reply", "post", "error frame"])
    def test_data_in_either_direction_starts_the_ten_minutes_again(self, direction: str) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        [call] = gateway.say(connection_id, '{"action":"hello"}')
        gateway.now = T0 + 9 * MINUTE
        if direction == "message":
            gateway.say(connection_id, '{"action":"tell"}')
        elif direction == "reply":
            gateway.answer(call, {"statusCode": 200, "body": "hi"})
        elif direction == "post":
            gateway.gateway.post(connection_id, "hi", gateway.now)
        else:
            gateway.time_out(call)
        assert gateway.tick(T0 + 9 * MINUTE + self.IDLE - 1) == []
        assert len(gateway.tick(T0 + 9 * MINUTE + self.IDLE)) == 1

    def test_two_hours_are_the_end_of_a_busy_connection_too(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        for at in range(T0, T0 + 2 * HOUR, 5 * MINUTE):
            assert gateway.tick(at) == []
            gateway.say(connection_id, '{"action":"tell"}')
        assert gateway.tick(T0 + 2 * HOUR - 1) == []
        assert gateway.tick(T0 + 2 * HOUR) == [Close(connection_id, 1001, "Going away")]

    def test_the_ten_minutes_begin_when_the_connection_opens(self) -> None:
        gateway = machine()
        connection_id, [connect] = gateway.handshake()
        gateway.now = T0 + 20 * SECOND
        gateway.answer(connect, {"statusCode": 200})
        assert gateway.tick(T0 + self.IDLE) == []
        assert gateway.tick(T0 + self.IDLE + 20 * SECOND) == [
            Close(connection_id, 1001, "Going away")
        ]

    def test_a_peer_that_does_not_answer_our_close_is_dropped(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        gateway.gateway.delete(connection_id, T0)
        assert gateway.tick(T0 + 5 * SECOND - 1) == []
        assert gateway.tick(T0 + 5 * SECOND) == [Drop(connection_id)]

    def test_a_client_that_reads_nothing_is_dropped(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        gateway.gateway.full(connection_id, T0)
        assert gateway.tick(T0 + 30 * SECOND - 1) == []
        assert gateway.tick(T0 + 30 * SECOND) == [Drop(connection_id)]

    def test_a_client_that_reads_again_stays(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        gateway.gateway.full(connection_id, T0)
        gateway.gateway.drained(connection_id)
        assert gateway.tick(T0 + 31 * SECOND) == []

    def test_a_scaled_clock_ends_sooner(self) -> None:
        limits = Limits(idle=timedelta(milliseconds=50), life=timedelta(milliseconds=80))
        gateway = Machine(websocket_api({}), limits)
        connection_id = gateway.connected()
        assert gateway.tick(T0 + 49) == []
        gateway.say(connection_id, "{}")
        assert gateway.tick(T0 + 79) == []
        assert gateway.tick(T0 + 80) == [Close(connection_id, 1001, "Going away")]


class TestManagement:
    def test_a_post_is_sent(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        sent = (Posted.SENT, [SendText(connection_id, "hi")])
        assert gateway.gateway.post(connection_id, "hi", T0) == sent

    def test_inside_its_own_connect_a_connection_is_gone(self) -> None:
        gateway = machine()
        connection_id, _ = gateway.handshake()
        assert gateway.gateway.post(connection_id, "hi", T0) == (Posted.GONE, [])
        assert gateway.gateway.find(connection_id) is None
        assert gateway.gateway.delete(connection_id, T0) is None

    def test_after_it_closed_a_connection_is_gone(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        gateway.closed(connection_id)
        assert gateway.gateway.post(connection_id, "hi", T0) == (Posted.GONE, [])

    def test_a_client_that_reads_nothing_takes_no_post(self) -> None:
        gateway = machine()
        connection_id = gateway.connected()
        gateway.gateway.full(connection_id, T0)
        assert gateway.gateway.post(connection_id, "hi", T0) == (Posted.FULL, [])

    def test_what_is_told_of_an_unknown_connection_is_ignored(self) -> None:
        gateway = machine().gateway
        gateway.full("unknown", T0)
        gateway.drained("unknown")
        gateway.broken("unknown", (1009, ""), T0)
        assert len(gateway) == 0


def test_the_log_names_route_outcome_and_time() -> None:
    gateway = machine()
    connection_id = gateway.connected()
    [call] = gateway.say(connection_id, '{"action":"hello"}')
    assert isinstance(call, Invoke)
    answer = Invocation(b'{"statusCode": 200}', cold=True)
    [_, note] = gateway.gateway.answered(call.call, answer, T0 + 7)
    assert isinstance(note, Note)
    assert (note.route, note.connection_id, note.outcome) == ("hello", connection_id, "200")
    assert (note.elapsed, note.cold, note.error) == (7, True, "")
    assert note.request_id == json.loads(call.event)["requestContext"]["requestId"]


def failing(gateway: Machine, answer: Invocation | InvokeError | TimeoutError) -> Note:
    """How a message ends whose function ends so."""
    [call] = gateway.say(gateway.connected(), '{"action":"hello"}')
    assert isinstance(call, Invoke)
    if isinstance(answer, Invocation):
        actions = gateway.gateway.answered(call.call, answer, T0)
    elif isinstance(answer, InvokeError):
        actions = gateway.gateway.failed(call.call, str(answer), T0)
    else:
        actions = gateway.gateway.timed_out(call.call, T0)
    (note,) = (action for action in actions if isinstance(action, Note))
    return note


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Invocation(b'{"statusCode": 200}'), ""),
        (Invocation(b"{}", "Unhandled"), "IntegrationError"),
        (InvokeError(404, "ResourceNotFoundException", "gone"), "ExecutionError"),
        (TimeoutError(), "IntegrationError"),
    ],
)
def test_what_went_wrong_is_told_as_api_gateway_counts_it(
    answer: Invocation | InvokeError | TimeoutError, error: str
) -> None:
    note = failing(machine(), answer)
    assert note.error == error
    assert note.api


def test_an_unknown_identity_source_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="identity source"):
        machine(sources=("$request.header.Auth",))
