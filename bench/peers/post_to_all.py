"""The way to all connections of API Gateway: python -m bench.peers.post_to_all ENDPOINT.

The first line of standard input is a JSON list of connection ids. Each further line is posted to
every one of them, by the client and as many calls at a time as a broadcast worker has.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

from bench.peers.standard_input import lines
from handlers.adapters.deadline import Deadline
from handlers.adapters.gateway.api import MAX_CONCURRENT_CALLS, GatewayApi
from handlers.adapters.gateway.errors import Gone, Undelivered
from handlers.core.operation import Push

RUN_SECONDS = 3600


async def main(endpoint: str) -> None:
    deadline = Deadline()
    deadline.begin(RUN_SECONDS)
    ids: list[str] = []
    async with contextlib.aclosing(GatewayApi(deadline, endpoint)) as api:
        async for line in lines():
            if ids:
                await _post(api, ids, line.encode())
            else:
                ids = json.loads(line)


async def _post(api: GatewayApi, ids: list[str], data: bytes) -> None:
    left = iter(ids)

    async def caller() -> None:
        for connection_id in left:
            # The benchmark counts who has not heard it.
            with contextlib.suppress(Gone, Undelivered):
                await api.post(Push("ann", "", connection_id, data))

    await asyncio.gather(*(caller() for _ in range(MAX_CONCURRENT_CALLS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
