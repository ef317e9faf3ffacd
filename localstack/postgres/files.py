"""Small files that survive a power cut and a full disk: there whole, or as they were before."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from postgres.account import Account


def write_private(path: Path, text: str, owner: Account | None = None) -> None:
    """Write a file that only its owner reads, and that is on disk whole or not at all."""
    fresh = path.with_name(f"{path.name}.part")
    fresh.unlink(missing_ok=True)
    try:
        write(fresh, text, owner)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write(path: Path, text: str, owner: Account | None = None) -> None:
    """Write a file that only its owner reads, and return when it is on disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if owner and owner.uid != os.geteuid():
            os.fchown(descriptor, owner.uid, owner.gid)
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def sync(folder: Path) -> None:
    """Put the names in a folder on disk; some file systems have no such thing."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
