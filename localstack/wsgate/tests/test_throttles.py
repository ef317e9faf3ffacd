"""What a template's stage says of rates (docs/aws-behaviour.md §12.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from templates import HEAD, MAIN, SOCKET
from wsgate.model.plan import Plan, Throttle, Throttles

if TYPE_CHECKING:
    from collections.abc import Callable


SITE = """
  Site:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefaultRouteSettings: {ThrottlingRateLimit: 50}
      RouteSettings: {"GET /slow": {ThrottlingRateLimit: 0.5, ThrottlingBurstLimit: 1}}
"""
GET_SLOW = """
      Events: {Slow: {Type: HttpApi, Properties: {ApiId: !Ref Site, Method: GET, Path: /slow}}}
"""


def of_socket(plan_of: Callable[..., Plan], settings: str) -> Throttles:
    return plan_of(HEAD, "Resources:", SOCKET, settings, MAIN).websocket.throttles


def test_a_stage_that_says_nothing_throttles_nothing(plan_of: Callable[..., Plan]) -> None:
    assert of_socket(plan_of, "") == Throttles()


def test_settings_of_something_else_throttle_nothing(plan_of: Callable[..., Plan]) -> None:
    settings = "      DefaultRouteSettings: {LoggingLevel: INFO}\n"
    assert of_socket(plan_of, settings) == Throttles()


def test_a_stages_default_and_a_routes_own(plan_of: Callable[..., Plan]) -> None:
    settings = """
      DefaultRouteSettings: {ThrottlingRateLimit: 2.5, ThrottlingBurstLimit: 10}
      RouteSettings:
        $default: {ThrottlingBurstLimit: 0}
"""
    assert of_socket(plan_of, settings) == Throttles(
        Throttle(2.5, 10), {"$default": Throttle(None, 0)}
    )


def test_an_http_api_has_them_too(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(HEAD, "Resources:", SOCKET, SITE, MAIN, GET_SLOW)
    assert plan.http is not None
    assert plan.http.throttles == Throttles(Throttle(50), {"GET /slow": Throttle(0.5, 1)})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("RouteSettings: {nope: {ThrottlingRateLimit: 1}}", "nope is not a route of this API"),
        ("DefaultRouteSettings: {ThrottlingRateLimit: x}", "must be a number"),
        ("DefaultRouteSettings: {ThrottlingRateLimit: -1}", "must be from 0 to"),
        ("DefaultRouteSettings: {ThrottlingRateLimit: .inf}", "must be a number"),
        ("DefaultRouteSettings: {ThrottlingBurstLimit: 1.5}", "must be a whole number"),
    ],
)
def test_what_api_gateway_would_not_deploy_is_told(
    told_of: Callable[..., str], settings: str, words: str
) -> None:
    assert words in told_of(HEAD, "Resources:", SOCKET, f"      {settings}\n", MAIN)
