"""One execution environment: imports a handler and gives it one event after the other.

Runs as a program (`python -P worker.py CHANNEL FUNCTION_ARN HERE DEBUG LAYER…`), and behaves as
Lambda's own runtime for Python does:
https://github.com/aws/aws-lambda-python-runtime-interface-client (4.2.2 read, 2026-11-23).
It imports nothing of wsgate and stays small, since every cold start pays for it.

Each LAYER is a folder for `sys.path`. HERE is the gateway's address and the names that lead to it,
with spaces between. DEBUG is a port where it waits for a debugger, or 0. CHANNEL is a file
descriptor. Either way goes a length (4 bytes) and that many bytes:
    to the worker    deadline in ms since the epoch (8), request id (36), the event
    from the worker  one of the kinds below (1), the payload
Standard input carries nothing: it ends when the parent ends, however that happens.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import threading
import time

TYPE_CHECKING = False  # typing itself takes 5 ms to import
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, BinaryIO, NoReturn

READY, RESULT, ERROR, NOT_JSON, FAILED_START, OUT_OF_MEMORY = b"R", b"A", b"E", b"J", b"F", b"M"
DEADLINE, REQUEST_ID, HEAD = 8, 36, 44

# 6 MB, and the 100 bytes more that Lambda's own message counts.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (2026-11-23)
MAX_PAYLOAD = 6_291_556

# `[LEVEL]`, time, request id, message, as in the text format of Lambda's logs.
LOG_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
LOG_TIME = "%Y-%m-%dT%H:%M:%S"

# The watcher outside the process checks the memory of longer events. In less time than this a
# function cannot fill even the smallest size, 128 MB.
QUICK = 0.01

request_id = ""


def main() -> None:
    """Start, then answer until the parent goes away."""
    channel, arn, here, debug = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    layers = sys.argv[5:]
    os.set_inheritable(channel, False)
    # The descriptor stays open until the process is gone: an exit may wait for threads first.
    read = open(channel, "rb", closefd=False)  # noqa: SIM115
    write = open(channel, "wb", closefd=False)  # noqa: SIM115
    die_with_parent()
    sys.argv = [""]
    sys.path[:0] = [os.getcwd(), *layers]  # noqa: PTH109 pathlib takes 8 ms to import
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    set_up_logging()
    lead_here(*here.split())
    if "PYTHONBREAKPOINT" not in os.environ:
        sys.breakpointhook = passed_breakpoint
    if debug:
        wait_for_debugger(debug)
    try:
        handler = find_handler(os.environ["_HANDLER"])
    except Fault as fault:
        fail_start(write, problem(fault.kind, str(fault), fault.trace, ""))
    except Exception as error:  # whatever the module's own code raises is the answer
        fail_start(write, raised(error, ""))
    send(write, READY, b"")
    context = Constants(arn)
    memory = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) * 1024
    if debug:
        memory = sys.maxsize  # the debugger takes some, too
    while frame := receive(read):
        began = time.monotonic()
        kind, payload = run(handler, frame, context)
        sys.stdout.flush()
        if time.monotonic() - began > QUICK and peak() > memory:
            kind, payload = OUT_OF_MEMORY, b""
        send(write, kind, payload)


def run(handler: Any, frame: bytes, constants: Constants) -> tuple[bytes, bytes]:
    """Give one event to the handler; return the kind of the answer and its payload."""
    global request_id  # noqa: PLW0603 the log lines carry it, as they do on Lambda
    deadline = int.from_bytes(frame[:DEADLINE], "big")
    request_id = frame[DEADLINE:HEAD].decode()
    os.environ["_X_AMZN_TRACE_ID"] = trace(request_id)
    try:
        event = json.loads(frame[HEAD:])
    except ValueError as error:
        return NOT_JSON, str(error).encode()
    try:
        result = marshalled(handler(event, Context(constants, request_id, deadline)))
    except Fault as fault:
        failure = problem(fault.kind, str(fault), fault.trace, request_id)
    except Exception as error:  # whatever the function raises is the answer
        failure = raised(error, request_id)
    else:
        return (RESULT, result) if len(result) <= MAX_PAYLOAD else (ERROR, too_large())
    log_error(failure)
    if failure["errorType"] == "BdbQuit":  # of pdb, which finds no terminal
        no_debugger()
    return ERROR, json.dumps(failure).encode()


def trace(about: str) -> str:
    """The X-Ray header of an event, made of its request id; nothing is sampled.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html (2026-11-30)
    """
    digits = about.replace("-", "")
    return f"Root=1-{int(time.time()):08x}-{digits[:24]};Parent={digits[16:]};Sampled=0"


class Fault(Exception):
    """What the runtime itself finds wrong, with the error type that Lambda gives it."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind, self.trace = kind, trace or []


class Constants:
    """What the contexts of all events share: the environment is read once."""

    def __init__(self, arn: str) -> None:
        self.invoked_function_arn = arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]  # a text there too
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]


class Context:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html (2026-11-23)"""

    def __init__(self, constants: Constants, aws_request_id: str, deadline: int) -> None:
        self.__dict__.update(constants.__dict__)
        self.aws_request_id = aws_request_id
        self.tenant_id = None
        self.client_context = None
        self.identity = Identity()
        self._epoch_deadline_time_in_ms = deadline  # the runtime's own name; its repr shows it

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        said = ",".join(f"{name}={value}" for name, value in vars(self).items())
        return f"LambdaContext([{said}])"


class Identity:
    """Cognito's identity, which only mobile clients send; the runtime gives an empty one."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


def find_handler(path: str) -> Any:
    """Import `package.module.callable`, with the runtime's words for each way to fail."""
    module_name, dot, name = path.rpartition(".")
    if not dot:
        reason = "not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{path}': {reason}")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        words = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", words) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        words = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", words, trace) from error
    try:
        return getattr(module, name)
    except AttributeError:
        words = f"Handler '{name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", words) from None


def marshalled(value: Any) -> bytes:
    """Turn the function's value into JSON; bytes are taken for JSON already."""
    if isinstance(value, bytes):
        return value
    try:
        return encode(value).encode()
    except Exception as error:  # a value's own methods may raise anything
        words = f"Unable to marshal response: {error}"
        raise Fault("Runtime.MarshalError", words) from error


def number(value: Any) -> Any:
    """Let a Decimal through as a number: the runtime's encoder does."""
    decimal = sys.modules.get("decimal")
    if decimal is None or not isinstance(value, decimal.Decimal):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    is_whole = value.is_finite() and value == value.to_integral_value()
    return int(value) if is_whole else float(value)


encode = json.JSONEncoder(ensure_ascii=False, default=number).encode


def too_large() -> bytes:
    words = f"Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes)."
    failure = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": words}
    log_error({**failure, "stackTrace": []})
    return json.dumps(failure).encode()


def raised(error: BaseException, about: str) -> dict[str, Any]:
    return problem(type(error).__name__, str(error), stack(error.__traceback__), about)


def problem(kind: str, message: str, trace: list[str], about: str) -> dict[str, Any]:
    return {"errorMessage": message, "errorType": kind, "requestId": about, "stackTrace": trace}


def stack(traceback_: TracebackType | None) -> list[str]:
    """Format the frames from the function's first one on: this file is not its business."""
    import traceback  # noqa: PLC0415 only a function that fails pays for it

    frames = traceback.extract_tb(traceback_)
    own = [frame.filename == __file__ for frame in frames]
    return traceback.format_list(frames[own.index(False) if False in own else 0 :])


# ---- logs


def set_up_logging() -> None:
    """Give the root logger the handler that Lambda gives it, before the function is imported."""
    logging.Formatter.converter = time.gmtime
    log = logging.StreamHandler(sys.stdout)
    log.addFilter(remember_request)
    is_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
    log.setFormatter(JsonFormatter() if is_json else logging.Formatter(LOG_FORMAT, LOG_TIME))
    logging.root.addHandler(log)
    # Lambda's levels are Python's, but for these two.
    level = {"TRACE": "DEBUG", "FATAL": "CRITICAL"}
    wanted = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "")
    if wanted:
        logging.root.setLevel(level.get(wanted, wanted))


def remember_request(record: logging.LogRecord) -> bool:
    record.aws_request_id = request_id
    return True


class JsonFormatter(logging.Formatter):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html (2026-11-23)"""

    usual = frozenset(vars(logging.makeLogRecord({})))

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": self.formatTime(record, LOG_TIME) + "Z",
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": request_id or None,
        }
        extra = {key: value for key, value in vars(record).items() if key not in self.usual}
        extra.pop("aws_request_id", None)
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            trace = [line.rstrip("\n") for line in stack(record.exc_info[2])]
            words = {"errorMessage": str(error), "errorType": type(error).__name__}
            extra.update(words, stackTrace=trace)
        return json.dumps(line | extra, ensure_ascii=False, default=str)


def log_error(failure: dict[str, Any]) -> None:
    """Print what went wrong as the runtime prints it; the traceback is for the developer."""
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        now = time.strftime(LOG_TIME, time.gmtime()) + "Z"
        print(json.dumps({"timestamp": now, "level": "ERROR", **failure}, ensure_ascii=False))
        return
    print(f"[ERROR] {failure['errorType']}: {failure['errorMessage']}")
    if failure["stackTrace"]:
        print("Traceback (most recent call last):")
        print("".join(failure["stackTrace"]).rstrip("\n"))


def peak() -> int:
    """Return this process's peak private memory in KiB, or 0 where the system does not report it.

    What is mapped from files is left out: see memory.py. Not `getrusage`: what that calls the
    maximum begins with the process that started this one.
    """
    try:
        with open("/proc/self/status", "rb") as status:  # noqa: PTH123 pathlib takes 8 ms to import
            lines = [line.split() for line in status]
    except OSError:
        return 0
    figures = {line[0]: int(line[1]) for line in lines if line[0] in (b"VmHWM:", b"RssFile:")}
    return figures.get(b"VmHWM:", 0) - figures.get(b"RssFile:", 0)


# ---- debugging

PORT_SECONDS = 10


def wait_for_debugger(port: int) -> None:
    """Listen with debugpy, and go on when a debugger is attached."""
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # it warns of the standard library's modules
    import debugpy  # noqa: PLC0415 only who debugs has it

    until = time.monotonic() + PORT_SECONDS
    while not is_free(port):  # the environment before this one may still have it
        if time.monotonic() > until:
            print(f"debugger: another program has the port {port} of 127.0.0.1")
            sys.exit(1)
        time.sleep(PORT_SECONDS / 50)
    debugpy.listen(("127.0.0.1", port))
    print(f"debugger: waiting for one to attach to 127.0.0.1:{port}")
    debugpy.wait_for_client()


def is_free(port: int) -> bool:
    import socket  # noqa: PLC0415 see lead_here

    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def passed_breakpoint(*_: object, **__: object) -> None:
    """What `breakpoint()` does without a debugger."""
    caller = sys._getframe(1)
    no_debugger(f"{caller.f_code.co_filename}:{caller.f_lineno}: ")


def no_debugger(where: str = "") -> None:
    """Say how to stop: there is no terminal here, as there is none on Lambda."""
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    print(
        f"{where}breakpoint: no debugger is attached. Start wsgate with `--debug {name}`, "
        "attach your editor, and it stops here"
    )


# ---- the names of APIs on AWS

STANDS_IN = "127.87.83.71"
"""What the names resolve to: no other program is there, so that `connect` knows who is meant."""
HTTPS, NO_SERVICE = 443, 1


def lead_here(gateway: str = "", *names: str) -> None:
    """Have every Python library find the gateway at these names, and itself below `localhost`.

    Must come before the first import of `socket`, which calls and inherits what is replaced here.
    Libraries resolve a name and connect in different ways, some with the address only, and the
    port belongs to the gateway: so a name gets an address of its own, and `connect` knows that.
    """
    import _socket  # noqa: PLC0415 `socket` takes 3 ms to import, and not every function needs it

    host, _, port = gateway.rpartition(":")
    resolve, known = _socket.getaddrinfo, frozenset(names)

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode("latin-1") if isinstance(host, bytes) else host
        if isinstance(name, str) and (name := name.rstrip(".").lower()):
            if name in known:
                host = STANDS_IN
            elif name.endswith(".localhost"):  # RFC 6761, 6.3; not every system knows it
                host = "127.0.0.1"
        return resolve(host, *rest, **more)

    def led(address: Any) -> Any:
        if not isinstance(address, tuple) or len(address) < 2:  # noqa: PLR2004 not of the internet
            return address
        if address[0] != STANDS_IN and address[0] not in known:
            return address
        return (host, int(port)) if address[1] == HTTPS else (host, NO_SERVICE)

    class Socket(_socket.socket):
        __slots__ = ()

        def connect(self, address: Any) -> None:
            super().connect(led(address))

        def connect_ex(self, address: Any) -> int:
            return super().connect_ex(led(address))

    if known:
        _socket.socket = Socket  # type: ignore[misc]
    _socket.getaddrinfo = getaddrinfo


# ---- the channel


def receive(file: BinaryIO) -> bytes | None:
    """Return the next frame, or None when the parent closed the channel."""
    head = file.read(4)
    return file.read(int.from_bytes(head, "big")) if len(head) == 4 else None  # noqa: PLR2004


def send(file: BinaryIO, kind: bytes, payload: bytes) -> None:
    file.write((len(payload) + 1).to_bytes(4, "big") + kind + payload)
    file.flush()


def fail_start(file: BinaryIO, failure: dict[str, Any]) -> NoReturn:
    log_error(failure)
    send(file, FAILED_START, json.dumps(failure).encode())
    sys.exit(1)


def die_with_parent() -> None:
    """Take the whole process group away when the parent's end of standard input closes.

    A thread of its own waits for that, so it happens while the function is busy, and nothing else
    reads there. The function sees an empty standard input.
    """
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait() -> None:
        while os.read(lifeline, 1):
            pass
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


if __name__ == "__main__":
    main()
