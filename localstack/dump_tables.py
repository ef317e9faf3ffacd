"""Write sql/schema.sql anew: what the migrations make of an empty database. `make schema`.

A migration then shows in a review as the difference that it makes; a test compares.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from postgres import Postgres, PostgresError, find_binaries

ROOT = Path(__file__).resolve().parent.parent
# The session's settings, psql's own commands, and comments with versions in them.
NOISE = re.compile(r"^(SET |SELECT pg_catalog\.set_config|\\|--)")


def dump(dsn: str) -> str:
    """The schema of a database as text: the same schema is the same text, whoever owns it.

    The binaries must not be older than the server. Raises PostgresError when pg_dump fails.
    """
    place = urlsplit(dsn)
    # The password goes through the environment: every user of a machine may read command lines.
    environment = os.environ | {"PGPASSWORD": unquote(place.password or "")}
    answer = subprocess.run(  # noqa: S603 - the program that we were told to run
        [
            *[find_binaries().tool("pg_dump"), "--schema-only", "--no-owner", "--no-privileges"],
            *["--host", place.hostname or "127.0.0.1", "--port", str(place.port or 5432)],
            *["--username", unquote(place.username or ""), "--dbname", place.path.lstrip("/")],
        ],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if answer.returncode:
        raise PostgresError(f"pg_dump failed: {' '.join(answer.stderr.split())}")
    return _without_noise(answer.stdout)


def _without_noise(dumped: str) -> str:
    """Drop what tells nothing of the schema; lines inside functions are the schema."""
    kept, quote = [], None
    for line in dumped.splitlines():
        if quote is None and NOISE.match(line):
            continue
        kept.append(line)
        for mark in re.findall(r"\$\w*\$", line):
            quote = mark if quote is None else None if mark == quote else quote
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


def main() -> int:
    """Exit code 0 when sql/schema.sql is written."""
    from sql.migrate import migrate  # noqa: PLC0415 - found once the root is on the path

    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder), durable=False) as dsn:
        asyncio.run(migrate(dsn))
        (ROOT / "sql" / "schema.sql").write_text(dump(dsn), encoding="utf-8")
    print("wrote sql/schema.sql")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
