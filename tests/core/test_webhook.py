"""Webhooks: which URLs they may have, what is sent, and when it is sent again."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from handlers.core.webhook import (
    GIVE_UP_AFTER,
    MAX_DELAY,
    MAX_PAUSE,
    Answer,
    BadUrl,
    Event,
    WeakSecret,
    answer_of,
    body_of,
    delay,
    is_public,
    key_of,
    lanes_of,
    outcome_of,
    pause,
    secret_of,
    target,
)

EVENT = Event(
    seq=7,
    event_id=UUID(int=7),
    type="user.online",
    user_id="ann",
    resource="site",
    at=1_772_928_000_123,
    data={"session_id": 4},
    attempts=0,
    failing_ms=0,
    is_again=False,
    is_behind=False,
)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.1.2.3", "10.0.0.1", "172.16.0.1"),
        "0.0.0.0",  # noqa: S104  # it is refused
        *("192.168.1.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "192.0.0.1"),
        *("198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:a00:1", "::127.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::"),
        *("2001::1", "2001:db8::1", "fec0::1", "3fff::1"),
    ],
)
def test_an_address_that_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not is_public(address)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(BadUrl):
        target(f"https://{host}/hook", is_any=False)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "/hook", "ftp://example.com/", "http://example.com/", "https://"),
        *("https://ann:secret@example.com/", "https://example.com/#a", "https://exa mple.com/"),
        *(
            "https://example.com:99999/",
            "https://example.com/\r\nx: y",
            "https://[::1",
            "https://é/",
        ),
    ],
)
def test_what_is_no_https_url_of_a_host_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        target(url, is_any=False)


def test_a_url_says_where_to_call() -> None:
    to = target("https://Example.com:8443/a/b?c=d", is_any=False)
    assert to == ("example.com", 8443, True, "/a/b?c=d", "Example.com:8443")
    assert target("http://127.0.0.1", is_any=True) == ("127.0.0.1", 80, False, "/", "127.0.0.1")


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_secret_has_24_to_64_bytes(size: int) -> None:
    assert key_of(secret_of(b"k" * size)) == b"k" * size


@pytest.mark.parametrize(
    "secret",
    [
        secret_of(b"k" * 23),
        secret_of(b"k" * 65),
        "whsec_",
        "whsec_é",
        "a" * 44,
        "whsec_!" + "a" * 44,
    ],
)
def test_a_secret_that_is_too_short_or_malformed_is_refused(secret: str) -> None:
    with pytest.raises(WeakSecret):
        key_of(secret)


def test_an_event_is_a_cloud_event() -> None:
    assert json.loads(body_of(EVENT)) == {
        "specversion": "1.0",
        "id": "00000000-0000-0000-0000-000000000007",
        "source": "/headcount",
        "type": "user.online",
        "subject": "ann",
        "time": "2026-03-08T00:00:00.123Z",
        "datacontenttype": "application/json",
        "data": {"user_id": "ann", "resource": "site", "session_id": 4},
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, None), (204, None), (299, None), (301, "redirect"), (400, "status"), (410, "gone")],
)
def test_only_2xx_means_that_it_was_taken(status: int, error: str | None) -> None:
    assert answer_of(status, timedelta()).error == error


def test_the_wait_grows_to_hours_and_is_spread_over_a_half() -> None:
    waits = [delay(attempts, timedelta(), 0.5) for attempts in range(1, 9)]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=5)
    assert waits[-1] == MAX_DELAY
    spread = (delay(1, timedelta(), 0), delay(1, timedelta(), 1))
    assert spread == (timedelta(seconds=3.75), timedelta(seconds=6.25))


def test_a_receiver_that_asks_for_more_time_gets_it_up_to_a_day() -> None:
    hour = timedelta(hours=1)
    assert delay(1, hour, 0.5) == hour
    assert delay(1, 1_000 * hour, 0.5) == 24 * hour
    assert pause(1, hour, 0.5) == hour
    assert pause(9, timedelta(), 0.5) == MAX_PAUSE


def test_an_event_is_given_up_after_three_days() -> None:
    until = round(GIVE_UP_AFTER / timedelta(milliseconds=1))
    for failing_ms, state in ((until, "waiting"), (until + 1, "dead")):
        event = msgspec.structs.replace(EVENT, failing_ms=failing_ms)
        outcome = outcome_of(event, Answer(500, "status"), 0.5)
        assert outcome is not None
        assert outcome.state == state


def test_what_is_taken_at_once_needs_no_row_and_what_had_to_wait_keeps_its_own() -> None:
    assert outcome_of(EVENT, Answer(204), 0.5) is None
    waited = outcome_of(msgspec.structs.replace(EVENT, is_again=True), Answer(204), 0.5)
    assert waited is not None
    assert waited.state == "delivered"


def test_each_user_has_a_lane_and_what_is_behind_stays_where_it_is() -> None:
    def one(seq: int, user_id: str | None, *, is_behind: bool = False) -> Event:
        one = msgspec.structs.replace(EVENT, seq=seq, event_id=UUID(int=seq), user_id=user_id)
        return msgspec.structs.replace(one, is_behind=is_behind)

    events = [
        one(1, "ann"),
        one(2, "bob"),
        one(3, "ann"),
        one(4, None),
        one(5, "cat", is_behind=True),
    ]
    assert [[event.seq for event in lane] for lane in lanes_of([*events, one(6, None)])] == [
        [1, 3],
        [2],
        [4],
        [6],
    ]
