"""moto's SQS server as a program: `python -P queue_server.py PORT`.

It ends with its parent, however that ends: standard input carries nothing and closes then.
https://docs.getmoto.org/en/latest/docs/server_mode.html (2026-11-23)
"""

from __future__ import annotations

import logging
import os
import sys
import threading


def main() -> None:
    """Serve on 127.0.0.1 until standard input closes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from moto.server import main as serve  # noqa: PLC0415 a second, in which the parent may end

    serve(["-H", "127.0.0.1", "-p", sys.argv[1]])


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
