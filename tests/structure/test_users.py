"""Browser tests share a system, in which what a user did in one test would count in another."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

BROWSER = Path(__file__).parents[1] / "browser"


def test_each_file_of_browser_tests_has_users_of_its_own() -> None:
    named = Counter(
        name
        for file in BROWSER.glob("test_*.py")
        for name in set(re.findall(r'headcount, "(\w+)"', file.read_text("utf-8")))
    )
    assert len(named) > 10
    assert [name for name, files in named.items() if files > 1] == []
