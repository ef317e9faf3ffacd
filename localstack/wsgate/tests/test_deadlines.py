"""The timer wheel."""

from __future__ import annotations

from wsgate.core.deadlines import Deadlines


class Item:
    def __init__(self) -> None:
        self.slot = -1


def test_an_item_is_due_when_its_slot_begins() -> None:
    deadlines, item = Deadlines[Item](10), Item()
    deadlines.watch(item, 25)
    assert deadlines.due(19) == []
    assert deadlines.due(20) == [item]


def test_what_was_taken_out_is_not_due_again() -> None:
    deadlines, item = Deadlines[Item](10), Item()
    deadlines.watch(item, 25)
    deadlines.due(30)
    assert deadlines.due(40) == []


def test_the_last_watch_counts() -> None:
    deadlines, item = Deadlines[Item](10), Item()
    deadlines.watch(item, 25)
    deadlines.watch(item, 45)
    assert deadlines.due(39) == []
    assert deadlines.due(40) == [item]


def test_a_forgotten_item_is_never_due() -> None:
    deadlines, item = Deadlines[Item](10), Item()
    deadlines.watch(item, 25)
    deadlines.forget(item)
    deadlines.forget(item)
    assert deadlines.due(100) == []


def test_earlier_slots_come_first() -> None:
    deadlines, early, late = Deadlines[Item](10), Item(), Item()
    deadlines.watch(late, 50)
    deadlines.watch(early, 20)
    assert deadlines.due(100) == [early, late]


def test_those_of_one_slot_share_its_number() -> None:
    """Else each connection that waits has an object of its own for it."""
    deadlines, one, other = Deadlines[Item](10), Item(), Item()
    deadlines.watch(one, 1_000_000)
    deadlines.watch(other, 1_000_001)
    assert one.slot is other.slot
