"""Stories that hypothesis plays on a real database: how many, and which profile."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

if TYPE_CHECKING:
    from collections.abc import Callable

# So many others, each time; without it they are always the same.
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "0"))
STEPS = 50
PROFILE = settings(
    max_examples=EXAMPLES or 60,
    stateful_step_count=STEPS,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    phases=[Phase.generate, Phase.shrink],
)


def how_many(few: int, many: int) -> pytest.MarkDecorator:
    """Few while slow tests are left out, many in their place with them: all of one kind."""
    sizes = [pytest.param(few, marks=pytest.mark.part), pytest.param(many, marks=pytest.mark.slow)]
    return pytest.mark.parametrize("stories", sizes)


# A story takes a quarter of a second.
HOW_MANY = how_many(15, 100)

T = TypeVar("T")


def play(
    story: Callable[[T], RuleBasedStateMachine],
    adapter: Callable[[asyncio.Runner, asyncpg.Connection], T],
    dsn: str,
    stories: int,
    steps: int = STEPS,
) -> None:
    """Each story on the same connection, through the adapter."""
    with asyncio.Runner() as runner:
        db = runner.run(asyncpg.connect(dsn))
        # It calls for a class, and is content with whatever makes a machine.
        machine = cast("type[RuleBasedStateMachine]", partial(story, adapter(runner, db)))
        run_state_machine_as_test(
            machine,
            settings=settings(PROFILE, max_examples=EXAMPLES or stories, stateful_step_count=steps),
        )
        runner.run(db.close())
