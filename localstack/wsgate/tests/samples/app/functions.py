"""Handlers that behave in every way a function can."""

import logging
import os
import subprocess
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
    """Fail the messages whose body asks for it."""
    records = event["Records"]
    failed = [record["messageId"] for record in records if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def take_memory(event, context):
    """Have so many megabytes for so long, really: each page is written to."""
    taken = bytearray(event["mb"] * 1024 * 1024)
    taken[::4096] = b"x" * len(taken[::4096])
    time.sleep(event["seconds"])
    return len(taken)


def leave_a_thread(event, context):
    """Go on in a thread after the answer, and say so in time."""

    def work():
        time.sleep(0.05)
        print("the thread went on")

    threading.Thread(target=work).start()
    return os.getpid()


def leave_with_a_thread(event, context):
    """Exit while a thread keeps the process alive."""
    threading.Thread(target=time.sleep, args=(60,)).start()
    sys.exit(0)


def leave_a_child(event, context):
    """Start a program that outlives the event and holds our output open."""
    return [
        os.getpid(),
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid,
    ]


def leave_a_daemon(event, context):
    """Start a program in a process group of its own."""
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    return [os.getpid(), subprocess.Popen(command, start_new_session=True).pid]


def flood(event, context):
    """Write more lines than a reader keeps up with."""
    for number in range(event["lines"]):
        print(number, "x" * 100)
    return os.getpid()


def close_everything(event, context):
    """What a badly written daemon does."""
    os.closerange(3, 256)
    time.sleep(60)


def remaining(event, context):
    before = context.get_remaining_time_in_millis()
    time.sleep(event["seconds"])
    return [before, context.get_remaining_time_in_millis()]


def context(event, context):
    names = [name for name in dir(context) if not name.startswith("_")]
    identity = context.identity
    return {
        "names": names,
        "identity": [identity.cognito_identity_id, identity.cognito_identity_pool_id],
        "client_context": context.client_context,
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "function": [context.function_name, context.function_version],
        "repr": repr(context),
    }


def stops(event, context):
    breakpoint()
    return "went on"


def stops_with_pdb(event, context):
    import pdb  # noqa: PLC0415

    pdb.set_trace()
