"""Say in a chat who came and went: one message for all that happened meanwhile.

It posts to an incoming webhook as Slack, Mattermost and others have it: {"text": …}. Python's
standard library only. However many come at once, there is at most one message in each interval.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from typing import Any

MAX_NAMES = 5
MAX_WAIT_SECONDS = 300
TOO_MANY = 429
# What a chat would read as a mention or a link.
ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def main() -> None:
    """Follow until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=float, default=30, help="seconds between messages")
    options = parser.parse_args()
    _, after = read(None)
    print("chat: following", file=sys.stderr)
    wait = options.every
    while True:
        time.sleep(wait)
        wait = options.every
        try:
            events, following = read(after)
            if events:
                post(message(events))
            after = following  # what was not posted is in the next message
        except urllib.error.HTTPError as error:
            wait = max(wait, seconds_to_wait(error))
            print(f"chat: {error.code}, again in {wait:.0f} s", file=sys.stderr)
        except OSError as error:
            print(f"chat: {error}", file=sys.stderr)


def read(after: str | None) -> tuple[list[dict[str, Any]], str]:
    """The events behind the cursor, and the cursor behind them. Without a cursor: no events."""
    events: list[dict[str, Any]] = []
    is_told, has_more = after is not None, True
    while has_more:
        query = {"limit": 1000} | ({} if after is None else {"after": after})
        page = ask("/presence-events?" + urllib.parse.urlencode(query))
        after, has_more = page["next"], page["has_more"]
        events += page["items"] if is_told else []
    return events, page["next"]


def message(events: list[dict[str, Any]]) -> str:
    """Who came and who went; one who came back in between did neither."""
    balance: Counter[str] = Counter()
    for event in events:
        balance[event["user_id"]] += 1 if event["type"] == "online" else -1
    came = [user for user, count in balance.items() if count > 0]
    went = [user for user, count in balance.items() if count < 0]
    parts = [f"{names(users)} {verb}" for users, verb in ((came, "came"), (went, "left")) if users]
    online = ask("/online/counts")["users"]
    return f"{', '.join(parts) or 'All are back'}. {online:,} online."


def names(users: list[str]) -> str:
    """A few by name, the others by their number."""
    shown = [user.translate(ESCAPES) for user in users[:MAX_NAMES]]
    more = len(users) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def post(text: str) -> None:
    """Raises HTTPError, and another OSError without an answer."""
    request = urllib.request.Request(
        os.environ["CHAT_WEBHOOK_URL"],
        json.dumps({"text": text}).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()


def seconds_to_wait(error: urllib.error.HTTPError) -> float:
    """What `Retry-After` of a 429 says, within bounds."""
    said = error.headers.get("Retry-After", "")
    return min(float(said), MAX_WAIT_SECONDS) if error.code == TOO_MANY and said.isdecimal() else 0


def ask(path: str) -> Any:
    """The answer. Raises HTTPError for a refusal, and another OSError without an answer."""
    request = urllib.request.Request(
        os.environ["HEADCOUNT_URL"] + path,
        headers={"Authorization": "Bearer " + os.environ["HEADCOUNT_TOKEN"]},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
