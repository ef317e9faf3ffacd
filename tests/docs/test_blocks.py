"""What pages show as code is code."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.docs.markdown import ROOT, Block, blocks, pages

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES = {
    "",
    "console",
    "js",
    "json",
    "html",
    "mermaid",
    "plpgsql",
    "python",
    "sh",
    "sql",
    "text",
    "yaml",
}
LANGUAGES |= {"{toctree}", "toml", "diff", "tsx"}
DIAGRAMS = ("flowchart", "sequenceDiagram", "stateDiagram-v2", "erDiagram")
ALL = [block for page in pages() for block in blocks(page)]
NODE = shutil.which("node")
# These pages show pieces of the examples.
EXCERPTS = {
    "docs/tutorials/embed-the-client.md": {
        "js": ["examples/page/index.html"],
        "python": ["examples/backend-fastapi/app.py"],
        "tsx": ["examples/react/src/Viewer.tsx"],
    },
    "docs/how-to/mint-tickets.md": {
        "js": ["examples/backend-express/server.mjs", "examples/backend-node/server.mjs"],
        "python": ["examples/backend-django/app.py", "examples/backend-fastapi/app.py"],
    },
}


def _of(language: str) -> list[Block]:
    return [block for block in ALL if block.language == language]


def _name(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.mark.parametrize("block", ALL, ids=_name)
def test_every_block_says_what_it_is(block: Block) -> None:
    assert block.language in LANGUAGES


@pytest.mark.parametrize("block", _of("python"), ids=_name)
def test_python_parses(block: Block) -> None:
    ast.parse(textwrap.dedent(block.text))


@pytest.mark.parametrize("block", _of("json"), ids=_name)
def test_json_parses(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", _of("mermaid"), ids=_name)
def test_a_diagram_says_its_kind(block: Block) -> None:
    assert block.text.split(None, 1)[0] in DIAGRAMS


@pytest.mark.skipif(NODE is None, reason="needs Node.js")
@pytest.mark.parametrize("block", [one for one in _of("js") if one.page not in EXCERPTS], ids=_name)
def test_javascript_parses(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "block.mjs"
    file.write_text(block.text)
    command = [str(NODE), "--check", str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("block", [one for one in ALL if one.page in EXCERPTS], ids=_name)
def test_a_page_shows_the_examples_as_they_are(block: Block) -> None:
    if examples := EXCERPTS[block.page].get(block.language):
        assert any(block.text in (ROOT / one).read_text() for one in examples)
