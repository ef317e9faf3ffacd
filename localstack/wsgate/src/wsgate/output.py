"""Lines on their way to a terminal, a file or a program: as text, in colour, or as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from typing import TYPE_CHECKING, TextIO

from wsgate.logs import BAD, GOOD, EventLine, FunctionLine, Line, RequestLine, Told, clock, tone
from wsgate.masking import Mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_HELD = 1000
"""Lines that wait at most; a turn of the loop that says more writes in between."""

JSON_HELP = """\
--json writes each line of stderr as one JSON object. `kind` and `at` (milliseconds since the
epoch) are always there; the other keys go with the kind, and a later version only adds to them:
  event                    route, connection, status (null where there is none), outcome, ms,
                           cold (null where no function ran), request and api (their ids, null
                           where it is no event), error (API Gateway's metric of it, or null)
  request                  method, path (without its query), status, ms, cold, request, api
  function                 function, text: a line that a function wrote
  notice, warning,         text: what wsgate has to say of itself; `reaches` is where calls for a
  left_out, reaches,       resource of the template lead, `refused` the last line before exit
  refused                  code 2
  ready                    websocket, management, more (other stages and domains), http,
                           console (null with --no-console), connections (how many at once)
"""


class Output:
    """Takes lines and writes them once per turn of the loop, in their order.

    `flush` writes what is left: call it last. Without a running loop a line is written at once.
    """

    def __init__(self, stream: TextIO, render: Callable[[Line], str]) -> None:
        self._stream, self._render = stream, render
        self._lines: list[Line] = []

    def __call__(self, line: Line) -> None:
        self._lines.append(line)
        if len(self._lines) == 1:
            self._flush_soon()
        elif len(self._lines) >= MAX_HELD:
            self.flush()

    def tell(self, text: str) -> None:
        """A sentence that is not yet a line."""
        self(Told(time.time_ns() // 1_000_000, text))

    def flush(self) -> None:
        """Write what waits. A reader that has gone, or a full disk, never stops the gateway."""
        lines, self._lines = self._lines, []
        if lines:
            with contextlib.suppress(OSError, ValueError):  # ValueError: the stream is closed
                self._stream.write("".join([self._render(line) + "\n" for line in lines]))
                self._stream.flush()

    def _flush_soon(self) -> None:
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()


class Heard(logging.Handler):
    """What libraries log, asyncio's word on a failed task among it: a warning as every other."""

    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output, self._mask = output, Mask()

    def emit(self, record: logging.LogRecord) -> None:
        text = self._mask.text(self.format(record))
        self._output(Told(int(record.created * 1000), text, "warning"))


def renderer(
    stream: TextIO, environment: Mapping[str, str], *, as_json: bool
) -> Callable[[Line], str]:
    """How lines look on this stream: colour is for a terminal, unless NO_COLOR is set.

    https://no-color.org (2026-11-24)
    """
    if as_json:
        return json_text
    is_plain = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
    return str if is_plain or not stream.isatty() else coloured


def json_text(line: Line) -> str:
    return json.dumps(line.fields(), separators=(",", ":"))


def coloured(line: Line) -> str:
    """The same words as the plain text, what matters least dimmed; what went wrong is red."""
    match line:
        case EventLine() | RequestLine():
            return _coloured_event(line)
        case FunctionLine(_, function, text):
            return f"{_DIM}{function} |{_RESET} {text}"
        case Told(_, _, "warning"):
            return f"{_YELLOW}{line}{_RESET}"
        case Told(_, _, "refused"):
            return f"{_RED}{line}{_RESET}"
    return str(line)


def _coloured_event(line: EventLine | RequestLine) -> str:
    if isinstance(line, EventLine):
        what = f"{_BOLD}{line.route}{_RESET} {_DIM}{line.connection_id}{_RESET}"
    else:
        what = f"{line.method} {line.path}"
    outcome = f"{_TONES[tone(line.outcome)]}{line.outcome}{_RESET}"
    cold = f" {_CYAN}cold{_RESET}" if line.cold else ""
    warm = f"{_DIM} warm{_RESET}" if line.cold is False else ""
    took = f"{_DIM}{line.elapsed} ms{_RESET}"
    request = f" {_DIM}{line.request_id}{_RESET}" if line.request_id else ""
    return f"{_DIM}{clock(line.at)}{_RESET} {what} {outcome} {took}{cold}{warm}{request}"


_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_RED, _GREEN, _YELLOW, _CYAN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"
_TONES = {GOOD: _GREEN, BAD: _RED}
_TONES["plain"] = ""
