"""Every error reason of HTTP, as a developer reads it; see test_message_reasons, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.web.errors import ERROR_CODES, ErrorCode
from tests.support.words import DROPPED, INTERNAL

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "error-codes.md"


# What is wrong, and what to do about it.
REASONS = [
    *((f"HTTP {error.status} {error.code}", error.reason) for error in ERROR_CODES),
]


@pytest.mark.parametrize("reason", [one for _, one in REASONS], ids=[name for name, _ in REASONS])
def test_a_reason_says_what_is_wrong_and_what_to_do(reason: str) -> None:
    is_in_plain_words(reason)
    wrong, to_do = reason.replace(": ", "; ", 1).split("; ", 1)
    assert len(wrong.split()) >= 3
    assert len(to_do.split()) >= 2


def is_in_plain_words(reason: str) -> None:
    assert 15 <= len(reason) <= 250
    assert not DROPPED.search(reason)
    assert not INTERNAL.search(reason)
    assert not reason.endswith(".")


@pytest.mark.parametrize("error", ERROR_CODES, ids=lambda error: f"{error.status}-{error.code}")
def test_a_code_has_its_heading_in_the_reference(error: ErrorCode) -> None:
    assert f"\n### {error.code}" in PAGE.read_text()


@pytest.mark.parametrize("error", ERROR_CODES, ids=lambda error: f"{error.status}-{error.code}")
def test_a_meaning_is_in_plain_words(error: ErrorCode) -> None:
    assert error.meaning.endswith(".")
    assert not DROPPED.search(error.meaning)
