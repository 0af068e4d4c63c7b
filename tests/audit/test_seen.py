"""The set of the items that a log has."""

from __future__ import annotations

from walmart_stream.audit.seen import SeenItems


def test_items_are_in_it_from_when_they_are_added() -> None:
    """Whatever is asked in between, and however often an item is added."""
    seen = SeenItems()
    for number in range(10_000):
        seen.add(str(number))
        assert str(number) in seen
        seen.add(str(number))

    assert all(str(number) in seen for number in range(10_000))
    assert not any(str(number) in seen for number in range(10_000, 20_000))


def test_an_empty_one_has_no_item() -> None:
    assert "1" not in SeenItems()
