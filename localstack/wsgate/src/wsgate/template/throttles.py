"""What a stage says of rates: DefaultRouteSettings and RouteSettings.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigatewayv2-stage-routesettings.html
(2026-11-24)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from wsgate.core.quotas import MOST
from wsgate.model.plan import Throttle, Throttles

if TYPE_CHECKING:
    from collections.abc import Collection

    from wsgate.template.stack import Resource

_RATE: Final = "ThrottlingRateLimit"
_BURST: Final = "ThrottlingBurstLimit"


def throttles_of(stage: Resource, routes: Collection[str]) -> Throttles:
    """Return the stage's throttling (docs/aws-behaviour.md §12.2). Raises TemplateError."""
    keys = stage.keys("RouteSettings")
    for key in keys:
        if key not in routes:  # API Gateway finds no route by that key, and nothing is deployed
            raise stage.error("is not a route of this API", "RouteSettings", key)
    of_routes = {key: _throttle(stage, "RouteSettings", key) for key in keys}
    return Throttles(
        _throttle(stage, "DefaultRouteSettings"),
        {key: throttle for key, throttle in of_routes.items() if throttle is not None},
    )


def _throttle(stage: Resource, *path: str) -> Throttle | None:
    """Settings that say nothing of rates throttle nothing."""
    rate = _rate(stage, *path, _RATE)
    burst = stage.number(*path, _BURST, default=-1, least=-1, most=MOST)
    if rate is None and burst < 0:
        return None
    return Throttle(rate, None if burst < 0 else burst)


def _rate(stage: Resource, *path: str) -> float | None:
    words = stage.optional_text(*path)
    try:
        rate = None if words is None else float(words)
    except ValueError:
        raise stage.error("must be a number", *path) from None
    if rate is not None and not (math.isfinite(rate) and 0 <= rate <= MOST):
        raise stage.error(f"is {words}, and must be from 0 to {MOST}", *path)
    return rate
