"""What AWS lets an account do per second, as token buckets. Pure: time is an argument.

The numbers are those of docs/aws-behaviour.md §12.1 and §12.2. AWS applies them on a best-effort
basis, over a fleet; here one bucket is exact, so a test that stays below them here stays below them
there.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html (2026-11-24)
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wsgate.model.ids import Millis
    from wsgate.model.plan import HttpApi, Throttle, Throttles, WebSocketApi

# GUESS: no burst of new connections is documented; as many as a second brings come at once.
CONNECTIONS_BURST_SECONDS: Final = 1
# GUESS: a handshake counts as a new connection and as a request as well (docs/aws-behaviour.md
# §12.2).
HANDSHAKE_IS_A_REQUEST: Final = True
# GUESS: a message that no route takes still costs the account a request.
UNROUTED_IS_A_REQUEST: Final = True
MOST: Final = 1_000_000_000
_TOKEN: Final = 1000


@dataclass(frozen=True)
class Quotas:
    """An account's quotas in one region; AWS raises them on request."""

    connections: int = 500
    """New WebSocket connections per second (docs/aws-behaviour.md §12.1)."""
    requests: int = 10_000
    """Requests per second: handshakes, messages, HTTP API, @connections.

    docs/aws-behaviour.md §12.2.
    """
    burst: int = 5_000
    """Requests at once: the size of the bucket that `requests` fills.

    docs/aws-behaviour.md §12.2.
    """
    concurrency: int = 1000
    """Executions of functions at once; those with reserved concurrency have theirs of it.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (2026-11-24)
    """

    def __str__(self) -> str:
        return " ".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))


def parse(text: str) -> Quotas:
    """Read `connections=500,requests=10000`; what is not named is AWS's default.

    Raises ValueError, with a sentence.
    """
    names = [field.name for field in fields(Quotas)]
    values: dict[str, int] = {}
    for pair in filter(None, text.split(",")):
        name, _, value = pair.partition("=")
        if name not in names:
            raise ValueError(f"{name!r} is none of {', '.join(names)}")
        if not (value.isdecimal() and len(value) <= len(str(MOST)) and int(value) <= MOST):
            raise ValueError(f"{name} is {value!r}, and must be a number up to {MOST}")
        values[name] = int(value)
    return Quotas(**values)


class Bucket:
    """A token bucket: full at first, refilled evenly, one token per request.

    It counts in thousandths: a rate per second is as many of them per millisecond, and whole
    numbers stay exact.
    """

    __slots__ = ("_at", "_rate", "_size", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        """`rate` tokens come per second; `burst` is what it holds, and 0 gives nothing ever."""
        self._rate = rate
        # A share of a small burst must still let a single request pass.
        self._size = max(1.0, burst) * _TOKEN if burst > 0 else 0.0
        self._tokens, self._at = self._size, 0

    def take(self, now: Millis) -> bool:
        """Take a token if there is one. A clock that goes back refills nothing."""
        elapsed = now - self._at
        self._at = now
        if elapsed > 0:
            self._tokens = min(self._size, self._tokens + elapsed * self._rate)
        if self._tokens < _TOKEN:
            return False
        self._tokens -= _TOKEN
        return True


class Limiter:
    """Says of each request whether the quotas let it pass.

    An account has one bucket for new connections and one for requests; a route has one of its own
    where the stage throttles it (docs/aws-behaviour.md §12.2). GUESS: the narrowest is asked first,
    as is documented for REST APIs, and a token it gave is not given back when a later bucket
    refuses.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
    (2026-11-24)
    """

    def __init__(
        self,
        quotas: Quotas,
        stages: Mapping[str, tuple[Iterable[str], Throttles]] = MappingProxyType({}),
        *,
        share: float = 1,
    ) -> None:
        """`stages` are the route keys of each stage, by `scope`, and how it throttles them.

        `share` is this node's part of the account, 1/N where N nodes are on one port.
        """
        each_second = quotas.connections * share
        self._connections = Bucket(each_second, each_second * CONNECTIONS_BURST_SECONDS)
        self._requests = Bucket(quotas.requests * share, quotas.burst * share)
        self._routes = {
            (stage, key): _bucket(throttle, quotas, share)
            for stage, (keys, throttles) in stages.items()
            for key, throttle in _chosen(keys, throttles)
        }

    def handshake(self, stage: str, now: Millis) -> bool:
        """A client asks for a connection; False is HTTP 429 (docs/aws-behaviour.md §2.1)."""
        if not (self._passes(stage, "$connect", now) and self._connections.take(now)):
            return False
        return not HANDSHAKE_IS_A_REQUEST or self._requests.take(now)

    def request(self, stage: str, route: str | None, now: Millis) -> bool:
        """A message, or a request for an HTTP API, came for a route, or for none."""
        if route is None:
            return not UNROUTED_IS_A_REQUEST or self._requests.take(now)
        return self._passes(stage, route, now) and self._requests.take(now)

    def management(self, now: Millis) -> bool:
        """@connections was called; False is 429 LimitExceededException.

        docs/aws-behaviour.md §11.5.
        """
        return self._requests.take(now)

    def _passes(self, stage: str, route: str, now: Millis) -> bool:
        bucket = self._routes.get((stage, route))
        return bucket is None or bucket.take(now)


def scope(api: WebSocketApi | HttpApi) -> str:
    """What tells a stage from every other one."""
    return f"{api.api_id}/{api.stage}"


def _chosen(keys: Iterable[str], throttles: Throttles) -> Iterator[tuple[str, Throttle]]:
    """A stage's default is for each of its routes, not for all of them together.

    GUESS for WebSocket APIs; of REST APIs it is documented (see above).
    """
    for key in keys:
        throttle = throttles.routes.get(key, throttles.default)
        if throttle is not None:
            yield key, throttle


def _bucket(throttle: Throttle, quotas: Quotas, share: float) -> Bucket:
    """What a stage leaves open is the account's."""
    rate = quotas.requests if throttle.rate is None else throttle.rate
    burst = quotas.burst if throttle.burst is None else throttle.burst
    return Bucket(rate * share, burst * share)
