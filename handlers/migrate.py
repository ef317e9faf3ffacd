"""The schema's migrations, which CloudFormation asks for before it changes the other functions.

`make migrate STACK=name` asks for them, too. Without the owner's URL, the schema must be there.
"""

from __future__ import annotations

import logging

from handlers.adapters import cloudformation
from handlers.adapters.settings import apps, functions_database_url, migrates, setting
from handlers.container import Container, Context, Event, live
from handlers.services.migrate import Outcome, check, migrate

log = logging.getLogger(__name__)


def handle(event: Event, context: Context, container: Container) -> Outcome:
    """Migrate, or check where the owner does it, unless a stack is deleted or goes a release back.

    Returns `{"applied": [names of files]}`, or `{"error": sentence}`. CloudFormation is told in any
    case: it would wait for an hour.
    """
    try:
        if not cloudformation.asks_for_migrations(event):
            outcome = Outcome(applied=[])
        elif migrates():
            urls = (setting("DATABASE_URL"), functions_database_url())
            seconds = context.get_remaining_time_in_millis() / 1000
            outcome = container.run(migrate(*urls, apps(), seconds), context)
        else:
            outcome = container.run(check(container.of_all()), context)
    except Exception as error:
        log.exception("not migrated")
        outcome = Outcome(error=f"{type(error).__name__}: see the log of MigrateFunction")
    cloudformation.answer(event, outcome.get("error"))
    return outcome


handler = live(handle, Container)
