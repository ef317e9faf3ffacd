"""Secrets: what is shown and what is written down has none, and functions get them all."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from waiting import until
from wsgate.core.signature import Credential
from wsgate.credentials import secrets_of
from wsgate.logs import EventLine, FunctionLine, Line, RequestLine, Told, masked
from wsgate.masking import Mask, is_secret
from wsgate.template.load import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from command import Command

KNOWN = 'a "known" secret/value'
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"
MASK = Mask([KNOWN, "postgres://user:pa55word@host/db", "abc"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"it is {KNOWN}.", "it is ***."),
        ("a%20%22known%22%20secret%2Fvalue", "***"),
        (json.dumps({"x": KNOWN}), '{"x":"***"}'),
        ("at postgres://user:pa55word@host/db", "at ***"),
        ("wrong: pa55word", "wrong: ***"),
        ("at mysql://root:other@host", "at mysql://root:***@host"),
        (f"got {JWT}, refused", "got ***, refused"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("bearer 0123456789abcdef0123", "bearer ***"),
        ("GET /a?x=1&ticket=t0&y=2", "GET /a?x=1&ticket=***&y=2"),
        ("SERVICE_TOKEN=t0 API_KEY=k0", "SERVICE_TOKEN=*** API_KEY=***"),
        ("cookie: a=b; c=d", "cookie: ***"),
        ("{'x-api-key': 'k0', 'x': 'y'}", "{'x-api-key': '***', 'x': 'y'}"),
        ("{'ticket': ['t0', 't1'], 'cookies': ['a=b']}", "{'ticket': [***], 'cookies': [***]}"),
        (r'"body": "{\"password\": \"p0\"}"', r'"body": "{\"password\": \"***\"}"'),
    ],
)
def test_a_secret_is_masked_in_a_text(text: str, shown: str) -> None:
    assert MASK.document(text) == shown
    assert pickle.loads(pickle.dumps(MASK)).document(text) == shown  # noqa: S301 our own


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc, too short to be a secret",
        "invalid token: expired",
        "the bearer of good news; a basic understanding",
        "user@host:22 and a:b@c, http://127.0.0.1:8080/live",
        "eyJ is how a token begins",
        '{"a": 1,  "b":[null, true, 1e5, "\\u00e4"]}',
        "[not json",
        '{"a":' * 3000,
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert MASK.document(text) == text


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "Proxy-Authorization", "Cookie", "cookies", "Set-Cookie", "password"),
        *("X-Api-Key", "apiKey", "ticket", "TICKET_SECRET", "service_token", "accessToken"),
        *("clientSecret", "AWS_SECRET_ACCESS_KEY", "X-Amz-Security-Token", "X-Amz-Signature"),
    ],
)
def test_these_names_stand_for_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    ["Host", "apiKeyId", "accessKey", "user", "tokens", "path", "authorizer", "connectionId"],
)
def test_these_names_do_not(name: str) -> None:
    assert not is_secret(name)


def test_an_event_keeps_its_shape() -> None:
    form = base64.b64encode(b"user=ann&password=p0").decode()
    event: dict[str, Any] = {
        "headers": {"authorization": "Bearer t0", "cookie": "sid=s0; theme=x", "host": "h"},
        "multiValueHeaders": {"X-Api-Key": ["k0", "k1"]},
        "cookies": ["sid=s0"],
        "rawQueryString": "ticket=t%200&room=1&flag",
        "queryStringParameters": {"ticket": "t 0", "room": "1"},
        "requestContext": {"identity": {"apiKey": "k0", "apiKeyId": "i"}, "timeEpoch": 1},
        "body": '{"token":"t0","n":[1,{"secret":{"deep":"s0"}}]}',
        "isBase64Encoded": False,
        "token": None,
    }
    shown = MASK.value(event)
    assert shown == event | {
        "headers": {"authorization": "Bearer ***", "cookie": "sid=***; theme=***", "host": "h"},
        "multiValueHeaders": {"X-Api-Key": ["***", "***"]},
        "cookies": ["sid=***"],
        "rawQueryString": "ticket=***&room=1&flag",
        "queryStringParameters": {"ticket": "***", "room": "1"},
        "requestContext": {"identity": {"apiKey": "***", "apiKeyId": "i"}, "timeEpoch": 1},
        "body": '{"token":"***","n":[1,{"secret":{"deep":"***"}}]}',
    }
    body = MASK.value({"isBase64Encoded": True, "body": form})["body"]
    assert base64.b64decode(body) == b"user=ann&password=***"
    picture = {"isBase64Encoded": True, "body": base64.b64encode(b"\xff\xfe").decode()}
    assert MASK.value(picture) == picture


@pytest.mark.parametrize("piece", ["eyJ", "-eyJa", "://a:", "bearer ", "cookie :", "token=", '"\\'])
def test_no_text_takes_longer_than_its_length(piece: str) -> None:
    """Four times the text takes some four times as long, and not sixteen."""
    short, long = (piece * (size // len(piece)) for size in (50_000, 200_000))
    assert spent(long) < 8 * max(spent(short), 0.005)


def spent(text: str) -> float:
    """The least processor time that this thread took: others on the machine add nothing to it."""
    tries = []
    for _ in range(3):
        begun = time.thread_time()
        MASK.text(text)
        tries.append(time.thread_time() - begun)
    return min(tries)


def test_lines_of_the_log_are_masked() -> None:
    lines: list[Line] = []
    say = masked(lines.append, MASK)
    say(FunctionLine(1, "F", f"got {KNOWN}"))
    say(FunctionLine(1, "F", '{"message": "in", "headers": {"Authorization": "t0"}}'))
    say(Told(1, f"cannot use {KNOWN}", "warning"))
    say(RequestLine(1, "GET", "/a/pa55word", 200, 1))
    say(EventLine(1, "echo", "id=", "200", 1))
    assert [str(line) for line in lines[:3]] == [
        "F | got ***",
        'F | {"message":"in","headers":{"Authorization":"***"}}',
        "warning: cannot use ***",
    ]
    assert lines[3].fields()["path"] == "/a/***"
    assert lines[4] == EventLine(1, "echo", "id=", "200", 1)


# ---- the whole command


SECRETS = {
    "parameter": "the-secret-of-a-parameter",
    "password": "the-password-of-a-database",
    "variable": "the-secret-of-a-variable",
    "api key": "the-api-key-of-the-template",
    "ticket": "the-ticket-of-a-client",
    "bearer": "the-token-of-a-backend",
    "cookie": "the-cookie-of-a-browser",
    "form": "the-password-in-a-form",
    "jwt": JWT,
}
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Secret: {Type: String, NoEcho: true}
  Database: {Type: String, NoEcho: true}
Resources:
  Chat:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: dev
      RouteSelectionExpression: $request.body.action
      Auth:
        AuthType: CUSTOM
        AuthArn: !GetAtt ChatFunction.Arn
        IdentitySource: [route.request.querystring.ticket]
      Routes:
        $connect: {FunctionArn: !GetAtt ChatFunction.Arn, ApiKeyRequired: true}
        $disconnect: {FunctionArn: !GetAtt ChatFunction.Arn}
        echo: {FunctionArn: !GetAtt ChatFunction.Arn, RouteResponseSelectionExpression: $default}
  EchoReply:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Chat, RouteId: !Ref ChatEchoRoute, RouteResponseKey: $default}
  ChatFunction:
    Type: AWS::Serverless::Function
    Properties: &function
      CodeUri: .
      Handler: code.chat
      Runtime: python3.13
      Environment:
        Variables:
          SECRET: !Ref Secret
          DATABASE_URL: !Ref Database
          MY_PASSWORD: the-secret-of-a-variable
  WebFunction:
    Type: AWS::Serverless::Function
    Properties:
      <<: *function
      Handler: code.web
      Events: {Any: {Type: HttpApi}}
  Key:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Enabled: true, Value: the-api-key-of-the-template}
"""
CODE = '''
import json, os

def chat(event, context):
    tell(event)
    if "methodArn" in event:
        allow = {"Action": "*", "Effect": "Allow", "Resource": event["methodArn"]}
        policy = {"Version": "2012-10-17", "Statement": [allow]}
        ticket = event["queryStringParameters"]["ticket"]
        return {"principalId": "p", "policyDocument": policy, "context": {"ticket": ticket}}
    return {"statusCode": 200, "body": event.get("body") or ""}

def web(event, context):
    tell(event)
    seen = {"event": event, "environment": dict(os.environ)}
    return {"statusCode": 200, "body": json.dumps(seen)}

def tell(event):
    """As a developer may, who looks for a fault."""
    print(json.dumps(event))
    print(event)
    print("secret", os.environ["SECRET"], "at", os.environ["DATABASE_URL"])
    print("variable", os.environ["MY_PASSWORD"], os.environ["AWS_SESSION_TOKEN"])
'''


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "code.py").write_text(CODE)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path / "template.yaml"


@pytest.mark.parametrize("nodes", ["1", "2"])
async def test_no_output_has_a_secret_and_functions_get_them_all(
    wsgate: Callable[..., AbstractAsyncContextManager[Command]],
    template: Path,
    nodes: str,
) -> None:
    folder = template.parent / "recorded"
    options = ("--template", str(template), "--json", "--record", str(folder), "--nodes", nodes)
    given = {
        "WSGATE_PARAMETER_Secret": SECRETS["parameter"],
        "WSGATE_PARAMETER_Database": f"postgres://u:{SECRETS['password']}@h/d",
    }
    async with wsgate(*options, **given) as command:
        await talk(command.base)
        seen = json.loads(await request(command.base, "/"))
        looked = await request(command.base, "/_wsgate/look")
        await until((folder / "disconnect.json").exists)
    recorded = {path.name: path.read_text() for path in folder.iterdir()}
    log = "\n".join(command.errors)
    run = {"token": seen["environment"]["AWS_SESSION_TOKEN"]}
    for name, secret in (SECRETS | run).items():
        assert secret not in log, name
        assert secret not in looked, name
        assert not [file for file, text in recorded.items() if secret in text], name
        assert base64.b64encode(secret.encode()).decode()[:-4] not in looked, name
    assert seen["environment"]["SECRET"] == SECRETS["parameter"]
    assert seen["event"]["headers"]["authorization"] == f"Bearer {SECRETS['bearer']}"
    assert "GET /" in looked
    assert "variable ***" in log
    replays(recorded, template)


async def talk(base: str) -> None:
    headers = {"x-api-key": SECRETS["api key"], "Cookie": f"sid={SECRETS['cookie']}"}
    url = f"ws://{base}/dev?ticket={SECRETS['ticket']}"
    async with connect(url, additional_headers=headers) as client:
        said = {"action": "echo", "token": SECRETS["bearer"], "text": SECRETS["parameter"]}
        await client.send(json.dumps(said))
        assert json.loads(await client.recv()) == said
    with pytest.raises(InvalidStatus):
        await connect(url, additional_headers={"x-api-key": SECRETS["jwt"]})
    await request(base, f"/?ticket={SECRETS['ticket']}&jwt={SECRETS['jwt']}")
    await request(base, "/", f"user=ann&password={SECRETS['form']}".encode())
    await request(base, f"/{SECRETS['parameter']}")


async def request(base: str, path: str, body: bytes | None = None) -> str:
    headers = {"Authorization": f"Bearer {SECRETS['bearer']}", "Cookie": f"a={SECRETS['cookie']}"}

    def ask() -> str:
        asked = urllib.request.Request(f"http://{base}{path}", body, headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            text: str = answer.read().decode()
            return text

    return await asyncio.to_thread(ask)


def replays(recorded: dict[str, str], template: Path) -> None:
    """A fixture is an event still: the function takes it, and answers as it did."""
    space: dict[str, Any] = {}
    exec(CODE.replace("    tell(event)\n", ""), space)  # noqa: S102 the functions of this test
    events = {name: json.loads(text) for name, text in recorded.items()}
    assert space["chat"](events["authorize.json"], None)["principalId"] == "p"
    answer = space["chat"](events["message-echo.json"], None)
    assert json.loads(answer["body"]) == {"action": "echo", "token": "***", "text": "***"}
    web = events["web-default.json"]
    assert space["web"](web, None)["statusCode"] == 200
    assert (web["version"], web["routeKey"]) == ("2.0", "$default")


def test_what_is_known_are_noecho_parameters_keys_and_variables_with_such_a_name(
    template: Path,
) -> None:
    plan = load(
        template,
        parameters={"Secret": "s0-secret", "Database": "d0-secret"},
        queue_endpoint="http://127.0.0.1:1",
        scratch=template.parent,
    )
    found = set(secrets_of(plan, {"AKID": Credential("a secret", "a token")}, "of the run"))
    assert found == {
        "s0-secret",
        "d0-secret",
        SECRETS["variable"],
        SECRETS["api key"],
        "a secret",
        "a token",
        "of the run",
    }
