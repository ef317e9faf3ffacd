"""Notices that the code of a function changed: a look at its folder once a second.

A look takes some milliseconds, and leaves alone what no author edits. Asking the system to tell
(inotify) would have to follow each folder of a virtual environment that lies inside as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wsgate.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import timedelta

Look = dict[str, tuple[int, int]]
"""By path: when a file was modified (ns), and its size."""

# Hidden ones (.venv, .git, .aws-sam) are left alone as well. The output of this program may go to
# a file beside the code (`wsgate … 2> gateway.log`), and must not restart the functions.
_LEFT_ALONE: Final = frozenset({"__pycache__", "node_modules"})
_NOT_CODE: Final = (".log", ".out", ".pyc", "~")
_MAX_LINKED: Final = 10_000
"""Files behind one link that are looked at: it may lead to a whole disk."""
# Gone since, or not ours to read.
_NOT_THERE: Final = (FileNotFoundError, NotADirectoryError, PermissionError)
_VIRTUAL_ENVIRONMENT: Final = "pyvenv.cfg"


class CodeWatch:
    """Calls `changed` with a path each time that something below the folders is not as before."""

    def __init__(
        self, folders: Collection[Path], every: timedelta, changed: Callable[[Path], None]
    ) -> None:
        """Start nothing yet. `folders` may be files, too."""
        self._folders = outermost(folders)
        self._every, self._changed = every, changed
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the first look, and then look again and again."""
        first = await in_thread(look, self._folders)
        self._task = asyncio.create_task(self._repeat(first), name="watch the code")

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _repeat(self, before: Look) -> None:
        while True:
            await asyncio.sleep(self._every.total_seconds())
            try:
                now = await in_thread(look, self._folders)
            except OSError:  # no file can be opened at all just now; that is no change
                continue
            if path := difference(before, now):
                self._changed(path)
            before = now


def outermost(folders: Collection[Path]) -> list[Path]:
    """Leave out the folders that lie inside another one."""
    known = set(folders)
    return sorted(folder for folder in known if not known & set(folder.parents))


def look(folders: Collection[Path]) -> Look:
    """Return the files below `folders` that an author may have edited. Raises OSError."""
    files: Look = {}
    known = {os.path.realpath(folder) for folder in folders}
    for folder in folders:
        for path in (str(folder),) if folder.is_file() else _files(str(folder), known):
            with contextlib.suppress(*_NOT_THERE):
                status = os.stat(path)  # noqa: PTH116 a Path for each costs more than the call
                files[path] = status.st_mtime_ns, status.st_size
    return files


def difference(before: Look, now: Look) -> Path | None:
    """Return one path that is new, gone or not the same; None when all is as it was."""
    if before == now:
        return None
    return Path(min(before.items() ^ now.items())[0])


def _files(folder: str, known: set[str]) -> Iterator[str]:
    """The files below a folder, those behind links as well; `known` is where it has been."""
    try:
        with os.scandir(folder) as scanned:
            entries = [entry for entry in scanned if entry.name[0] != "."]
    except _NOT_THERE:
        return
    if any(entry.name == _VIRTUAL_ENVIRONMENT for entry in entries):
        return
    for entry in entries:
        if not entry.is_dir():
            if not entry.name.endswith(_NOT_CODE):
                yield entry.path
        elif entry.name in _LEFT_ALONE:
            continue
        elif not entry.is_symlink():
            yield from _files(entry.path, known)
        elif _is_new(entry.path, known):
            yield from islice(_files(entry.path, known), _MAX_LINKED)


def _is_new(link: str, known: set[str]) -> bool:
    """Say whether a link leads to a folder that is not looked at yet, and note that it is now."""
    target = os.path.realpath(link)
    if any(f"{folder}{os.sep}".startswith(f"{target}{os.sep}") for folder in known):
        return False
    known.add(target)
    return True
