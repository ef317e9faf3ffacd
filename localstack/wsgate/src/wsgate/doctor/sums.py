"""How many connections each limit of a machine holds, and what must change for more. Pure.

The kernel's words for its limits: https://docs.kernel.org/networking/ip-sysctl.html and
https://docs.kernel.org/admin-guide/sysctl/fs.html (2026-11-29).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wsgate import open_files
from wsgate.doctor.machine import PAGE_BYTES
from wsgate.model.ids import MAX_NODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wsgate.doctor.machine import Machine

KIBIBYTE: Final = 1024
MEBIBYTE: Final = KIBIBYTE * KIBIBYTE

# Linux 6.18, Python 3.11; docs/performance.md has what was measured.
USER_BYTES: Final = 2_200
"""Of an idle connection in its node, with an authorizer's context."""
KERNEL_BYTES: Final = 6_400
"""Of an idle connection in the kernel, at either end."""
NODE_BYTES: Final = 40 * MEBIBYTE
"""Of a node without connections: 25 MB, its journal, and some room."""
CLIENT_BYTES: Final = 2_200
"""Of an idle connection in a client's process: as in a node, if the client is as frugal."""

NODE_FILES: Final = 24
"""What a node has open besides its connections."""
KEPT_SHARE: Final = 10
"""One part in so many of the memory stays free."""
KNOCKS: Final = 1024
"""Clients that may wait at once: those of a second in which a node does something else."""
PAGES_PER_SOCKET: Final = 1
"""Of TCP's buffers, for a message that is under way: no socket takes less."""
STUCK_SHARE: Final = 1000
"""One client in so many is taken for one that reads nothing."""
FILES_WANTED: Final = 1_048_576
"""The hard limit that a remedy asks for: what `fs.nr_open` is by default."""


@dataclass(frozen=True)
class Needs:
    """What is to run on the machine."""

    connections: int
    has_clients: bool = False
    """Whether the clients are on the same machine: their ends need files and memory, too."""
    memory: int = 0
    """What other programs will take beside the gateway, in bytes."""
    disks: tuple[tuple[str, int], ...] = ()
    """Folders, and the bytes that must be free in each."""

    @property
    def ends(self) -> int:
        """Sockets of one connection on this machine."""
        return 2 if self.has_clients else 1


@dataclass(frozen=True)
class Check:
    """One limit against what is needed of it."""

    name: str
    found: str
    needed: str
    holds: int | None
    """The most connections that it allows; None where it bounds no number of them."""
    is_ok: bool
    remedy: str
    """The command that changes it, or what to change; empty where nothing helps."""


@dataclass(frozen=True)
class Report:
    """All limits of a machine."""

    needs: Needs
    checks: tuple[Check, ...]
    unseen: tuple[str, ...]
    """The limits that this system does not tell."""

    @property
    def is_ok(self) -> bool:
        return all(check.is_ok for check in self.checks)

    @property
    def fits(self) -> int | None:
        """The largest number of connections; None if nothing that bounds them could be read."""
        return min((check.holds for check in self.checks if check.holds is not None), default=None)

    @property
    def stopped_by(self) -> str:
        """The limit that stops more."""
        return next((check.name for check in self.checks if check.holds == self.fits), "")


def examine(machine: Machine, needs: Needs) -> Report:
    """Hold every limit against the needs."""
    checks: list[Check] = []
    unseen: list[str] = []
    for name, check in _CHECKS.items():
        found = check(machine, needs)
        if found is not None:
            checks.append(found)
        elif name not in _MAY_BE_ABSENT:
            unseen.append(name)
    checks += _disks(machine, needs)
    return Report(needs, tuple(checks), tuple(unseen))


def node_connections(files: int) -> int:
    """How many connections a node holds that may open so many files."""
    return open_files.capacity(files, is_open=NODE_FILES).connections


def nodes_for(machine: Machine, connections: int) -> int:
    """How many nodes the files of so many connections need; perhaps more than there can be."""
    return max(1, -(-connections // node_connections(_files(machine))))


def fitting_nodes(machine: Machine, needs: Needs) -> int:
    """How many nodes hold all connections that this machine can: one per processor at least."""
    fits = examine(machine, needs).fits or 0
    return min(MAX_NODES, max(machine.processors, nodes_for(machine, fits)))


def memory_holds(machine: Machine, needs: Needs, nodes: int | None = None) -> int | None:
    """How many connections fit into the memory beside their nodes; None where it is not told."""
    known = [size for size in (machine.memory, machine.memory_of_group) if size is not None]
    if not known:
        return None
    free = min(known) * (KEPT_SHARE - 1) // KEPT_SHARE - needs.memory
    if nodes is not None:
        return max(0, (free - nodes * NODE_BYTES) // _bytes_each(needs))
    # Each connection has its share of a node.
    share = NODE_BYTES / node_connections(_files(machine))
    return max(0, int((free - NODE_BYTES) / (_bytes_each(needs) + share)))


def _files(machine: Machine) -> int:
    hard = machine.hard_files
    return open_files.ENOUGH if hard is None else min(hard, open_files.ENOUGH)


def _bytes_each(needs: Needs) -> int:
    client = KERNEL_BYTES + CLIENT_BYTES if needs.has_clients else 0
    return USER_BYTES + KERNEL_BYTES + client


# Each check returns None where the system does not tell.


def _open_files(machine: Machine, needs: Needs) -> Check:
    each, nodes = node_connections(_files(machine)), nodes_for(machine, needs.connections)
    holds = each * MAX_NODES
    return Check(
        "open files of a process",
        f"{_bound(machine.soft_files)} (ulimit -n), raised to {_bound(machine.hard_files)} (-Hn)",
        f"{nodes:,} node{'s' * (nodes > 1)} of {each:,} connections each (--nodes {nodes})",
        holds,
        needs.connections <= holds,
        f"as root, before the start: ulimit -Hn {FILES_WANTED}; for good: limits.d, or LimitNOFILE="
        " of systemd",
    )


def _nr_open(machine: Machine, needs: Needs) -> Check | None:
    if machine.nr_open is None:
        return None
    holds = node_connections(min(machine.nr_open, open_files.ENOUGH)) * MAX_NODES
    return Check(
        "fs.nr_open",
        f"{machine.nr_open:,}",
        f"{_hard_limit_for(needs.connections):,} as the highest hard limit",
        holds,
        needs.connections <= holds,
        f"sysctl -w fs.nr_open={max(FILES_WANTED, _hard_limit_for(needs.connections))}",
    )


def _hard_limit_for(connections: int) -> int:
    """The limit of open files with which MAX_NODES nodes hold so many."""
    return -(-connections // MAX_NODES) + NODE_FILES + open_files.OTHERS + open_files.REQUESTS


def _file_max(machine: Machine, needs: Needs) -> Check | None:
    if machine.file_max is None:
        return None
    nodes = nodes_for(machine, needs.connections)
    others = machine.files_used + nodes * NODE_FILES + _FILES_OF_FUNCTIONS
    needed = needs.connections * needs.ends + others
    return Check(
        "fs.file-max",
        f"{machine.file_max:,}, {machine.files_used:,} in use",
        f"{needed:,}",
        max(0, (machine.file_max - others) // needs.ends),
        needed <= machine.file_max,
        f"sysctl -w fs.file-max={needed * 5 // 4}",
    )


def _ports(machine: Machine, needs: Needs) -> Check | None:
    """No bound of the gateway, which has one port: of the machines that its clients are on."""
    if machine.ports is None:
        return None
    low, high = machine.ports
    each = high - low + 1
    addresses = -(-needs.connections // each)
    where = "here" if needs.has_clients else "if they were here"
    plural = f"{addresses} source addresses" if addresses > 1 else "one source address"
    return Check(
        "net.ipv4.ip_local_port_range",
        f"{low} to {high}: {each:,} for each source address",
        f"{plural} for the clients, {where}",
        None,
        is_ok=True,
        remedy='sysctl -w net.ipv4.ip_local_port_range="16384 65535"',
    )


def _somaxconn(machine: Machine, needs: Needs) -> Check | None:
    return _knocks("net.core.somaxconn", machine.somaxconn, needs)


def _syn_backlog(machine: Machine, needs: Needs) -> Check | None:
    return _knocks("net.ipv4.tcp_max_syn_backlog", machine.syn_backlog, needs)


def _knocks(name: str, found: int | None, needs: Needs) -> Check | None:
    if found is None:
        return None
    needed = min(KNOCKS, needs.connections)
    words = f"{needed:,}, for those that come while a node is busy"
    return Check(name, f"{found:,}", words, None, found >= needed, f"sysctl -w {name}={4 * KNOCKS}")


def _tcp_mem(machine: Machine, needs: Needs) -> Check | None:
    if machine.tcp_mem is None:
        return None
    most, used = machine.tcp_mem[2], machine.tcp_pages_used
    each = needs.ends * PAGES_PER_SOCKET
    needed = needs.connections * each + used
    wanted = f"{needed // 2} {needed * 3 // 4} {needed}"
    return Check(
        "net.ipv4.tcp_mem",
        f"{most:,} pages at most, {used:,} in use",
        f"{needed:,} pages, for a message to everybody while no line answers",
        max(0, (most - used) // each),
        needed <= most,
        f'sysctl -w net.ipv4.tcp_mem="{wanted}"',
    )


def _buffers(machine: Machine, needs: Needs) -> Check | None:
    """A client that reads nothing fills its send buffer; some always do."""
    if machine.tcp_wmem is None or machine.tcp_mem is None:
        return None
    stuck = -(-needs.connections // STUCK_SHARE)
    most = machine.tcp_wmem[2]
    room = machine.tcp_mem[2] * PAGE_BYTES
    return Check(
        "net.ipv4.tcp_wmem",
        f"{_size(most)} for a client that reads nothing",
        f"{_size(stuck * most)} for one in {STUCK_SHARE:,}, of {_size(room)} (net.ipv4.tcp_mem)",
        room // most * STUCK_SHARE,
        stuck * most <= room,
        'sysctl -w net.ipv4.tcp_wmem="4096 16384 262144"',
    )


def _conntrack(machine: Machine, needs: Needs) -> Check | None:
    """A firewall without rules that ask for it tracks nothing, and then nothing is bounded."""
    if machine.conntrack_max is None or not machine.conntrack_used:
        return None
    needed = needs.connections + machine.conntrack_used
    return Check(
        "net.netfilter.nf_conntrack_max",
        f"{machine.conntrack_max:,}, {machine.conntrack_used:,} in use",
        f"{needed:,}",
        max(0, machine.conntrack_max - machine.conntrack_used),
        needed <= machine.conntrack_max,
        f"sysctl -w net.netfilter.nf_conntrack_max={needed * 5 // 4}",
    )


def _memory(machine: Machine, needs: Needs) -> Check | None:
    return _memory_of("memory", machine.memory, machine, needs, "a machine with more memory")


def _memory_of_group(machine: Machine, needs: Needs) -> Check | None:
    size, remedy = machine.memory_of_group, "MemoryMax= of systemd, or --memory of Docker"
    return _memory_of("memory of the control group", size, machine, needs, remedy)


def _memory_of(
    name: str, size: int | None, machine: Machine, needs: Needs, remedy: str
) -> Check | None:
    if size is None:
        return None
    each, nodes = _bytes_each(needs), min(MAX_NODES, nodes_for(machine, needs.connections))
    needed = needs.connections * each + nodes * NODE_BYTES + needs.memory
    holds = memory_holds(replace(machine, memory=size, memory_of_group=None), needs)
    beside = f" and {_size(needs.memory)} beside them" * bool(needs.memory)
    return Check(
        name,
        f"{_size(size)} free, a tenth of which stays",
        f"{_size(needed)}: {each:,} bytes a connection, {_size(NODE_BYTES)} a node{beside}",
        holds,
        needed <= size * (KEPT_SHARE - 1) // KEPT_SHARE,
        remedy,
    )


def _processes(machine: Machine, needs: Needs) -> Check | None:
    if machine.processes is None:
        return None
    needed = min(MAX_NODES, nodes_for(machine, needs.connections)) + _PROCESSES_OF_FUNCTIONS
    return Check(
        "processes of the control group",
        f"{machine.processes:,} left",
        f"{needed:,}: nodes and functions",
        None,
        needed <= machine.processes,
        "TasksMax= of systemd, or --pids-limit of Docker",
    )


def _disks(machine: Machine, needs: Needs) -> Iterator[Check]:
    for folder, needed in needs.disks:
        free = (machine.disks or {}).get(folder, 0)
        yield Check(
            f"disk at {folder}",
            f"{_size(free)} free",
            _size(needed),
            None,
            free >= needed,
            "make room, or use a folder on another disk",
        )


def _bound(limit: int | None) -> str:
    return "no limit" if limit is None else f"{limit:,}"


def _size(size: int) -> str:
    return f"{size / MEBIBYTE:,.0f} MB" if size >= MEBIBYTE else f"{size / KIBIBYTE:,.0f} KB"


_FILES_OF_FUNCTIONS: Final = 1024
_PROCESSES_OF_FUNCTIONS: Final = 128
_CHECKS: Final[dict[str, Callable[[Machine, Needs], Check | None]]] = {
    "open files of a process": _open_files,
    "fs.nr_open": _nr_open,
    "fs.file-max": _file_max,
    "net.ipv4.ip_local_port_range": _ports,
    "net.core.somaxconn": _somaxconn,
    "net.ipv4.tcp_max_syn_backlog": _syn_backlog,
    "net.ipv4.tcp_mem": _tcp_mem,
    "net.ipv4.tcp_wmem": _buffers,
    "net.netfilter.nf_conntrack_max": _conntrack,
    "memory": _memory,
    "memory of the control group": _memory_of_group,
    "processes of the control group": _processes,
}
_MAY_BE_ABSENT: Final = frozenset(
    {
        "net.netfilter.nf_conntrack_max",
        "memory of the control group",
        "processes of the control group",
    }
)
"""A machine without them has no such limit."""
