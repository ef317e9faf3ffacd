"""The command, as a program runs it: in this process, with an environment of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headcount.__main__ import main
from tests.support.command import Done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.system import Headcount


@pytest.fixture
def alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs a command that knows neither an API nor a token, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("HEADCOUNT_API", "HEADCOUNT_TOKEN", "HEADCOUNT_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, **environment: str) -> Done:
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            code = main(arguments)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture
def command(headcount: Headcount, alone: Callable[..., Done]) -> Callable[..., Done]:
    """Runs a command against the running system, with the service token."""

    def run(*arguments: str, **environment: str) -> Done:
        known = {"HEADCOUNT_API": headcount.base_url, "HEADCOUNT_TOKEN": headcount.service_token}
        return alone(*arguments, **(known | environment))

    return run
