"""Pay each grant once into PostgreSQL: the payment and the place in the list are one transaction.

Here a payment is a row; put your own statements in its place. It may be killed at any moment, and
several may run at once.
"""

import argparse
import asyncio
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import asyncpg

PAUSE_SECONDS = 2
MAX_PAYOUTS = 100  # in one request
TABLES = """
create table if not exists payout_cursor (
    only_row boolean primary key default true check (only_row), next text
);
insert into payout_cursor default values on conflict do nothing;
-- A bonus is granted to a user once, so this key names a grant for ever.
create table if not exists payments (
    payment_id bigint generated always as identity, bonus_id uuid, user_id text,
    reward jsonb not null, is_told boolean not null default false,
    primary key (bonus_id, user_id)
);
"""


async def main() -> int:
    """Follow the grants until stopped; with --once, until there are no more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop at the last grant")
    options = parser.parse_args()
    database = await asyncpg.connect(os.environ["PAYMENTS_URL"])
    await database.execute(TABLES)
    while True:
        has_more, failed = False, False
        try:
            has_more = await pay_next_page(database)
            while await tell_payments(database):
                pass
        except urllib.error.HTTPError as error:
            answer = problem(error)
            if answer["code"] == "foreign_cursor":  # a backup was restored: the key pays none twice
                await database.execute("update payout_cursor set next = null")
                continue
            print(f"payout: {error.code} {answer['code']}: {answer['detail']}", file=sys.stderr)
            failed = True
        except OSError as error:
            print(f"payout: {error}", file=sys.stderr)
            failed = True
        if not has_more and options.once:
            return int(failed)
        if not has_more:
            await asyncio.sleep(PAUSE_SECONDS)


async def pay_next_page(database: asyncpg.Connection) -> bool:
    """Pay what is behind the cursor, and move it. True if there is more."""
    async with database.transaction():
        # A second worker waits here, and then finds the cursor behind this page.
        after = await database.fetchval("select next from payout_cursor for update")
        query = "" if after is None else "?" + urllib.parse.urlencode({"after": after})
        page = await asyncio.to_thread(ask, f"/grants{query}")
        await database.executemany(
            "insert into payments (bonus_id, user_id, reward) values ($1, $2, $3)"
            " on conflict do nothing",
            [
                (grant["bonus_id"], grant["user_id"], json.dumps(grant["reward"]))
                for grant in page["items"]
            ],
        )
        await database.execute("update payout_cursor set next = $1", page["next"])
    return bool(page["has_more"])


async def tell_payments(database: asyncpg.Connection) -> bool:
    """Say which grants were fulfilled, so that their users see it. True if there were any."""
    paid = await database.fetch(
        "select payment_id, bonus_id, user_id from payments where not is_told limit $1", MAX_PAYOUTS
    )
    if not paid:
        return False
    items = [
        {
            "bonus_id": str(one["bonus_id"]),
            "user_id": one["user_id"],
            "payout_id": str(one["payment_id"]),
            "state": "fulfilled",
        }
        for one in paid
    ]
    answers = await asyncio.to_thread(ask, "/payouts", {"items": items})
    for answer in answers["items"]:
        if answer["code"]:  # a person decides: another payout is in force, or the grant is gone
            print(f"payout: {answer['user_id']}: {answer['detail']}", file=sys.stderr)
    told = [one["payment_id"] for one in paid]
    await database.execute("update payments set is_told = true where payment_id = any ($1)", told)
    return True


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


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
