"""wsgate record and compare: a recording of wsgate itself is the same, a changed one is not."""

from __future__ import annotations

import asyncio
import json
import stat
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from wsgate.comparison import command
from wsgate.comparison.compare import Difference, differences
from wsgate.comparison.gateway import NOTHING
from wsgate.comparison.questions import FRAMES, QUESTIONS, REFUSALS
from wsgate.comparison.recording import Recording, comparable, read

if TYPE_CHECKING:
    from pathlib import Path

ID = "uV8iW0VYZSoCFaQ="


@pytest.fixture(scope="module")
def own() -> Recording:
    return asyncio.run(command.own_answers())


@pytest.mark.slow
class TestOfWsgate:
    """One recording of wsgate, which takes some ten seconds."""

    def test_each_question_has_an_answer(self, own: Recording) -> None:
        assert own.answers.keys() == QUESTIONS.keys()
        answers = own.answers
        assert answers["frames"].keys() == FRAMES.keys()
        assert answers["refused handshakes"].keys() == REFUSALS.keys()
        connected = answers["events of a connection"]
        assert NOTHING not in connected.values()
        assert connected["MESSAGE"]["requestContext"]["connectionId"] == "<connectionId>"
        assert answers["DELETE"]["client"]["code"] == 1000
        assert answers["the frame of a throttled message"] != NOTHING
        assert answers["POST to a connection within its own $connect"]["met"]["status"] == 410

    def test_no_id_and_no_address_is_in_it(self, own: Recording, tmp_path: Path) -> None:
        own.write(tmp_path / "own.json")
        text = (tmp_path / "own.json").read_text()
        assert stat.S_IMODE((tmp_path / "own.json").stat().st_mode) == 0o600
        for secret in ("127.0.0.1", "000000000000", "execute-api.us-east-1", "Root=1-", "arn:aws"):
            assert secret not in text

    def test_two_recordings_are_the_same(
        self, own: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        own.write(tmp_path / "own.json")
        code = command.compare_main([str(tmp_path / "own.json")])
        said, refused = capsys.readouterr()
        assert (code, refused, "differs" in said) == (0, "", False), said
        assert len(said.splitlines()) == len(QUESTIONS)


def recording(**answers: Any) -> Recording:
    return Recording("2026-11-30", answers)


def test_what_differs_is_told_with_its_place() -> None:
    recorded = {"binary": {"code": 1003, "reason": "Unsupported"}, "gone": 1}
    here = deepcopy(recorded) | {"new": True}
    here["binary"]["reason"] = ""  # type: ignore[index]
    assert differences(recording(closes=recorded, other=1), recording(closes=here)) == [
        Difference("closes", "binary.reason", '"Unsupported"', '""'),
        Difference("closes", "new", "(absent)", "true"),
    ]


def test_a_changed_recording_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def answers() -> Recording:
        return recording(closes={"binary": {"code": 1003}}, DELETE=1)

    monkeypatch.setattr(command, "own_answers", answers)
    recording(closes={"binary": {"code": 1008}}, DELETE=1, later=1).write(tmp_path / "aws.json")
    assert command.compare_main([str(tmp_path / "aws.json")]) == 1
    said = capsys.readouterr().out
    assert "differs       closes" in said
    assert "    binary.code\n      recorded  1008\n      wsgate    1003\n" in said
    assert "same          DELETE" in said
    assert "not recorded  frames" in said
    assert "unknown here: later" in said


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"connectionId": ID}, {"connectionId": "<connectionId>"}),
        ({"connectionId": "x-1"}, {"connectionId": "<connectionId of another form: x-1>"}),
        ({"connectedAt": 1714484641120}, {"connectedAt": "<number connectedAt>"}),
        ({"connectedAt": "soon"}, {"connectedAt": "<connectedAt of another form: soon>"}),
        ({"sourceIp": ["203.0.113.7"]}, {"sourceIp": ["<sourceIp>"]}),
        ({"x-restapi": "", "Host": ""}, {"x-restapi": "", "Host": ""}),
        (f"User: arn:aws:sts::123456789012:assumed-role/r/f {ID}", "User: <arn> <id>"),
        ("at 203.0.113.7:443, ASIA0123456789ABCDEF", "at <address>, <key>"),
        ([1, None, True], [1, None, True]),
    ],
)
def test_what_differs_from_run_to_run_is_replaced(value: Any, shown: Any) -> None:
    assert comparable(value) == shown


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"answers": [], "recorded_at": "x"}', "\x00"])
def test_what_is_no_recording_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text(text)
    assert command.compare_main([str(tmp_path / "file")]) == 2
    assert "is not what `wsgate record` writes." in capsys.readouterr().err


def test_a_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.compare_main([str(tmp_path / "none")]) == 2
    assert "cannot be read: No such file or directory." in capsys.readouterr().err


def test_a_gateway_that_is_not_there_is_one_sentence(
    unused_tcp_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ws://127.0.0.1:{unused_tcp_port}/record"
    assert command.record_main([url, str(tmp_path / "out.json")]) == 2
    assert f"{url} cannot be asked: " in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_the_stack_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.record_main(["--stack", str(tmp_path / "stack")]) == 0
    assert sorted(path.name for path in (tmp_path / "stack").iterdir()) == sorted(command.FILES)
    assert command.record_main(["--stack", str(tmp_path / "stack")]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = recording(closes={"binary": 1})
    written.write(tmp_path / "r.json")
    assert read(tmp_path / "r.json") == written
    assert json.loads((tmp_path / "r.json").read_text())["recorded_at"] == "2026-11-30"
