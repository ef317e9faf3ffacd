"""Where the system that a benchmark has started lets connections in."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from handlers.core.ticket import Ticket, mint


@dataclass(frozen=True)
class Door:
    """The port of the gateway, and the secret that signs tickets."""

    port: int
    secret: str

    @classmethod
    def of(cls, folder: str | Path) -> Door:
        """Read what `run.py --folder` has written."""
        about = json.loads((Path(folder) / "run.json").read_text())
        secret = (Path(folder) / "ticket-secret").read_text().strip()
        return cls(urlsplit(about["base_url"]).port or 80, secret)

    def path(self, user_id: str) -> str:
        """The path of a handshake, with a new ticket that lets its user watch anything."""
        expires_at = datetime.now(UTC) + timedelta(minutes=1)
        ticket = Ticket(secrets.token_hex(8), user_id, "site", expires_at, may_watch="*")
        return f"/live?ticket={mint(ticket, self.secret)}"
