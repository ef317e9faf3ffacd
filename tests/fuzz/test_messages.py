"""Messages whose fields are wrong, over honest connections."""

from __future__ import annotations

import json
import re
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection, connect

from handlers.core.message import ACTIONS
from tests.docs.markdown import ROOT, headings
from tests.fuzz import junk
from tests.support.waiting import PATIENCE_SECONDS
from tests.support.words import INTERNAL

if TYPE_CHECKING:
    from random import Random

    from tests.fuzz.attack import Attack

REFERENCE = ROOT / "docs" / "reference"
CODES = set(headings(REFERENCE / "error-codes.md"))
PUSHES = {"event", "bonus", "news"}
MESSAGES_OF_A_USER = 20
"""So few that the limits let them through."""
FRAME_BYTES = 32 * 1024
"""What API Gateway takes in one frame: localstack/wsgate/docs/aws-behaviour.md §9.1"""


def test_every_message_has_one_answer(attack: Attack) -> None:
    messages = attack.share(0.5)
    for first in messages[::MESSAGES_OF_A_USER]:
        with ExitStack() as stack:
            tab = stack.enter_context(tab_of(attack, attack.user()))
            for _ in attack.count("messages", range(first, first + MESSAGES_OF_A_USER)):
                message = wrong(attack.dice)
                if len(encoded(message)) > FRAME_BYTES:
                    assert close_code(tab, message) == CloseCode.MESSAGE_TOO_BIG
                    break
                answer = answered(tab, message)
                if answer.get("code") == "unavailable":  # the database, on a busy machine
                    answer = answered(tab, message)
                check(message, answer)
                if answer.get("code") == "slow_down":
                    break


def tab_of(attack: Attack, user_id: str) -> ClientConnection:
    url = attack.system.websocket_url.removesuffix("/live") + attack.path(user_id)
    return connect(url, proxy=None, open_timeout=PATIENCE_SECONDS, legacy=True)


def wrong(dice: Random) -> str:
    """A message with something wrong in it; now and then there is nothing."""
    some_id = json.dumps(f"m{dice.getrandbits(32):x}")
    bonus_id = json.dumps(str(uuid.UUID(int=dice.getrandbits(128))))
    action = dice.choice([*ACTIONS, "ping"])
    fields = {
        "hello": {
            **{"since": "0", "epoch": '""', "broadcasts_since": "0"},
            **{"visible": "false", "change": "1"},
        },
        "act": {"type": '"like"', "body": "{}", "patch": '{"a":{"b":1}}'},
        "claim": {"bonus_id": bonus_id, "user_id": '"ann"'},
        "ack": {"bonus_id": bonus_id},
        "watch": {"resource": '"lobby"'},
        "ledger": {"before": "7"},
        "bonuses": {"after": "7"},
        "visibility": {"visible": "true", "change": "2"},
        "audience": {"resource": '"lobby"'},
    }.get(action, {})
    return junk.spoil(dice, {"action": json.dumps(action), "id": some_id, **fields})


def encoded(message: str) -> bytes:
    return message.encode("utf-8", "surrogatepass")


def close_code(tab: ClientConnection, message: str) -> int | None:
    """With what a message that is too large for a frame closes its connection."""
    with pytest.raises(ConnectionClosed) as closed:
        tab.send(encoded(message), text=True)
        while True:
            tab.recv(timeout=PATIENCE_SECONDS)
    return closed.value.rcvd.code if closed.value.rcvd else None


def answered(tab: ClientConnection, message: str) -> dict[str, Any]:
    """The answer, and not what is pushed meanwhile."""
    try:
        tab.send(encoded(message), text=True)
        while True:
            answer: dict[str, Any] = json.loads(tab.recv(timeout=PATIENCE_SECONDS))
            if answer.get("type") not in PUSHES or "re" in answer:
                return answer
    except (ConnectionClosed, TimeoutError) as error:
        raise AssertionError(f"no answer to {message[:2_000]!r}") from error


def check(message: str, answer: dict[str, Any]) -> None:
    shown = f"{message[:2_000]!r} was answered {answer}"
    assert "type" in answer, shown  # API Gateway's own have none: "Internal server error"
    if answer["type"] == "error":
        assert answer["code"] in CODES, shown
        assert answer["code"] != "unavailable", shown
        assert answer["reason"], shown
        assert not INTERNAL.search(answer["reason"]), shown
    if (named := answer.get("re")) is not None:
        assert named in ids(message), shown


def ids(message: str) -> list[str]:
    """The id that an answer may name; of a message that cannot be read, any that it may have."""
    try:
        said = json.loads(message)["id"]
        return [said[:64]] if isinstance(said, str) else []
    except (ValueError, RecursionError):
        return re.findall(r'"id"\s*:\s*"([\w-]{1,64})"', message)
