"""An emulated account, and template.yaml in it, deployed as the documentation says."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from postgres import Postgres
from tests.docs.markdown import ROOT, blocks
from tests.support.browser import Browser
from tests.support.cloud import MACHINE, Cloud, as_system, emulated, socket_url, type_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.support.cloud import Template
    from tests.support.system import Headcount

PAGE = ROOT / "docs" / "how-to" / "deploy-to-aws.md"


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database: the stack migrates it."""
    with Postgres(tmp_path_factory.mktemp("database"), durable=False) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Cloud]:
    """An account with nothing in it."""
    with emulated(tmp_path_factory.mktemp("cloud"), database_url) as running:
        yield running


@pytest.fixture(scope="session")
def type_block(cloud: Cloud) -> Callable[[int], str]:
    """Type one of the page's blocks, with Enter wherever it asks; return what is shown.

    Functions run on this machine, which the emulator does not mind.
    """
    run = [one.text for one in blocks(PAGE) if one.language == "sh" and not one.not_run]
    environment = cloud.environment | {"ARCH": MACHINE}
    return lambda number: type_in(run[number], environment, ROOT)


@pytest.fixture(scope="session")
def shown(type_block: Callable[[int], str]) -> str:
    """What a terminal shows of the first deploy."""
    return type_block(0)


@pytest.fixture(scope="session")
def template(cloud: Cloud, shown: str) -> Template:
    """The packaged template."""
    return cloud.template("headcount")


@pytest.fixture(scope="session")
def parameters() -> dict[str, str]:
    """Those of the stack, from update to update."""
    return {}


@pytest.fixture(scope="session")
def system(
    cloud: Cloud, template: Template, parameters: dict[str, str], database_url: str
) -> Headcount:
    """The stack, as tests talk to the system: its APIs are at addresses of the emulator."""
    address = socket_url(cloud, "headcount")
    parameters |= {"SocketUrl": address, "PushEndpoint": address.replace("ws://", "http://")}
    cloud.update("headcount", template, **parameters)
    return as_system(cloud, "headcount", database_url)


@pytest.fixture
async def browser(system: Headcount) -> AsyncIterator[Browser]:
    async with AsyncExitStack() as stack:
        yield Browser(system, stack)
