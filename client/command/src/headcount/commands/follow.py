"""Follow one user."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from headcount.cli import Command
from headcount.commands.tail import EVERY, FOR, order_line, ticks
from headcount.fields import iso
from headcount.lists import NewestFirstList
from headcount.logs import LogFile, LogGroups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headcount.run import Run


class Line(NamedTuple):
    """Something that happened to the user."""

    list: str
    text: str
    document: dict[str, Any]


class Connections:
    """Which are opened and closed, and which have been open."""

    def __init__(self, run: Run, user_id: str) -> None:
        self._run, self._user_id = run, user_id
        self._open: dict[str, dict[str, Any]] = {}
        self.ids: dict[str, None] = {}
        """In order, for the logs."""

    def news(self) -> Iterator[Line]:
        items = self._run.api.get("/connections", [("user_id", self._user_id)])["items"]
        now = {item["connection_id"]: item for item in items}
        for connection_id in now.keys() - self._open.keys():
            yield _connection("opened", now[connection_id])
        for connection_id in self._open.keys() - now.keys():
            yield _connection("closed", self._open[connection_id])
        self._open = now
        self.ids |= dict.fromkeys(now)


def _connection(what: str, item: dict[str, Any]) -> Line:
    device = f" ({item['device']})" if item["device"] else ""
    at = iso(item["opened_at"]) if what == "opened" else _now()
    text = f"{at}  {what:8} connection {item['connection_id']} on {item['resource']}{device}"
    return Line("connections", text, {"type": what, **item})


class Sessions:
    """Which begin, go on, and end; those that are over at the start are not told."""

    def __init__(self, run: Run, user_id: str) -> None:
        self._run, self._user_id = run, user_id
        self._ends: dict[tuple[int, int], int | None] = {}
        self._is_started = False

    def news(self) -> Iterator[Line]:
        page = self._run.api.get("/sessions", [("user_id", self._user_id)])
        for item in reversed(page["items"]):
            # A session that is divided has several items of its id.
            key, ended_at = (item["session_id"], item["joined_at"]), item["ended_at"]
            is_news = key not in self._ends or self._ends[key] != ended_at
            self._ends[key] = ended_at
            if is_news and (ended_at is None or self._is_started):
                yield _session(item)
        self._is_started = True


def _session(item: dict[str, Any]) -> Line:
    if item["ended_at"] is None:
        text = f"{iso(item['joined_at'])}  session  {item['session_id']} on {item['resource']}"
    else:
        seconds = item["watched_ms"] / 1_000
        text = (
            f"{iso(item['ended_at'])}  ended    session {item['session_id']} on "
            f"{item['resource']}: {item['ended_by']}, {seconds:,.0f} s watched"
        )
    return Line("sessions", text, item)


class Items:
    """What is added to one of the user's lists."""

    def __init__(
        self, items: NewestFirstList, name: str, text: Callable[[dict[str, Any]], str]
    ) -> None:
        self._items, self._name, self._text = items, name, text
        items.start()

    def news(self) -> Iterator[Line]:
        for item in self._items.news():
            yield Line(self._name, self._text(item), item)


def _event(item: dict[str, Any]) -> str:
    body = json.dumps(item["body"], ensure_ascii=False)
    return f"{iso(item['at'])}  event    {item['type']} {body}"


def _entry(item: dict[str, Any]) -> str:
    reward = json.dumps(item["reward"], ensure_ascii=False)
    return f"{iso(item['at'])}  ledger   {item['entry']} {reward} of {item['bonus_id']}"


def _lists(run: Run, user_id: str) -> Iterator[Items]:
    """What all devices of the user are told; what they were offered, claimed and got; orders."""
    of_user = [("user_id", user_id)]
    yield Items(NewestFirstList(run, "/users/events", "seq", of_user), "events", _event)
    yield Items(NewestFirstList(run, "/users/ledger", "id", of_user), "ledger", _entry)
    yield Items(NewestFirstList(run, "/audit", "id", [("subject", user_id)]), "orders", order_line)


class Logs:
    """Lines of the functions that name a connection of the user."""

    def __init__(self, logs: LogFile | LogGroups, connections: Connections) -> None:
        self._logs, self._connections = logs, connections

    def news(self) -> Iterator[Line]:
        for line in self._logs.news(list(self._connections.ids)):
            yield Line("logs", f"{_now()}  log      {line}", {"line": line})


@click.command("follow", cls=Command)
@click.argument("user_id", metavar="USER")
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Show lines of this file, too, that name a connection of the user: the output of "
    "`make run`.",
)
@click.option(
    "--log-group",
    "log_groups",
    multiple=True,
    metavar="NAME",
    help="Show such lines of this CloudWatch log group, too; may be given several times. It takes "
    "boto3, and AWS credentials.",
)
@EVERY
@FOR
@click.pass_obj
def command(  # noqa: PLR0913, PLR0917  # one for each option
    run: Run,
    user_id: str,
    log: Path | None,
    log_groups: tuple[str, ...],
    every: float,
    lasts: float | None,
) -> None:
    """Follow what happens to USER from now on: connections, sessions, events, ledger, orders.

    It takes the scope `read`. With the logs of the functions it also shows routes, refusals and
    pushes.

    \b
      headcount follow ann --for 5s
      headcount follow ann --for 5s --json
    """
    connections = Connections(run, user_id)
    sources: list[Any] = [connections, Sessions(run, user_id), *_lists(run, user_id)]
    if log:
        sources.append(Logs(LogFile(log), connections))
    if log_groups:
        sources.append(Logs(LogGroups(log_groups), connections))
    run.say(f"following {user_id}")
    for _ in ticks(every, lasts):
        for source in sources:
            for line in source.news():
                run.show({"list": line.list, **line.document}, line.text)


def _now() -> str:
    return iso(int(time.time() * 1_000))
