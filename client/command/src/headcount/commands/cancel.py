"""Cancel what was ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headcount.api import Request
from headcount.cli import Command
from headcount.errors import Failed

if TYPE_CHECKING:
    from uuid import UUID

    from headcount.run import Run

NOT_FOUND = 404
KINDS = {"bonus": "/bonuses", "news": "/news", "question": "/questions", "reveal": "/reveals"}


@click.command("cancel", cls=Command)
@click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="ID...")
@click.option("--kind", type=click.Choice(list(KINDS)), help="What it is; looked for by default.")
@click.pass_obj
def command(run: Run, ids: tuple[UUID, ...], kind: str | None) -> int:
    """Cancel bonuses, news, questions or reveals: their audience is told to remove them.

    What was claimed stays claimed. Cancelling again, or what is over, changes nothing.

    \b
      headcount cancel 6b0f0a8e-6f0e-4f6c-9d5a-3f6f8f3c2b11
    """
    missing = [one for one in ids if not _cancel(run, one, [kind] if kind else list(KINDS))]
    for one in missing:
        run.say(f"there is no {kind or 'bonus, news, question or reveal'} {one}")
    return 1 if missing else 0


def _cancel(run: Run, wanted: UUID, kinds: list[str]) -> bool:
    """Whether it was found."""
    for kind in kinds:
        try:
            found: dict[str, Any] = run.api.send(
                Request("DELETE", f"{KINDS[kind]}/{wanted}")
            ).json()
        except Failed as error:
            if error.status != NOT_FOUND:
                raise
            continue
        run.show(found, f"{kind} {wanted}: {found['state']}")
        return True
    return False
