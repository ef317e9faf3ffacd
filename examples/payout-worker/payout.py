"""Pay each grant once: follow `GET /grants`, keep the place, and say what was paid.

Python's standard library only. The payments and the cursor are written in one transaction, and what
was said twice counts once, so the worker may be killed at any moment. Here a payment is a row; put
your own in its place.
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
MAX_PAYOUTS = 100  # in one request
TABLES = """
create table if not exists cursor (only_row integer primary key check (only_row = 1), next text);
insert or ignore into cursor values (1, null);
-- A bonus is granted to a user once, so this key names a grant for ever.
create table if not exists payments (
    bonus_id text, user_id text, reward text, claimed_at integer, is_told integer default 0,
    primary key (bonus_id, user_id)
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
        failed = False
        try:
            has_more = pay_next_page(database)
            while tell_payments(database):
                pass
        except urllib.error.HTTPError as error:
            answer = problem(error)
            if answer["code"] == "foreign_cursor":
                start_again(database)
                continue
            print(f"payout: {error.code} {answer['code']}: {answer['detail']}", file=sys.stderr)
            has_more, failed = False, True
        except OSError as error:
            print(f"payout: {error}", file=sys.stderr)
            has_more, failed = False, True
        if not has_more and options.once:
            return int(failed)
        if not has_more:
            time.sleep(PAUSE_SECONDS)


def pay_next_page(database: sqlite3.Connection) -> bool:
    """Pay what is behind the cursor, and move it. True if there is more."""
    (after,) = database.execute("select next from cursor").fetchone()
    page = read_grants(after)
    with database:  # one transaction
        for grant in page["items"]:
            database.execute(
                "insert or ignore into payments values (?, ?, ?, ?, 0)",
                (
                    grant["bonus_id"],
                    grant["user_id"],
                    json.dumps(grant["reward"]),
                    grant["claimed_at"],
                ),
            )
        database.execute("update cursor set next = ?", (page["next"],))
    return bool(page["has_more"])


def tell_payments(database: sqlite3.Connection) -> bool:
    """Say which grants were fulfilled, so that their users see it. True if there were any."""
    query = "select rowid, bonus_id, user_id from payments where not is_told limit ?"
    paid = database.execute(query, (MAX_PAYOUTS,)).fetchall()
    if not paid:
        return False
    items = [
        {"bonus_id": bonus_id, "user_id": user_id, "payout_id": f"{n}", "state": "fulfilled"}
        for n, bonus_id, user_id in paid
    ]
    answers = ask("/payouts", {"items": items})["items"]
    for answer in answers:
        if answer["code"]:  # a person decides: another payout is in force, or the grant is gone
            print(f"payout: {answer['user_id']}: {answer['detail']}", file=sys.stderr)
    with database:
        told = [(n,) for n, _, _ in paid]
        database.executemany("update payments set is_told = 1 where rowid = ?", told)
    return True


def read_grants(after: str | None) -> Any:
    """A page of grants."""
    return ask(
        "/grants" if after is None else "/grants?" + urllib.parse.urlencode({"after": after})
    )


def problem(error: urllib.error.HTTPError) -> dict[str, str]:
    """What a refusal says. API Gateway's own, such as a 429, has no code."""
    said = {"code": "", "detail": str(error.reason)}
    try:
        return said | json.load(error)
    except (ValueError, TypeError):
        return said


def ask(path: str, body: object = None) -> Any:
    """The answer. Raises HTTPError for a refusal, and another OSError without an answer."""
    request = urllib.request.Request(
        os.environ["HEADCOUNT_URL"] + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": "Bearer " + os.environ["HEADCOUNT_TOKEN"],
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def start_again(database: sqlite3.Connection) -> None:
    """A backup was restored: read from the first grant. The payments' key pays none twice."""
    with database:
        database.execute("update cursor set next = null")


if __name__ == "__main__":
    sys.exit(main())
