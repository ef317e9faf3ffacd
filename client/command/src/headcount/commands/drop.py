"""Offer a bonus."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any
from uuid import UUID, uuid4

import click

from headcount.api import Request
from headcount.audience import audience_of, confirm
from headcount.cli import Command
from headcount.errors import Failed
from headcount.fields import DURATION_FORM, MOMENT_FORM, duration, iso, moment, reward

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headcount.run import Run


@click.command("drop", cls=Command)
@click.argument("reward", type=reward)
@click.option("--everyone", is_flag=True, help="For all who are online, and who come meanwhile.")
@click.option("--resource", help="For those who watch this resource.")
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="USER",
    help="For this user; may be given several times.",
)
@click.option(
    "--users-file",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="For the users in this file, one on a line; `-` is the standard input.",
)
@click.option(
    "--window",
    type=duration,
    metavar="TIME",
    required=True,
    help=f"How long it can be claimed: {DURATION_FORM}.",
)
@click.option("--opens-in", type=duration, metavar="TIME", help="When the window opens, from now.")
@click.option(
    "--opens-at", type=moment, metavar="MOMENT", help=f"When the window opens: {MOMENT_FORM}."
)
@click.option(
    "--stock", type=click.IntRange(min=1), help="How many users can claim it; no limit by default."
)
@click.option(
    "--min-watched",
    type=duration,
    metavar="TIME",
    help="Only for those who have watched so long when they claim.",
)
@click.option(
    "--clock", type=click.Choice(["connected", "visible"]), help="Which time --min-watched counts."
)
@click.option(
    "--acknowledge/--no-acknowledge",
    default=None,
    help="Whether devices say that they show it; by default for listed users.",
)
@click.option(
    "--id",
    "bonus_id",
    type=click.UUID,
    help="An id of yours: the same order with the same id is done once.",
)
@click.option(
    "--yes", "is_sure", is_flag=True, help="Do not ask before it goes to more than 1,000 people."
)
@click.pass_obj
def command(  # noqa: PLR0913  # one for each option
    run: Run,
    /,
    *,
    everyone: bool,
    resource: str | None,
    users: tuple[str, ...],
    users_file: IO[str] | None,
    bonus_id: UUID | None,
    is_sure: bool,
    opens_in: float | None,
    window: float,
    min_watched: float | None,
    **order: Any,
) -> None:
    """Offer a bonus: its audience is told at once.

    REWARD is a text, or a JSON object for your front-end. To more than 1,000 people it asks first.

    \b
      headcount drop "5 coins" --everyone --window 30s
      headcount drop '{"coins": 5}' --resource final --window 2m --stock 100
      headcount drop "Thank you" --user ann --user bob --window 1h
    """
    listed = [*users, *_lines(users_file)]
    audience = audience_of(everyone, resource, listed)
    if not is_sure:
        confirm(run, audience, "This bonus")
    new_id = str(bonus_id or uuid4())
    order |= {
        "opens_in_seconds": opens_in,
        "window_seconds": window,
        "min_watched_seconds": min_watched,
    }
    body = {name: value for name, value in order.items() if value is not None}
    body |= {"bonus_id": new_id, "audience": audience.fields}
    bonus = ordered(run, Request("POST", "/bonuses", body), new_id)
    run.show(bonus, *_told(bonus, audience.words))


def ordered(run: Run, request: Request, new_id: str) -> dict[str, Any]:
    """The answer. If none came, the error names the id to send the order with again."""
    try:
        answer: dict[str, Any] = run.api.send(request).json()
    except Failed as error:
        if not error.is_undone:
            error.hint = f"It may have been done. The same command with --id {new_id} makes sure."
        raise
    return answer


def _lines(file: IO[str] | None) -> Iterator[str]:
    if file is not None:
        try:
            yield from filter(None, (line.rstrip("\r\n") for line in file))
        except UnicodeDecodeError:
            raise click.UsageError("the file of users is no text in UTF-8") from None


def _told(bonus: dict[str, Any], audience: str) -> Iterator[str]:
    yield f"bonus {bonus['bonus_id']} for {audience}"
    yield f"  {bonus['state']}: from {iso(bonus['opens_at'])} to {iso(bonus['expires_at'])}"
    if expected := bonus.get("estimate"):
        yield (
            f"  reaches {expected['reaches']:,} of {expected['connections']:,} connections, all "
            f"within {expected['takes_ms'] / 1_000:.1f} s"
        )
    for warning in bonus.get("warnings", ()):
        yield f"  warning: {warning['detail']}"
    yield f"  to cancel it: headcount cancel {bonus['bonus_id']}"
