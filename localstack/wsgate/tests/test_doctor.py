"""`wsgate doctor`: what would stop so many connections on a machine, and how to change it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from command import spawn
from waiting import in_time
from wsgate.doctor import command
from wsgate.doctor.machine import PAGE_BYTES, Machine, look
from wsgate.doctor.sums import (
    KERNEL_BYTES,
    MEBIBYTE,
    NODE_BYTES,
    USER_BYTES,
    Check,
    Needs,
    examine,
    fitting_nodes,
    memory_holds,
    node_connections,
)
from wsgate.model.ids import MAX_NODES

if TYPE_CHECKING:
    from pathlib import Path

GIBIBYTE = 1024 * MEBIBYTE
ROOMY = Machine(
    processors=4,
    soft_files=1024,
    hard_files=20_000,
    nr_open=1_048_576,
    file_max=2_000_000,
    files_used=1000,
    ports=(32_768, 60_999),
    somaxconn=4096,
    syn_backlog=4096,
    tcp_mem=(750_000, 1_000_000, 1_500_000),
    tcp_wmem=(4096, 16_384, 262_144),
    conntrack_used=5,
    memory=64 * GIBIBYTE,
    disks={"/tmp": GIBIBYTE},  # noqa: S108 a name
)
NEEDS = Needs(150_000)


def check(name: str, seen: Machine, needs: Needs = NEEDS) -> Check:
    [found] = [each for each in examine(seen, needs).checks if each.name == name]
    return found


def roomy(**changed: Any) -> Machine:
    return replace(ROOMY, **changed)


# Each limit: at what is needed, and one below.


@pytest.mark.parametrize(
    ("name", "field", "enough"),
    [
        ("fs.file-max", "file_max", 150_000 + 1000 + 8 * 24 + 1024),
        ("net.core.somaxconn", "somaxconn", 1024),
        ("net.ipv4.tcp_max_syn_backlog", "syn_backlog", 1024),
        ("net.netfilter.nf_conntrack_max", "conntrack_max", 150_005),
        ("processes of the control group", "processes", 8 + 128),
    ],
)
def test_a_limit_is_enough_or_one_too_low(name: str, field: str, enough: int) -> None:
    at, below = roomy(**{field: enough}), roomy(**{field: enough - 1})
    assert check(name, at).is_ok
    assert not check(name, below).is_ok
    assert not examine(below, NEEDS).is_ok


@pytest.mark.parametrize("field", ["hard_files", "nr_open"])
def test_all_nodes_together_need_files_for_each_connection(field: str) -> None:
    files = 150_000 // MAX_NODES + 1 + 24 + 64 + 64
    name = {"hard_files": "open files of a process", "nr_open": "fs.nr_open"}[field]
    assert check(name, roomy(**{field: files})).is_ok
    assert not check(name, roomy(**{field: files - 1})).is_ok


def test_a_firewall_that_tracks_nothing_bounds_nothing() -> None:
    assert examine(roomy(conntrack_max=1, conntrack_used=0), NEEDS).is_ok


def test_tcp_needs_a_page_for_each_socket_that_has_a_message_under_way() -> None:
    enough = replace(ROOMY, tcp_mem=(1, 1, 150_010), tcp_pages_used=10)
    assert check("net.ipv4.tcp_mem", enough).is_ok
    assert not check("net.ipv4.tcp_mem", replace(enough, tcp_pages_used=11)).is_ok
    assert not check("net.ipv4.tcp_mem", enough, replace(NEEDS, has_clients=True)).is_ok


def test_clients_that_read_nothing_must_not_fill_the_memory_of_tcp() -> None:
    pages = 150 * 4 * MEBIBYTE // PAGE_BYTES
    big = replace(ROOMY, tcp_mem=(1, 10**6, pages), tcp_wmem=(4096, 16_384, 4 * MEBIBYTE))
    assert check("net.ipv4.tcp_wmem", big).is_ok
    assert not check("net.ipv4.tcp_wmem", replace(big, tcp_mem=(1, 10**6, pages - 1))).is_ok


def test_memory_is_needed_for_connections_for_nodes_and_for_what_else_runs() -> None:
    needs = Needs(150_000, memory=100 * MEBIBYTE)
    needed = 150_000 * (USER_BYTES + KERNEL_BYTES) + 8 * NODE_BYTES + 100 * MEBIBYTE
    assert check("memory", replace(ROOMY, memory=-(-needed * 10 // 9)), needs).is_ok
    assert not check("memory", replace(ROOMY, memory=needed), needs).is_ok


def test_a_control_group_bounds_memory_as_the_machine_does() -> None:
    name = "memory of the control group"
    assert check(name, replace(ROOMY, memory_of_group=8 * GIBIBYTE)).is_ok
    assert not check(name, replace(ROOMY, memory_of_group=GIBIBYTE)).is_ok


def test_a_disk_must_have_what_is_asked_for() -> None:
    folder = "/tmp"  # noqa: S108 a name
    enough = Needs(1, disks=((folder, GIBIBYTE),))
    assert check(f"disk at {folder}", ROOMY, enough).is_ok
    assert not check(f"disk at {folder}", ROOMY, Needs(1, disks=((folder, GIBIBYTE + 1),))).is_ok


def test_ports_say_how_many_source_addresses_clients_need() -> None:
    assert check("net.ipv4.ip_local_port_range", ROOMY, Needs(28_232)).needed.startswith("one ")
    assert check("net.ipv4.ip_local_port_range", ROOMY, Needs(28_233)).needed.startswith("2 ")
    assert check("net.ipv4.ip_local_port_range", ROOMY).is_ok


def test_what_does_not_fit_says_what_to_change() -> None:
    poor = Machine(
        hard_files=100,
        nr_open=100,
        file_max=100,
        ports=(1, 2),
        somaxconn=1,
        syn_backlog=1,
        tcp_mem=(1, 1, 1),
        tcp_wmem=(1, 1, MEBIBYTE),
        conntrack_max=1,
        conntrack_used=1,
        memory=1,
        memory_of_group=1,
        processes=1,
        disks={"/tmp": 0},  # noqa: S108 a name
    )
    needs = replace(NEEDS, disks=(("/tmp", 1),))  # noqa: S108 a name
    report = examine(poor, needs)
    assert {each.name for each in report.checks if each.is_ok} == {"net.ipv4.ip_local_port_range"}
    assert all(each.remedy for each in report.checks)


# The most.


@pytest.mark.parametrize("has_clients", [False, True])
def test_the_most_fits_and_one_more_does_not(*, has_clients: bool) -> None:
    most = examine(ROOMY, Needs(1, has_clients)).fits
    assert most is not None
    report = examine(ROOMY, Needs(most, has_clients))
    assert [each for each in report.checks if each.holds is not None and not each.is_ok] == []
    assert not examine(ROOMY, Needs(most + 20_000, has_clients)).is_ok


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"hard_files": 1024}, "open files of a process"),
        ({"file_max": 20_000}, "fs.file-max"),
        ({"tcp_mem": (1, 1, 9000)}, "net.ipv4.tcp_mem"),
        ({"conntrack_max": 9000}, "net.netfilter.nf_conntrack_max"),
        ({"memory": GIBIBYTE}, "memory"),
    ],
)
def test_the_report_names_what_stops_more(change: dict[str, Any], name: str) -> None:
    assert examine(roomy(**change), NEEDS).stopped_by == name


def test_there_is_a_node_for_each_processor_and_as_many_as_the_files_need() -> None:
    small = replace(ROOMY, processors=4, memory=GIBIBYTE // 4)
    assert fitting_nodes(small, Needs(1)) == 4
    fits = examine(ROOMY, Needs(1)).fits
    assert fits is not None
    assert fitting_nodes(ROOMY, Needs(1)) == -(-fits // node_connections(20_000))


def test_there_are_never_more_nodes_than_there_can_be() -> None:
    assert fitting_nodes(replace(ROOMY, hard_files=1024), Needs(1)) == MAX_NODES


def test_memory_holds_fewer_beside_more_nodes() -> None:
    few, many = (memory_holds(ROOMY, Needs(1), nodes) or 0 for nodes in (1, 11))
    each = USER_BYTES + KERNEL_BYTES
    assert few - many in {10 * NODE_BYTES // each, 10 * NODE_BYTES // each + 1}
    assert memory_holds(replace(ROOMY, memory=None), Needs(1)) is None


def test_a_system_that_tells_little_says_what_it_does_not_tell() -> None:
    report = examine(Machine("Darwin", hard_files=10_240), Needs(10_000))
    assert [each.name for each in report.checks] == ["open files of a process"]
    assert "net.core.somaxconn" in report.unseen
    assert report.is_ok


# Looking.


def test_this_machine_is_read() -> None:
    seen = look((".",))
    assert seen.processors >= 1
    assert (seen.disks or {})["."] > 0
    if seen.system == "Linux":
        assert seen.memory
        assert seen.nr_open
        assert seen.ports
        assert seen.tcp_mem


@pytest.mark.parametrize(
    ("group", "files"),
    [
        (
            "0::/a/b\n",
            {"a/b/memory.max": "max", "a/memory.max": "3000", "a/memory.current": "1000"},
        ),
        (
            "4:memory:/a\n0::/\n",
            {"memory/a/memory.limit_in_bytes": "3000", "memory/a/memory.usage_in_bytes": "1000"},
        ),
        (
            "4:cpu,memory:/a\n",
            {"memory/memory.limit_in_bytes": "3000", "memory/memory.usage_in_bytes": "1000"},
        ),
    ],
    ids=["version 2, of the group above", "version 1", "version 1, inside a container"],
)
def test_the_limit_of_a_control_group_is_read(
    group: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    write(tmp_path / "proc", {"self/cgroup": group})
    write(tmp_path / "cgroups", files)
    assert look((), tmp_path / "proc", tmp_path / "cgroups").memory_of_group == 2000


def test_a_control_group_without_a_limit_has_none(tmp_path: Path) -> None:
    files = {"memory/memory.limit_in_bytes": str(2**63 - 4096), "memory/memory.usage_in_bytes": "1"}
    write(tmp_path / "proc", {"self/cgroup": "4:memory:/\n"})
    write(tmp_path / "cgroups", files)
    assert look((), tmp_path / "proc", tmp_path / "cgroups").memory_of_group is None


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


# The command.


async def test_the_command_says_what_fits_and_how_many_nodes_that_takes() -> None:
    code, said = await doctor("--connections", "10")
    assert code == 0
    assert "10 connections fit." in said
    assert "--nodes" in said


async def test_the_command_fails_with_what_to_change() -> None:
    code, said = await doctor("--connections", "100000000")
    assert code == 1
    assert "100,000,000 connections do not fit." in said
    assert "change: " in said


async def test_the_command_writes_json() -> None:
    code, said = await doctor("--json", "--clients", "--connections", "100000000")
    report = json.loads(said)
    assert (code, report["is_ok"]) == (1, False)
    assert report["fits"] < 100_000_000
    assert report["stopped_by"] in {each["name"] for each in report["checks"]}
    assert set(report["checks"][0]) == {"name", "found", "needed", "holds", "is_ok", "remedy"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--connections", "0"),
        ("--connections", "many"),
        ("--disk", "nowhere"),
        ("--disk", "/no/such/folder=1"),
        ("--memory", "-1"),
    ],
)
async def test_a_mistake_is_refused(arguments: tuple[str, str]) -> None:
    code, said = await doctor(*arguments)
    assert (code, said) == (2, "")


async def doctor(*arguments: str) -> tuple[int | None, str]:
    """The exit code and stdout of `wsgate doctor`."""
    process = await spawn("doctor", *arguments)
    out, _ = await in_time(process.communicate())
    return process.returncode, out.decode()


def test_every_flag_explains_itself() -> None:
    assert all(action.help for action in command.parser()._actions)
