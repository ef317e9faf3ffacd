"""The version stands in pyproject.toml, and its copies agree."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def test_the_client_has_the_version() -> None:
    assert json.loads((ROOT / "client" / "package.json").read_text("utf-8"))["version"] == VERSION


@pytest.mark.parametrize("package", ["python", "command"])
def test_a_python_package_of_the_client_has_the_version(package: str) -> None:
    manifest = (ROOT / "client" / package / "pyproject.toml").read_text("utf-8")
    assert tomllib.loads(manifest)["project"]["version"] == VERSION


def test_the_changelog_begins_with_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first = re.search(r"^## \[(\d[^]]*)\]", changelog, re.M)
    assert first is not None
    assert first[1] == VERSION


@pytest.mark.parametrize(
    ("page", "pattern"),
    [
        ("README.md", r"^(\d+\.\d+\.\d+), "),
        ("client/README.md", r"headcount-client-(\d+\.\d+\.\d+)\.tgz"),
        ("docs/tutorials/embed-the-client.md", r"headcount-client-(\d+\.\d+\.\d+)\.tgz"),
        ("examples/react/README.md", r"headcount-client-(\d+\.\d+\.\d+)\.tgz"),
    ],
)
def test_a_page_that_names_the_version_has_it(page: str, pattern: str) -> None:
    named = re.findall(pattern, (ROOT / page).read_text("utf-8"), re.M)
    assert set(named) <= {VERSION}


def test_the_documentation_reads_the_version() -> None:
    """And does not repeat it."""
    assert VERSION not in (ROOT / "docs" / "conf.py").read_text("utf-8")
