"""Presence with faults on: the small form of `make bench-sweep`."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bench.support.sweep import Sizes, story

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_with_ends_lost_and_nodes_dead_the_table_is_as_true_as_it_says(
    own_dsn: str, tmp_path: Path
) -> None:
    """A tenth of $disconnects lost, a node process killed, and a whole gateway."""
    sizes = Sizes(stay=100, leave=100, dead=200, grace=timedelta(seconds=1))
    report = story(own_dsn, tmp_path, sizes, is_patient=False)
    assert report.wrong == []
    ended = Counter(end.ended_by for end in report.ends)
    assert ended["node_evicted"] == 200
    assert ended["client"] + ended["swept"] >= 100
    assert ended["client"] >= 80, "most $disconnects arrived"
    assert ended["swept"] >= 2, "some did not"
