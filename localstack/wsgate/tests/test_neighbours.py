"""Nodes that ask each other about connections, without a process between them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from waiting import in_time
from wsgate.apis import management
from wsgate.node.neighbours import Manage, Neighbours
from wsgate.transport.responses import Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LOOK = Request("GET", "/live/@connections/x", "", (("Host", "a"),), b"", "127.0.0.1")


@contextlib.asynccontextmanager
async def node(folder: Path, index: int) -> AsyncIterator[Neighbours]:
    """One that answers with its index and what it was asked."""

    def answer(question: Manage) -> Response:
        if question.connection_id == "broken":
            raise ValueError(question.connection_id)
        words = f"{index} {question.connection_id} {question.request.method}"
        return Response(200, words.encode())

    neighbours = Neighbours(folder, index, answer)
    await neighbours.start()
    try:
        yield neighbours
    finally:
        neighbours.close()


async def test_each_asks_the_one_that_has_the_connection(tmp_path: Path) -> None:
    async with node(tmp_path, 0) as first, node(tmp_path, 1) as second:
        assert (await in_time(first.manage(1, "x", LOOK))).body == b"1 x GET"
        assert (await in_time(second.manage(0, "y", LOOK))).body == b"0 y GET"


async def test_many_that_ask_at_once_have_each_their_own_answer(tmp_path: Path) -> None:
    async with node(tmp_path, 0) as first, node(tmp_path, 1):
        questions = [first.manage(1, str(number), LOOK) for number in range(100)]
        answers = await in_time(asyncio.gather(*questions))
        assert [each.body for each in answers] == [b"1 %d GET" % n for n in range(100)]


async def test_the_other_is_told_all_that_its_answer_depends_on(tmp_path: Path) -> None:
    told: list[Manage] = []

    def answer(question: Manage) -> Response:
        told.append(question)
        return Response(429, b"{}", (("x-amzn-ErrorType", "LimitExceededException"),))

    asked = Request("POST", "/live/@connections/x", "", LOOK.headers, b"hi", "127.0.0.1")
    other = Neighbours(tmp_path, 1, answer)
    await other.start()
    async with node(tmp_path, 0) as first:
        for request in (asked, replace(asked, body=b"", too_large=True)):
            answered = await in_time(first.manage(1, "x", request))
            assert (answered.status, answered.body) == (429, b"{}")
            assert answered.headers == (("x-amzn-ErrorType", "LimitExceededException"),)
            ours, theirs = told[-1].request, request
            assert (ours.method, ours.path, ours.host) == (theirs.method, theirs.path, theirs.host)
            assert (ours.body, ours.too_large) == (theirs.body, theirs.too_large)
    other.close()


async def test_the_connections_of_a_node_that_is_not_there_are_gone(tmp_path: Path) -> None:
    async with node(tmp_path, 0) as first:
        assert await in_time(first.manage(1, "x", LOOK)) == management.GONE


async def test_a_node_that_comes_back_is_asked_again(tmp_path: Path) -> None:
    async with node(tmp_path, 0) as first:
        for _ in range(2):
            async with node(tmp_path, 1):
                assert (await in_time(first.manage(1, "x", LOOK))).status == 200
            assert await in_time(first.manage(1, "x", LOOK)) == management.GONE


async def test_a_socket_that_a_killed_node_left_behind_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "1"))
    async with node(tmp_path, 0) as first:
        assert await in_time(first.manage(1, "x", LOOK)) == management.GONE
        async with node(tmp_path, 1):
            assert (await in_time(first.manage(1, "x", LOOK))).status == 200


async def test_a_fault_of_the_other_is_raised_where_it_was_asked(tmp_path: Path) -> None:
    async with node(tmp_path, 0) as first, node(tmp_path, 1):
        with pytest.raises(ValueError, match="broken"):
            await in_time(first.manage(1, "broken", LOOK))
        assert (await in_time(first.manage(1, "x", LOOK))).status == 200
