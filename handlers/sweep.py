"""The scheduled cleanup, every minute: `handlers.services.sweep` has its steps."""

from __future__ import annotations

from handlers.adapters import metrics
from handlers.container import Container, Context, Event, live
from handlers.core.metrics import total
from handlers.services.side_by_side import run_all
from handlers.services.sweep import SweepRun, read_settings


def handle(_event: Event, context: Context, container: Container) -> dict[str, float]:
    """Do all steps for each app. Returns what was found; raises the first failure."""
    settings, remaining_ms = read_settings(), context.get_remaining_time_in_millis
    apps = container.of_all()
    runs = {
        parts.app: SweepRun(parts.database, parts.gateway, settings, remaining_ms) for parts in apps
    }
    try:
        return container.run(run_all(runs), context)
    finally:
        for parts in apps:
            parts.database.flush()
        metrics.put(total(one.numbers for one in runs.values()))


handler = live(handle, Container)
