"""`wsgate record` and `wsgate compare`: what AWS answers, and whether wsgate answers the same."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wsgate.comparison.compare import differences, record
from wsgate.comparison.gateway import Unreachable
from wsgate.comparison.questions import QUESTIONS
from wsgate.comparison.recording import Recording, RecordingError, read
from wsgate.core.quotas import Quotas
from wsgate.serve import Addresses, Options, StartupError, serve_at

if TYPE_CHECKING:
    from collections.abc import Sequence

STACK = Path(__file__).parent / "stack"
FILES = ("template.yaml", "functions.py")
RECORD = """\
Ask the API of a stack on AWS what it does, and write the answers to a file. `--stack DIR` writes
the stack's two files there, for `sam deploy`; its output Url is the URL to give. A recording has no
ids, addresses, accounts and keys in it. It takes two minutes, and costs less than a cent.
"""
COMPARE = """\
Start wsgate with the same stack, ask it the same questions, and print each answer that differs from
a recording. Exit code 0: none does; 1: some do.
"""


def record_main(arguments: Sequence[str]) -> int:
    """Write a recording, or the stack: 0, or 2 with a sentence on stderr."""
    given = record_parser().parse_args(arguments)
    if given.stack is not None:
        return _write_stack(given.stack)
    if given.url is None or given.file is None:
        record_parser().error("give the URL and the file to write, or --stack DIR")
    try:
        recording = asyncio.run(record(given.url, lambda name: print(name, flush=True)))
        recording.write(given.file)
    except Unreachable as error:
        return _refused(f"{error}.")
    except OSError as error:
        return _refused(f"{given.file} cannot be written: {error.strerror}.")
    print(f"{len(recording.answers)} answers are in {given.file}")
    return 0


def compare_main(arguments: Sequence[str]) -> int:
    """Print the differences: 0 if there are none, 1 if there are, 2 with a sentence on stderr."""
    given = compare_parser().parse_args(arguments)
    try:
        recorded = read(given.file)
        here = asyncio.run(own_answers())
    except (RecordingError, Unreachable) as error:
        return _refused(f"{error}.")
    except StartupError as error:
        return _refused(str(error))
    except OSError as error:
        return _refused(f"{given.file} cannot be read: {error.strerror}.")
    return _tell(recorded, here)


async def own_answers() -> Recording:
    """What wsgate answers. Raises StartupError and Unreachable."""
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    options = Options(
        STACK / "template.yaml",
        port=0,
        log=lambda _: None,
        console=False,
        iam=True,
        quotas=Quotas(),
    )
    serving = asyncio.create_task(serve_at(options, ready.set_result))
    try:
        serving.add_done_callback(lambda _: ready.cancel())
        try:
            addresses = await ready
        except asyncio.CancelledError:
            await serving  # raises why it did not begin
            raise
        return await record(addresses.websocket)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def _tell(recorded: Recording, here: Recording) -> int:
    found = differences(recorded, here)
    for name, question in QUESTIONS.items():
        differ = [each for each in found if each.question == name]
        state = "differs" if differ else "same"
        if name not in recorded.answers:
            state = "not recorded"
        print(f"{state:12}  {name}  ({question.sections})")
        for each in differ:
            print(f"    {each.path}\n      recorded  {each.recorded}\n      wsgate    {each.here}")
    unknown = recorded.answers.keys() - QUESTIONS.keys()
    if unknown:
        print(f"unknown here: {', '.join(sorted(unknown))}")
    return 1 if found else 0


def _write_stack(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            if (folder / name).exists():
                return _refused(f"{folder / name} is there already: name another folder.")
            shutil.copyfile(STACK / name, folder / name)
    except OSError as error:
        return _refused(f"{folder} cannot be written: {error.strerror}.")
    print(f"Now: sam deploy --guided --template-file {folder / FILES[0]}")
    return 0


def _refused(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


def record_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wsgate record", description=RECORD)
    parser.add_argument("url", nargs="?", metavar="URL", help="of the stack: wss://…/record")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="where to write to")
    parser.add_argument("--stack", type=Path, metavar="DIR", help="write the stack's files here")
    return parser


def compare_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wsgate compare", description=COMPARE)
    parser.add_argument("file", type=Path, metavar="FILE", help="what `wsgate record` wrote")
    return parser
