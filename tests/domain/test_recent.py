"""The recent past of an item: bounded, and the same in whatever order it was noted."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from walmart_stream.domain.recent import (
    DAY_MS,
    MOST_CHANGES,
    MOST_STEPS,
    count_since,
    line_since,
    no_steps,
    note_change,
    note_holder,
)

NOW = 1_800_000_000_000
PRICE = ("price",)


def noted(*changes: tuple[int, str, int | None]) -> dict[str, Any]:
    recent = no_steps()
    for at, offer, landed in changes:
        recent = note_change(recent, at, offer, PRICE, landed)
    return recent


def test_the_order_and_repetition_of_changes_do_not_matter() -> None:
    """Replays and second writers come to the same."""
    changes = [
        (NOW, "own", 1),
        (NOW, "rival:a", 2),
        (NOW + 1, "featured", None),
        (NOW + 2, "own", 3),
    ]
    due = noted(*changes)

    assert all(noted(*order, *order[:2]) == due for order in permutations(changes))
    assert due["own"] == [[NOW, 1], [NOW + 2, 3]]
    assert due["featured"] == [[NOW + 1, None]]


def test_two_offers_that_change_at_one_time_are_two_changes() -> None:
    """One observation speaks for several offers."""
    recent = noted((NOW, "own", 1), (NOW, "featured", 2), (NOW, "own", 1))

    assert count_since(recent, NOW - 1) == (2, False)
    assert count_since(recent, NOW) == (0, False)


@pytest.mark.parametrize(("kinds", "count", "steps"), [(("first_seen",), 0, 1), ((), 0, 0)])
def test_a_first_sight_is_a_step_and_no_change(
    kinds: tuple[str, ...], count: int, steps: int
) -> None:
    """Nor is a word about the buy box alone."""
    recent = note_change(no_steps(), NOW, "own", kinds, 100)

    assert count_since(recent, 0) == (count, False)
    assert len(recent["own"]) == steps


def test_what_is_kept_is_bounded_and_the_newest() -> None:
    """A count that may be too small says so."""
    changes = [(NOW + at, "own", at) for at in range(2 * MOST_CHANGES)]
    recent = noted(*changes)

    assert noted(*reversed(changes)) == recent
    assert count_since(recent, 0) == (MOST_CHANGES, True)
    assert count_since(recent, changes[-3][0]) == (2, False)
    assert [step[1] for step in recent["own"]] == [one[2] for one in changes[-MOST_STEPS:]]


def test_a_line_begins_with_what_held_then() -> None:
    """Or, where that is not known, with the first step."""
    steps = [[NOW, 1], [NOW + 10, 2], [NOW + 20, None]]

    assert line_since(steps, NOW + 15) == [[NOW + 15, 2], [NOW + 20, None]]
    assert line_since(steps, NOW + 10) == [[NOW + 10, 2], [NOW + 20, None]]
    assert line_since(steps, NOW - DAY_MS) == steps
    assert line_since([], NOW) == []


def test_the_ribbon_keeps_who_held_the_box_and_when() -> None:
    """In order of time, each time once."""
    ribbon = note_holder([], NOW + 5, "rival", "Shop", False)
    ribbon = note_holder(ribbon, NOW, "own", None, False)

    assert note_holder(ribbon, NOW, "own", None, False) == ribbon
    assert ribbon == [[NOW, "own", None, False], [NOW + 5, "rival", "Shop", False]]
