"""The threat model: what is done is shown by tests, and the tests that it names exist."""

from __future__ import annotations

import re

import pytest

from tests.docs.markdown import ROOT

PAGE = ROOT / "docs" / "explanation" / "threat-model.md"
NAMED = sorted(set(re.findall(r"`([\w/.-]+)::([^`]+)`", PAGE.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=lambda part: part)
def test_a_test_that_the_threat_model_names_exists(file: str, test: str) -> None:
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    pattern = rf"^(async )?def {test}\(" if file.endswith(".py") else rf'^test\("{test}"'
    assert re.search(pattern, text, re.MULTILINE)


def test_each_threat_says_what_is_done_and_shows_it() -> None:
    """But for one, which says that it is the reader's."""
    rows = re.findall(r"^\| [STRIDE]: .+$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    unshown = [row for row in rows if "::" not in row]
    assert len(rows) > 30
    assert len(unshown) == 1
    assert "yours to guard" in unshown[0]
