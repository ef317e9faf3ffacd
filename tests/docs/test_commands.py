"""Every block of commands, on every page, is run by a test or has a reason why not.

Here a page's blocks run in one shell, one after the other, as a reader types them. Before a block
that another test runs, the page names that test; before one that none runs, the reason.
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

from tests.docs.markdown import ROOT, commands, name_of, pages, prose
from tests.docs.shell import Step, matches, steps
from tests.support.browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docs.markdown import Block
    from tests.docs.shell import Shell
    from tests.support.system import Headcount

NPM = "asks npm's registry each time; tests/support/npm.py does the same with what it keeps"
BLOCKS = [block for page in pages() for block in commands(page)]
# Blocks that no test runs as they stand, as few as possible: by page, the reason that it gives.
NOT_RUN = {
    "client/README.md": NPM,
    "client/command/README.md": "installs into the reader's own environment; "
    "tests/client/command builds the wheel",
    "client/python/README.md": "installs into the reader's own environment; "
    "tests/client/python builds the wheel",
    "docs/explanation/presence-and-sessions.md": "plays for long; `make test` plays fewer",
    "docs/how-to/draw-winners.md": "the draw is yours; tests/handlers/test_draws.py does this",
    "docs/how-to/load-test.md": "it takes both processors for minutes; "
    "CI runs `make load` with 2,000 users",
    "docs/how-to/localstack.md": "needs Docker",
    "docs/how-to/use-your-own-postgresql.md": "needs npm's registry, and takes minutes",
    "docs/tutorials/embed-the-client.md": NPM,
    "examples/react/README.md": NPM,
    "examples/verify-draw/README.md": "needs a draw; tests/handlers/test_draws.py runs the program "
    "on one",
}
# These start or test everything, as this test does, so others run them: here they only exist.
MAKE = re.compile(r"^make ([a-z-]+)(?: +#.*)?$", re.MULTILINE)
MADE_BY = {
    "check": ".ci/run",
    "load": ".ci/run",
    "run": "tests/localstack/test_run.py",
    "test": ".ci/run",
}
# Indented code has no remark, so no command may hide there. wsgate's pages have its own tests.
OURS = [page for page in pages() if "wsgate" not in page.parts]
HIDDEN = re.compile(r"(?<=\n\n) {4,}(?:[A-Z_]+=\S+ )*(?:\.venv|curl|make|npm|pip|python3?|sam)\b.*")


def _is_played(block: Block) -> bool:
    return not (block.run_by or block.not_run)


PAGES = [page for page in pages() if any(map(_is_played, commands(page)))]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_runs(page: Path, shell: Shell, run: Headcount) -> None:
    with _ann_in_her_browser(run):
        for block in filter(_is_played, commands(page)):
            for step in steps(block):
                shell.play(_without_make(step))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_is_run_by_a_test_or_has_its_reason(block: Block) -> None:
    if block.run_by:
        assert f'run_by("{block.page}", __file__)' in (ROOT / block.run_by).read_text()
    if block.not_run:
        assert block.not_run == NOT_RUN.get(block.page)


def test_no_reason_has_outlived_its_block() -> None:
    assert {block.page for block in BLOCKS if block.not_run} == NOT_RUN.keys()


@pytest.mark.parametrize("page", OURS, ids=name_of)
def test_no_command_hides_in_indented_code(page: Path) -> None:
    assert HIDDEN.findall(prose(page)) == []


def test_what_is_not_made_here_is_made_by_another_test() -> None:
    played = filter(_is_played, BLOCKS)
    left_out = {target for block in played for target in MAKE.findall(block.text)}
    assert left_out == MADE_BY.keys()
    for target, test in MADE_BY.items():
        assert re.search(rf"\b{target}\b", (ROOT / test).read_text())


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = {
        target for block in BLOCKS for target in re.findall(r"\bmake ([a-z][a-z-]*)", block.text)
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
