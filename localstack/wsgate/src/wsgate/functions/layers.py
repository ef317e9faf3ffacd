"""What of a layer a function sees. Pure but for asking which folders there are.

Lambda extracts a function's layers into /opt one after the other, so that of two files with one
name the later layer's stays. There is no /opt here: the same order is made with search paths.
`adding-layers.html` and `packaging-layers.html` under
https://docs.aws.amazon.com/lambda/latest/dg/ (2026-11-24)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def python_folders(layers: Sequence[Path], runtime: str) -> list[Path]:
    """Return what goes on `sys.path` after the function's own code, in Lambda's order.

    As printed by a function on AWS: `/var/task`, `/opt/python/lib/python3.9/site-packages`,
    `/opt/python`, `/var/runtime`, … . Python of another version than the runtime's may run here,
    and its packages are taken where the layer has none for the runtime.
    """
    versions = (runtime, f"python{sys.version_info.major}.{sys.version_info.minor}")
    packages = [
        next(filter(Path.is_dir, (_packages(layer, version) for version in versions)), None)
        for layer in reversed(layers)
    ]
    return [
        *(folder for folder in packages if folder is not None),
        *_existing(layers, "python"),
    ]


def program_folders(layers: Sequence[Path]) -> list[Path]:
    """Return what goes on PATH: `/opt/bin` on Lambda."""
    return _existing(layers, "bin")


def library_folders(layers: Sequence[Path]) -> list[Path]:
    """Return what goes on LD_LIBRARY_PATH: `/opt/lib` on Lambda."""
    return _existing(layers, "lib")


def _packages(layer: Path, version: str) -> Path:
    return layer / "python" / "lib" / version / "site-packages"


def _existing(layers: Sequence[Path], name: str) -> list[Path]:
    return [folder for layer in reversed(layers) if (folder := layer / name).is_dir()]
