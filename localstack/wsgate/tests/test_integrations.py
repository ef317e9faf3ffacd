"""Integrations that are no proxy of a function, case by case.

docs/aws-behaviour.md §6, §7.7-§7.15.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gateways import TIMEOUT, Machine, raised, websocket_api, without_notes
from wsgate.core.actions import Accept, Action, Enqueue, Fetch, Invoke, Note, Refuse, SendText
from wsgate.core.integrations import HttpAnswer, HttpRequest
from wsgate.model.events import Address, Handshake
from wsgate.model.invoke import Invocation
from wsgate.model.limits import Limits
from wsgate.model.plan import (
    Conversion,
    CustomFunctionIntegration,
    Endpoint,
    FunctionIntegration,
    HttpIntegration,
    HttpProxyIntegration,
    Integration,
    IntegrationResponse,
    MockIntegration,
    Models,
    Passthrough,
    Route,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

URI = "https://backend.example/things"
ANY = IntegrationResponse("$default", None, {})


def custom(
    *responses: IntegrationResponse,
    templates: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    **more: Any,
) -> CustomFunctionIntegration:
    return CustomFunctionIntegration(
        None,
        templates or {},
        responses,
        TIMEOUT,
        function="work",
        parameters=parameters or {},
        **more,
    )


def proxy(uri: str = URI, method: str = "POST", **more: Any) -> HttpProxyIntegration:
    return HttpProxyIntegration(Endpoint(uri, method, **more), TIMEOUT)


def http(
    *responses: IntegrationResponse, templates: Mapping[str, str] | None = None, **more: Any
) -> HttpIntegration:
    return HttpIntegration(
        None, templates or {}, responses, TIMEOUT, endpoint=Endpoint(URI, "POST", **more)
    )


def machine(
    integration: Integration, *, key: str = "go", two_way: bool = True, **more: Any
) -> Machine:
    route = Route(key, integration, two_way, **more)
    return Machine(replace(websocket_api({}, stage_variables={"v": "1"}), routes={key: route}))


def asked(gateway: Machine, text: str = '{"action":"go"}') -> tuple[str, Action]:
    connection_id = gateway.connected()
    [action] = gateway.say(connection_id, text)
    return connection_id, action


def request_of(action: Action) -> HttpRequest:
    assert isinstance(action, Fetch)
    return action.request


def text_of(actions: list[Action]) -> str:
    [action] = actions
    assert isinstance(action, SendText)
    return action.text


def message_of(actions: list[Action]) -> str:
    message: str = json.loads(text_of(actions))["message"]
    return message


def fetched(
    gateway: Machine, fetch: Action, status: int, body: str | bytes = "", **headers: str
) -> list[Action]:
    assert isinstance(fetch, Fetch)
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    content = body.encode() if isinstance(body, str) else body
    answer = HttpAnswer(status, pairs, content)
    return without_notes(gateway.gateway.fetched(fetch.call, answer, gateway.now))


def unreachable(gateway: Machine, fetch: Action) -> list[Action]:
    assert isinstance(fetch, Fetch)
    return without_notes(gateway.gateway.unreachable(fetch.call, "connection refused", gateway.now))


def timed_out(gateway: Machine, fetch: Action) -> list[Action]:
    assert isinstance(fetch, Fetch)
    return without_notes(gateway.gateway.timed_out(fetch.call, gateway.now))


class TestCustomFunction:
    def test_without_a_template_the_message_is_the_event(self) -> None:
        gateway = machine(custom(ANY))
        _, action = asked(gateway)
        assert isinstance(action, Invoke)
        assert (action.function, action.event) == ("work", b'{"action":"go"}')

    def test_the_request_template_makes_the_event(self) -> None:
        template = (
            '{"who":"$context.connectionId","body":$input.json(\'$.x\'),"v":"$stageVariables.v"}'
        )
        gateway = machine(custom(ANY, templates={"$default": template}))
        connection_id, action = asked(gateway, '{"action":"go","x":[1]}')
        assert isinstance(action, Invoke)
        assert json.loads(action.event) == {"who": connection_id, "body": [1], "v": "1"}

    def test_what_it_returned_is_the_frame(self) -> None:
        gateway = machine(custom(ANY))
        _, action = asked(gateway)
        assert text_of(gateway.answer(action, {"any": "thing"})) == '{"any": "thing"}'

    def test_one_way_says_nothing(self) -> None:
        gateway = machine(custom(ANY), two_way=False)
        _, action = asked(gateway)
        assert gateway.answer(action, {"any": "thing"}) == []

    def test_the_response_template_sees_what_it_returned(self) -> None:
        response = IntegrationResponse(
            "$default", None, {"$default": "$input.path('$.n')/$context.status/$context.routeKey"}
        )
        gateway = machine(custom(response))
        _, action = asked(gateway)
        assert text_of(gateway.answer(action, {"n": 7})) == "7/200/go"

    def test_a_failure_is_for_the_pattern_of_its_message(self) -> None:
        bad = IntegrationResponse("/Bad.*/", None, {"$default": "$input.path('$.errorMessage')!"})
        other = IntegrationResponse("$default", None, {"$default": "other"})
        gateway = machine(custom(bad, other))
        for message, text in (("Bad thing", "Bad thing!"), ("so Bad", "other")):
            _, action = asked(gateway)
            assert text_of(gateway.end(action, raised(message))) == text

    def test_a_pattern_is_not_for_a_success(self) -> None:
        pattern = IntegrationResponse("/.*/", None, {"$default": "failed"})
        gateway = machine(custom(pattern, ANY))
        _, action = asked(gateway)
        assert text_of(gateway.answer(action, 1)) == "1"

    def test_a_failure_that_nothing_takes_is_an_error(self) -> None:
        gateway = machine(custom(IntegrationResponse("/x/", None, {})), two_way=False)
        _, action = asked(gateway)
        assert message_of(gateway.end(action, raised("boom"))) == "Internal server error"

    def test_without_an_integration_response_one_way_is_silent_and_two_way_an_error(self) -> None:
        for two_way in (False, True):
            gateway = machine(custom(), two_way=two_way)
            _, action = asked(gateway)
            actions = gateway.answer(action, 1)
            assert actions == [] if not two_way else message_of(actions) == "Internal server error"

    @pytest.mark.parametrize("text", ["no json", "[1,", '{"a":NaN, }'])
    def test_an_event_that_is_no_json_is_an_error(self, text: str) -> None:
        gateway = machine(custom(ANY), key="$default")
        connection_id = gateway.connected()
        assert message_of(gateway.say(connection_id, text)) == "Internal server error"

    def test_a_function_that_may_not_be_invoked_is_an_error(self) -> None:
        gateway = machine(custom(ANY), permitted=False)
        connection_id = gateway.connected()
        assert message_of(gateway.say(connection_id, '{"action":"go"}')) == "Internal server error"

    def test_a_time_out_is_the_one_of_every_integration(self) -> None:
        gateway = machine(custom(ANY))
        _, action = asked(gateway)
        assert message_of(gateway.time_out(action)) == "Endpoint request timed out"

    def test_a_reply_larger_than_a_message_is_an_error(self) -> None:
        gateway = machine(custom(ANY))
        _, action = asked(gateway)
        large = "x" * (Limits().message_bytes + 1)
        assert message_of(gateway.answer(action, large)) == "Internal server error"

    @pytest.mark.parametrize(
        ("passthrough", "templates", "passes"),
        [
            (Passthrough.WHEN_NO_MATCH, {"a": "1", "b": "2"}, True),
            (Passthrough.WHEN_NO_TEMPLATES, {"a": "1", "b": "2"}, False),
            (Passthrough.WHEN_NO_TEMPLATES, {}, True),
            (Passthrough.NEVER, {}, False),
            (Passthrough.NEVER, {"$default": '{"action":"go"}'}, True),
        ],
    )
    def test_what_may_pass_without_a_template(
        self, passthrough: Passthrough, templates: dict[str, str], passes: bool
    ) -> None:
        gateway = machine(custom(ANY, templates=templates, passthrough=passthrough))
        connection_id = gateway.connected()
        [action] = gateway.say(connection_id, '{"action":"go"}')
        if passes:
            assert isinstance(action, Invoke)
            assert action.event == b'{"action":"go"}'
        else:
            assert message_of([action]) == "Internal server error"

    def test_an_asynchronous_invocation_is_answered_at_once(self) -> None:
        asynchronously = {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
        response = IntegrationResponse("$default", None, {"$default": "$context.status"})
        gateway = machine(custom(response, parameters=asynchronously))
        connection_id = gateway.connected()
        [event, reply] = gateway.say(connection_id, '{"action":"go"}')
        assert event == Enqueue("work", b'{"action":"go"}')
        assert text_of([reply]) == "202"

    def test_a_template_that_does_too_much_is_an_error(self) -> None:
        template = "#foreach($i in [1..1000])#foreach($j in [1..1000])$input.body#end#end"
        gateway = machine(custom(ANY, templates={"$default": template}))
        connection_id = gateway.connected()
        text = json.dumps({"action": "go", "x": "x" * 10_000})
        assert message_of(gateway.say(connection_id, text)) == "Internal server error"

    def test_a_response_template_that_does_too_much_is_an_error(self) -> None:
        template = "#foreach($i in [1..1000])#foreach($j in [1..1000])$input.body#end#end"
        gateway = machine(custom(IntegrationResponse("$default", None, {"$default": template})))
        _, action = asked(gateway)
        assert message_of(gateway.answer(action, "x" * 10_000)) == "Internal server error"


def test_a_mocks_reply_larger_than_a_message_is_an_error() -> None:
    large = "#foreach($i in [1..1000])$input.body#end"
    response = IntegrationResponse("$default", None, {"$default": large})
    mock = MockIntegration(None, {"$default": '{"statusCode":200}'}, (response,), TIMEOUT)
    gateway = machine(mock)
    text = json.dumps({"action": "go", "x": "x" * 200})
    assert message_of(gateway.say(gateway.connected(), text)) == "Internal server error"


class TestCustomConnect:
    def connecting(
        self, *responses: IntegrationResponse, **more: Any
    ) -> tuple[Machine, str, Action]:
        gateway = machine(custom(*responses, **more), key="$connect")
        connection_id, [action] = gateway.handshake("ticket=t", User_Agent="me")
        return gateway, connection_id, action

    def test_success_opens_and_a_failure_is_502(self) -> None:
        gateway, connection_id, action = self.connecting(ANY)
        assert isinstance(action, Invoke)
        assert action.event == b"{}"
        assert gateway.answer(action, None) == [Accept(connection_id, None)]
        gateway, connection_id, action = self.connecting(ANY)
        assert gateway.end(action, raised("boom")) == [Refuse(connection_id, 502)]

    def test_its_template_sees_the_query_and_the_headers(self) -> None:
        template = '{"t":"$input.params(\'ticket\')","a":"$input.params(\'user-agent\')"}'
        _, _, action = self.connecting(ANY, templates={"$default": template})
        assert isinstance(action, Invoke)
        assert json.loads(action.event) == {"t": "t", "a": "me"}

    @pytest.mark.parametrize(
        "source",
        ["'chat2'", "integration.response.body.p[0]", "route.request.querystring.ticket"],
    )
    def test_the_subprotocol_comes_from_a_response_parameter(self, source: str) -> None:
        parameters = {"route.response.header.Sec-WebSocket-Protocol": source}
        response = IntegrationResponse("$default", None, {}, parameters)
        gateway, connection_id, action = self.connecting(response)
        protocol = "t" if "ticket" in source else "chat2"
        assert gateway.answer(action, {"p": ["chat2"]}) == [Accept(connection_id, protocol)]

    def test_a_mock_has_response_parameters_too(self) -> None:
        parameters = {"route.response.header.Sec-WebSocket-Protocol": "'chat2'"}
        mock = MockIntegration(
            None,
            {"$default": "{\"statusCode\": #if($input.params('ticket') == 't')200#{else}403#end}"},
            (IntegrationResponse("$default", None, {}, parameters),),
            TIMEOUT,
        )
        gateway = machine(mock, key="$connect")
        connection_id, actions = gateway.handshake("ticket=t")
        assert actions == [Accept(connection_id, "chat2")]
        connection_id, actions = gateway.handshake("ticket=other")
        assert actions == [Refuse(connection_id, 403)]

    def test_disconnect_gets_its_template_and_its_answer_is_ignored(self) -> None:
        template = '{"code":$context.disconnectStatusCode,"type":"$context.eventType"}'
        gateway = machine(custom(ANY, templates={"$default": template}), key="$disconnect")
        connection_id = gateway.connected()
        [action] = gateway.closed(connection_id, (1001, ""))
        assert isinstance(action, Invoke)
        assert json.loads(action.event) == {"code": 1001, "type": "DISCONNECT"}
        assert gateway.end(action, raised("boom")) == []


class TestHttp:
    def test_a_proxy_hands_the_message_over(self) -> None:
        gateway = machine(proxy())
        _, action = asked(gateway)
        headers = (
            ("Content-Type", "application/json"),
            ("User-Agent", "AmazonAPIGateway_a1b2c3d4e5"),
            ("x-amzn-apigateway-api-id", "a1b2c3d4e5"),
        )
        assert request_of(action) == HttpRequest("POST", URI, headers, b'{"action":"go"}')

    @pytest.mark.parametrize("status", [200, 302, 404, 500])
    def test_a_proxys_answer_is_the_frame_whatever_its_status(self, status: int) -> None:
        gateway = machine(proxy())
        _, action = asked(gateway)
        assert text_of(fetched(gateway, action, status, "so")) == "so"

    def test_one_way_says_nothing(self) -> None:
        gateway = machine(proxy(), two_way=False)
        _, action = asked(gateway)
        assert fetched(gateway, action, 500, "so") == []

    def test_templates_on_the_way_there_and_back(self) -> None:
        responses = (
            IntegrationResponse(
                r"/2\d\d/",
                "${integration.response.statuscode}-${integration.response.header.X-Kind}",
                {"201-new": "made $input.path('$.id')", "$default": "fine"},
            ),
            IntegrationResponse("/4../", "${request.body.action}", {"go": "bad ($context.status)"}),
            IntegrationResponse("$default", None, {}),
        )
        gateway = machine(http(*responses, templates={"$default": "{\"q\":$input.json('$.q')}"}))
        cases = [
            (201, "made 7", {"x_kind": "new"}),
            (200, "fine", {}),
            (404, "bad (404)", {}),
            (500, '{"id":7}', {}),
        ]
        for status, text, headers in cases:
            _, action = asked(gateway, '{"action":"go","q":[1]}')
            assert request_of(action).body == b'{"q":[1]}'
            assert text_of(fetched(gateway, action, status, '{"id":7}', **headers)) == text

    def test_a_status_that_nothing_takes_is_an_error(self) -> None:
        gateway = machine(http(IntegrationResponse("/200/", None, {})))
        _, action = asked(gateway)
        assert message_of(fetched(gateway, action, 404, "")) == "Internal server error"

    def test_an_unreachable_endpoint_is_an_error_and_a_time_out_is_named(self) -> None:
        gateway = machine(proxy(), two_way=False)
        _, action = asked(gateway)
        assert message_of(unreachable(gateway, action)) == "Internal server error"
        assert message_of(timed_out(gateway, action)) == "Endpoint request timed out"

    def test_values_are_mapped_into_headers_query_and_path(self) -> None:
        parameters = {
            "integration.request.header.connectionId": "context.connectionId",
            "integration.request.header.content-type": "'text/plain'",
            "integration.request.header.none": "route.request.body.none",
            "integration.request.querystring.v": "stageVariables.v",
            "integration.request.querystring.who": "route.request.body.who.name",
            "integration.request.path.id": "route.request.body.id",
        }
        gateway = machine(proxy("https://1.example/{id}/x?a=b", parameters=parameters))
        body = {"action": "go", "id": "../7", "who": {"name": "Ann & Bo"}}
        connection_id, action = asked(gateway, json.dumps(body))
        request = request_of(action)
        assert request.url == "https://1.example/..%2F7/x?a=b&v=1&who=Ann+%26+Bo"
        headers = dict(request.headers)
        assert headers["connectionId"] == connection_id
        assert headers["content-type"] == "text/plain"
        assert not headers.keys() & {"none", "Content-Type"}

    def test_a_header_with_a_line_break_is_an_error(self) -> None:
        parameters = {"integration.request.header.X": "route.request.body.x"}
        gateway = machine(proxy(parameters=parameters))
        connection_id = gateway.connected()
        text = json.dumps({"action": "go", "x": "a\r\nX-Evil: 1"})
        assert message_of(gateway.say(connection_id, text)) == "Internal server error"

    def test_get_has_no_body(self) -> None:
        _, action = asked(machine(proxy(method="GET")))
        assert request_of(action).body == b""

    def test_any_is_post(self) -> None:
        _, action = asked(machine(proxy(method="ANY")))
        assert request_of(action).method == "POST"

    @pytest.mark.parametrize("uri", ["ftp://x/", "x", "http://", "http:// a/"])
    def test_a_uri_that_is_no_address_is_refused_at_the_start(self, uri: str) -> None:
        with pytest.raises(ValueError, match="is no http"):
            machine(proxy(uri))


class TestConversion:
    BYTES = b"\xff\x00"
    BASE64 = base64.b64encode(BYTES).decode()

    def test_text_stays_text_and_bytes_become_base64(self) -> None:
        gateway = machine(proxy(conversion=Conversion.TO_TEXT))
        for body, text in ((b"plain", "plain"), (self.BYTES, self.BASE64)):
            _, action = asked(gateway)
            assert text_of(fetched(gateway, action, 200, body)) == text

    def test_unset_leaves_bytes_and_what_is_no_text_is_replaced(self) -> None:
        gateway = machine(proxy())
        _, action = asked(gateway)
        assert text_of(fetched(gateway, action, 200, b"a\xff")) == "a\ufffd"

    def test_what_an_integration_says_holds_for_responses_that_say_nothing(self) -> None:
        gateway = machine(http(ANY, conversion=Conversion.TO_TEXT))
        _, action = asked(gateway)
        assert text_of(fetched(gateway, action, 200, self.BYTES)) == self.BASE64

    def test_a_proxys_answer_to_bytes_is_left_alone(self) -> None:
        gateway = machine(proxy(conversion=Conversion.TO_BINARY), key="$default")
        connection_id = gateway.connected()
        [action] = gateway.say(connection_id, self.BASE64)
        assert request_of(action).body == self.BYTES
        assert text_of(fetched(gateway, action, 200, "plain")) == "plain"

    def test_base64_goes_to_the_endpoint_as_bytes(self) -> None:
        gateway = machine(http(ANY, conversion=Conversion.TO_BINARY), key="$default")
        connection_id = gateway.connected()
        [action] = gateway.say(connection_id, self.BASE64)
        assert request_of(action).body == self.BYTES
        assert message_of(gateway.say(connection_id, "no base64!")) == "Internal server error"

    def test_base64_comes_from_a_function_as_text(self) -> None:
        response = IntegrationResponse("$default", None, {}, {}, Conversion.TO_BINARY)
        gateway = machine(custom(response))
        _, action = asked(gateway)
        encoded = Invocation(base64.b64encode(b"hello"))
        assert text_of(gateway.end(action, encoded)) == "hello"


class TestHttpConnect:
    def connecting(
        self, integration: Integration, query: str = "a=1&a=2"
    ) -> tuple[Machine, str, Action]:
        gateway = machine(integration, key="$connect")
        connection_id, [action] = gateway.handshake(
            query, Sec_WebSocket_Version="13", Connection="Upgrade", Upgrade="websocket"
        )
        return gateway, connection_id, action

    def test_the_handshakes_headers_and_query_are_handed_on(self) -> None:
        _, _, action = self.connecting(proxy(method="GET"))
        request = request_of(action)
        assert request.url == f"{URI}?a=1&a=2"
        names = [name for name, _ in request.headers]
        assert "Sec-WebSocket-Version" in names
        assert not {"Host", "Connection", "Upgrade"} & set(names)
        assert dict(request.headers)["User-Agent"] == "AmazonAPIGateway_a1b2c3d4e5"

    def test_names_are_small_where_every_integration_gets_them_so(self) -> None:
        gateway = machine(proxy(), key="$connect")
        headers = (("X-Color", "red"),)
        handshake = Handshake(headers, "", "203.0.113.7", address=Address(lower_case=True))
        _, [action] = gateway.gateway.handshake(handshake, gateway.now)
        assert ("x-color", "red") in request_of(action).headers

    def test_a_mapped_header_takes_the_place_of_the_clients(self) -> None:
        parameters = {"integration.request.header.Sec-WebSocket-Version": "'0'"}
        _, _, action = self.connecting(proxy(parameters=parameters))
        headers = request_of(action).headers
        assert [value for name, value in headers if name == "Sec-WebSocket-Version"] == ["0"]

    def test_multi_values_are_mapped(self) -> None:
        parameters = {
            "integration.request.header.X": "route.request.multivaluequerystring.a",
            "integration.request.querystring.b": "route.request.header.sec-websocket-version",
        }
        _, _, action = self.connecting(http(ANY, parameters=parameters))
        request = request_of(action)
        assert [value for name, value in request.headers if name == "X"] == ["1", "2"]
        assert request.url == f"{URI}?b=13"

    @pytest.mark.parametrize("integration", [proxy(), http(ANY)])
    @pytest.mark.parametrize("status", [200, 204])
    def test_success_opens(self, integration: Integration, status: int) -> None:
        gateway, connection_id, action = self.connecting(integration)
        assert fetched(gateway, action, status) == [Accept(connection_id, None)]

    @pytest.mark.parametrize(("status", "seen"), [(302, 302), (401, 401), (503, 503), (999, 502)])
    def test_another_status_goes_through(self, status: int, seen: int) -> None:
        gateway, connection_id, action = self.connecting(proxy())
        assert fetched(gateway, action, status) == [Refuse(connection_id, seen)]

    def test_a_proxys_answer_brings_the_subprotocol(self) -> None:
        gateway, connection_id, action = self.connecting(proxy())
        actions = fetched(gateway, action, 200, sec_websocket_protocol="chat2")
        assert actions == [Accept(connection_id, "chat2")]

    def test_another_integration_maps_it(self) -> None:
        parameters = {
            "route.response.header.Sec-WebSocket-Protocol": "integration.response.header.X-Chosen"
        }
        response = IntegrationResponse("$default", None, {}, parameters)
        gateway, connection_id, action = self.connecting(http(response))
        assert fetched(gateway, action, 200, x_chosen="chat2") == [Accept(connection_id, "chat2")]

    def test_an_unreachable_endpoint_and_a_time_out_are_504(self) -> None:
        gateway, connection_id, action = self.connecting(proxy())
        assert unreachable(gateway, action) == [Refuse(connection_id, 504)]
        gateway, connection_id, action = self.connecting(proxy())
        assert timed_out(gateway, action) == [Refuse(connection_id, 504)]


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "tags": {"type": "array", "uniqueItems": True}},
    "required": ["n"],
}
FUNCTION = FunctionIntegration("work", TIMEOUT)


class TestModels:
    def checked(
        self, schemas: Mapping[str, Any], selection: str = "m", text: str = ""
    ) -> list[Action]:
        gateway = machine(FUNCTION, key="$default", models=Models(selection, schemas))
        return gateway.say(gateway.connected(), text)

    def test_what_fits_goes_on(self) -> None:
        [action] = self.checked({"m": SCHEMA}, text='{"n":1}')
        assert isinstance(action, Invoke)

    def test_what_does_not_fit_is_told_to_the_byte(self) -> None:
        gateway = machine(FUNCTION, key="$default", models=Models("m", {"m": SCHEMA}))
        connection_id = gateway.connected()
        text = text_of(gateway.say(connection_id, '{"n":"1"}'))
        message_id = json.loads(text)["messageId"]
        assert text == (
            f'{{"message" : "Bad request body", "connectionId": "{connection_id}", '
            f'"messageId": "{message_id}"}}'
        )
        assert message_id[-4:] == connection_id[-4:]
        [action] = gateway.say(connection_id, '{"n":1}')
        assert isinstance(action, Invoke)

    @pytest.mark.parametrize("text", ["", "no json", "null", "[]", "{}", '{"n":1.5}', '{"n":true}'])
    def test_what_does_not_fit(self, text: str) -> None:
        assert message_of(self.checked({"m": SCHEMA}, text=text)) == "Bad request body"

    def test_the_message_selects_its_model(self) -> None:
        schemas = {"a": {"required": ["x"]}, "b": {"required": ["y"]}}
        fits = {"a": '{"kind":"a","x":1}', "b": '{"kind":"b","y":1}'}
        for text in fits.values():
            [action] = self.checked(schemas, "$request.body.kind", text)
            assert isinstance(action, Invoke)
        for text in ('{"kind":"a","y":1}', '{"kind":"c","x":1,"y":1}', '{"x":1}'):
            actions = self.checked(schemas, "$request.body.kind", text)
            assert message_of(actions) == "Bad request body"

    def test_default_stands_in_for_a_model_that_is_not_there(self) -> None:
        [action] = self.checked({"$default": {}}, "${request.body.kind}", '{"kind":"c"}')
        assert isinstance(action, Invoke)

    @pytest.mark.parametrize(
        ("text", "fits"),
        [
            ('{"n":1,"tags":[1,2,{"a":1}]}', True),
            ('{"n":1,"tags":[1,1.0]}', False),
            ('{"n":1,"tags":[{"a":1,"b":2},{"b":2,"a":1}]}', False),
            ('{"n":1,"tags":[1,true,"1"]}', True),
        ],
    )
    def test_unique_items(self, text: str, fits: bool) -> None:
        [action] = self.checked({"m": SCHEMA}, text=text)
        assert isinstance(action, Invoke) is fits

    def test_no_message_keeps_a_model_busy(self) -> None:
        deep = {"anyOf": [{"properties": {"a": {"$ref": "#"}, "b": {"const": 1}}, "not": {}}] * 2}
        text = '{"a":' * 200 + "{}" + "}" * 200
        assert message_of(self.checked({"m": deep}, text=text)) == "Bad request body"
        many = json.dumps({"n": 1, "tags": [{"i": i} for i in range(10_000)]})
        [action] = self.checked({"m": SCHEMA}, text=many)
        assert isinstance(action, Invoke)

    @pytest.mark.parametrize(
        ("schema", "words"),
        [
            ({"type": "thing"}, "no JSON schema"),
            ({"$ref": "https://example.org/x.json"}, "not in it"),
            ({"$ref": "#/definitions/none"}, "not in it"),
            ({"description": "x" * 33_000}, "characters"),
        ],
    )
    def test_what_is_no_model_is_refused_at_the_start(self, schema: Any, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            machine(FUNCTION, models=Models("m", {"m": schema}))

    def test_what_a_client_wrote_stays_printable_in_the_log(self) -> None:
        schema = {"additionalProperties": {"type": "integer"}}
        gateway = machine(FUNCTION, key="$default", models=Models("m", {"m": schema}))
        text = json.dumps({"a\x1b[2J\nforged": "\x1b"})
        [_, note] = gateway.gateway.message(gateway.connected(), text, gateway.now)
        assert isinstance(note, Note)
        assert note.outcome.isprintable()

    def test_a_mock_is_checked_too(self) -> None:
        mock = MockIntegration(None, {"$default": '{"statusCode":200}'}, (ANY,), TIMEOUT)
        gateway = machine(mock, models=Models("m", {"m": SCHEMA}))
        assert message_of(gateway.say(gateway.connected(), '{"action":"go"}')) == "Bad request body"


class TestRequiredParameters:
    @pytest.mark.parametrize(
        ("query", "headers", "opens"),
        [
            ("t=1", {"X_Need": "1"}, True),
            ("t=", {"x_need": ""}, True),
            ("T=1", {"X_Need": "1"}, False),
            ("t=1", {}, False),
        ],
    )
    def test_a_handshake_without_one_is_400(
        self, query: str, headers: dict[str, str], opens: bool
    ) -> None:
        required = ("route.request.querystring.t", "route.request.header.x-need")
        gateway = machine(FUNCTION, key="$connect", required_parameters=required)
        connection_id, [action] = gateway.handshake(query, **headers)
        assert isinstance(action, Invoke) if opens else action == Refuse(connection_id, 400)
