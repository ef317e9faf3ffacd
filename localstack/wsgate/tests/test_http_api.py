"""HTTP API: routes, payload format 2.0, responses."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gateways import function, ids, raised, returned
from wsgate.apis import http_api
from wsgate.apis.http_api import Match, RouteKeyError, Routes, Site
from wsgate.model.invoke import Invocation
from wsgate.model.plan import HttpApi
from wsgate.transport.responses import Request

GOLDEN = Path(__file__).parent / "events" / "web.json"
SITE = Site("f6g7h8i9j0", "$default", "127.0.0.1:8080", "000000000000", "http", 8080)
DEFAULT = Match("$default", function("web"), {})


def routes(*keys: str, stage: str = "$default") -> Routes:
    return Routes(HttpApi("a", stage, {key: function(key) for key in keys}))


def request(*headers: tuple[str, str], body: bytes = b"", query: str = "") -> Request:
    return Request("POST", "/users/ann/sessions", query, headers, body, "203.0.113.7")


def event(asked: Request, match: Match = DEFAULT) -> dict[str, Any]:
    return http_api.event(SITE, match, asked, ids(), 1714484641121)


class TestRoutes:
    EVERY = (
        "$default",
        "GET /users",
        "GET /users/{id}",
        "GET /users/me",
        "ANY /users/{id}",
        "ANY /files/{proxy+}",
        "GET /files/{proxy+}",
        "POST /users/{id}/sessions/{session}",
    )

    @pytest.mark.parametrize(
        ("method", "path", "key", "parameters"),
        [
            ("GET", "/users", "GET /users", {}),
            ("GET", "/users/me", "GET /users/me", {}),
            ("GET", "/users/ann", "GET /users/{id}", {"id": "ann"}),
            ("GET", "/users/a%20b", "GET /users/{id}", {"id": "a b"}),
            ("PUT", "/users/ann", "ANY /users/{id}", {"id": "ann"}),
            ("GET", "/files/a/b.txt", "GET /files/{proxy+}", {"proxy": "a/b.txt"}),
            ("PUT", "/files/a/b.txt", "ANY /files/{proxy+}", {"proxy": "a/b.txt"}),
            (
                "POST",
                "/users/ann/sessions/7",
                "POST /users/{id}/sessions/{session}",
                {"id": "ann", "session": "7"},
            ),
            ("GET", "/users/", "$default", {}),
            ("GET", "/", "$default", {}),
            ("POST", "/users", "$default", {}),
        ],
    )
    def test_the_most_specific_wins(
        self, method: str, path: str, key: str, parameters: dict[str, str]
    ) -> None:
        match = routes(*self.EVERY).match(method, path)
        assert match is not None
        assert (match.route_key, match.parameters) == (key, parameters)

    def test_without_a_default_there_may_be_no_route(self) -> None:
        assert routes("GET /users").match("GET", "/nope") is None

    def test_a_named_stage_is_the_first_part_of_the_path(self) -> None:
        named = routes("GET /users", stage="dev")
        assert named.match("GET", "/users") is None
        assert named.match("GET", "/dev/users") is not None
        assert named.match("GET", "/development/users") is None

    @pytest.mark.parametrize("key", ["GET", "users", "GET users"])
    def test_a_key_without_a_path_is_refused(self, key: str) -> None:
        with pytest.raises(RouteKeyError):
            routes(key)


class TestEvent:
    def test_against_the_golden_one(self) -> None:
        made = event(
            request(
                ("Host", "127.0.0.1:8080"),
                ("User-Agent", "example/1.0"),
                ("Accept", "text/html"),
                ("accept", "application/json"),
                ("Cookie", "first=1; second=2"),
                ("Content-Type", "application/json"),
                ("Content-Length", "12"),
                ("Connection", "keep-alive"),
                body=b'{"some":"x"}',
                query="limit=10&tag=a&tag=b%20c",
            )
        )
        golden = json.loads(GOLDEN.read_text())
        made["headers"]["x-amzn-trace-id"] = golden["headers"]["x-amzn-trace-id"]
        made["requestContext"]["requestId"] = golden["requestContext"]["requestId"]
        assert json.dumps(made) == json.dumps(golden)

    def test_what_is_empty_is_left_out(self) -> None:
        absent = {"body", "cookies", "queryStringParameters", "pathParameters", "stageVariables"}
        assert not event(request()).keys() & absent

    @pytest.mark.parametrize(
        ("content_type", "is_base64"),
        [
            ("application/json", False),
            ("application/json; charset=utf-8", False),
            ("application/problem+json", False),
            ("text/plain", False),
            ("application/xml", False),
            ("application/x-www-form-urlencoded", True),
            ("application/octet-stream", True),
            ("", True),
        ],
    )
    def test_what_is_not_text_by_its_type_is_base64(
        self, content_type: str, is_base64: bool
    ) -> None:
        made = event(request(("Content-Type", content_type), body=b"a=1"))
        expected = base64.b64encode(b"a=1").decode() if is_base64 else "a=1"
        assert (made["body"], made["isBase64Encoded"]) == (expected, is_base64)

    def test_text_that_is_not_utf8_is_base64(self) -> None:
        made = event(request(("Content-Type", "text/plain"), body=b"\xff"))
        assert (made["body"], made["isBase64Encoded"]) == ("/w==", True)

    def test_path_parameters_of_the_route(self) -> None:
        match = Match("ANY /{p+}", function("web"), {"p": "x"})
        assert event(request(), match)["pathParameters"] == {"p": "x"}


class TestResponse:
    def test_a_whole_response(self) -> None:
        answer = {
            "statusCode": 201,
            "headers": {"content-type": "text/html", "X-Count": 5, "Content-Length": "9"},
            "cookies": ["a=1", "b=2; HttpOnly"],
            "body": "é",
        }
        response = http_api.response(returned(answer))
        assert (response.status, response.body) == (201, "é".encode())
        assert response.headers == (
            ("content-type", "text/html"),
            ("X-Count", "5"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2; HttpOnly"),
        )

    @pytest.mark.parametrize(
        ("answer", "body"),
        [
            ({"a": 1}, b'{"a": 1}'),
            ([1], b"[1]"),
            ("text", b"text"),
            (None, b"null"),
            (5, b"5"),
        ],
    )
    def test_without_a_status_the_answer_is_the_body(self, answer: Any, body: bytes) -> None:
        response = http_api.response(returned(answer))
        assert (response.status, response.body) == (200, body)
        assert response.headers == (("Content-Type", "application/json"),)

    def test_base64_is_decoded(self) -> None:
        answer = {"statusCode": 200, "body": "/w==", "isBase64Encoded": True}
        assert http_api.response(returned(answer)).body == b"\xff"

    def test_a_body_without_a_type_is_plain_text(self) -> None:
        response = http_api.response(returned({"statusCode": "204"}))
        assert response.headers == (("Content-Type", "text/plain; charset=utf-8"),)

    @pytest.mark.parametrize(
        "answer",
        [
            {"statusCode": "x"},
            {"statusCode": None},
            {"statusCode": 99},
            {"statusCode": 600},
            {"statusCode": 200, "body": {"a": 1}},
            {"statusCode": 200, "body": "a", "isBase64Encoded": True},
            {"statusCode": 200, "headers": ["a"]},
            {"statusCode": 200, "headers": {"x": "a\r\nX-Evil: 1"}},
            {"statusCode": 200, "headers": {"x y": "a"}},
            {"statusCode": 200, "cookies": ["a\nb"]},
        ],
    )
    def test_what_is_no_response_is_500(self, answer: Any) -> None:
        assert http_api.response(returned(answer)) == http_api.FAILED

    def test_a_function_that_failed_is_500_and_says_nothing(self) -> None:
        response = http_api.response(raised("a secret"))
        assert (response.status, response.body) == (500, b'{"message":"Internal Server Error"}')

    def test_what_is_not_json_is_500(self) -> None:
        assert http_api.response(Invocation(b"nope")) == http_api.FAILED
