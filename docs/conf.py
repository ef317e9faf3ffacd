"""The documentation as a site: `make docs` writes it to build/docs. It needs no network.

The pages are Markdown that reads well in the repository too, so links are paths to files. In the
site, a link to a page of wsgate's documentation leads to its copy there, and a link to any other
file of the repository downloads that file.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
ROOT = HERE.parent
WSGATE = ROOT / "localstack" / "wsgate" / "docs"
COPY = HERE / "wsgate"
"""Sphinx reads one folder only; this copy is made at each build and is not committed."""

project = "Headcount"
project_copyright = "the Headcount authors, Apache-2.0"
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser", "sphinx_copybutton", "sphinxcontrib.mermaid"]
exclude_patterns = ["_build", "**/README.md"]
nitpicky = True
html_theme = "furo"
html_title = f"Headcount {release}"
html_show_sphinx = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 4
copybutton_prompt_text = "$ "
mermaid_d3_zoom = False

# A link that leads out of the folder of its page: text, path, anchor.
LINK = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)")


def setup(app: Sphinx) -> None:
    """Copy wsgate's pages beside ours, and lead links there."""
    if WSGATE.is_dir():
        shutil.rmtree(COPY, ignore_errors=True)
        shutil.copytree(WSGATE, COPY)
    app.connect("source-read", _lead_links)


def _lead_links(_app: Sphinx, page: str, source: list[str]) -> None:
    """Lead links out of the documentation to the copy of wsgate's pages, or to a download."""
    copied = (HERE / page).parent
    written = WSGATE / copied.relative_to(COPY) if copied.is_relative_to(COPY) else copied

    def lead(link: re.Match[str]) -> str:
        text, path, anchor = link[1], link[2], link[3] or ""
        target = (written / path).resolve()
        if target.is_relative_to(HERE) or not target.is_file():
            return link[0]
        if target.is_relative_to(WSGATE) and target.suffix == ".md":
            return f"[{text}]({relpath(COPY / target.relative_to(WSGATE), copied)}{anchor})"
        return f"{{download}}`{text} <{relpath(target, copied)}>`"

    source[0] = LINK.sub(lead, source[0])
