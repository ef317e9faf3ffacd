"""Handlers that behave in every way a function can."""

import logging
import os
import sys
import threading
import time
from decimal import Decimal


def echo(event, context):
    return event


def about(event, context):
    return {
        "environment": dict(os.environ),
        "path": sys.path,
        "folder": os.getcwd(),  # noqa: PTH109
        "pid": os.getpid(),
        "modules": [name for name in sys.modules if name.startswith("wsgate")],
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "remaining": context.get_remaining_time_in_millis(),
        "main_thread": threading.current_thread().name,
        "stdin": sys.stdin.read(),
    }


def broken(event, context):
    raise ValueError("no such luck")


def talkative(event, context):
    print("printed")
    print("in two\nlines", file=sys.stderr)
    logging.getLogger().warning("logged %s", event["word"], extra={"word": event["word"]})
    logging.getLogger("own").info("detail")


def long_line(event, context):
    print("x" * event["length"])


def wait_for_file(event, context):
    """Say that it runs, then wait until a file appears."""
    print("running", flush=True)
    while not os.path.exists(event["file"]):  # noqa: PTH110
        time.sleep(0.005)
    return os.getpid()


def forever(event, context):
    print("running", flush=True)
    while True:
        time.sleep(60)


def leave(event, context):
    os._exit(event["code"])


def leave_politely(event, context):
    sys.exit(event["code"])


def die(event, context):
    os.kill(os.getpid(), event["signal"])


def answer_then_die(event, context):
    threading.Thread(target=lambda: (time.sleep(0.05), os._exit(1)), daemon=True).start()
    return "fine"


def unserialisable(event, context):
    return object()


def decimals(event, context):
    return [Decimal("2"), Decimal("2.5"), "é"]


def too_much(event, context):
    return "x" * (6 * 1024 * 1024 + 200)


def raw(event, context):
    return b'{"raw":true}'


def fail_some(event, context):
    """Fail the messages whose body says so."""
    records = event["Records"]
    failed = [record["messageId"] for record in records if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
