"""The reference of webhooks has each event, and its examples are what is sent."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest

from handlers.core.webhook import Event, EventType, body_of
from tests.docs.markdown import ROOT, blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = ROOT / "docs" / "reference" / "webhooks.md"
EXAMPLES = [json.loads(block.text) for block in blocks(PAGE) if block.language == "json"]


def headings(lines: Iterable[str]) -> list[str]:
    return [line.removeprefix("### ").strip() for line in lines if line.startswith("### ")]


def test_each_type_has_its_heading() -> None:
    described = headings(PAGE.read_text().splitlines())
    assert described == [*get_args(EventType), "webhook.test"]


@pytest.mark.parametrize("example", EXAMPLES, ids=[one["type"] for one in EXAMPLES])
def test_each_example_is_what_is_sent(example: dict[str, Any]) -> None:
    data = dict(example["data"])
    event = {
        **{name: data.pop(name, None) for name in ("user_id", "resource")},
        **{"seq": 1, "event_id": example["id"], "type": example["type"], "data": data},
        "at": round(datetime.fromisoformat(example["time"]).timestamp() * 1000),
        **{"attempts": 0, "failing_ms": 0, "is_again": False, "is_behind": False},
    }
    assert json.loads(body_of(msgspec.convert(event, Event))) == example
