"""Several nodes on one page."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from gateways import PONG, T0, Functions, ids, plan, websocket_api
from node_processes import clients, nodes
from waiting import PATIENCE_SECONDS, in_time, until
from wsgate.console.journal import MAX_SHOWN, Other
from wsgate.console.merged_state import MergedConsoleState
from wsgate.console.state import GONE
from wsgate.model.ids import node_of
from wsgate.node.node import Node
from wsgate.node.settings import Settings
from wsgate.transport.channel import ChannelLost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from command import Command
    from wsgate.console.state import NodeConsoleState, View


def node(index: int = 0) -> Node:
    settings = Settings("127.0.0.1:8080", index=index, log=lambda _: None)
    return Node(plan(websocket_api({"ping": PONG})), Functions(), settings)


def happened(node: Node, *at: int) -> None:
    for moment in at:
        assert node.journal is not None
        node.journal.add(moment, Other(f"at {moment}", "200"))


def console_state(node: Node) -> NodeConsoleState:
    assert node.console_state is not None
    return node.console_state


class Lost:
    """A node that has just ended."""

    async def look(self, since: str) -> View:
        raise ChannelLost

    async def act(self, command: Mapping[str, Any]) -> View:
        raise ChannelLost


class TestTogether:
    async def test_events_are_in_the_order_of_time_and_each_comes_once(self) -> None:
        parent, one, other = node(), node(), node(1)
        states = MergedConsoleState(
            console_state(parent), [console_state(one), console_state(other)]
        )
        happened(one, 1, 4)
        happened(other, 2, 3)
        happened(parent, 5)
        first = await states.look("")
        assert [event["at"] for event in first["events"]] == [1, 2, 3, 4, 5]
        assert len({event["id"] for event in first["events"]}) == 5
        happened(other, 6)
        second = await states.look(first["cursor"])
        assert [event["at"] for event in second["events"]] == [6]
        assert (await states.look(second["cursor"]))["events"] == []

    async def test_too_many_events_are_counted(self) -> None:
        one, other = node(), node(1)
        states = MergedConsoleState(
            console_state(node()), [console_state(one), console_state(other)]
        )
        happened(one, 1)
        happened(other, 1)
        cursor = (await states.look(""))["cursor"]
        happened(one, *range(MAX_SHOWN + 1))
        happened(other, *range(10))
        view = await states.look(cursor)
        assert (len(view["events"]), view["missed"]) == (MAX_SHOWN, 11)

    async def test_a_node_that_is_gone_is_left_out_until_it_is_back(self) -> None:
        one, other = node(), node(1)
        happened(one, 1)
        happened(other, 2)
        places: list[Any] = [console_state(one), console_state(other)]
        states = MergedConsoleState(console_state(node()), places)
        cursor = (await states.look(""))["cursor"]
        places[1] = Lost()
        without = await states.look(cursor)
        assert (without["about"]["nodes"], without["events"]) == (1, [])
        places[1] = console_state(other)
        happened(other, 3)
        assert [event["at"] for event in (await states.look(without["cursor"]))["events"]] == [3]

    async def test_a_cursor_of_another_number_of_nodes_gives_all(self) -> None:
        one = node()
        happened(one, 1)
        states = MergedConsoleState(console_state(node()), [console_state(one)])
        for cursor in ("", "1:1", "1:1,2:2,3:3", ",,,"):
            assert len((await states.look(cursor))["events"]) == 1

    async def test_a_command_for_a_node_that_is_not_there_meets_gone(self) -> None:
        states = MergedConsoleState(console_state(node()), [Lost()])
        connection_id = ids().connection(T0)
        for given in (connection_id, "nonsense", "uV8iW0VYZSoC__w="):
            assert await states.act({"do": "close", "connection": given}) == GONE
        assert (await states.act({"do": "fault", "name": "x", "value": 1}))["ok"] is False


async def ask(command: Command, method: str, path: str, body: Any = None) -> Any:
    """Over a new TCP connection, so that any node may be the one that answers."""

    def request() -> Any:
        host, _, port = command.base.partition(":")
        with closing(http.client.HTTPConnection(host, int(port), timeout=10)) as client:
            data = None if body is None else json.dumps(body).encode()
            client.request(method, path, data, {"Content-Type": "application/json"})
            return json.loads(client.getresponse().read())

    return await asyncio.to_thread(request)


async def test_every_node_shows_all_and_reaches_all(wsgate: Any) -> None:
    async with wsgate("--nodes", "2") as command, clients(command, 12) as found:
        for _ in range(6):
            view = await ask(command, "GET", "/_wsgate/look")
            assert {one["id"] for one in view["connections"]["shown"]} == set(found)
            assert (view["connections"]["total"], view["about"]["nodes"]) == (12, 2)
            assert view["about"]["received"]["messages"] == 12
            routes = [event["route"] for event in view["events"]]
            assert (routes.count("$connect"), routes.count("-")) == (12, 12)
        assert view["bill"]["messages"] == 24
        functions = {one["name"]: one["status"] for one in view["functions"]}
        assert any(status["environments"] for status in functions.values())
        for connection_id, client in found.items():
            told = {"do": "send", "connection": connection_id, "text": connection_id}
            assert await ask(command, "POST", "/_wsgate/act", told) == {"ok": True}
            assert await in_time(client.recv()) == connection_id
        assert any("page send" in line for line in command.errors)


async def test_a_fault_that_is_set_on_the_page_is_every_nodes(wsgate: Any) -> None:
    async with wsgate("--nodes", "3") as command:
        told = {"do": "fault", "name": "message_late", "value": 0.5}
        assert await ask(command, "POST", "/_wsgate/act", told) == {"ok": True}
        for _ in range(8):
            view = await ask(command, "GET", "/_wsgate/look")
            assert view["faults"]["message_late"]["value"] == 0.5
            asked = await ask(command, "GET", "/_wsgate/faults")  # of the node that is met
            assert asked["message_late"]["value"] == 0.5


@pytest.mark.slow
async def test_a_killed_node_does_not_affect_the_others(wsgate: Any) -> None:
    async with wsgate("--nodes", "2", "--json") as command, clients(command, 12) as found:
        cursor = (await ask(command, "GET", "/_wsgate/look"))["cursor"]
        os.kill(nodes(command)[0], signal.SIGKILL)
        await until(lambda: any("started again" in line for line in command.errors))
        remain = {each for each in found if node_of(each) == 1}
        await until(lambda: len(nodes(command)) == 2)
        view: dict[str, Any] = {"about": {"nodes": 0}}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while view["about"]["nodes"] != 2:
                view = await ask(command, "GET", f"/_wsgate/look?since={cursor}")
        assert {one["id"] for one in view["connections"]["shown"]} == remain
        lines = [json.loads(line) for line in command.errors]
        assert {line["kind"] for line in lines} == {"ready", "event", "function", "notice"}
