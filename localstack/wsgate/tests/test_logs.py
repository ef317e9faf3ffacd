"""Lines: as text, in colour, as JSON; and how they are written."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from typing import Any

import pytest

from wsgate.logs import EventLine, FunctionLine, Line, Ready, RequestLine, Told, tone
from wsgate.output import JSON_HELP, MAX_HELD, Heard, Output, coloured, json_text, renderer

AT = 1714484641120
LINES: list[Line] = [
    EventLine(AT, "echo", "uV8iW0VYZSoCFaQ=", "200", 12, True),
    EventLine(AT, "echo", "uV8iW0VYZSoCFaQ=", "Internal server error (boom)", 3, False),
    EventLine(AT, "$disconnect", "uV8iW0VYZSoCFaQ=", "1001", 3),
    RequestLine(AT, "GET", "/rooms", 404, 2),
    FunctionLine(AT, "ChatFunction", "CONNECT of ann"),
    Told(AT, "functions restart"),
    Told(AT, "x.py:1: '(' was never closed", "warning"),
    Told(AT, "a cron(…)", "left out"),
    Told(AT, "No such template.", "refused"),
    Ready(AT, "ws://a/dev", "http://a/dev", (), "http://a/", None, 900),
]


class Screen(io.StringIO):
    """A terminal, for all that is asked of one."""

    writes = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


def test_a_person_reads_one_line_per_event() -> None:
    first, second, *_ = map(str, LINES)
    assert re.fullmatch(r"\d\d:\d\d:01\.120 echo uV8iW0VYZSoCFaQ= 200 12 ms cold", first)
    assert second.endswith("echo uV8iW0VYZSoCFaQ= Internal server error (boom) 3 ms warm")
    assert [str(line) for line in LINES[4:9]] == [
        "ChatFunction | CONNECT of ann",
        "functions restart",
        "warning: x.py:1: '(' was never closed",
        "left out: a cron(…)",
        "wsgate: No such template.",
    ]


@pytest.mark.parametrize("line", LINES, ids=lambda line: str(line.fields()["kind"]))
def test_every_key_of_a_json_line_is_in_the_help(line: Line) -> None:
    text = json_text(line)
    assert "\n" not in text
    fields: dict[str, Any] = json.loads(text)
    assert fields["at"] == AT
    for word in (fields["kind"], *fields):
        assert re.search(rf"\b{word}\b", JSON_HELP), word


def test_an_outcome_has_its_number_where_it_has_one() -> None:
    statuses = [EventLine(AT, "r", "c", outcome, 0).fields()["status"] for outcome in OUTCOMES]
    assert statuses == [101, None, 401, None, 1001, 1001]


OUTCOMES = ("101", "allow", "401 identity source missing", "Forbidden", "1001", "1001 failed")


def test_what_went_wrong_is_told_from_what_did_not() -> None:
    assert [tone(outcome) for outcome in OUTCOMES] == ["good", "good", "bad", "bad", "plain", "bad"]


@pytest.mark.parametrize("line", LINES, ids=lambda line: str(line.fields()["kind"]))
def test_colour_changes_no_word(line: Line) -> None:
    assert re.sub(r"\x1b\[\d+m", "", coloured(line)) == str(line)


def test_colour_is_for_terminals_that_want_it() -> None:
    assert renderer(Screen(), {}, as_json=False) is coloured
    assert renderer(Screen(), {"NO_COLOR": "1"}, as_json=False) is str
    assert renderer(Screen(), {"TERM": "dumb"}, as_json=False) is str
    assert renderer(io.StringIO(), {}, as_json=False) is str
    assert renderer(Screen(), {}, as_json=True) is json_text


async def test_a_turn_of_the_loop_is_written_at_once_and_in_order() -> None:
    screen = Screen()
    output = Output(screen, str)
    for number in range(10):
        output(Told(AT, str(number)))
    assert screen.writes == 0
    await asyncio.sleep(0)
    assert (screen.writes, screen.getvalue().split()) == (1, [*"0123456789"])
    output.tell("later")
    await asyncio.sleep(0)
    assert screen.getvalue().endswith("9\nlater\n")


async def test_what_waits_is_bounded_and_the_end_writes_the_rest() -> None:
    screen = Screen()
    output = Output(screen, str)
    for _ in range(MAX_HELD + 1):
        output.tell("x")
    assert screen.getvalue().count("x") == MAX_HELD
    output.flush()
    output.flush()
    assert screen.getvalue().count("x") == MAX_HELD + 1


def test_what_libraries_log_is_a_line_too() -> None:
    screen = Screen()
    logger = logging.Logger("library")
    logger.addHandler(Heard(Output(screen, json_text)))
    try:
        raise ValueError("boom")
    except ValueError:
        logger.exception("a task failed")
    [line] = map(json.loads, screen.getvalue().splitlines())
    assert line["kind"] == "warning"
    assert line["text"].startswith("a task failed\nTraceback")
    assert line["text"].endswith("ValueError: boom")


def test_without_a_loop_a_line_is_written_at_once() -> None:
    screen = Screen()
    Output(screen, str).tell("refused")
    assert screen.getvalue() == "refused\n"


@pytest.mark.parametrize("error", [BrokenPipeError, OSError(28, "No space left on device")])
def test_a_closed_output_does_not_stop_the_program(error: Any) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise error

    output = Output(Gone(), str)
    output.tell("x")
    output.tell("y")
