"""The command as a process: signals, pipes, a terminal, completion; and its package."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handlers.web.scopes import SCOPES
from headcount.__main__ import main
from tests.support.modules import WITH_OUR_MODULES
from tests.support.relay import HANG, Said, relayed
from tests.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from tests.support.system import Headcount

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "client" / "command"
PROGRAM = (sys.executable, "-m", "headcount")
# What each shell says of where the cursor is.
CURSORS = {"bash": "1", "zsh": "1", "fish": "tic"}


def _environment(**more: str) -> dict[str, str]:
    return os.environ | WITH_OUR_MODULES | {"HEADCOUNT_TOKEN": "t"} | more


def test_ctrl_c_ends_a_wait_with_130() -> None:
    with relayed("http://127.0.0.1:1", HANG) as relay:
        process = subprocess.Popen(
            [*PROGRAM, "keys", "list"],
            env=_environment(HEADCOUNT_API=relay.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: bool(relay.asked), "it asks nothing")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out, err.strip()) == (130, "", "")


def test_a_reader_that_goes_away_ends_it_with_141(headcount: Headcount) -> None:
    environment = _environment(
        HEADCOUNT_API=headcount.base_url, HEADCOUNT_TOKEN=headcount.service_token
    )
    reads, writes = os.pipe()
    os.close(reads)
    command = [*PROGRAM, "keys", "create", f"x-{uuid.uuid4().hex[:8]}", "--scope", "read"]
    done = subprocess.run(
        command, env=environment, stdout=writes, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writes)
    assert (done.returncode, "Traceback" in done.stderr) == (141, False)


@pytest.mark.parametrize("arguments", [("--help",), ("keys", "create", "--help"), ("--version",)])
def test_a_reader_of_the_help_that_goes_away_ends_it_with_141(arguments: tuple[str, ...]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    command = [*PROGRAM, *arguments]
    done = subprocess.run(
        command, env=_environment(), stdout=writes, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_full_disk_is_said(form: tuple[str, ...]) -> None:
    one = {"key_id": "k", "created_at": 1, "name": "x", "scopes": ["read"]}
    listed = Said(200, json.dumps({"items": [one]}))
    with relayed("http://127.0.0.1:1", listed) as relay, Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "keys", "list", *form],
            env=_environment(HEADCOUNT_API=relay.url),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "the result cannot be written: No space left on device" in done.stderr


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_a_terminal_is_asked(answer: str, code: int) -> None:
    counts = Said(200, '{"users": 5000, "resources": []}')
    made = Said(200, '{"news_id": "n", "expires_at": 1}')
    with relayed("http://127.0.0.1:1", counts, made) as relay:
        ours, theirs = pty.openpty()
        command = [*PROGRAM, "news", "goal", "{}", "--everyone", "--expires-in", "1m"]
        os.write(ours, answer.encode())
        done = subprocess.run(
            command,
            env=_environment(HEADCOUNT_API=relay.url),
            stdin=theirs,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        os.close(ours)
        os.close(theirs)
        assert len(relay.asked) == 2 - code
    assert done.returncode == code
    assert "This news goes to everyone: 5,000 people now. Go on? [y/N]" in done.stderr


@pytest.mark.parametrize(("shell", "cursor"), CURSORS.items())
def test_a_shell_completes_commands(shell: str, cursor: str) -> None:
    source = _completion(f"{shell}_source")
    assert "_HEADCOUNT_COMPLETE" in source
    completed = _completion(f"{shell}_complete", COMP_WORDS="headcount tic", COMP_CWORD=cursor)
    assert "tickets" in completed


def _completion(what: str, **more: str) -> str:
    done = subprocess.run(
        PROGRAM,
        env=_environment(_HEADCOUNT_COMPLETE=what, **more),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_help_names_each_scope(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "--help"]) == 0
    said = capsys.readouterr().out
    assert [scope for scope in SCOPES if scope not in said] == []


@pytest.mark.slow
def test_its_wheel_has_its_modules_and_its_command(tmp_path: Path) -> None:
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(PACKAGE))
    subprocess.run([sys.executable, *build], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = zipfile.ZipFile(wheel)
    names = {name for name in packed.namelist() if "dist-info" not in name}
    source = PACKAGE / "src"
    files = {file for file in source.rglob("*") if file.is_file() and file.suffix != ".pyc"}
    assert names == {str(file.relative_to(source)) for file in files}
    (points,) = [name for name in packed.namelist() if name.endswith("entry_points.txt")]
    assert b"headcount = headcount.__main__:main" in packed.read(points)


def test_its_license_is_the_repositorys() -> None:
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
