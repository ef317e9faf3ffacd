"""The load tool's clients try again when the browser client does: same draws, same pauses."""

from __future__ import annotations

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.load.comeback import retry
from headcount_client.backoff import in_window

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
SCRIPT = """
import { inWindow } from "./client/src/backoff.js";
const cases = JSON.parse(process.argv[1]);
const wait = ([attempt, within, draw]) => inWindow(attempt, 1000 * within, () => draw).wait;
const waits = cases.map(wait);
console.log(JSON.stringify(waits));
"""
CASES = [
    (attempt, window, draw)
    for attempt in range(12)
    for window in (1.0, 2.0, 7.7, 345.0, 1800.0)
    for draw in (0.0, 0.25, 0.999)
]


def test_the_rule_is_that_of_the_browser_client() -> None:
    waits = ask(SCRIPT, CASES)
    assert waits == pytest.approx([1000 * in_window(*case) for case in CASES])


RETRIES = """
import { Outbox } from "./client/src/outbox.js";
import { Timer } from "./client/src/timer.js";
const waits = JSON.parse(process.argv[1]).map(([code, tries, atLeast, draw]) => {
  let wait;
  const setTimeout = (_, milliseconds) => (wait = milliseconds);
  const timer = () => new Timer({ setTimeout, clearTimeout: () => {} });
  const env = { timer, random: () => draw, connections: () => 1, current: () => null };
  const outbox = new Outbox(env, { changed: () => {}, expiresIn: () => Infinity });
  outbox.resume();
  outbox.add({ action: "claim", id: "c", bonus_id: "b" });
  for (let n = 0; n <= tries; n++) {
    outbox.restart();
    if (code === "Too Many Requests") outbox.retryAll({ isThrottled: true, isOnly: true });
    else outbox.answered({ type: "error", re: "c", code, retry_after_ms: 1000 * atLeast });
  }
  return wait;
});
console.log(JSON.stringify(waits));
"""
PUT_OFF = [
    (code, tries, at_least, draw)
    for code in ("unavailable", "slow_down", "Too Many Requests")
    for tries in (range(1) if code == "slow_down" else range(8))
    for at_least in ((0.0,) if code == "Too Many Requests" else (0.4, 3.0))
    for draw in (0.0, 0.5, 0.999)
]


def test_a_claim_is_sent_again_when_the_browser_client_sends_it() -> None:
    waits = ask(RETRIES, PUT_OFF)
    assert waits == pytest.approx([1000 * retry(*case) for case in PUT_OFF])


def ask(script: str, cases: Sequence[tuple[object, ...]]) -> list[float]:
    """What the browser client's own code says, run by the Node of Playwright's wheel."""
    spec = find_spec("playwright")
    assert spec is not None
    assert spec.origin is not None
    node = Path(spec.origin).parent / "driver" / "node"
    command = [str(node), "--input-type=module", "-e", script, json.dumps(cases)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    waits: list[float] = json.loads(said)
    return waits
