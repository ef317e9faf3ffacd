"""Export a whole list, page by page."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headcount.cli import Command, Group
from headcount.destination import PartFile, StandardOutput
from headcount.errors import Failed
from headcount.pages import csv_pages, json_pages
from headcount.reports import QUERY_NAMES, REPORTS, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from headcount.destination import Destination
    from headcount.pages import Page
    from headcount.run import Run

SAY_EVERY_SECONDS = 2.0


@click.group("export", cls=Group)
def command() -> None:
    """Export a whole report or list as JSON lines or CSV.

    With -o, the file gets its name when it is whole. After an interruption, the same command goes
    on where it stopped. Each page is read at its own moment; `python -m sql.export` beside the
    database reads all of one.
    """


def form_options() -> Iterator[click.Parameter]:
    yield click.Option(
        ["--output", "-o"],
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="A new file; the standard output by default.",
    )
    yield click.Option(
        ["--format", "form"],
        type=click.Choice(["jsonl", "csv"]),
        help="csv for a FILE that ends so, else jsonl: a JSON object on each line.",
    )
    yield click.Option(["--after"], metavar="CURSOR", help="Go on behind this cursor.")


def csv_options() -> Iterator[click.Parameter]:
    yield click.Option(
        ["--times"], type=click.Choice(["ms", "iso"]), help="How CSV writes moments; ms by default."
    )
    yield click.Option(
        ["--bom"],
        is_flag=True,
        help="Begin CSV with a byte-order mark, which Excel asks for.",
    )


def export(report: Report, **given: Any) -> None:
    """The callback of each report."""
    run: Run = click.get_current_context().obj
    output, after = given.pop("output"), given.pop("after")
    form = given.pop("form") or ("csv" if output and output.suffix == ".csv" else "jsonl")
    path = report.path.format(**given)
    query = list(_query(report, form, given))
    pages = csv_pages if form == "csv" else partial(json_pages, is_paged=report.is_paged)
    question = json.dumps([path, form, query, after])
    to: Destination = PartFile(output, question, after) if output else StandardOutput(after)
    _copy(run, pages(run.api, path, query, to.start()), to)


def _query(report: Report, form: str, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Raises UsageError for what the form does not take."""
    forms = {"times": given.pop("times", None), "bom": given.pop("bom", False)}
    if form == "csv" and not report.has_csv:
        raise click.UsageError("this list is no CSV: leave --format out, or take jsonl")
    if form != "csv" and any(forms.values()):
        raise click.UsageError("--times and --bom are of CSV: add --format csv")
    filters = {name: given[name] for name in report.filters if given[name] not in {None, ()}}
    if form == "csv" and report.csv_filters is not None:
        for name in filters.keys() - set(report.csv_filters):
            raise click.UsageError(f"as CSV it takes no filter by {name}; take --format jsonl")
    for name, value in filters.items():
        for one in value if isinstance(value, tuple) else (value,):
            yield QUERY_NAMES.get(name, name), str(one)
    if forms["times"]:
        yield "times", str(forms["times"])
    if forms["bom"]:
        yield "bom", "true"


def _copy(run: Run, pages: Iterable[Page], to: Destination) -> None:
    """Raises Failed. Says how far it is, and how to go on when it ends before the list does."""
    rows, said_at, page = 0, time.monotonic(), None
    try:
        for page in pages:
            to.write(page)
            rows += page.rows
            if time.monotonic() >= said_at + SAY_EVERY_SECONDS:
                said_at = time.monotonic()
                run.say(f"{rows:,} rows so far")
        to.finish()
    except (Failed, KeyboardInterrupt):
        run.say(f"{rows:,} rows, then interrupted; {to.how_to_go_on()}")
        raise
    run.say(f"{rows:,} rows")
    if page and page.following:
        run.say(f"what comes later: --after {page.following}")


def _add_reports() -> None:
    for name, report in REPORTS.items():
        params = [*report.parameters(), *form_options()]
        if report.has_csv:
            params += csv_options()
        text = f"{report.summary}\n\n\b\n  headcount export {name} {report.example}"
        command.add_command(
            Command(name, params=params, callback=partial(export, report), help=text)
        )


_add_reports()
