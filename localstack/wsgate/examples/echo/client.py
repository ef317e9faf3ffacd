"""Send each kind of message once and print the answers: `python client.py [URL]`."""

from __future__ import annotations

import json
import sys

from websockets.sync.client import connect

URL = "ws://127.0.0.1:8080/dev"


def main(url: str) -> None:
    """Raise TimeoutError when an answer does not arrive."""
    with connect(url) as connection:
        for action in ("ping", "echo", "later"):
            connection.send(json.dumps({"action": action, "text": "hello"}))
            print(connection.recv(timeout=30))


if __name__ == "__main__":
    main(*sys.argv[1:] or [URL])
