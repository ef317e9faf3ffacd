"""infra/linux: files that parse, with keys that the kernel knows and values that fit each other."""

from __future__ import annotations

import configparser
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from infra.check import ROOT
from wsgate.doctor.machine import Machine
from wsgate.doctor.sums import MEBIBYTE, Needs, examine
from wsgate.transport.listening import BACKLOG

LINUX = ROOT / "infra" / "linux"
SYSCTL = LINUX / "sysctl.d" / "90-many-connections.conf"
LIMITS = LINUX / "limits.d" / "90-many-connections.conf"
UNIT = LINUX / "systemd" / "many-connections.conf"
USERS = 800_000
SETTING = re.compile(r"-?(?P<key>[a-z0-9_./-]+) = (?P<value>[0-9 ]+)")


def settings() -> dict[str, tuple[int, ...]]:
    """Values by key, as sysctl.d(5) has them; a minus before a key is no part of it."""
    lines = [line for line in SYSCTL.read_text().splitlines() if line and line[0] != "#"]
    found = [SETTING.fullmatch(line) for line in lines]
    assert all(found), lines
    return {match["key"]: tuple(map(int, match["value"].split())) for match in found if match}


def configured(memory: int) -> Machine:
    """A machine that has these files."""
    values = settings()
    low, high = values["net.ipv4.ip_local_port_range"]
    return Machine(
        hard_files=limits()[("*", "hard")],
        nr_open=values["fs.nr_open"][0],
        file_max=values["fs.file-max"][0],
        ports=(low, high),
        somaxconn=values["net.core.somaxconn"][0],
        syn_backlog=values["net.ipv4.tcp_max_syn_backlog"][0],
        tcp_mem=values["net.ipv4.tcp_mem"],
        tcp_wmem=values["net.ipv4.tcp_wmem"],
        conntrack_max=values["net.netfilter.nf_conntrack_max"][0],
        conntrack_used=1,
        memory=memory,
    )


def limits() -> dict[tuple[str, str], int]:
    """Open files by domain and type, as limits.conf(5) has them."""
    lines = [line.split() for line in LIMITS.read_text().splitlines() if line and line[0] != "#"]
    assert all((len(line), line[2]) == (4, "nofile") for line in lines)
    return {(domain, kind): int(value) for domain, kind, _, value in lines}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's own list")
@pytest.mark.parametrize("key", sorted(settings()))
def test_the_kernel_knows_each_key(key: str) -> None:
    path = Path("/proc/sys") / key.replace(".", "/")
    if not path.exists():
        assert f"\n-{key} = " in SYSCTL.read_text(), "a minus lets sysctl go on without it"
        return
    assert len(path.read_text().split()) == len(settings()[key])


def test_each_setting_has_its_reason_above_it() -> None:
    for path in (SYSCTL, UNIT):
        lines = path.read_text().splitlines()
        alone = [
            line
            for above, line in zip(["", *lines], lines, strict=False)
            if line and line[0] not in "#[" and not above.startswith("#")
        ]
        assert alone == []


def test_800_000_connections_fit_as_the_doctor_counts() -> None:
    seen = configured(memory=16 * 1024 * MEBIBYTE)
    assert [each for each in examine(seen, Needs(USERS)).checks if not each.is_ok] == []


def test_on_a_load_machine_both_ends_of_half_as_many_fit() -> None:
    seen = configured(memory=16 * 1024 * MEBIBYTE)
    report = examine(seen, Needs(USERS // 2, has_clients=True))
    assert [each for each in report.checks if not each.is_ok] == []


def test_without_small_buffers_they_would_not() -> None:
    large = replace(configured(memory=2**40), tcp_wmem=(4096, 65_536, 16 * MEBIBYTE))
    failing = [each.name for each in examine(large, Needs(USERS)).checks if not each.is_ok]
    assert failing == ["net.ipv4.tcp_wmem"]


def test_no_hard_limit_is_above_what_the_kernel_allows() -> None:
    assert set(limits().values()) <= {1024, settings()["fs.nr_open"][0]}
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
    unit.read_string(UNIT.read_text())
    soft, hard = map(int, unit["Service"]["LimitNOFILE"].split(":"))
    assert (soft, hard) == (limits()[("*", "soft")], limits()[("*", "hard")])


def test_the_backlogs_are_no_less_than_the_gateway_asks_for() -> None:
    values = settings()
    assert values["net.core.somaxconn"][0] >= BACKLOG
    assert values["net.ipv4.tcp_max_syn_backlog"][0] >= BACKLOG
