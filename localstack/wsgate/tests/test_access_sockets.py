"""Who may connect and push, under which address, over real sockets.

docs/aws-behaviour.md §1, §3, §11.
"""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from gateways import (
    Event,
    Functions,
    Running,
    function,
    plan,
    running,
    websocket_api,
)
from signing import header, presigned
from waiting import in_time
from wsgate.core import access
from wsgate.core.signature import Credential
from wsgate.model.plan import ApiKeys, BasePath

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from wsgate.model.plan import WebSocketApi

ACCOUNT = "000000000000"
KNOWN = {"local": access.user("local", Credential("local"), ACCOUNT)}
UNKNOWN = "AAAAAAAAtjMCAAA="
API = websocket_api({"$connect": function("connect"), "act": function("act")}, two_way={"act"})
DOMAIN = "ws.example.com"
FIRST = "a1b2c3d4e5"


def ok(event: Event) -> Event:
    return {"statusCode": 200}


def context(event: Event) -> Event:
    return {"statusCode": 200, "body": json.dumps(event["requestContext"])}


def gateway(
    api: WebSocketApi = API, *more: WebSocketApi, **settings: Any
) -> tuple[AbstractAsyncContextManager[Running], Functions]:
    functions = Functions(connect=ok, act=context, f=ok)
    return running(plan(api, more=more), functions, known=KNOWN, **settings), functions


async def status(url: str, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            pass
    return caught.value.response.status_code


async def context_of(client: ClientConnection) -> Event:
    await client.send('{"action":"act"}')
    answer: Event = json.loads(await client.recv())
    return answer


def named(node: Running, host: str, path: str = "") -> tuple[str, dict[str, Any]]:
    """The URL of a host that leads to the node, and how `connect` gets there."""
    return f"ws://{host}:{node.port}{path}", {"host": "127.0.0.1", "port": node.port}


def client(
    name: str, base: str, pair: tuple[str, str] = ("local", "local"), region: str = "eu-west-1"
) -> Any:
    """An SDK's client with a key and its secret."""
    return boto3.client(
        name,  # type: ignore[call-overload]
        endpoint_url=base,
        region_name=region,
        aws_access_key_id=pair[0],
        aws_secret_access_key=pair[1],
        config=Config(retries={"total_max_attempts": 1}),
    )


async def pushed(base: str, connection_id: str, **credentials: Any) -> tuple[int, str, str]:
    """Status, class and message of a push by the SDK; 200 has neither."""

    def push() -> tuple[int, str, str]:
        try:
            api = client("apigatewaymanagementapi", base, **credentials)
            answer = api.post_to_connection(ConnectionId=connection_id, Data=b"hi")
        except ClientError as error:
            details, metadata = error.response["Error"], error.response["ResponseMetadata"]
            return metadata["HTTPStatusCode"], details["Code"], details["Message"]
        return answer["ResponseMetadata"]["HTTPStatusCode"], "", ""

    return await asyncio.to_thread(push)


async def plain(node: Running, method: str, path: str, **headers: str) -> tuple[int, str, Any]:
    """Send an unsigned request; return the status, error class and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    fields = {"Host": f"127.0.0.1:{node.port}", **headers, "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
    answer = (await in_time(reader.read())).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    kind = next((x.split(": ")[1] for x in head.split("\r\n") if "ErrorType" in x), "")
    return int(head.split()[1]), kind, json.loads(body) if body else None


@pytest.fixture
def example_com_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a line in /etc/hosts does."""
    look_up = socket.getaddrinfo

    def here(host: Any, *arguments: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if host == DOMAIN else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", here)


class TestSignedHandshakes:
    """AuthorizationType AWS_IAM (docs/aws-behaviour.md §3.15)."""

    async def test_by_header_and_by_presigned_url(self) -> None:
        start, functions = gateway(replace(API, iam=True))
        async with start as node:
            async with connect(node.url, additional_headers=header(node.url)) as one:
                identity = (await context_of(one))["identity"]
            async with connect(presigned(f"{node.url}?a=1")) as other:
                assert (await context_of(other))["identity"]["accessKey"] == "local"
        assert identity["userArn"] == f"arn:aws:iam::{ACCOUNT}:user/local"
        assert functions.events("connect")[1]["queryStringParameters"]["a"] == "1"

    async def test_any_other_is_403_and_the_log_says_why(self) -> None:
        start, functions = gateway(replace(API, iam=True))
        async with start as node:
            assert await status(node.url) == 403
            wrong = Credentials("local", "wrong")
            assert await status(presigned(node.url, wrong)) == 403
            unknown = Credentials("unknown", "local")
            assert await status(node.url, additional_headers=header(node.url, unknown)) == 403
            other = header(node.url, host="elsewhere.example.com")
            assert await status(node.url, additional_headers=other) == 403
        assert functions.calls == []
        assert "403 Missing Authentication Token" in node.log[0]
        assert "does not match the signature you provided" in node.log[1]
        assert "security token included in the request is invalid" in node.log[2]
        assert not any("Canonical" in line for line in node.log)


async def test_an_api_key_opens_connect() -> None:
    start, _ = gateway(replace(API, api_keys=ApiKeys({"the-key": "k1"})))
    async with start as node:
        assert await status(node.url) == 403
        async with connect(node.url, additional_headers={"x-api-key": "the-key"}) as client:
            identity = (await context_of(client))["identity"]
        assert (identity["apiKey"], identity["apiKeyId"]) == ("the-key", "k1")


async def test_without_a_permission_connect_is_500() -> None:
    route = replace(API.routes["$connect"], permitted=False)
    start, functions = gateway(replace(API, routes={"$connect": route}))
    async with start as node:
        assert await status(node.url) == 500
    assert functions.calls == []
    assert "no AWS::Lambda::Permission" in node.log[0]


class TestCallers:
    """@connections and Invoke, with `--iam` and without (docs/aws-behaviour.md §11.5)."""

    async def test_without_it_an_unsigned_call_is_let_through_and_told_once(self) -> None:
        start, _ = gateway()
        path = f"/live/@connections/{UNKNOWN}"
        async with start as node:
            assert (await plain(node, "POST", path))[0] == 410
            assert (await plain(node, "GET", path))[0] == 410
        told = [line for line in node.log if "--iam" in line]
        assert len(told) == 1
        assert 'is not signed: AWS answers 403 MissingAuthenticationTokenException, "' in told[0]

    async def test_without_it_any_key_will_do(self) -> None:
        start, _ = gateway()
        async with start as node:
            answer = await pushed(f"{node.http}/live", UNKNOWN, pair=("any", "body"))
        assert answer[0] == 410
        assert not any("--iam" in line for line in node.log)

    async def test_a_signed_push_arrives(self) -> None:
        start, _ = gateway(iam=True)
        async with start as node, connect(node.url) as client:
            connection_id = (await context_of(client))["connectionId"]
            assert await pushed(f"{node.http}/live", connection_id) == (200, "", "")
            assert await client.recv() == "hi"

    async def test_what_is_refused_is_refused_in_the_words_of_aws(self) -> None:
        start, _ = gateway(iam=True)
        async with start as node:
            base, path = f"{node.http}/live", f"/live/@connections/{UNKNOWN}"
            missing = await plain(node, "DELETE", path)
            wrong = await pushed(base, UNKNOWN, pair=("local", "wrong"))
            unknown = await pushed(base, UNKNOWN, pair=("AKIDOTHER", "local"))
            region = await pushed(base, UNKNOWN, region="us-east-1")
        words = {"message": "Missing Authentication Token"}
        assert missing == (403, "MissingAuthenticationTokenException", words)
        assert wrong[:2] == (403, "InvalidSignatureException")
        assert "The Canonical String for this request should have been" in wrong[2]
        assert unknown == (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
        assert "valid region" in region[2]

    async def test_a_role_must_allow_it(self) -> None:
        statement = {
            "Effect": "Allow",
            "Action": "execute-api:ManageConnections",
            "Resource": f"arn:aws:execute-api:*:*:{FIRST}/live/POST/@connections/*",
        }
        role = access.function_role("push", Credential("local"), ACCOUNT, (statement,))
        async with running(plan(API), Functions(), known={"local": role}, iam=True) as node:
            base = f"{node.http}/live"
            assert (await pushed(base, UNKNOWN))[0] == 410
            api = client("apigatewaymanagementapi", base)
            with pytest.raises(ClientError, match="ManageConnections on resource") as caught:
                await asyncio.to_thread(api.get_connection, ConnectionId=UNKNOWN)
            error = caught.value.response["Error"]
            assert error["Code"] == "AccessDeniedException"
            assert "assumed-role/push/push is not authorized to perform" in error["Message"]
            lambdas = client("lambda", node.http)
            with pytest.raises(ClientError, match="lambda:InvokeFunction on resource: arn:aws"):
                await asyncio.to_thread(lambdas.invoke, FunctionName="f")

    async def test_invoke_is_checked_too(self) -> None:
        start, functions = gateway(iam=True)
        async with start as node:
            path = "/2015-03-31/functions/f/invocations"
            assert (await plain(node, "POST", path))[1] == "MissingAuthenticationTokenException"
            assert functions.calls == []
            good = client("lambda", node.http)
            answer = await asyncio.to_thread(good.invoke, FunctionName="f", Payload=b"{}")
            assert answer["StatusCode"] == 200
            wrong = client("lambda", node.http, pair=("local", "wrong"))
            with pytest.raises(ClientError, match="does not match the signature"):
                await asyncio.to_thread(wrong.invoke, FunctionName="f", Payload=b"{}")


class TestAddresses:
    """Domains, stages and several APIs (docs/aws-behaviour.md §1)."""

    async def test_a_custom_domain_is_what_the_events_say(self) -> None:
        api = replace(API, base_paths=(BasePath(DOMAIN, "chat"), BasePath(DOMAIN, "a/b")))
        start, functions = gateway(api)
        async with start as node:
            url, way = named(node, DOMAIN, "/chat")
            async with connect(url, **way) as client:
                said = await context_of(client)
            assert said["domainName"] == f"{DOMAIN}:{node.port}"
            assert said["stage"] == "live"
            first = functions.events("connect")[0]["headers"]
            assert first["Host"] == f"{DOMAIN}:{node.port}"
            url, way = named(node, DOMAIN, "/a/b/")
            async with connect(url, **way):
                pass
            assert functions.events("connect")[1]["headers"]["host"] == f"{DOMAIN}:{node.port}"
            url, way = named(node, DOMAIN, "/live")
            assert await status(url, **way) == 403

    @pytest.mark.usefixtures("example_com_is_here")
    async def test_connections_are_under_the_mapping_and_not_under_the_stage(self) -> None:
        start, _ = gateway(replace(API, base_paths=(BasePath(DOMAIN, "chat"),)), iam=True)
        async with start as node, connect(node.url) as client:
            connection_id = (await context_of(client))["connectionId"]
            base = f"http://{DOMAIN}:{node.port}"
            assert (await pushed(f"{base}/chat", connection_id))[0] == 200
            assert await client.recv() == "hi"
            wrong = await pushed(f"{base}/live", connection_id)
            assert wrong[0] == 403
            assert wrong[2] == (
                f"No method found matching route live/@connections/{connection_id} "
                "for http method POST."
            )

    async def test_the_default_host_may_be_off(self) -> None:
        path = BasePath(DOMAIN)
        start, _ = gateway(replace(API, base_paths=(path,), has_default_endpoint=False))
        async with start as node:
            assert await status(node.url) == 403
            answer = await plain(node, "GET", f"/live/@connections/{UNKNOWN}")
            assert (answer[0], answer[2]) == (403, {"message": "Forbidden"})
            assert len([line for line in node.log if "DisableExecuteApiEndpoint" in line]) == 1
            url, way = named(node, DOMAIN)
            async with connect(url, **way) as client:
                assert (await context_of(client))["stage"] == "live"

    async def test_each_stage_has_its_own_connections(self) -> None:
        other = replace(API, stage="test", stage_variables={"x": "y"})
        start, functions = gateway(API, other)
        async with (
            start as node,
            connect(node.url) as one,
            connect(f"ws://127.0.0.1:{node.port}/test") as two,
        ):
            assert (await context_of(one))["stage"] == "live"
            said = await context_of(two)
            assert said["stage"] == "test"
            assert functions.events("act")[1]["stageVariables"] == {"x": "y"}
            assert (await pushed(f"{node.http}/test", said["connectionId"]))[0] == 200
            gone = await pushed(f"{node.http}/live", said["connectionId"])
            assert gone[:2] == (410, "GoneException")
            assert await two.recv() == "hi"

    async def test_two_apis_with_one_stage_name_need_the_host(self) -> None:
        second = replace(API, api_id="z9y8x7w6v5")
        start, _ = gateway(API, second)
        async with start as node:
            assert await status(node.url) == 403
            assert "say which as the host" in node.log[-1]
            for api_id in (FIRST, "z9y8x7w6v5"):
                host = f"{api_id}.execute-api.eu-west-1.amazonaws.com"
                url, way = named(node, host, "/live")
                async with connect(url, **way) as client:
                    said = await context_of(client)
                assert said["apiId"] == api_id
                assert said["domainName"] == f"{host}:{node.port}"

    async def test_an_unknown_stage_and_a_plain_get(self) -> None:
        start, _ = gateway()
        async with start as node:
            with pytest.raises(InvalidStatus) as caught:
                async with connect(f"ws://127.0.0.1:{node.port}/other"):
                    pass
            response = caught.value.response
            assert (response.status_code, response.body) == (403, b'{"message":"Forbidden"}')
            assert (await plain(node, "GET", "/live"))[0] == 426

    @pytest.mark.parametrize(("length", "expected"), [(4096, 101), (4097, 414)])
    async def test_a_url_has_4096_characters(self, length: int, expected: int) -> None:
        start, _ = gateway()
        async with start as node:
            url = f"{node.url}?q="
            url += "x" * (length - len(f"wss{url[2:]}"))
            if expected == 101:
                async with connect(url):
                    return
            assert await status(url) == expected
