"""Every cited section is a heading in the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.docs.markdown import ROOT, headings

CITED = re.compile(r"(?P<page>[\w./-]+\.md)[`)\]]* §(?P<section>\d+(?:\.\d+)*)")
WSGATE = ROOT / "localstack" / "wsgate"


def test_every_cited_section_is_a_heading() -> None:
    """A citation such as `docs/x.md §3.5` names a file from the root, or from wsgate's folder."""
    wrong = []
    for name in _sources():
        for cited in CITED.finditer((ROOT / name).read_text(errors="replace")):
            base = WSGATE if name.startswith("localstack/wsgate/") else ROOT
            page = base / cited["page"]
            if not page.is_file():
                wrong.append(f"{name}: {cited[0]}: no such file")
            elif not _has_section(page, cited["section"]):
                wrong.append(f"{name}: {cited[0]}: no such section")
    assert wrong == []


def _sources() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    suffixes = {".py", ".js", ".mjs", ".sql", ".yaml", ".md", ".toml", ".mk", ".html", ".css"}
    return [name for name in listed.stdout.split() if Path(name).suffix in suffixes]


def _has_section(page: Path, section: str) -> bool:
    """Headings carry their number first: `### 3.5 The authorizer's answer`."""
    return any(re.match(rf"§?{re.escape(section)}(?![\d.]*\d)", one) for one in headings(page))
