"""An emulated account, and template.yaml in it, deployed as the documentation says."""

from __future__ import annotations

from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING

import pytest

from postgres import Postgres
from tests.docs.markdown import ROOT, run_by
from tests.docs.shell import Shell
from tests.support.browser import Browser
from tests.support.cloud import MACHINE, Cloud, as_system, emulated, socket_url, type_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.docs.markdown import Block
    from tests.support.cloud import Template
    from tests.support.system import Headcount

(FIRST,) = run_by("docs/how-to/deploy-to-aws.md", __file__)


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
def zone(cloud: Cloud) -> str:
    """A zone of DNS for the names of stacks."""
    made = cloud.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")
    return str(made["HostedZone"]["Id"].rpartition("/")[2])


@pytest.fixture(scope="session")
def environment(cloud: Cloud) -> dict[str, str]:
    """Functions run on this machine, which the emulator does not mind."""
    return cloud.environment | {"ARCH": MACHINE}


@pytest.fixture(scope="session")
def type_block(environment: dict[str, str]) -> Callable[[Block], str]:
    """Type a page's block, with Enter wherever it asks; return what is shown."""
    return lambda block: type_in(block.text, environment, ROOT)


@pytest.fixture
def shell(environment: dict[str, str]) -> Iterator[Shell]:
    """A shell that talks to the account; it keeps a page's variables from block to block."""
    with closing(Shell(ROOT, {}, environment)) as shell:
        yield shell


@pytest.fixture(scope="session")
def shown(type_block: Callable[[Block], str]) -> str:
    """What a terminal shows of the first deploy."""
    return type_block(FIRST)


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
