"""--record: events as files, the first of each kind and route."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from gateways import Event, Functions
from wsgate.functions.recorder import MAX_FILES, Recorder, words_of
from wsgate.masking import Mask
from wsgate.model.invoke import InvokeError

GOLDEN = Path(__file__).parent / "events"
SECRET = "a secret that is known"  # noqa: S105


class Recording:
    """A recorder, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.functions = Functions(f=lambda event: "answered")
        self.recorder = Recorder(self.functions, folder, Mask([SECRET]), self.said.append)

    async def got(self, *events: Any) -> None:
        for event in events:
            invocation = await self.recorder.invoke("f", json.dumps(event).encode())
            assert json.loads(invocation.payload) == "answered"


def message(route: str, body: str = "") -> Event:
    return {"requestContext": {"eventType": "MESSAGE", "routeKey": route}, "body": body}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("authorize", ("authorize",)),
        ("connect", ("connect",)),
        ("message", ("message", "hello")),
        ("disconnect", ("disconnect",)),
        ("web", ("web", "$default")),
    ],
)
def test_the_golden_events_have_these_names(event: str, words: tuple[str, ...]) -> None:
    assert words_of(json.loads((GOLDEN / f"{event}.json").read_text()), "f") == words


def test_triggers_and_unknown_events_have_names_too() -> None:
    arn = "arn:aws:sqs:eu-west-1:000000000000:Jobs"
    rule = "arn:aws:events:eu-west-1:000000000000:rule/Sweep"
    batch = {"Records": [{"eventSource": "aws:sqs", "eventSourceARN": arn}]}
    assert words_of(batch, "f") == ("queue", "Jobs")
    scheduled = {"detail-type": "Scheduled Event", "resources": [rule]}
    assert words_of(scheduled, "f") == ("schedule", "Sweep")
    unknown: list[Any] = [{}, [], None, "text", {"Records": []}, {"requestContext": None}]
    for event in unknown:
        assert words_of(event, "f") == ("invoke", "f")


async def test_the_first_of_each_kind_and_route_is_written_whole(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "made" / "here")
    first = message("hello", "ä")
    await recording.got(first, message("hello", "later"), message("$default"), {"x": 1})
    folder = tmp_path / "made" / "here"
    assert names(folder) == ["invoke-f.json", "message-default.json", "message-hello.json"]
    text = (folder / "message-hello.json").read_text()
    assert json.loads(text) == first
    assert text == json.dumps(first, indent=2) + "\n"


async def test_secrets_are_masked_and_the_function_gets_them(tmp_path: Path) -> None:
    event = message("hello", json.dumps({"ticket": "t0", "text": SECRET}))
    recording = Recording(tmp_path)
    await recording.got(event | {"headers": {"Authorization": "Bearer t0", "Host": "h"}})
    written = json.loads((tmp_path / "message-hello.json").read_text())
    assert written == event | {
        "headers": {"Authorization": "Bearer ***", "Host": "h"},
        "body": '{"ticket":"***","text":"***"}',
    }
    assert recording.functions.calls[0][1]["body"] == event["body"]


async def test_only_its_owner_reads_them(tmp_path: Path) -> None:
    await Recording(tmp_path / "new").got(message("hello"))
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "message-hello.json").stat().st_mode) == 0o600


async def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "message-hello.json").write_text("mine")
    recording = Recording(tmp_path)
    await recording.got(message("hello"), message("hello"))
    assert (tmp_path / "message-hello.json").read_text() == "mine"
    assert names(tmp_path) == ["message-hello.json"]
    assert recording.said == []


async def test_routes_whose_names_are_alike_get_numbers(tmp_path: Path) -> None:
    await Recording(tmp_path).got(message("a/b"), message("a-b"), message("A-B"), message("a/b"))
    assert names(tmp_path) == ["message-A-B-3.json", "message-a-b-2.json", "message-a-b.json"]


async def test_a_route_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    await Recording(tmp_path / "in").got(
        message("../../etc/passwd"), message("…"), message("x" * 999)
    )
    assert names(tmp_path) == ["in"]
    assert names(tmp_path / "in")[:2] == [
        "message-etc-passwd.json",
        "message-xxxxxxx" + "x" * 85 + ".json",
    ]


async def test_a_disk_that_is_full_is_one_line_and_the_event_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recording(tmp_path)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    await recording.got(message("hello"), message("hello"))
    assert recording.said == [
        f"{tmp_path / 'message-hello.json'} could not be written: No space left on device"
    ]


async def test_what_is_not_json_is_handed_on(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    with pytest.raises(ValueError, match="Expecting value"):
        await recording.recorder.invoke("f", b"no json")
    assert names(tmp_path) == []


async def test_ever_new_names_do_not_fill_the_disk(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    await recording.got(*(message(f"r{number}") for number in range(MAX_FILES + 5)))
    assert len(names(tmp_path)) == MAX_FILES


async def test_a_function_that_is_not_there_fails_as_without(tmp_path: Path) -> None:
    with pytest.raises(InvokeError):
        await Recording(tmp_path).recorder.invoke("absent", b"{}")
