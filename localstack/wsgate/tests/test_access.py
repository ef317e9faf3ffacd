"""Who may connect, decided without a socket (docs/aws-behaviour.md §2.1, §3.14, §3.15, §8.7)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.credentials import Credentials

from gateways import Machine, allow, event_of, function, websocket_api
from signing import header, presigned
from wsgate.core import access
from wsgate.core.access import Denied, Principal
from wsgate.core.actions import Accept, Action, Note, Refuse
from wsgate.core.signature import Credential
from wsgate.model.events import Address, Handshake
from wsgate.model.plan import ApiKeys, WebSocketApi

ACCOUNT = "000000000000"
CONNECT = {"$connect": function("connect"), "$disconnect": function("disconnect")}
MESSAGE = {**CONNECT, "act": function("act")}
KNOWN = {"local": access.user("local", Credential("local"), ACCOUNT)}
KEYS = ApiKeys({"an-api-key": "k1k2k3k4k5"})
MANAGE = "execute-api:ManageConnections"


def knock(machine: Machine, url: str, headers: dict[str, str] | None = None) -> list[Action]:
    """A handshake of this URL; what is answered."""
    parts = urlsplit(url)
    pairs = (("Host", parts.netloc), *(headers or {}).items())
    handshake = Handshake(pairs, parts.query, "203.0.113.7", parts.path)
    return machine.gateway.handshake(handshake, machine.now)[1]


def status(actions: list[Action]) -> int | None:
    refusals = [action.status for action in actions if isinstance(action, Refuse)]
    return refusals[0] if refusals else None


class TestIam:
    """`AuthorizationType: AWS_IAM` on $connect (docs/aws-behaviour.md §3.15)."""

    url = "ws://127.0.0.1:8080/live"

    def machine(self, **known: Principal) -> Machine:
        api = replace(websocket_api(MESSAGE), iam=True)
        return Machine(api, now=int(time.time() * 1000), known=known or KNOWN)

    @pytest.mark.parametrize("url", [url, f"{url}/", f"{url}?a=1&b=%20", f"{url}/?x"])
    def test_a_signed_handshake_goes_on(self, url: str) -> None:
        [invoke, *_] = knock(self.machine(), url, header(url))
        assert event_of(invoke)["requestContext"]["routeKey"] == "$connect"

    def test_a_presigned_url_goes_on_and_is_seen_by_the_function(self) -> None:
        [invoke] = knock(self.machine(), presigned(f"{self.url}?a=1"))
        assert {"a", "X-Amz-Signature"} < event_of(invoke)["queryStringParameters"].keys()

    @pytest.mark.parametrize(
        "headers",
        [{}, {"Authorization": "Bearer x"}, header(url, Credentials("local", "wrong"))],
    )
    def test_any_other_is_403(self, headers: dict[str, str]) -> None:
        assert status(knock(self.machine(), self.url, headers)) == 403

    def test_an_expired_url_is_403(self) -> None:
        machine = self.machine()
        machine.now += 61_000
        assert status(knock(machine, presigned(self.url))) == 403

    def test_the_log_shows_nothing_that_a_terminal_would_obey(self) -> None:
        machine = self.machine()
        query = (
            presigned(self.url)
            .partition("?")[2]
            .replace("X-Amz-Credential=local", "X-Amz-Credential=%1B%0A")
        )
        handshake = Handshake((("Host", "h"),), query.replace("aws4_request", "%1B[2J"), "::1", "/")
        notes = [
            n for n in machine.gateway.handshake(handshake, machine.now)[1] if isinstance(n, Note)
        ]
        assert notes[0].outcome.isprintable()
        assert notes[0].outcome.startswith("403 Credential must have")

    def test_a_signature_for_another_path_is_403(self) -> None:
        assert status(knock(self.machine(), f"{self.url}?b=2", header(self.url))) == 403

    def test_a_key_whose_role_does_not_allow_it_is_403(self) -> None:
        role = access.function_role("worker", Credential("local"), ACCOUNT, ())
        assert status(knock(self.machine(local=role), self.url, header(self.url))) == 403

    def test_who_signed_is_in_every_event(self) -> None:
        machine = self.machine()
        headers = {**header(self.url), "User-Agent": "u"}
        [connect] = knock(machine, self.url, headers)
        [accept] = machine.answer(connect, {"statusCode": 200})
        assert isinstance(accept, Accept)
        [message] = machine.say(accept.connection_id, '{"action":"act"}')
        [gone] = machine.closed(accept.connection_id)
        identities = [
            event_of(one)["requestContext"]["identity"] for one in (connect, message, gone)
        ]
        assert identities[0] == identities[1] == identities[2]
        assert list(identities[0]) == [
            "userArn",
            "userAgent",
            "accountId",
            "caller",
            "sourceIp",
            "accessKey",
            "user",
        ]
        assert identities[0]["userArn"] == f"arn:aws:iam::{ACCOUNT}:user/local"
        assert identities[0]["accessKey"] == "local"
        assert identities[0]["caller"] == identities[0]["user"]


class TestApiKeys:
    """`ApiKeyRequired` on $connect (docs/aws-behaviour.md §3.14)."""

    def machine(self, keys: ApiKeys = KEYS, **more: Any) -> Machine:
        return Machine(replace(websocket_api(CONNECT, **more), api_keys=keys))

    def test_with_a_key_it_goes_on_and_the_events_name_it(self) -> None:
        machine = self.machine()
        _, [invoke] = machine.handshake(X_Api_Key="an-api-key")
        assert event_of(invoke)["requestContext"]["identity"] == {
            "apiKey": "an-api-key",
            "apiKeyId": "k1k2k3k4k5",
            "sourceIp": "203.0.113.7",
        }

    @pytest.mark.parametrize("headers", [{}, {"x_api_key": "another"}, {"x_api_key": ""}])
    def test_without_a_good_one_it_is_403(self, headers: dict[str, str]) -> None:
        connection_id, actions = self.machine().handshake(**headers)
        assert actions == [Refuse(connection_id, 403)]

    def test_the_authorizer_comes_first(self) -> None:
        machine = self.machine(sources=())
        connection_id, [authorize] = machine.handshake()
        assert event_of(authorize)["type"] == "REQUEST"
        assert machine.answer(authorize, allow()) == [Refuse(connection_id, 403)]

    def test_the_authorizer_may_name_it(self) -> None:
        machine = self.machine(replace(KEYS, from_authorizer=True), sources=())
        _, [authorize] = machine.handshake()
        [invoke] = machine.answer(authorize, {**allow(), "usageIdentifierKey": "an-api-key"})
        context = event_of(invoke)["requestContext"]
        assert context["identity"]["apiKeyId"] == "k1k2k3k4k5"
        assert "usageIdentifierKey" not in context["authorizer"]
        assert "integrationLatency" in context["authorizer"]

    @pytest.mark.parametrize("named", [{}, {"usageIdentifierKey": "x"}, {"usageIdentifierKey": 1}])
    def test_a_key_that_the_authorizer_does_not_name_is_403(self, named: dict[str, Any]) -> None:
        machine = self.machine(replace(KEYS, from_authorizer=True), sources=())
        connection_id, [authorize] = machine.handshake(x_api_key="an-api-key")
        answer = machine.answer(authorize, {**allow(), **named})
        assert answer == [Refuse(connection_id, 403)]

    def test_a_key_is_not_shown_by_its_repr(self) -> None:
        assert "an-api-key" not in repr(KEYS)


class TestPermissions:
    """A function that API Gateway may not invoke (docs/aws-behaviour.md §8.7)."""

    def machine(self, api: WebSocketApi, *closed: str) -> Machine:
        routes = {
            key: replace(route, permitted=key not in closed) for key, route in api.routes.items()
        }
        return Machine(replace(api, routes=routes))

    def test_connect_is_500(self) -> None:
        connection_id, actions = self.machine(websocket_api(CONNECT), "$connect").handshake()
        assert actions == [Refuse(connection_id, 500)]

    def test_a_message_is_answered_with_internal_server_error(self) -> None:
        machine = self.machine(websocket_api({"act": function("act")}), "act")
        [frame] = machine.say(machine.connected(), '{"action":"act"}')
        assert '"message": "Internal server error"' in frame.text  # type: ignore[union-attr]

    def test_disconnect_is_silent(self) -> None:
        machine = self.machine(websocket_api(CONNECT), "$disconnect")
        assert machine.closed(machine.connected()) == []

    def test_an_authorizer_is_500_and_identity_comes_before(self) -> None:
        api = websocket_api({}, sources=("route.request.querystring.t",))
        assert api.authorizer is not None
        machine = Machine(replace(api, authorizer=replace(api.authorizer, permitted=False)))
        assert status(machine.handshake("t=1")[1]) == 500
        assert status(machine.handshake()[1]) == 401


def test_an_identity_source_may_be_inside_the_context_or_added_by_the_edge() -> None:
    sources = ("context.identity.sourceIp", "context.stage", "route.request.header.X-Forwarded-For")
    machine = Machine(websocket_api({}, sources=sources))
    [authorize] = machine.handshake()[1]
    assert event_of(authorize)["type"] == "REQUEST"
    absent = Machine(websocket_api({}, sources=("context.identity.userAgent",)))
    assert status(absent.handshake()[1]) == 401


def test_a_policy_may_ask_where_the_client_is() -> None:
    condition = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    inside, outside = allow(), allow()
    inside["policyDocument"]["Statement"][0]["Condition"] = condition
    outside["policyDocument"]["Statement"][0]["Condition"] = {
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}
    }
    for answer, expected in ((inside, None), (outside, 403)):
        machine = Machine(websocket_api({}, sources=()))
        [authorize] = machine.handshake()[1]
        assert status(machine.answer(authorize, answer)) == expected


def test_the_events_say_the_domain_that_the_client_used() -> None:
    machine = Machine(websocket_api(MESSAGE))
    address = Address(0, "WS.example.com:8080")
    handshake = Handshake((("Host", "WS.example.com:8080"),), "", "203.0.113.7", "/", address)
    connection_id, [connect] = machine.gateway.handshake(handshake, machine.now)
    machine.answer(connect, {"statusCode": 200})
    [message] = machine.say(connection_id, '{"action":"act"}')
    [gone] = machine.closed(connection_id)
    for event in map(event_of, (connect, message, gone)):
        assert event["requestContext"]["domainName"] == "WS.example.com:8080"
        assert event["requestContext"]["stage"] == "live"
    assert event_of(gone)["headers"]["Host"] == "WS.example.com:8080"


def test_behind_a_key_of_several_levels_header_names_are_small() -> None:
    machine = Machine(websocket_api(CONNECT))
    pairs = (("Host", "ws.example.com"), ("X-Mine", "a"))
    handshake = Handshake(pairs, "", "203.0.113.7", "/a/b", Address(0, "ws.example.com", True))
    [connect] = machine.gateway.handshake(handshake, machine.now)[1]
    event = event_of(connect)
    assert event["headers"]["x-mine"] == "a"
    assert list(event["headers"]) == [name.lower() for name in event["headers"]]
    assert list(event["multiValueHeaders"]) == list(event["headers"])


class TestRoles:
    """What a role allows (docs/aws-behaviour.md §11.2)."""

    arn = "arn:aws:execute-api:eu-west-1:000000000000:api/live/POST/@connections/x"

    def check(self, *statements: dict[str, Any]) -> None:
        principal = access.function_role("push", Credential("s"), ACCOUNT, statements)
        access.check(principal, MANAGE, self.arn, {})

    def statement(self, effect: str = "Allow", **more: Any) -> dict[str, Any]:
        return {"Effect": effect, "Action": "execute-api:*", "Resource": "*", **more}

    def test_an_allow_that_covers_it(self) -> None:
        self.check(self.statement(Resource=["arn:aws:execute-api:*:*:api/*/@connections/*"]))

    def test_without_an_allow_it_is_denied_in_the_words_of_aws(self) -> None:
        conditional = self.statement(Condition={"ArnLike": {"aws:x": "y"}})
        for statements in ((), (self.statement(Resource="arn:aws:lambda:*"),), (conditional,)):
            with pytest.raises(Denied) as denied:
                self.check(*statements)
            assert str(denied.value) == (
                "User: arn:aws:sts::000000000000:assumed-role/push/push is not authorized to "
                f"perform: {MANAGE} on resource: "
                "arn:aws:execute-api:eu-west-1:********0000:api/live/POST/@connections/x"
            )

    def test_a_deny_outweighs_an_allow(self) -> None:
        with pytest.raises(Denied, match=r"with an explicit deny$"):
            self.check(self.statement(), self.statement("Deny"))

    def test_a_role_of_which_nothing_is_known_may_do_everything(self) -> None:
        access.check(access.function_role("f", Credential("s"), ACCOUNT, None), MANAGE, "x", {})
