from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from infra.check import REGION, ROOT
from wsgate.template.expand import expand, read

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def ours() -> dict[str, Any]:
    """template.yaml, expanded. Shared: look, don't touch."""
    return expand(read(ROOT / "template.yaml"), {}, REGION)


@pytest.fixture
def broken(ours: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Make a copy with one property set, or with None taken away; without a path, the resource."""

    def change(resource: str, *path: str, to: Any = None) -> dict[str, Any]:
        template = copy.deepcopy(ours)
        keys: list[str] = ["Resources", resource, *(["Properties", *path] if path else [])]
        *parents, last = keys
        inside: Any = template
        for key in parents:
            inside = inside[key]
        if to is None:
            del inside[last]
        else:
            inside[last] = to
        return template

    return change
