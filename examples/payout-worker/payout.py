"""Pay each grant once: follow `GET /grants` and keep the place where you stopped.

Python's standard library only. The payments and the cursor are written in one transaction, so the
worker may be killed at any moment. Here a payment is a row; put your own in its place.
"""

import argparse
import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

PAUSE_SECONDS = 2
TABLES = """
create table if not exists cursor (only_row integer primary key check (only_row = 1), next text);
insert or ignore into cursor values (1, null);
-- A bonus is granted to a user once, so this key names a grant for ever.
create table if not exists payments (
    bonus_id text, user_id text, reward text, claimed_at integer, primary key (bonus_id, user_id)
);
"""


def main() -> int:
    """Follow the grants until stopped; with --once, until there are no more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", help="an SQLite file")
    parser.add_argument("--once", action="store_true", help="stop at the last grant")
    options = parser.parse_args()
    database = sqlite3.connect(options.database)
    database.executescript(TABLES)
    while True:
        try:
            has_more = pay_next_page(database)
        except urllib.error.HTTPError as error:
            answer = json.load(error)
            if answer["code"] == "foreign_cursor":
                start_again(database)
                continue
            print(f"payout: {error.code} {answer['code']}: {answer['detail']}", file=sys.stderr)
            has_more = False
        except OSError as error:
            print(f"payout: {error}", file=sys.stderr)
            has_more = False
        if not has_more and options.once:
            return 0
        if not has_more:
            time.sleep(PAUSE_SECONDS)


def pay_next_page(database: sqlite3.Connection) -> bool:
    """Pay what is behind the cursor, and move it. True if there is more."""
    (after,) = database.execute("select next from cursor").fetchone()
    page = read_grants(after)
    with database:  # one transaction
        for grant in page["items"]:
            database.execute(
                "insert or ignore into payments values (?, ?, ?, ?)",
                (
                    grant["bonus_id"],
                    grant["user_id"],
                    json.dumps(grant["reward"]),
                    grant["claimed_at"],
                ),
            )
        database.execute("update cursor set next = ?", (page["next"],))
    return bool(page["has_more"])


def read_grants(after: str | None) -> Any:
    """A page of grants. Raises HTTPError for a refusal, and another OSError without an answer."""
    query = "" if after is None else "?" + urllib.parse.urlencode({"after": after})
    request = urllib.request.Request(
        os.environ["HEADCOUNT_URL"] + "/grants" + query,
        headers={"Authorization": "Bearer " + os.environ["HEADCOUNT_TOKEN"]},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def start_again(database: sqlite3.Connection) -> None:
    """A backup was restored: read from the first grant. The payments' key pays none twice."""
    with database:
        database.execute("update cursor set next = null")


if __name__ == "__main__":
    sys.exit(main())
