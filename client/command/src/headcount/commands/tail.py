"""Follow what happens."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from headcount.cli import Command
from headcount.errors import Failed
from headcount.fields import duration, iso
from headcount.lists import CursorList, NewestFirstList

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headcount.lists import GrowingList
    from headcount.run import Run

FORBIDDEN = 403
EVERY = click.option(
    "--every",
    type=duration,
    default="1s",
    metavar="TIME",
    help="How often to ask; 1s by default.",
)
FOR = click.option(
    "--for", "lasts", type=duration, metavar="TIME", help="End then; by Ctrl-C by default."
)


def _presence(item: Mapping[str, Any]) -> str:
    return f"{iso(item['at'])}  {item['type']:8} {item['user_id']} on {item['resource']}"


def _grant(item: Mapping[str, Any]) -> str:
    reward = json.dumps(item["reward"], ensure_ascii=False)
    return f"{iso(item['claimed_at'])}  granted  {item['user_id']} {reward} of {item['bonus_id']}"


def order_line(item: Mapping[str, Any]) -> str:
    """An entry of the audit."""
    outcome = f": {item['outcome']}" if item["outcome"] else ""
    subject = item["subject"] or ""
    return f"{iso(item['at'])}  ordered  {item['operation']} {subject} by {item['author']}{outcome}"


LINES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "presence": _presence,
    "grants": _grant,
    "orders": order_line,
}


@click.command("tail", cls=Command)
@click.argument("lists", nargs=-1, type=click.Choice(list(LINES)), metavar="[LIST...]")
@EVERY
@FOR
@click.pass_obj
def command(run: Run, lists: tuple[str, ...], every: float, lasts: float | None) -> None:
    """Follow what happens from now on: who comes and goes, grants, and orders.

    LIST is presence, grants or orders; without any, all that the key's scopes allow.

    \b
      headcount tail --for 5s
      headcount tail grants --for 5s --json
    """
    tails = _started(run, lists)
    run.say(f"following {', '.join(tails)}")
    for _ in ticks(every, lasts):
        for name, growing in tails.items():
            for item in growing.news():
                run.show({"list": name, **item}, LINES[name](item))


def ticks(every: float, lasts: float | None) -> Any:
    """Now and then: at least once, and at the end."""
    until = None if lasts is None else time.monotonic() + lasts
    while True:
        is_last = until is not None and time.monotonic() >= until
        yield
        if is_last:
            return
        left = every if until is None else max(0.0, until - time.monotonic())
        time.sleep(min(every, left))


def _started(run: Run, names: tuple[str, ...]) -> dict[str, GrowingList]:
    """Raises Failed if the key may read none, or not all that are named."""
    found: dict[str, GrowingList] = {}
    for name in names or LINES:
        growing = _list(run, name)
        try:
            growing.start()
        except Failed as error:
            if names or error.status != FORBIDDEN:
                raise
            run.say(f"without {name}: {error.detail}")
        else:
            found[name] = growing
    if not found:
        raise Failed("this key may read none of the lists: it takes the scope `read` or `pay`")
    return found


def _list(run: Run, name: str) -> GrowingList:
    if name == "presence":
        return CursorList(run, "/presence-events")
    if name == "grants":
        return CursorList(run, "/grants", [("from", str(int(time.time() * 1_000)))])
    return NewestFirstList(run, "/audit", "id")
