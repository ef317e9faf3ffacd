"""Files of folders over HTTP, so that a page and its gateway have the same origin."""

from __future__ import annotations

import mimetypes
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from wsgate.transport.responses import Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# A machine's own table may say otherwise (Windows reads its registry); modules need the right one.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
MAX_BYTES = 32 * 1024 * 1024
# A page may keep a token, so no other page shows it in a frame: `<meta>` cannot say that.
_GUARD = (
    ("Content-Security-Policy", "frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


class Pages:
    """Answers GET and HEAD for files that exist inside its folders, and nothing else.

    Each folder is mounted on a path: with `{"/": a, "/lib": b}`, the path /lib/x.js is the file
    b/x.js, and every path outside /lib is one in a. The longest path that fits decides alone.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        mounts = [(_names(path), folder.resolve()) for path, folder in folders.items()]
        self._mounts = sorted(mounts, key=lambda mount: len(mount[0]), reverse=True)

    def answer(self, request: Request) -> Response | None:
        """The file, 304 if the client has it, or None: another part may know the path."""
        if request.method not in {"GET", "HEAD"}:
            return None
        file = self._find(unquote(request.path, errors="replace"))
        return None if file is None else _serve(file, request.fields.get("if-none-match"))

    def _find(self, path: str) -> Path | None:
        """No hidden file, nothing above the folder, no link that leads out of it."""
        names = _names(path)
        if any(name.startswith(".") or "\\" in name or "\0" in name for name in names):
            return None
        for mount, folder in self._mounts:
            if names[: len(mount)] == mount:
                return _find(folder, names[len(mount) :])
        return None


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _find(folder: Path, names: list[str]) -> Path | None:
    try:
        file = folder.joinpath(*names).resolve()
        file = file / "index.html" if file.is_dir() else file
        return file if file.is_relative_to(folder) and _is_servable(file) else None
    except OSError:
        return None


def _is_servable(file: Path) -> bool:
    return file.is_file() and file.stat().st_size <= MAX_BYTES


def _serve(file: Path, known: str | None) -> Response | None:
    """`no-cache` lets a browser keep the file but ask each time, so that a reload shows an edit."""
    try:
        status = file.stat()
        tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        headers = (
            ("Content-Type", content_type(file)),
            ("Cache-Control", "no-cache"),
            ("ETag", tag),
            *_GUARD,
        )
        if known is not None and tag in known:
            return Response(HTTPStatus.NOT_MODIFIED, b"", headers)
        return Response(HTTPStatus.OK, file.read_bytes(), headers)
    except OSError:
        return None


def content_type(file: Path) -> str:
    guessed = _TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0]
    return guessed or "application/octet-stream"
