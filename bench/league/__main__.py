"""The same black-box cases against wsgate and other emulators of API Gateway: `make league`.

Each serves the same APIs, one emulator after the other, by the way that suits it best: a template,
a serverless.yml, or calls of boto3. Clients connect, send, are pushed to and close; the functions
write down the events they get. One that is not installed is skipped with a sentence. What hangs is
bounded: a case by a minute, all cases of an emulator by ten minutes.

Exit code 1 when wsgate fails a case.
"""

from __future__ import annotations

import argparse
import sys

from bench.league.contenders import CONTENDERS, NotInstalled
from bench.league.judge import Turn, play_all
from bench.league.report import table
from bench.support.figures import ROOT, Figures, add_write_option
from bench.support.interrupts import interrupt_on_signals
from wsgate.open_files import raise_limit

PAGE = ROOT / "localstack" / "wsgate" / "docs" / "league.md"
TITLES = [contender.title for contender in CONTENDERS]


def main() -> int:
    """Play with all that is installed; 1 when wsgate fails a case."""
    interrupt_on_signals()
    given = _given()
    raise_limit()
    turns: dict[str, Turn] = {}
    try:
        for contender in CONTENDERS:
            if contender.title in given.only:
                try:
                    title = f"{contender.title} {contender.version()}"
                except NotInstalled as error:
                    print(f"{contender.title}: skipped, {error}", flush=True)
                    continue
                turns[title] = play_all(contender, is_long=given.idle)
                print(f"{title}: {_summary(turns[title])}", flush=True)
    except KeyboardInterrupt:
        print("interrupted; all servers are ended", flush=True)
        return 130
    print(f"\n{table(turns)}")
    if given.write:
        command = f'make league OPTIONS="--write{" --idle" if given.idle else ""}"'
        Figures("league", markdown=table(turns), command=command).write([PAGE])
    ours = [turn for title, turn in turns.items() if title.startswith("wsgate ")]
    return int(any(not it.passes for turn in ours for it in turn.verdicts.values()))


def _summary(turn: Turn) -> str:
    passed = sum(it.passes for it in turn.verdicts.values())
    return f"{passed} of {len(turn.verdicts)} cases pass"


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=TITLES, default=TITLES, help="play with these")
    parser.add_argument(
        "--idle", action="store_true", help="the idle time-out, too: ten minutes for each"
    )
    add_write_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
