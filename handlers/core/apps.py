"""Apps: several shows in one deployment, each with a database of its own in the same cluster.

Users, resources, bonuses, limits and keys are rows of that database, so nothing of one app can be
read or changed by a statement of another. `main` is always there, and all there is by default.
"""

from __future__ import annotations

import re

MAIN = "main"
MAX_APPS = 10
"""Each copy of a function may hold a connection to the database of each app."""
NAME = r"[a-z][a-z0-9-]{0,23}"
URL = re.compile(r"([^:/?#]+://[^/?#]*/[^/?#]+)(\?.*)?")
# asyncpg takes the name of the database from here, too.
NAMED_IN_QUERY = re.compile(r"[?&](dbname|database)=")


class BadApps(Exception):
    """The apps cannot be as they were given; a sentence that repeats no part of an address."""


def read_apps(text: str) -> tuple[str, ...]:
    """`main`, and the apps that a text lists with commas between. Raises BadApps."""
    names = tuple(dict.fromkeys([MAIN, *filter(None, map(str.strip, text.split(",")))]))
    for name in names:
        _check(name)
    if len(names) > MAX_APPS:
        raise BadApps(f"Apps lists {len(names)} apps, main with them; there may be {MAX_APPS}.")
    return names


def database_of(url: str, app: str) -> str:
    """The URL of an app's database; `url` is that of `main`. Raises BadApps."""
    if app == MAIN:
        return url
    _check(app)
    match = URL.fullmatch(url)
    if match is None or NAMED_IN_QUERY.search(url):
        raise BadApps("With Apps, the URL of the database is postgresql://user:password@host/name.")
    return f"{match[1]}_{app}{match[2] or ''}"


def share(quota: int, apps: int) -> int:
    """What each of so many apps has of a quota of the account: an equal share, 1 at least."""
    return max(1, quota // apps)


def _check(name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise BadApps(
            f"{name!a} is no name of an app: it has at most 24 lower-case letters, digits and "
            "hyphens, and begins with a letter."
        )
