"""The league's table: contenders side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.league.cases import CASES, GUIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.league.judge import Measured, Turn

_KIB = 1024
ROWS: tuple[tuple[str, Callable[[Measured], str]], ...] = (
    ("from the command to the first connection", lambda it: f"{it.start_seconds:.1f} s"),
    ("memory per idle connection", lambda it: f"{it.bytes_per_connection / _KIB:.1f} KiB"),
    ("connections opened for that, within 30 s at most", lambda it: f"{it.connections:,}"),
    ("a message and a function's answer", lambda it: f"{it.round_trip_ms:.1f} ms"),
    ("answers of a function to eight clients", lambda it: f"{it.messages_per_second:,.0f}/s"),
)
PASSES, FAILS = "yes", "**no**"


def table(turns: Mapping[str, Turn]) -> str:
    """In Markdown: the figures, a line for each case, and why what failed did."""
    head = _row("", *turns) + _row("---", *["---"] * len(turns))
    passed = [
        f"{sum(each.passes for each in turn.verdicts.values())} of {len(turn.verdicts)}"
        for turn in turns.values()
    ]
    figures = _row("cases that pass", *passed)
    for what, value in ROWS:
        cells = [value(turn.measured) if turn.measured else "-" for turn in turns.values()]
        figures += _row(what, *cells)
    cases = ""
    for case in CASES:
        verdicts = [turn.verdicts.get(case.title) for turn in turns.values()]
        if any(verdicts):
            cells = ["-" if it is None else PASSES if it.passes else FAILS for it in verdicts]
            cases += _row(f"[{case.title}]({GUIDE}{case.source}.html) (§{case.section})", *cells)
    return f"{head}{figures}\n{head}{cases}\n{_reasons(turns)}"


def _reasons(turns: Mapping[str, Turn]) -> str:
    """What each contender did instead; once where it is the same for all cases."""
    text = ""
    for title, turn in turns.items():
        failed = {name: it.reason for name, it in turn.verdicts.items() if not it.passes}
        if not failed:
            continue
        text += f"\nWhat {title} did instead:\n\n"
        if len(set(failed.values())) == 1 and len(failed) > 1:
            text += f"- in all cases: {_code(next(iter(failed.values())))}\n"
            continue
        text += "".join(f"- {name}: {_code(reason)}\n" for name, reason in failed.items())
    return text.lstrip("\n")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _code(text: str) -> str:
    """Foreign text, which must not be read as Markdown."""
    return "`" + " ".join(text.replace("`", "'").split()) + "`"
