"""The shape of ids (docs/aws-behaviour.md §4.2)."""

from __future__ import annotations

from base64 import urlsafe_b64decode

from gateways import T0, ids
from wsgate.model.ids import CONNECTION_ID


def test_every_kind_of_id_has_the_observed_shape() -> None:
    made = ids()
    connection_id = made.connection(T0)
    for one in (connection_id, made.message(connection_id, T0), made.request(T0)):
        assert CONNECTION_ID.fullmatch(one)


def test_the_ninth_byte_tells_the_kind() -> None:
    made = ids()
    connection_id = made.connection(T0)
    kinds = [connection_id, made.message(connection_id, T0), made.request(T0)]
    assert [urlsafe_b64decode(one)[8] for one in kinds] == [2, 2, 5]


def test_a_message_ends_like_its_connection() -> None:
    made = ids()
    connection_id = made.connection(T0)
    assert (
        urlsafe_b64decode(made.message(connection_id, T0))[8:]
        == urlsafe_b64decode(connection_id)[8:]
    )


def test_the_first_bytes_grow_with_time() -> None:
    made = ids()
    early, late = made.request(T0), made.request(T0 + 1000)
    assert urlsafe_b64decode(early)[:4] < urlsafe_b64decode(late)[:4]


def test_a_hundred_thousand_in_one_instant_differ() -> None:
    made = ids()
    assert len({made.request(T0) for _ in range(100_000)}) == 100_000


def test_a_trace_names_its_second() -> None:
    root, date, rest = ids().trace(T0).split("-")
    assert (root, int(date, 16), len(rest)) == ("Root=1", T0 // 1000, 24)
