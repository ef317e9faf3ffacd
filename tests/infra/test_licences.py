"""What we depend on may be used, changed and distributed."""

from __future__ import annotations

import pytest

from infra import audit, licences
from infra.check import ROOT


def test_all_that_is_installed_is_allowed() -> None:
    names = licences.pinned((ROOT / "requirements-dev.txt").read_text())
    assert len(names) > 100
    assert list(licences.not_allowed(names)) == []


@pytest.mark.parametrize("name", licences.REVIEWED)
def test_only_what_is_used_and_says_too_little_was_reviewed(name: str) -> None:
    locks = [(ROOT / lock).read_text() for lock in audit.LOCKS]
    assert any(name in licences.pinned(lock) for lock in locks)
    said = licences.licences(name)
    assert said is None or not licences.is_allowed(said)


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        (["MIT"], True),
        (["Apache-2.0 OR BSD-3-Clause"], True),
        (["GPL-3.0-only OR MIT"], True),
        (["(MIT AND PSF-2.0)"], True),
        (["MIT AND GPL-3.0-only"], False),
        (["MIT License", "GNU General Public License v3 (GPLv3)"], False),
        (["Proprietary"], False),
        ([""], False),
        ([], False),
    ],
)
def test_what_a_package_says_is_judged(said: list[str], allowed: bool) -> None:
    assert licences.is_allowed(said) is allowed


def test_what_is_not_installed_says_nothing() -> None:
    assert licences.licences("no-such-package-of-ours") is None


@pytest.mark.parametrize("lock", audit.SHIPPED)
def test_what_is_shipped_is_tested_and_audited_in_the_same_version(lock: str) -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        return {line.split(" ")[0] for line in lines if "==" in line and line[0] != " "}

    assert pins(lock) <= pins("requirements-dev.txt")
