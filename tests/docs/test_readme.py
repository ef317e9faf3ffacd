"""The README is short, and its first client code comes early."""

from __future__ import annotations

from tests.docs.markdown import ROOT, blocks

MAX_WORDS = 900
MAX_LINES_BEFORE_CODE = 60
README = ROOT / "README.md"


def test_it_has_at_most_900_words() -> None:
    assert len(README.read_text().split()) <= MAX_WORDS


def test_the_first_client_code_comes_before_line_60() -> None:
    first = next(block for block in blocks(README) if block.language == "js")
    assert first.line < MAX_LINES_BEFORE_CODE


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.lstrip().startswith("Apache License")
    assert "END OF TERMS AND CONDITIONS" in text
