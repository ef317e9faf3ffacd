"""Who is told of a bonus or of news, and how many people that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from headcount.errors import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headcount.run import Run

MAX_UNASKED = 1_000
"""An order for more people is confirmed."""
MISSING_SCOPE = 403
MAX_LISTED_RESOURCES = 1_000
"""Of GET /online/counts: those with the most connections."""


class Audience(NamedTuple):
    fields: dict[str, Any]
    """As the API takes it."""
    words: str


def audience_of(
    is_everyone: bool, resource: str | None, user_ids: Sequence[str] | None = None
) -> Audience:
    """Raises UsageError unless exactly one is given. `user_ids` is None where no list can be."""
    if [is_everyone, resource is not None, bool(user_ids)].count(True) != 1:
        ways = (
            "--everyone and --resource" if user_ids is None else "--everyone, --resource and --user"
        )
        raise click.UsageError(f"say who is told: one of {ways}")
    if user_ids:
        named = sorted(set(user_ids))
        words = "1 listed user" if len(named) == 1 else f"{len(named):,} listed users"
        return Audience({"kind": "users", "user_ids": named}, words)
    if resource is not None:
        return Audience({"kind": "resource", "resource": resource}, f"the viewers of {resource}")
    return Audience({"kind": "everyone"}, "everyone")


def confirm(run: Run, audience: Audience, order: str) -> None:
    """Ask before an order to many people; to a number that is not known, too."""
    people = _count(run, audience.fields)
    if people is None:
        run.confirm(f"{order} goes to {audience.words}, and this key may not count them.")
    elif people > MAX_UNASKED:
        run.confirm(f"{order} goes to {audience.words}: {people:,} people now.")


def _count(run: Run, audience: dict[str, Any]) -> int | None:
    """People who would be told now; None if the key has no scope to count them."""
    if audience["kind"] == "users":
        return len(audience["user_ids"])
    try:
        counts = run.api.get("/online/counts")
    except Failed as error:
        if error.status == MISSING_SCOPE:
            return None
        raise
    if audience["kind"] == "everyone":
        return int(counts["users"])
    found = {one["resource"]: int(one["users"]) for one in counts["resources"]}
    # One that is not listed may have as many as the smallest that is.
    rest = min(found.values()) if len(found) >= MAX_LISTED_RESOURCES else 0
    return found.get(audience["resource"], rest)
