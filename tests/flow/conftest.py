from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Browser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.system import Headcount


@pytest.fixture
async def browser(headcount: Headcount) -> AsyncIterator[Browser]:
    async with AsyncExitStack() as stack:
        yield Browser(headcount, stack)
