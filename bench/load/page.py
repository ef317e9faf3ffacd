"""The report of a run as one HTML file that needs no network. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from bench.load.chart import Band, Chart, Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RATES = ("attempts", "lost", "back", "pings", "claims sent", "bonuses shown")
WAITS = ("connect", "hello", "ping", "act", "claim")
MIB = 1024**2

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bad: #dc2626; --good: #059669 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
code { background: var(--soft); padding: .1em .3em; border-radius: 3px }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid var(--line); padding: .3rem .5rem }
td, th { text-align: left; vertical-align: top }
figure { margin: 1.5rem 0 } figcaption { font-weight: 600 }
small { font-weight: 400; font-size: .8rem }
small span { margin-left: .9rem; white-space: nowrap }
small i { display: inline-block; width: .7rem; height: .7rem; margin-right: .3rem }
svg { width: 100%; height: auto } svg line { stroke: var(--line) }
svg polyline { fill: none; stroke-width: 1.6 } svg polygon { opacity: .85 }
svg text { font-size: 11px; fill: currentColor }
svg .s { text-anchor: middle } svg .y { text-anchor: end }
svg .a { fill: #8881 } svg .b { fill: #8882 }
.bad { color: var(--bad) } .good { color: var(--good) }
"""


def html(report: Mapping[str, Any]) -> str:
    """The whole page."""
    title = f"Load: {report['users']:,} users"
    parts = [
        "<!doctype html>",
        f'<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width">',
        f"<style>{STYLE}</style>",
        f"<h1>{escape(title)}</h1>",
        _head(report),
        *(chart.html() for chart in charts(report)),
        "<h2>Stages</h2>",
        *(_stage(stage) for stage in report["stages"]),
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def charts(report: Mapping[str, Any]) -> list[Chart]:
    """Connections, rates, waits, processors, memory."""
    moments: Sequence[Mapping[str, Any]] = report["moments"]
    at = [moment["at"] for moment in moments]
    bands = [
        Band(stage["name"], stage["began"], stage["ended"] or report["seconds"])
        for stage in report["stages"]
    ]

    def chart(title: str, unit: str, series: list[Series], *, is_stacked: bool = False) -> Chart:
        return Chart(title, unit, at, [one for one in series if any(one.values)], bands, is_stacked)

    def rate(what: str) -> Series:
        return Series(what, [moment["counts"].get(what, 0) for moment in moments])

    def wait(what: str, which: int) -> Series:
        values = [moment["waits_ms"].get(what, (0, 0))[which] for moment in moments]
        return Series(what, values)

    def of_kind(name: str, kind: str, unit: float) -> Series:
        return Series(kind, [moment[name].get(kind, 0) / unit for moment in moments])

    kinds: list[str] = report["kinds"]
    return [
        chart("Connections", "", [Series("open", [moment["open"] for moment in moments])]),
        chart("Rates", "1/s", [rate(what) for what in RATES]),
        chart("Waiting times, half", "ms", [wait(what, 0) for what in WAITS]),
        chart("Waiting times, 99 %", "ms", [wait(what, 1) for what in WAITS]),
        chart(
            "Processors in use, by kind of process",
            "",
            [of_kind("processors", kind, 1) for kind in kinds],
            is_stacked=True,
        ),
        chart(
            "Memory of their own, by kind of process",
            "MiB",
            [of_kind("memory", kind, MIB) for kind in kinds],
            is_stacked=True,
        ),
    ]


def _head(report: Mapping[str, Any]) -> str:
    many = sum(one["times"] for stage in report["stages"] for one in stage["wrong"])
    is_whole = all(stage["ended"] is not None for stage in report["stages"])
    verdict = (
        f'<p class="bad">Not as it must be, {many:,} in all: see the stages.</p>'
        if many
        else '<p class="good">Each stage was as it must be.</p>'
        if is_whole and report["stages"]
        else '<p class="bad">The run did not come to its end.</p>'
    )
    rows = {
        "command": f"<code>{escape(report['command'])}</code>",
        "commit": escape(report["commit"]),
        "machine": escape(report["machine"]),
        "begin": escape(report["began_at"]),
        "took": f"{report['seconds']:,.0f} s",
        "processes": f"{report['nodes']} gateway nodes, {report['client_processes']} of clients,"
        f" at most {report['environments_of_a_function']} of each function",
    }
    table = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    notes = "".join(f"<p>{escape(note)}</p>" for note in report["notes"])
    return f"{verdict}<table>{table}</table>{notes}"


def _stage(stage: Mapping[str, Any]) -> str:
    took = "did not end" if stage["ended"] is None else f"{stage['ended'] - stage['began']:,.1f} s"
    rows = [(name.replace("_", " "), _shown(value)) for name, value in stage["figures"].items()]
    rows += [(f"{what}, ms", _shown(waits)) for what, waits in stage["latency_ms"].items()]
    rows.append(("processor seconds", _shown(stage["processor_seconds"])))
    table = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows
    )
    wrong = "".join(
        f'<p class="bad">{escape(one["what"])}: {one["times"]:,} times'
        f" ({escape(', '.join(one['examples']))})</p>"
        for one in stage["wrong"]
    )
    return f"<h3>{escape(stage['name'])} <small>{took}</small></h3>{wrong}<table>{table}</table>"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    return f"{value:,}" if isinstance(value, int | float) else str(value)
