"""Measures of the threat model that stand in the template and in the pages."""

from __future__ import annotations

import re
from typing import Any

from infra.check import ROOT
from infra.stack import Stack

WRITES_HTML = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|setHTMLUnsafe)\b"
)


def test_functions_log_json(ours: dict[str, Any]) -> None:
    """In text a name with a line end in it would forge a line."""
    functions = Stack(ours, ROOT).functions.values()
    formats = {one.properties["LoggingConfig"]["LogFormat"] for one in functions}
    assert formats == {"JSON"}


def test_pages_write_text_and_never_html() -> None:
    """The browser enforces it, too, whatever a page writes: names and rewards are strangers'."""
    scripts = [*(ROOT / "pages").rglob("*.js"), *(ROOT / "client" / "src").rglob("*.js")]
    assert len(scripts) > 10
    assert [path for path in scripts if WRITES_HTML.search(path.read_text("utf-8"))] == []
    (policy,) = re.findall(
        r'http-equiv="Content-Security-Policy" content="(.+?)"',
        (ROOT / "pages" / "index.html").read_text("utf-8"),
    )
    rules = set(policy.split("; "))
    assert {"default-src 'none'", "script-src 'self'", "base-uri 'none'"} <= rules
    assert "require-trusted-types-for 'script'" in rules
