"""The report: one page that needs no network, with each stage and what was wrong."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET  # our own text
from array import array
from typing import Any

import pytest

from bench.load import page
from bench.load.chart import Band, Chart, Series
from bench.load.meter import KINDS, Sample
from bench.load.record import Record, latencies
from bench.load.tally import Tally, Wrong


def report(*, seconds: int = 3) -> dict[str, Any]:
    record, tally = Record(), Tally()
    stage = record.begin("ramp")
    for second in range(seconds):
        tally.open = 10 * second
        tally.count("attempts")
        tally.wait("connect", 0.02)
        record.hear(0, tally.take())
        sample = Sample(1.0, dict.fromkeys(KINDS, 0.5), dict.fromkeys(KINDS, 2**20), 2.0)
        record.tick(sample)
    stage.ended = record.now
    stage.wrong = [Wrong("a <lie>", 2, ["ann & bob"])]
    about = {"command": "make load", "commit": "0123456", "machine": "2 cores", "users": 10}
    processes = {"nodes": 2, "environments_of_a_function": 4, "client_processes": 2}
    whole = {**about, **processes, "kinds": list(KINDS), **record.as_json()}
    read: dict[str, Any] = json.loads(json.dumps(whole))
    return read


def test_the_page_needs_no_network_and_names_what_is_wrong() -> None:
    text = page.html(report())
    assert "<h3>ramp" in text
    assert "a &lt;lie&gt;: 2 times (ann &amp; bob)" in text
    assert not re.search(r'(?:src|href)="|https?://|@import|url\(', text)


@pytest.mark.parametrize("seconds", [0, 1, 3, 2_000])
def test_each_chart_is_well_formed(seconds: int) -> None:
    for chart in page.charts(report(seconds=seconds)):
        ET.fromstring(chart.svg())  # noqa: S314


def test_a_peak_is_kept_however_long_the_run_was() -> None:
    values = [0.0] * 10_000
    values[4_321] = 500.0
    chart = Chart("", "", range(10_000), [Series("open", values)], [Band("ramp", 0, 10_000)])
    highest = min(float(y) for y in re.findall(r"\d,(\d+\.\d)", chart.svg()))
    assert highest == pytest.approx(26)


def test_percentiles_are_exact() -> None:
    assert latencies(array("d", [n / 1000 for n in range(1, 101)])) == {
        "times": 100,
        "p50": 51.0,
        "p90": 91.0,
        "p99": 100.0,
        "max": 100.0,
    }
    assert latencies(array("d")) == {"times": 0}
