"""Check a draw: do it again from its seed and its candidates, as GET /draws gives them.

Python's standard library only, so that an auditor can read all of it. Exit code 0: the draw is what
it says; 1: it is not; 2: a file cannot be read.
"""

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FORMULA_STARTS = tuple("=+-@\t\r\n'＝＋－＠")  # noqa: RUF001  # the full-width ones are meant


def main() -> int:
    """Read the files, and say whether they agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("draw", type=Path, help="a file with the answer of GET /draws/{bonus_id}")
    parser.add_argument(
        "candidates",
        type=Path,
        nargs="+",
        help="files of GET /draws/{bonus_id}/candidates.csv, in order",
    )
    parser.add_argument("--digest", help="as it was published when the winners were drawn")
    options = parser.parse_args()
    try:
        draw = json.loads(options.draw.read_text("utf-8"))
        candidates = [row for file in options.candidates for row in read(file)]
        faults = list(check(draw, candidates, options.digest))
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        print(
            f"verify_draw: cannot read the files: {type(error).__name__}: {error}", file=sys.stderr
        )
        return 2
    for fault in faults:
        print(f"verify_draw: {fault}", file=sys.stderr)
    if faults:
        return 1
    won = min(draw["winners"], draw["candidates"])
    print(f"{won:,} of {draw['candidates']:,} candidates have won; the draw is what it says")
    return 0


def read(path: Path) -> Iterator[dict[str, str]]:
    """Its rows. A name that a spreadsheet would take for a formula has one apostrophe more."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            name = row["user_id"]
            is_guarded = name.startswith("'") and name[1:].startswith(FORMULA_STARTS)
            yield row | {"user_id": name[1:] if is_guarded else name}


def check(
    draw: dict[str, Any], candidates: list[dict[str, str]], published: str | None
) -> Iterator[str]:
    """What is wrong with a draw; nothing if it is right."""
    if published is not None and published.lower() != draw["digest"]:
        yield "the digest is not the published one"
    if len(candidates) != draw["candidates"]:
        yield (
            f"{draw['candidates']:,} took part and {len(candidates):,} are in the files; a file is "
            "missing, or candidates were taken out, as an erasure does"
        )
    seed = bytes.fromhex(draw["seed"])
    ranks: list[bytes] = []
    for number, row in enumerate(candidates, 1):
        rank = hashlib.sha256(seed + row["user_id"].encode()).digest()
        if rank.hex() != row["rank"]:
            yield f"candidate {number}: the rank is not that of this user"
        if ranks and rank <= ranks[-1]:
            yield f"candidate {number}: the ranks do not ascend"
        if (row["has_won"] == "true") != (number <= draw["winners"]):
            yield f"candidate {number}: has_won is {row['has_won']}"
        ranks.append(rank)
    if hashlib.sha256(b"".join(ranks)).hexdigest() != draw["digest"]:
        yield "the digest is not that of these candidates"


if __name__ == "__main__":
    sys.exit(main())
