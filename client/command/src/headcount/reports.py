"""What can be exported: paths of the API, and the options that they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from headcount.fields import MOMENT_FORM, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

CLOCKS = ("connected", "visible")
CORRECTIONS = ("applied", "ignored")
STATES = ("pending", "fulfilled", "rejected")
ENDINGS = (
    *("client", "lost", "idle", "expired", "swept", "node_evicted", "kicked", "moved"),
    "divided",
)
# Where the parameter of the API is a word of Python, the name in the code is another.
QUERY_NAMES = {"begins": "from", "ends": "to"}

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "author": {"help": "Only orders of this key's name."},
    "begins": {"type": moment, "metavar": "MOMENT", "help": f"From when: {MOMENT_FORM}."},
    "bonus_id": {"type": click.UUID, "help": "Only of this bonus."},
    "by": {"help": "What the rows are of, such as user, or resource,day."},
    "campaign_id": {"type": click.UUID, "help": "Only of this campaign."},
    "clock": {"type": click.Choice(CLOCKS), "help": "Which time counts."},
    "compare_from": {
        "type": moment,
        "metavar": "MOMENT",
        "help": "When an earlier show began, to stand beside.",
    },
    "corrections": {
        "type": click.Choice(CORRECTIONS),
        "help": "Whether past sessions count as corrected.",
    },
    "ended_by": {"type": click.Choice(ENDINGS), "help": "Only sessions that ended so."},
    "ends": {"type": moment, "metavar": "MOMENT", "help": "Up to when, not included."},
    "max_seconds": {"type": click.IntRange(min=0), "help": "Only those that are not longer."},
    "min_seconds": {"type": click.IntRange(min=0), "help": "Only those that are not shorter."},
    "node": {"help": "Only connections to this gateway endpoint."},
    "operation": {"help": "Only this operation."},
    "resource": {"help": "Only this resource."},
    "state": {"type": click.Choice(STATES), "help": "Only grants in this state now."},
    "step_seconds": {"type": click.IntRange(min=1), "help": "The length of a step."},
    "subject": {"help": "Only about this id."},
    "timezone": {"metavar": "NAME", "help": "Of days and hours; UTC by default."},
    "user_id": {"help": "Only this user."},
}


@dataclass(frozen=True)
class Report:
    """One list."""

    path: str
    summary: str
    example: str
    """What stands behind the name."""
    filters: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    several: frozenset[str] = frozenset()
    """Filters that may be given several times."""
    argument: str | None = None
    """What stands in the path."""
    has_csv: bool = True
    csv_filters: tuple[str, ...] | None = None
    """What CSV takes, if that is less."""
    is_paged: bool = True

    def parameters(self) -> list[click.Parameter]:
        named: list[click.Parameter] = []
        if self.argument:
            named.append(click.Argument([self.argument], type=click.UUID))
        return named + [self._option(name) for name in self.filters]

    def _option(self, name: str) -> click.Option:
        spelt = QUERY_NAMES.get(name, name.removesuffix("_id")).replace("_", "-")
        return click.Option(
            [f"--{spelt}", name],
            required=name in self.required,
            multiple=name in self.several,
            **OPTIONS[name],
        )


INTERVAL = ("begins", "ends")
WHOLE_INTERVAL = frozenset(INTERVAL)

REPORTS = {
    "sessions": Report(
        "/sessions",
        "Sessions: who watched what, from when to when. An interval, a user, or both.",
        "--from 2026-03-01 --to 2026-04-01 -o march.csv",
        (*INTERVAL, "user_id", "resource", "ended_by", "min_seconds", "max_seconds", "corrections"),
    ),
    "watch-time": Report(
        "/watch-time",
        "Watch time within an interval.",
        "--by day,resource --from 2026-03-01 --to 2026-04-01 -o days.csv --times iso",
        (*INTERVAL, "by", "user_id", "resource", "timezone", "clock", "corrections"),
        WHOLE_INTERVAL | {"by"},
    ),
    "concurrency": Report(
        "/concurrency",
        "How many watch at once, step by step.",
        "--from 2026-03-01T19:00Z --to 2026-03-01T21:00Z",
        (*INTERVAL, "step_seconds", "resource", "corrections"),
        WHOLE_INTERVAL,
        is_paged=False,
    ),
    "audience": Report(
        "/audience",
        "Viewers, views, averages, peaks and retention.",
        "--from 2026-03-01T19:00Z --to 2026-03-01T21:00Z --resource final",
        (
            *(*INTERVAL, "by", "resource", "min_seconds", "timezone", "clock", "corrections"),
            "compare_from",
        ),
        WHOLE_INTERVAL,
        several=frozenset({"resource"}),
        is_paged=False,
    ),
    "grants": Report(
        "/grants",
        "Claims that were granted, in order.",
        "--state pending -o grants.jsonl",
        ("bonus_id", "campaign_id", "user_id", "state", *INTERVAL),
        csv_filters=(),
    ),
    "online": Report(
        "/online", "Who is online.", "--resource final > online.jsonl", ("resource", "node")
    ),
    "presence-events": Report(
        "/presence-events",
        "Who came online and went offline, in order.",
        "> events.jsonl",
        has_csv=False,
    ),
    "bonuses": Report(
        "/bonuses",
        "All bonuses, the newest first.",
        "--format csv > bonuses.csv",
    ),
    "claims": Report(
        "/bonuses/{bonus_id}/claims",
        "Who has claimed a bonus.",
        "6b0f0a8e-6f0e-4f6c-9d5a-3f6f8f3c2b11",
        argument="bonus_id",
    ),
    "audit": Report(
        "/audit",
        "What keys have ordered, the newest first.",
        "--operation kick_user",
        ("author", "operation", "subject", *INTERVAL),
        has_csv=False,
    ),
}
