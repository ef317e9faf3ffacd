"""The console state of several nodes: merged for reading, and each command sent to its node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from wsgate.console.journal import MAX_SHOWN
from wsgate.console.state import GONE, MAX_CONNECTIONS, View
from wsgate.core.bill import bill
from wsgate.model.ids import CONNECTION_ID, node_of
from wsgate.transport.channel import ChannelLost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wsgate.console.state import ConsoleState

_BETWEEN: Final = ","
"""Between the cursors of the states; none has it in itself."""


class MergedConsoleState:
    """The ConsoleState of a parent and its nodes."""

    def __init__(self, parent: ConsoleState, nodes: Sequence[ConsoleState]) -> None:
        """The parent has the functions, the faults and the triggers; `nodes` are in their order."""
        self._parent, self._nodes = parent, nodes

    async def look(self, since: str) -> View:
        """See ConsoleState. A node that is just gone is not in it; its sums are gone as well."""
        states = (self._parent, *self._nodes)
        cursors = since.split(_BETWEEN)
        if len(cursors) != len(states):
            cursors = [""] * len(states)
        views = await asyncio.gather(*map(_look, states, cursors))
        shown = [view for view in views if view is not None]
        kept = [
            cursor if view is None else view["cursor"]
            for view, cursor in zip(views, cursors, strict=True)
        ]
        events, missed = _events(views)
        return {
            **shown[0],
            "about": _about([view["about"] for view in shown]),
            "cursor": _BETWEEN.join(kept),
            "connections": _connections([view["connections"] for view in shown]),
            "events": events,
            "missed": missed,
            "bill": _bill([view["bill"] for view in shown]),
        }

    async def act(self, command: Mapping[str, Any]) -> View:
        """See ConsoleState. A connection's id says which node has it."""
        connection_id = command.get("connection")
        if not isinstance(connection_id, str):
            return await self._anybody(command)
        if not CONNECTION_ID.fullmatch(connection_id):
            return GONE
        node = node_of(connection_id)
        try:
            return await self._nodes[node].act(command) if node < len(self._nodes) else GONE
        except ChannelLost:
            return GONE

    async def _anybody(self, command: Mapping[str, Any]) -> View:
        """A fault is any node's to set: it tells the parent, who tells the others."""
        for node in self._nodes:
            try:
                return await node.act(command)
            except ChannelLost:
                continue
        return await self._parent.act(command)


async def _look(console_state: ConsoleState, since: str) -> View | None:
    try:
        return await console_state.look(since)
    except ChannelLost:
        return None


def _events(views: Sequence[View | None]) -> tuple[list[View], int]:
    """In the order of time, under names that no two nodes share; too many, and the latest stay."""
    events = [
        event | {"id": f"{index}/{event['id']}"}
        for index, view in enumerate(views)
        if view is not None
        for event in view["events"]
    ]
    events.sort(key=lambda event: event["at"])
    missed = sum(view["missed"] for view in views if view is not None)
    return events[-MAX_SHOWN:], missed + max(0, len(events) - MAX_SHOWN)


def _about(abouts: Sequence[View]) -> View:
    """The parent's, with everybody's messages; the parent itself carries none."""
    return {
        **abouts[0],
        "nodes": len(abouts) - 1,
        "received": _sum([about["received"] for about in abouts]),
        "sent": _sum([about["sent"] for about in abouts]),
    }


def _connections(parts: Sequence[View]) -> View:
    shown = [connection for part in parts for connection in part["shown"]]
    shown.sort(key=lambda connection: connection["age"])
    return {"total": sum(part["total"] for part in parts), "shown": shown[:MAX_CONNECTIONS]}


def _bill(bills: Sequence[View]) -> View:
    messages, minutes = (sum(one[key] for one in bills) for key in ("messages", "minutes"))
    return bill(messages, minutes, bills[0]["elapsed"])


def _sum(tallies: Sequence[View]) -> View:
    return {key: sum(tally[key] for tally in tallies) for key in ("messages", "bytes")}
