"""The functions of one version, whose code is on PYTHONPATH, as Lambda calls them.

Reads lines of JSON, `[name of the handler's module, event]`, and answers each with a line:
`{"answer": …}` or `{"error": sentence}`. It ends with its input.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from handlers.adapters import database, queue

# How long a busy machine takes says nothing.
PATIENCE_SECONDS = 60.0


class Context:
    """Lambda's context: how much time is left."""

    def get_remaining_time_in_millis(self) -> int:
        return 600_000


def call(name: str, event: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"answer": importlib.import_module(f"handlers.{name}").handler(event, Context())}
    except Exception as error:
        return {"error": f"{name}: {type(error).__name__}: {error}"}


for module in (database, queue):
    for name in ("CALL_SECONDS", "CONNECT_SECONDS", "MESSAGE_CALL_SECONDS", "READ_SECONDS"):
        setattr(module, name, PATIENCE_SECONDS)
# Functions print their metrics.
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    print(json.dumps(call(*json.loads(line))), file=answers, flush=True)
