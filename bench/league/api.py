"""The APIs that each contender serves. Each writes its own template or calls from them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE = Path(__file__).parent / "app"
HANDLER, AUTHORIZER = "app.handler", "app.authorize"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
STAGE = "dev"
SELECTION = "$request.body.action"
IDENTITY_SOURCE = "route.request.querystring.token"
FOLDER = "LEAGUE_FOLDER"
"""The variable of the functions: where they write each event, and meet each other."""
FUNCTION_SECONDS = 20
PONG = '{"type":"pong"}'


@dataclass(frozen=True)
class Route:
    """A route of the one function, or of a MOCK integration."""

    is_two_way: bool = False
    """It has a RouteResponse."""
    is_mock: bool = False
    timeout_ms: int | None = None
    """Of its integration."""


@dataclass(frozen=True, eq=False)
class Api:
    """A WebSocket API."""

    name: str
    routes: Mapping[str, Route] = field(default_factory=dict)
    has_authorizer: bool = False
    connects_per_second: int | None = None
    """Throttling of $connect, by the stage's route settings; its burst is as many."""


ENDS = {"$connect": Route(), "$disconnect": Route()}
OPEN = Api(
    "open",
    ENDS
    | {
        "$default": Route(is_two_way=True),
        "event": Route(is_two_way=True),
        "echo": Route(is_two_way=True),
        "meet": Route(is_two_way=True),
        "ping": Route(is_two_way=True, is_mock=True),
        "silent": Route(),
        "push": Route(),
        "fail": Route(),
        "slow": Route(timeout_ms=1000),
    },
)
GUARDED = Api("guarded", ENDS | {"event": Route(is_two_way=True)}, has_authorizer=True)
BARE = Api("bare", {"event": Route(is_two_way=True)})
THROTTLED = Api("throttled", ENDS | {"event": Route(is_two_way=True)}, connects_per_second=1)
