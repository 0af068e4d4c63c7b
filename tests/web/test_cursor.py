"""Cursors come back as what they were, and nothing else is one."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.time import to_datetime
from walmart_stream.storage.queries import Position
from walmart_stream.web.cursor import item_of, of_item, of_position, position_of
from walmart_stream.web.errors import BadRequest


@given(st.integers(0, 250_000_000_000_000), st.text(st.characters(exclude_categories=["Cs"])))
def test_positions_survive(at: int, offer: str) -> None:
    """Whatever a seller is called; to the millisecond."""
    position = Position(to_datetime(at), offer)

    assert position_of(of_position(position)) == position


@given(st.from_regex(r"[1-9][0-9]{0,19}", fullmatch=True))
def test_items_survive(item_id: str) -> None:
    """And need no quoting in a URL."""
    cursor = of_item(item_id)

    assert item_of(cursor) == item_id
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    """It is a cursor of ours, or bad input."""
    for read in (item_of, position_of):
        with contextlib.suppress(BadRequest):
            read(text)


def test_a_cursor_of_one_list_is_none_of_another() -> None:
    """Positions are of different kinds."""
    with pytest.raises(BadRequest):
        position_of(of_item("42"))
