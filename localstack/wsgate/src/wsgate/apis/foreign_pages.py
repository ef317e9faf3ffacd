"""Refuses what pages of other sites send here by the developer's browser. Pure.

Two ways lead such a page to a port of this machine: it names the machine (`http://localhost:8080`),
and the browser says whose page it is (Origin, or Sec-Fetch-Site where there is none); or its own
name is made to lead here (DNS rebinding), and the Host header has that name. On AWS neither is
checked: there is nothing behind an API but what its author put there for everybody.

A page of this machine on another port may do all that it may do on AWS. So may programs, which
send no Origin.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wsgate.apis.same_origin import HOSTS, host_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgate.transport.responses import Request

# What containers call the machine that they run on.
_OF_CONTAINERS: Final = frozenset({"host.docker.internal", "host.containers.internal"})
# No DNS gives somebody a name like these: they are addresses, or names of the local network.
_NO_DOMAIN: Final = re.compile(r"[0-9.]+|\[[0-9a-f:.]+\]|[a-z0-9_-]*")
_LOOPBACK: Final = re.compile(r"127(?:\.[0-9]{1,3}){3}")
_OF_WEB: Final = ("http", "https")
_MAX_SHOWN: Final = 100


class ForeignPages:
    """Knows which names lead to this gateway rightly."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """`names` do, besides this machine's own; `null` lets pages without an origin in.

        `*.example.com` is every name of one more part.
        """
        self._names = HOSTS | _OF_CONTAINERS | {name.lower() for name in names}

    def refusal(self, request: Request) -> str | None:
        """Why it is refused, for the log, or None."""
        fields = request.fields
        host, origin = host_of(fields.get("host", "")), fields.get("origin")
        if not (_NO_DOMAIN.fullmatch(host) or self._is_known(host)):
            return f"the Host {_shown(host)} is no name of this gateway; --allow-host lets it in"
        if origin is not None:
            return None if self._is_welcome(origin, host) else _foreign(_shown(origin))
        if fields.get("sec-fetch-site") == "cross-site" and not _navigates(request):
            return _foreign("another site, without an Origin,")
        return None

    def _is_welcome(self, origin: str, host: str) -> bool:
        scheme, _, address = origin.lower().partition("://")
        if scheme not in _OF_WEB:  # of an extension or an application, which no site can be
            return origin != "null" or origin in self._names
        name = host_of(address)
        return name == host or _LOOPBACK.fullmatch(name) is not None or self._is_known(name)

    def _is_known(self, name: str) -> bool:
        wild = f"*.{name.partition('.')[2]}"
        return name in self._names or name.endswith(".localhost") or wild in self._names


def _navigates(request: Request) -> bool:
    """A link was followed: the page that it was on does not see the answer."""
    fields = request.fields
    way = fields.get("sec-fetch-mode"), fields.get("sec-fetch-dest")
    return request.method in ("GET", "HEAD") and way == ("navigate", "document")


def _foreign(whose: str) -> str:
    return f"a page of {whose} may not ask this machine; --allow-host lets a name in"


def _shown(text: str) -> str:
    return repr(text[:_MAX_SHOWN])
