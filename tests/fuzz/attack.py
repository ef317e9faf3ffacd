"""What the attacks share: where the system is, tickets, chance, and counting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from handlers.core import ticket

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import TypeVar

    from tests.support.system import Headcount

    T = TypeVar("T")

LIFE = timedelta(minutes=4)
PROGRESS_EVERY = 500


@dataclass(frozen=True)
class Attack:
    """One test's attack on the system."""

    system: Headcount
    folder: Path
    cases: int
    """How many HTTP requests are to be generated. Other attacks have a share of it."""
    seed: int
    tried: dict[str, int]
    dice: Random = Random(0)  # noqa: S311, RUF009  # of() gives each test its own

    def of(self, dice: Random) -> Attack:
        return replace(self, dice=dice)

    @property
    def port(self) -> int:
        port = urlsplit(self.system.base_url).port
        assert port
        return port

    @property
    def ticket_secret(self) -> str:
        return (self.folder / "ticket-secret").read_text().strip()

    @property
    def log(self) -> str:
        return (self.folder / "output.txt").read_text(errors="replace")

    def path(self, user_id: str) -> str:
        """Where the user may connect, once."""
        unique = f"{user_id}-{self.dice.getrandbits(64):x}"
        order = ticket.Ticket(unique, user_id, "site", datetime.now(UTC) + LIFE, may_watch="*")
        return f"/live?ticket={ticket.mint(order, self.ticket_secret)}"

    def user(self) -> str:
        return f"attacker-{self.dice.getrandbits(64):x}"

    def share(self, part: float) -> range:
        """A share of the cases, and no fewer than five."""
        return range(max(5, int(self.cases * part)))

    def count(self, kind: str, attempts: Iterable[T]) -> Iterator[T]:
        """Count attempts and show the progress."""
        for one in attempts:
            yield one
            self.add(kind)

    def add(self, kind: str) -> None:
        self.tried[kind] = count = self.tried.get(kind, 0) + 1
        if count % PROGRESS_EVERY == 0:
            print(f"\n{count:,} {kind}", flush=True)
