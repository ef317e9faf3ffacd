"""The scheduled cleanup, every minute: `handlers.services.sweep` has its steps."""

from __future__ import annotations

from handlers.adapters.settings import (
    database_cluster,
    grace,
    keep_event_days,
    keep_grant_days,
    keep_ledger_days,
    keep_presence_event_days,
    keep_session_months,
    keep_stream_months,
    limits,
    sweep_requests_per_second,
)
from handlers.container import Container, Context, Event, live
from handlers.services.sweep import Keep, Settings, SweepRun


def handle(_event: Event, context: Context, container: Container) -> dict[str, float]:
    """Do all steps. Returns what was found; raises the first failure."""
    keep = Keep(
        keep_session_months(),
        keep_ledger_days(),
        keep_grant_days(),
        keep_event_days(),
        keep_presence_event_days(),
        keep_stream_months(),
    )
    settings = Settings(grace(), sweep_requests_per_second(), database_cluster(), keep, limits())
    remaining_ms = context.get_remaining_time_in_millis
    run = SweepRun(container.database, container.gateway, settings, remaining_ms)
    try:
        return container.run(run.run(), context)
    finally:
        container.database.flush()


handler = live(handle, Container)
