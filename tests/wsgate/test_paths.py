"""Which part of the gateway a path belongs to."""

from __future__ import annotations

import pytest

from wsgate.node.paths import (
    Elsewhere,
    FaultList,
    InvokeFunction,
    Management,
    Stage,
    Target,
    classify,
)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/live", Stage()),
        ("/live/", Stage()),
        ("/l%69ve", Stage()),
        ("/live//", Elsewhere()),
        ("/Live", Elsewhere()),
        ("/other", Elsewhere()),
        ("/", Elsewhere()),
        ("/live/@connections/abc=", Management("abc=")),
        ("/live/@connections/abc%3D", Management("abc=")),
        ("/live/%40connections/abc%3D", Management("abc=")),
        ("/live/@connections/a%2Fb", Management("a/b")),
        ("/live/@connections", Management(None)),
        ("/live/@connections/a/b", Management(None)),
        ("/other/@connections/abc%3D", Management(None)),
        ("/live/x", Elsewhere()),
        ("/2015-03-31/functions/hello/invocations", InvokeFunction("hello")),
        ("/2015-03-31/functions/arn%3Aaws/invocations", InvokeFunction("arn:aws")),
        ("/2015-03-31/functions/hello", Elsewhere()),
        ("/_wsgate/faults", FaultList()),
        ("/_wsgate/faults/", Elsewhere()),
        ("*", Elsewhere()),
    ],
)
def test_a_path(path: str, target: Target) -> None:
    assert classify(path, "live") == target
