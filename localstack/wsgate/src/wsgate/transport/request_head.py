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
    from wsgate.model.events import Pairs
    from wsgate.transport.responses import Response

BAD_REQUEST: Final = responses.message(HTTPStatus.BAD_REQUEST, "Bad Request")
NOT_IMPLEMENTED: Final = responses.message(HTTPStatus.NOT_IMPLEMENTED, "Not Implemented")

_VERSIONS: Final = frozenset({"1.0", "1.1"})
# The characters of RFC 3986's host and port, but for the comma: it would pass for two hosts.
_HOST: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+;=%:\[\]-]*")
_ABSOLUTE: Final = re.compile(r"https?://([^/?]*)(.*)", re.IGNORECASE)


def refusal(method: str, target: str, version: str, headers: Pairs) -> Response | None:
    """The answer to a head that is not to be trusted, or None. `target` is in origin form."""
    if version not in _VERSIONS or method == "CONNECT":
        return BAD_REQUEST
    if not target.startswith("/") or "#" in target or not _has_one_host(version, headers):
        return BAD_REQUEST
    codings = [coding.lower() for coding in _values(headers, "transfer-encoding")]
    if codings and (version == "1.0" or _asks_for_websocket(headers)):
        return BAD_REQUEST
    if _asks_for_websocket(headers) and _values(headers, "content-length") not in ([], ["0"]):
        return BAD_REQUEST  # a body, or the first frames?
    return NOT_IMPLEMENTED if codings not in ([], ["chunked"]) else None


def origin_form(target: str, headers: Pairs) -> str:
    """`/path?query` of `http://host/path?query`, which a proxy may send, if it names the Host.

    Any other target stays as it is: `refusal` knows it.
    """
    found = _ABSOLUTE.fullmatch(target)
    if found is None or [found[1].lower()] != [host.lower() for host in _values(headers, "host")]:
        return target
    return found[2] if found[2].startswith("/") else f"/{found[2]}"


def _has_one_host(version: str, headers: Pairs) -> bool:
    """HTTP/1.0 may have none."""
    hosts = _values(headers, "host")
    fewest = 1 if version == "1.1" else 0
    return fewest <= len(hosts) <= 1 and all(_HOST.fullmatch(host) for host in hosts)


def _asks_for_websocket(headers: Pairs) -> bool:
    return "websocket" in [value.lower() for value in _values(headers, "upgrade")]


def _values(headers: Pairs, name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name]
