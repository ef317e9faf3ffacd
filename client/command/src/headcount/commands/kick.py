"""Kick users."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from headcount.api import Request
from headcount.cli import Command

if TYPE_CHECKING:
    from headcount.run import Run


@click.command("kick", cls=Command)
@click.argument("user_id", metavar="USER")
@click.option("--reason", help="Your words to the user; also kept in the audit.")
@click.option("--session", type=click.IntRange(min=1), metavar="ID", help="End this session only.")
@click.pass_obj
def command(run: Run, user_id: str, reason: str | None, session: int | None) -> int:
    """Close all connections of USER and end their sessions.

    Stop giving them tickets first, or they come back. Kicking again does no harm. Exit code 1 if
    connections are still open.

    \b
      headcount kick mallory --reason "This chat is for members."
    """
    path = "/kick" if session is None else f"/sessions/{session}/end"
    order = {"user_id": user_id} | ({"reason": reason} if reason else {})
    counts = run.api.send(Request("POST", path, order)).json()
    run.show(
        {"user_id": user_id, **counts},
        f"{user_id}: {counts['closed']} closed, {counts['gone']} gone before, "
        f"{counts['unreachable']} unreachable",
    )
    if counts["unreachable"]:
        run.say("some connections are still open: their gateway does not answer. Kick again.")
        return 1
    return 0
