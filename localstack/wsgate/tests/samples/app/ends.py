"""A handler that ends in the way that its caller asks for."""

import json
import os
import signal
import sys
import threading
import time


def handler(event, context):
    asked = event.get("queryStringParameters") or json.loads(event.get("body") or "{}")
    ENDS[asked["how"]]()
    return {"statusCode": 200, "body": str(os.getpid())}


def fail():
    raise RuntimeError("as asked")


def take_memory():
    taken = bytearray(200 * 1024 * 1024)
    taken[::4096] = b"x" * len(taken[::4096])
    time.sleep(20)


def leave_a_thread():
    threading.Thread(target=time.sleep, args=(0.2,)).start()


def flood():
    for _ in range(5_000):
        print("x" * 100)


ENDS = {
    "well": lambda: None,
    "with a thread": leave_a_thread,
    "with a flood": flood,
    "raise": fail,
    "exit 0": lambda: sys.exit(0),
    "exit 1": lambda: sys.exit(1),
    "_exit": lambda: os._exit(2),
    "abort": os.abort,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "memory": take_memory,
    "time": lambda: time.sleep(60),
}
