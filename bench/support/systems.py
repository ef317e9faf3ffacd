"""The gateway with the project's own functions, on a database of the benchmark."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING

from bench.support.gateways import ROOT, Gateway, gateway
from sql.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def whole_system(dsn: str, log: Path, *arguments: str) -> Iterator[tuple[Gateway, str, str]]:
    """Migrate a database and start template.yaml on it; `arguments` are more for `wsgate`.

    Yields the gateway, the secret of tickets and the service token.
    """
    asyncio.run(migrate(dsn))
    secret, token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    given = ["--quiet", "--no-console", "--parameter", f"DatabaseUrl={dsn}"]
    given += ["--parameter", "PushEndpoint=http://127.0.0.1:{port}/live"]
    environment = {
        "WSGATE_PARAMETER_TicketSecret": secret,
        "WSGATE_PARAMETER_ServiceToken": token,
    }
    with gateway(
        *given, *arguments, template=ROOT / "template.yaml", environment=environment, log=log
    ) as running:
        yield running, secret, token
