"""Items in trouble: a million of them, when Walmart is away, must not stop a view."""

from __future__ import annotations

from walmart_stream.agents.watched import Troubled
from walmart_stream.domain.schedule.queue import Item


def test_some_of_each_kind_are_named_in_order() -> None:
    """Enough to look into it, however many there are."""
    troubled = Troubled()
    for number in range(1_000):
        troubled.note(Item(0, f"{number:04}"), "failed")
    troubled.note(Item(1, "9"), "missing")

    assert troubled.some(3) == {"failed": ["0000", "0001", "0002"], "missing": ["9"]}


def test_an_item_is_in_trouble_as_it_was_asked_for_last() -> None:
    """It is of one kind at a time, and of none once it is answered."""
    troubled = Troubled()
    troubled.note(Item(0, "1"), "failed")
    troubled.note(Item(0, "2"), "failed")

    troubled.note(Item(0, "1"), "missing")
    troubled.note(Item(0, "2"), None)

    assert troubled.some(9) == {"missing": ["1"]}
