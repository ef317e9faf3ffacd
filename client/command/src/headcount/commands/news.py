"""Broadcast news."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import click

from headcount.api import Request
from headcount.audience import audience_of, confirm
from headcount.cli import Command
from headcount.commands.drop import ordered
from headcount.fields import DURATION_FORM, duration, iso, json_object

if TYPE_CHECKING:
    from headcount.run import Run


@click.command("news", cls=Command)
@click.argument("kind", metavar="TYPE")
@click.argument("body", type=json_object)
@click.option("--everyone", is_flag=True, help="For all who are online, and who come meanwhile.")
@click.option("--resource", help="For those who watch this resource.")
@click.option(
    "--expires-in",
    type=duration,
    metavar="TIME",
    required=True,
    help=f"Until when those who come are told: {DURATION_FORM}.",
)
@click.option(
    "--id",
    "news_id",
    type=click.UUID,
    help="An id of yours: the same order with the same id is done once.",
)
@click.option(
    "--yes", "is_sure", is_flag=True, help="Do not ask before it goes to more than 1,000 people."
)
@click.pass_obj
def command(  # noqa: PLR0913, PLR0917  # one for each option
    run: Run,
    kind: str,
    body: dict[str, Any],
    everyone: bool,
    resource: str | None,
    expires_in: float,
    news_id: UUID | None,
    is_sure: bool,
) -> None:
    """Broadcast news to all users, or to those who watch a resource.

    TYPE says to your front-end what kind of news it is, BODY is a JSON object.

    \b
      headcount news goal '{"score": "2:1"}' --everyone --expires-in 10m
    """
    audience = audience_of(everyone, resource)
    if not is_sure:
        confirm(run, audience, "This news")
    new_id = str(news_id or uuid4())
    order = {
        "news_id": new_id,
        "type": kind,
        "body": body,
        "audience": audience.fields,
        "expires_in_seconds": expires_in,
    }
    news = ordered(run, Request("POST", "/news", order), new_id)
    run.show(
        news,
        f"news {news['news_id']} for {audience.words}, until {iso(news['expires_at'])}",
        f"  to cancel it: headcount cancel {news['news_id']}",
    )
