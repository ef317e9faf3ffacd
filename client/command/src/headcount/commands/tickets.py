"""Mint tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from headcount.api import Request
from headcount.cli import Command

if TYPE_CHECKING:
    from headcount.run import Run


@click.command("tickets", cls=Command)
@click.argument("user_ids", nargs=-1, required=True, metavar="USER...")
@click.option("--resource", help="What the user watches first; `site` by default.")
@click.option("--device", help="A label of the connection, such as phone.")
@click.option(
    "--may-watch",
    multiple=True,
    metavar="RESOURCE",
    help="A further resource that the connection may move to; may be given several times. "
    "`*` is any.",
)
@click.option("--may-list", is_flag=True, help="The user's page may show by name who watches.")
@click.pass_obj
def command(  # noqa: PLR0913, PLR0917  # one for each option
    run: Run,
    user_ids: tuple[str, ...],
    resource: str | None,
    device: str | None,
    may_watch: tuple[str, ...],
    may_list: bool,
) -> None:
    """Mint a ticket for each USER: it opens one connection, within 30 seconds.

    Prints the address to connect to. A ticket opens a connection as this user: do not log it.

    \b
      headcount tickets ann
      headcount tickets ann bob --resource final --may-watch lobby
    """
    order: dict[str, object] = {"may_list": may_list}
    order["may_watch"] = "*" if "*" in may_watch else list(may_watch)
    order |= {name: value for name, value in (("resource", resource), ("device", device)) if value}
    for user_id in user_ids:
        # Two tickets for one connection do no harm: the lost one expires.
        ticket = run.api.send(Request("POST", "/tickets", order | {"user_id": user_id})).json()
        run.show({"user_id": user_id, **ticket}, f"{ticket['url']}?ticket={ticket['ticket']}")
