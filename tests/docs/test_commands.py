"""Every command in the README, the tutorials, the how-to guides and the examples is run.

A page's blocks run in one shell, one after the other, as a reader types them.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from contextlib import AsyncExitStack, contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

from tests.docs.markdown import ROOT, blocks, name_of, pages
from tests.docs.shell import Step, matches, steps
from tests.support.browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docs.shell import Shell
    from tests.support.system import Headcount

LANGUAGES = ("console", "sh")
# Each has its own reason on the page. As few as possible.
NOT_RUN = {
    "README.md": 1,
    "docs/how-to/correct-a-session.md": 1,
    "docs/how-to/deploy-to-aws.md": 1,
    "docs/how-to/draw-winners.md": 2,
    "docs/how-to/follow-an-event.md": 2,
    "docs/how-to/load-test.md": 1,
    "docs/how-to/localstack.md": 1,
    "docs/how-to/recover-from-a-lost-region.md": 1,
    "docs/how-to/restore-a-backup.md": 1,
    "docs/how-to/mint-tickets.md": 1,
    "docs/how-to/rotate-secrets.md": 4,
    "docs/how-to/use-your-own-postgresql.md": 3,
    "docs/tutorials/add-a-message-type.md": 1,
    "client/python/README.md": 1,
    "docs/tutorials/embed-the-client.md": 2,
    "examples/backend-fastapi/README.md": 1,
    "examples/backend-node/README.md": 1,
    "examples/react/README.md": 1,
    "examples/verify-draw/README.md": 1,
}
# tests/deploy runs these, in an emulated account.
TO_AWS = "docs/how-to/deploy-to-aws.md"
# These start or test everything, as this test does: only their existence is checked.
MAKE = re.compile(r"^make [a-z-]+(?: +#.*)?$", re.MULTILINE)


def _has_commands(page: Path) -> bool:
    name = name_of(page)
    if name == TO_AWS:
        return False
    is_read = name in ("README.md", "CONTRIBUTING.md") or name.startswith(("docs/", "examples/"))
    return is_read and any(block.language in LANGUAGES for block in blocks(page))


PAGES = [page for page in pages() if _has_commands(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_runs(page: Path, shell: Shell, run: Headcount) -> None:
    with _ann_in_her_browser(run):
        for block in blocks(page):
            if block.language in LANGUAGES and not block.not_run:
                for step in steps(block):
                    shell.play(_without_make(step))


def test_few_blocks_are_not_run_and_each_has_a_reason() -> None:
    counted = {
        name_of(page): sum(block.not_run is not None for block in blocks(page)) for page in pages()
    }
    assert {name: count for name, count in counted.items() if count} == NOT_RUN


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = {
        match[1]
        for page in PAGES
        for block in blocks(page)
        for match in re.finditer(r"\bmake ([a-z][a-z-]*)", block.text)
    }
    assert {"run", "test", "migrate"} <= targets
    for target in sorted(targets):
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)  # noqa: S607


@pytest.mark.parametrize(
    ("shown", "printed", "is_so"),
    [
        ('{"a":…}', '{"a":1}\n', True),
        ('{"a":…,"b":2}', '{"a":1,"b":3}', False),
        ("two\nlines", "two\nlines\n", True),
        ("a…", "ab\nc", True),
        ("a", "ab", False),
    ],
)
def test_shown_output_is_compared(shown: str, printed: str, is_so: bool) -> None:
    assert matches(shown, printed) is is_so


def _without_make(step: Step) -> Step:
    return Step(MAKE.sub(":", step.command), step.shown)


@contextmanager
def _ann_in_her_browser(run: Headcount) -> Iterator[None]:
    """What the pages let a reader do by hand: be online as ann, and claim what is offered."""
    loop = asyncio.new_event_loop()
    ready: asyncio.Future[None] = loop.create_future()
    watching = loop.create_task(_watch_and_claim(run, ready))
    loop.run_until_complete(asyncio.wait({ready, watching}, return_when=asyncio.FIRST_COMPLETED))
    thread = Thread(target=lambda: loop.run_until_complete(asyncio.wait({watching})))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(watching.cancel)
        thread.join()
        loop.close()
        assert watching.cancelled() or watching.exception() is None


async def _watch_and_claim(run: Headcount, ready: asyncio.Future[None]) -> None:
    """Until a page's command closes her connection, or for as long as the page is played."""
    async with AsyncExitStack() as stack:
        stack.enter_context(suppress(ConnectionClosed))
        tab = await Browser(run, stack).tab(await Browser(run, stack).ticket("ann"))
        await tab.send(json.dumps({"action": "hello", "id": "hello"}))
        while True:
            message = json.loads(await tab.recv())
            if message["type"] == "welcome":
                ready.set_result(None)
            elif message["type"] == "bonus":
                bonus_id = message["bonus"]["bonus_id"]
                claim = {"action": "claim", "id": f"claim-{bonus_id}", "bonus_id": bonus_id}
                await tab.send(json.dumps(claim))
