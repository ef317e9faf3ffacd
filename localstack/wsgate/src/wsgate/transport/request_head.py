"""What the head of a request must not say, beyond what the parser refuses. Pure.

llhttp, the parser, refuses what two readers could cut in two ways: a Content-Length that is no
number, comes twice, or beside a Transfer-Encoding; folded lines, bare LF or CR, NUL, white space
before a colon, sizes of chunks that are none. The rest is here: one host, one target, one coding.
RFC 9112, sections 3.2, 6.1 and 7.1.2.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wsgate.transport import responses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgate.transport.responses import Response

    Headers = Iterable[tuple[str, str]]

BAD_REQUEST: Final = responses.message(HTTPStatus.BAD_REQUEST, "Bad Request")
NOT_IMPLEMENTED: Final = responses.message(HTTPStatus.NOT_IMPLEMENTED, "Not Implemented")

_VERSIONS: Final = frozenset({"1.0", "1.1"})
# The characters of RFC 3986's host and port, but for the comma: it would pass for two hosts.
_HOST: Final = re.compile(r"[a-z0-9._~!$&'()*+;=%:\[\]-]*")
_FRAMING: Final = ("host", "transfer-encoding", "content-length", "upgrade")
_ABSOLUTE: Final = re.compile(r"https?://([^/?]*)(.*)", re.IGNORECASE)


def refusal(method: str, target: str, version: str, headers: Headers) -> Response | None:
    """The answer to a head that is not to be trusted, or None. `target` is in origin form."""
    said = _framing(headers)
    if version not in _VERSIONS or method == "CONNECT":
        return BAD_REQUEST
    if target[:1] != "/" or "#" in target or not _is_one_host(version, said["host"]):
        return BAD_REQUEST
    codings, is_handshake = said["transfer-encoding"], said["upgrade"] == ["websocket"]
    if codings and (version == "1.0" or is_handshake):
        return BAD_REQUEST
    if is_handshake and said["content-length"] not in ([], ["0"]):
        return BAD_REQUEST  # a body, or the first frames?
    return NOT_IMPLEMENTED if codings not in ([], ["chunked"]) else None


def origin_form(target: str, headers: Headers) -> str:
    """`/path?query` of `http://host/path?query`, which a proxy may send, if it names the Host.

    Any other target stays as it is: `refusal` knows it.
    """
    found = None if target[:1] == "/" else _ABSOLUTE.fullmatch(target)
    if found is None or [found[1].lower()] != _framing(headers)["host"]:
        return target
    return found[2] if found[2].startswith("/") else f"/{found[2]}"


def _framing(headers: Headers) -> dict[str, list[str]]:
    """What the fields say that decide how a request is read, in small letters."""
    said: dict[str, list[str]] = {name: [] for name in _FRAMING}
    for name, value in headers:
        if (small := name.lower()) in said:
            said[small].append(value.lower())
    return said


def _is_one_host(version: str, hosts: list[str]) -> bool:
    """HTTP/1.0 may have none."""
    if len(hosts) != 1:
        return version == "1.0" and not hosts
    return _HOST.fullmatch(hosts[0]) is not None
