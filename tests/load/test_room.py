"""Whether a machine has room for a run, and how a run is spread over processes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.load.room import GIB, Machine, room

LARGE = Machine(
    files=20_000,
    all_files=2_000_000,
    ports=28_232,
    addresses=128,
    memory=24 * GIB,
    disk=200 * GIB,
)


def test_a_node_and_a_process_have_files_for_what_they_hold() -> None:
    found = room(LARGE, 150_000, cpus=2)
    assert found.missing == []
    assert 150_000 / found.nodes < LARGE.files
    assert 150_000 / found.processes <= 18_000


def test_a_million_users_need_no_more_files_than_20_000_a_process_and_20_kb_each() -> None:
    assert room(LARGE, 800_000, cpus=2).missing == []
    large = replace(LARGE, all_files=2_500_000)
    assert 1_000_000 <= room(large, 1_000_000, cpus=2).fits < 1_200_000


def test_a_small_run_has_two_nodes_so_that_one_can_be_killed() -> None:
    assert room(LARGE, 10, cpus=1).nodes == 2


@pytest.mark.parametrize(
    ("lacking", "word"),
    [
        ({"files": 1_024}, "open files of one process"),
        ({"all_files": 100_000}, "open files of all processes"),
        ({"ports": 16_384, "addresses": 1}, "ports"),
        ({"memory": 4 * GIB}, "memory"),
        ({"disk": 2 * GIB}, "disk"),
    ],
)
def test_what_is_missing_is_named_with_the_number_that_fits(
    lacking: dict[str, int], word: str
) -> None:
    there = replace(LARGE, **lacking)
    found = room(there, 150_000, cpus=2)
    assert [word in need.what for need in found.missing] == [True]
    assert 0 < found.fits < 150_000
    assert room(there, found.fits, cpus=2).missing == []
    assert room(there, found.fits + 1_000, cpus=2).missing


def test_as_many_users_come_at_once_however_many_processes_they_are_in() -> None:
    few, many = room(LARGE, 2_000, cpus=2), room(LARGE, 800_000, cpus=2)
    assert (few.processes, few.at_once) == (2, 128)
    assert many.processes > 40
    assert many.processes * many.at_once <= 1_024
