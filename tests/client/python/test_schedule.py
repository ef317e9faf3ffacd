"""The Python client comes back when the browser client does: both pass the same table of cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headcount_client.schedule import Schedule

CASES = json.loads((Path(__file__).parents[1] / "cases" / "schedule.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_it_comes_back_as_the_table_says(case: dict[str, Any]) -> None:
    schedule = Schedule(lambda: 0.5)
    schedule.tell(case["told"])
    for step in case["steps"]:
        if "lived" in step:
            schedule.lost(step["lived"])
        else:
            assert schedule.pause(is_own=step.get("own", False)) == step["wait"], step
