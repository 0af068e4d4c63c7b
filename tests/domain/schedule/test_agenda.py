"""The agenda against a sorted list of all that is in it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from walmart_stream.domain.schedule.agenda import BUCKET_MS, CHUNK, MOST_CHUNKS, Agenda, Entry

# Many in the same few minutes: buckets are emptied, left for an earlier one, and opened again.
MINUTES = st.sampled_from([0, 0, 1, 1, 2, 3, 11]).map(BUCKET_MS.__mul__)
STEPS = st.one_of(st.none(), MINUTES, st.integers(0, 4 * BUCKET_MS))

# An item id of twenty digits makes a key that takes more than eight bytes.
LARGE = 10**26


def looked_up(orders: Mapping[int, float], keys: Iterable[int], _: float) -> list[Entry]:
    """The entries of *keys* that have an order."""
    return [(orders[key], key, 0) for key in keys if key in orders]


@given(st.lists(STEPS, min_size=20, max_size=60), st.sampled_from([0, LARGE]))
@settings(max_examples=200)
def test_the_smallest_entry_comes_first_whenever_the_others_came(
    steps: list[int | None], least: int
) -> None:
    """A number is the order of an entry that comes; ``None`` takes one out."""
    orders: dict[int, float] = {}
    agenda = Agenda(partial(looked_up, orders))
    expected: list[Entry] = []

    for number, order in enumerate([*steps, *[None] * (len(steps) + 1)]):
        if order is None:
            assert agenda.pop() == (expected.pop(0) if expected else None)
        else:
            key = number + least * (number % 2)
            orders[key] = float(order)
            agenda.push((orders[key], key, 0))
            insort(expected, (orders[key], key, 0))


def test_entries_go_on_to_where_they_belong_by_now() -> None:
    """They do when their minute is the next one; those that count no longer are dropped."""
    orders = {1: 5.0, 2: 2.0 * BUCKET_MS, 4: BUCKET_MS + 1.0}
    agenda = Agenda(partial(looked_up, orders))
    for key in (1, 2, 3, 4):
        agenda.push((0.0, key, 0))

    popped = [agenda.pop() for _ in range(4)]

    assert popped == [(5.0, 1, 0), (BUCKET_MS + 1.0, 4, 0), (2.0 * BUCKET_MS, 2, 0), None]


@pytest.mark.parametrize("belongs", [0.0, float(BUCKET_MS)])
def test_no_look_goes_through_all_that_came_for_one_minute(belongs: float) -> None:
    """All of them belong to that minute, or all to the next one; none is lost."""
    asked: list[int] = []

    def look_up(keys: Iterable[int], _: float) -> list[Entry]:
        asked.extend(keys)
        return [(belongs, key, 0) for key in keys]

    agenda = Agenda(look_up)
    crowd = 3 * MOST_CHUNKS * CHUNK
    for key in range(crowd):
        agenda.push((0.0, key, 0))

    looks, popped = [], []
    while len(popped) < crowd:
        before = len(asked)
        entry = agenda.pop()
        looks.append(len(asked) - before)
        popped += [] if entry is None else [entry[1]]

    assert max(looks) <= MOST_CHUNKS * CHUNK
    assert sorted(popped) == list(range(crowd))


def test_a_crowd_that_comes_before_the_open_minute_is_put_in_order() -> None:
    """The near part stays small, and the first ones still come first."""
    orders = {0: 9.0 * BUCKET_MS}
    agenda = Agenda(partial(looked_up, orders))
    agenda.push((orders[0], 0, 0))
    agenda.push(agenda.pop() or (0.0, 0, 0))
    for key in range(1, 5 * CHUNK):
        orders[key] = 50.0 * (7 * key % (5 * CHUNK))
        agenda.push((orders[key], key, 0))

    popped = [entry[0] for _ in orders if (entry := agenda.pop()) is not None]

    assert popped == sorted(orders.values())
