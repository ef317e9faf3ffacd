"""Write sql/tables.sql: the tables that the migrations make of an empty database. `make schema`.

A migration then shows in a review as the difference that it makes; a test compares. Functions are
left out: sql/functions/ has them.
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
# Settings of the session and psql's own commands.
NOISE = re.compile(r"^(SET |SELECT pg_catalog\.set_config|\\)")
# pg_dump puts one before each object: `-- Name: connect(…); Type: FUNCTION; Schema: public; …`.
HEADER = re.compile(r"^-- Name: .*; Type: (?P<type>[A-Z ]+); Schema: ", re.MULTILINE)


def dump(dsn: str) -> str:
    """The tables, types, views and indexes of a database as text, the same for every owner.

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
    return _tables(answer.stdout)


def _tables(dumped: str) -> str:
    """Leave out functions, settings and comments, which have versions in them."""
    headers = list(HEADER.finditer(dumped))
    ends = [header.start() for header in headers[1:]] + [len(dumped)]
    parts = [
        dumped[header.end() : end]
        for header, end in zip(headers, ends, strict=True)
        if header["type"] != "FUNCTION"
    ]
    lines = [line for part in parts for line in part.splitlines()[1:]]
    kept = [line for line in lines if not NOISE.match(line) and not line.startswith("--")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


def main() -> int:
    """Exit code 0 when sql/tables.sql is written."""
    from sql.migrate import migrate  # noqa: PLC0415 - found once the root is on the path

    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder), durable=False) as dsn:
        asyncio.run(migrate(dsn))
        (ROOT / "sql" / "tables.sql").write_text(dump(dsn), encoding="utf-8")
    print("wrote sql/tables.sql")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
