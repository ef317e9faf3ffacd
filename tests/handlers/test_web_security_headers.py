"""Every response says what a browser may do with it."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

import pytest

from handlers import http
from tests.support.web import answer

if TYPE_CHECKING:
    from handlers.container import Container
    from tests.support.world import World


@pytest.fixture
def container_type() -> type[Container]:
    return http.HttpContainer


@pytest.mark.parametrize(
    "path",
    [
        *("/docs", "/docs/oauth2-redirect", "/static-offline-docs/swagger-ui-bundle.js"),
        *("/openapi.json", "/health", "/online", "/online.csv", "/online?limit=0", "/nowhere"),
        *("/kick", "/static-offline-docs/none.js"),
    ],
)
def test_no_page_may_embed_a_response_or_guess_its_type(world: World, path: str) -> None:
    headers = answer(world, path)["headers"]
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_docs_run_their_own_scripts_and_no_other(world: World) -> None:
    response = answer(world, "/docs")
    (scripts,) = re.findall("script-src ([^;]+);", response["headers"]["content-security-policy"])
    (own,) = re.findall("<script>(.*?)</script>", response["body"], re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    assert scripts == f"'self' 'sha256-{digest}'"
    assert re.findall('(?:src|href)="([a-z]+:)?//', response["body"]) == []
