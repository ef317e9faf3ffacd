"""Our modules, for Python processes that tests start."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FOLDERS = [
    ROOT / name
    for name in (
        *(".", "client/command/src", "client/python/src", "localstack"),
        "localstack/wsgate/src",
    )
]
WITH_OUR_MODULES = {"PYTHONPATH": os.pathsep.join(map(str, _FOLDERS))}
"""Variables to add to a process' environment."""
