"""Files over HTTP, and the ones that must not be found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wsgate.apis.pages import Pages, content_type
from wsgate.transport.responses import Request

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "client"
    (folder / "sub").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>hello</h1>")
    (folder / "demo page.js").write_text("1")
    (folder / "sub" / "index.html").write_text("sub")
    (folder / ".hidden").write_text("hidden")
    (folder / "out").symlink_to(tmp_path / "secret.txt")
    return folder


def request(path: str, method: str = "GET", *headers: tuple[str, str]) -> Request:
    return Request(method, path, "", headers, b"", "127.0.0.1")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"<h1>hello</h1>"),
        ("/index.html", b"<h1>hello</h1>"),
        ("/demo%20page.js", b"1"),
        ("/sub", b"sub"),
        ("/sub/", b"sub"),
    ],
)
def test_a_file_that_is_there(folder: Path, path: str, body: bytes) -> None:
    response = Pages({"/": folder}).answer(request(path))
    assert response is not None
    assert (response.status, response.body) == (200, body)


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/sub/../../secret.txt",
        "/..\\secret.txt",
        "/.hidden",
        "/out",
        "/index.html/x",
        "/a%00b",
        "/" + "x" * 5000,
    ],
)
def test_what_is_not_a_page(folder: Path, path: str) -> None:
    assert Pages({"/": folder}).answer(request(path)) is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"<h1>hello</h1>"),
        ("/lib/a.js", b"library"),
        ("/lib/deep/b.js", b"deeper"),
        ("/lib", None),
        ("/lib/index.html", None),
        ("/lib/../index.html", None),
        ("/library.js", b"2"),
        ("/lib/deep/../a.js", None),
    ],
)
def test_folders_under_several_paths(
    tmp_path: Path, folder: Path, path: str, body: bytes | None
) -> None:
    """The longest path that fits decides, and hides a folder of that name below a shorter one."""
    for name, text in {"lib/a.js": "library", "deep/b.js": "deeper"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (folder / "library.js").write_text("2")
    (folder / "lib").mkdir()
    (folder / "lib" / "index.html").write_text("hidden")
    pages = Pages({"/": folder, "/lib": tmp_path / "lib", "/lib/deep/": tmp_path / "deep"})
    response = pages.answer(request(path))
    assert (response and response.body) == body


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
def test_only_get_and_head_ask_for_pages(folder: Path, method: str) -> None:
    assert Pages({"/": folder}).answer(request("/", method)) is None


def test_no_other_page_may_embed_one(folder: Path) -> None:
    response = Pages({"/": folder}).answer(request("/"))
    assert response is not None
    headers = dict(response.headers)
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_is_sent_once_and_again_after_an_edit(folder: Path) -> None:
    pages = Pages({"/": folder})
    first = pages.answer(request("/"))
    assert first is not None
    known = ("If-None-Match", dict(first.headers)["ETag"])
    again = pages.answer(request("/", "GET", known))
    assert again is not None
    assert (again.status, again.body) == (304, b"")
    (folder / "index.html").write_text("<h1>edited</h1>")
    edited = pages.answer(request("/", "GET", known))
    assert edited is not None
    assert (edited.status, edited.body) == (200, b"<h1>edited</h1>")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.CSS", "text/css; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_content_type(folder: Path, name: str, kind: str) -> None:
    assert content_type(folder / name) == kind
