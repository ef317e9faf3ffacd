"""An API made by AWS's calls, for emulators whose CloudFormation lacks a part of it."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bench.league.api import (
    AUTHORIZER,
    CODE,
    FOLDER,
    FUNCTION_SECONDS,
    HANDLER,
    IDENTITY_SOURCE,
    PONG,
    RUNTIME,
    SELECTION,
    STAGE,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bench.league.api import Api, Route

REGION = "us-east-1"
# A call that is repeated finds what the first one made.
ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=300)
TRUST = '{"Version": "2012-10-17", "Statement": []}'


class Refused(Exception):
    """A call that was refused."""


def deploy(api: Api, endpoint: str, folder: Path) -> str:
    """Make the functions and the API; return its id. Raises Refused."""
    try:
        return _Deployment(endpoint, folder).make(api)
    except (ClientError, BotoCoreError) as error:
        raise Refused(str(error)) from error


class _Deployment:
    """An account, and what is made in it."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self._endpoint, self._folder = endpoint, folder
        self._v2 = self._client("apigatewayv2")
        self._api = ""

    def _client(self, service: str) -> Any:
        session = boto3.Session("test", "test", region_name=REGION)
        return session.client(  # type: ignore[call-overload]
            service, endpoint_url=self._endpoint, config=ONCE
        )

    def make(self, api: Api) -> str:
        role = self._client("iam").create_role(
            RoleName="league", AssumeRolePolicyDocument=TRUST, Path="/"
        )["Role"]["Arn"]
        self._api = self._v2.create_api(
            Name=api.name, ProtocolType="WEBSOCKET", RouteSelectionExpression=SELECTION
        )["ApiId"]
        main = self._function("main", HANDLER, role)
        access = {}
        if api.has_authorizer:
            authorizer = self._v2.create_authorizer(
                ApiId=self._api,
                Name="authorizer",
                AuthorizerType="REQUEST",
                AuthorizerUri=self._function("authorize", AUTHORIZER, role),
                IdentitySource=[IDENTITY_SOURCE],
            )
            access = {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizer["AuthorizerId"]}
        for key, route in api.routes.items():
            self._route(key, route, main, access if key == "$connect" else {})
        self._v2.create_stage(ApiId=self._api, StageName=STAGE, AutoDeploy=True, **_throttling(api))
        return self._api

    def _function(self, name: str, handler: str, role: str) -> str:
        """Make a function; return the URI that an integration calls it by."""
        arn = self._client("lambda").create_function(
            FunctionName=name,
            Runtime=RUNTIME,
            Handler=handler,
            Role=role,
            Timeout=FUNCTION_SECONDS,
            Code={"ZipFile": _zipped()},
            Environment={"Variables": {FOLDER: str(self._folder)}},
        )["FunctionArn"]
        return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"

    def _route(self, key: str, route: Route, main: str, access: dict[str, str]) -> None:
        target = self._mock() if route.is_mock else self._proxy(main, route)
        selects = {"RouteResponseSelectionExpression": "$default"} if route.is_two_way else {}
        made = self._v2.create_route(
            ApiId=self._api, RouteKey=key, Target=f"integrations/{target}", **access, **selects
        )
        if route.is_two_way:
            self._v2.create_route_response(
                ApiId=self._api, RouteId=made["RouteId"], RouteResponseKey="$default"
            )

    def _proxy(self, uri: str, route: Route) -> str:
        within = {"TimeoutInMillis": route.timeout_ms} if route.timeout_ms else {}
        made = self._v2.create_integration(
            ApiId=self._api, IntegrationType="AWS_PROXY", IntegrationUri=uri, **within
        )
        return str(made["IntegrationId"])

    def _mock(self) -> str:
        made = self._v2.create_integration(
            ApiId=self._api,
            IntegrationType="MOCK",
            TemplateSelectionExpression="200",
            RequestTemplates={"200": '{"statusCode": 200}'},
        )
        self._v2.create_integration_response(
            ApiId=self._api,
            IntegrationId=made["IntegrationId"],
            IntegrationResponseKey="/200/",
            TemplateSelectionExpression="200",
            ResponseTemplates={"200": PONG},
        )
        return str(made["IntegrationId"])


def _throttling(api: Api) -> dict[str, Any]:
    if api.connects_per_second is None:
        return {}
    rate = api.connects_per_second
    settings = {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": rate}
    return {"RouteSettings": {"$connect": settings}}


def _zipped() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in CODE.glob("*.py"):
            archive.write(path, path.name)
    return data.getvalue()
