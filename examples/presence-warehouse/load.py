"""Load who came online and went offline into Parquet files, each event once.

A file is named by its first and last event. The cursor moves behind it, so one that was written
right before a crash is written again, perhaps with more rows, and takes the place of the first.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import duckdb

MAX_EVENTS = 100_000
"""In a file."""
PAGE = 1_000
COLUMNS = {
    "seq": "BIGINT",
    "type": "VARCHAR",
    "session_id": "BIGINT",
    "user_id": "VARCHAR",
    "resource": "VARCHAR",
    "at": "BIGINT",
}


def main() -> int:
    """Load what has been added since the last call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files are, and the cursor")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    cursor = folder / "cursor"
    after, has_more = (cursor.read_text() if cursor.exists() else None), True
    while has_more:
        try:
            events, after, has_more = read(after)
        except urllib.error.HTTPError as error:
            answer = problem(error)
            print(f"load: {error.code} {answer['code']}: {answer['detail']}", file=sys.stderr)
            return 1
        except OSError as error:
            print(f"load: {error}", file=sys.stderr)
            return 1
        if events:
            write(folder, events)
        replace(cursor, after.encode())
    return 0


def read(after: str | None) -> tuple[list[dict[str, Any]], str, bool]:
    """Events for one file, the cursor behind them, and whether there are more."""
    events: list[dict[str, Any]] = []
    while True:
        query = {"limit": PAGE} | ({} if after is None else {"after": after})
        page = ask("/presence-events?" + urllib.parse.urlencode(query))
        events += page["items"]
        after = page["next"]
        if not page["has_more"] or len(events) + PAGE > MAX_EVENTS:
            return events, after, page["has_more"]


def write(folder: Path, events: list[dict[str, Any]]) -> None:
    """One file, whole or not at all."""
    name = f"presence-{events[0]['seq']:015}-{events[-1]['seq']:015}.parquet"
    new = folder / f"{name}.new"
    lines = folder / "events.jsonl"
    lines.write_text("".join(json.dumps(event) + "\n" for event in events))
    rows = duckdb.read_json(str(lines), format="newline_delimited", columns=COLUMNS)
    rows = rows.project('* replace (make_timestamptz("at" * 1000) as "at")')
    rows.write_parquet(str(new), compression="zstd")
    lines.unlink()
    for old in folder.glob("presence-*.parquet"):
        if int(old.name.split("-")[1]) >= events[0]["seq"]:
            old.unlink()
    new.replace(folder / name)


def replace(file: Path, content: bytes) -> None:
    """Whole or not at all."""
    new = file.with_name(file.name + ".new")
    new.write_bytes(content)
    new.replace(file)


def problem(error: urllib.error.HTTPError) -> dict[str, str]:
    """What a refusal says. API Gateway's own, such as a 429, has no code."""
    said = {"code": "", "detail": str(error.reason)}
    try:
        return said | json.load(error)
    except (ValueError, TypeError):
        return said


def ask(path: str) -> Any:
    """The answer. Raises HTTPError for a refusal, and another OSError without an answer."""
    request = urllib.request.Request(
        os.environ["HEADCOUNT_URL"] + path,
        headers={"Authorization": "Bearer " + os.environ["HEADCOUNT_TOKEN"]},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


if __name__ == "__main__":
    sys.exit(main())
