"""What `sam build` puts into a package is for its processor, whichever processor builds it."""

from __future__ import annotations

import os
import struct
import subprocess
from typing import TYPE_CHECKING

from tests.docs.markdown import ROOT
from tests.support.cloud import ACCOUNT, MACHINE, TOOLS

if TYPE_CHECKING:
    from pathlib import Path

# As wheels name it, and as an ELF file's header does (e_machine).
PROCESSORS = {"arm64": ("aarch64", 183), "x86_64": ("x86_64", 62)}


def test_packages_are_for_this_processor(shown: str) -> None:
    """Those of the last deploy, with the library for an issuer."""
    are_for(MACHINE, ROOT / ".aws-sam" / "build")


def test_packages_are_for_the_other_processor(tmp_path: Path) -> None:
    """WebFunction has the libraries of all others."""
    (other,) = PROCESSORS.keys() - {MACHINE}
    more = {"ARCH": other, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
    command = ["sam", "build", "WebFunction", "--build-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=os.environ | ACCOUNT | more, check=True)
    are_for(other, tmp_path)


def are_for(architecture: str, folder: Path) -> None:
    """Fail if a library in the folder is for another processor, or another Python."""
    name, machine = PROCESSORS[architecture]
    wheels = {tag for file in folder.rglob("WHEEL") for tag in tags(file.read_text())}
    assert [tag for tag in wheels if not tag.endswith((f"_{name}", "-any"))] == []
    assert any(tag.startswith("cp313-cp313-") for tag in wheels)
    assert {elf_machine(file) for file in folder.rglob("*.so")} == {machine}


def tags(wheel: str) -> list[str]:
    """Python, ABI and platform of the wheel that a package came from."""
    lines = wheel.splitlines()
    return [line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")]


def elf_machine(file: Path) -> int:
    """For which processor a library is compiled."""
    with file.open("rb") as opened:
        return int(struct.unpack("<18xH", opened.read(20))[0])
