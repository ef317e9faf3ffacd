from __future__ import annotations

import os
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.support.base import Base, commit, unpacked
from tests.support.databases import named

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    name = os.environ.get("HEADCOUNT_BASE") or commit()
    if name is None:
        pytest.skip("this clone lacks the commit of the release before: git fetch --unshallow")
    return unpacked(name, tmp_path_factory.mktemp("base"))


@pytest.fixture
async def base_dsn(base: Base, template_dsn: str) -> AsyncIterator[str]:
    """A database as the release before made it."""
    admin = await asyncpg.connect(named(template_dsn, "postgres"))
    await admin.execute("create database base template template0")
    dsn = named(template_dsn, "base")
    base.migrate(dsn)
    yield dsn
    await admin.execute("drop database base with (force)")
    await admin.close()
